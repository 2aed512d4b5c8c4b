"""The servers of the random histories, and the table of how soon both systems agree after them."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any

import pytest

from tests.engine.conftest import running, temporal_address

__all__ = ["running", "temporal_address"]

_HEAD = (
    "provider",
    "histories",
    "kills",
    "edits",
    "duplicates",
    "lost edits",
    "passes (max, median)",
    "seconds (p50, p95)",
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the histories that held came to, by provider: none of them has a duplicate or a lost edit."""
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "converged":
                told[value["provider"]].append(value)
    if told:
        lines = [_HEAD, ("---",) * len(_HEAD), *(_line(provider, some) for provider, some in told.items())]
        terminalreporter.write_line("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _line(provider: str, some: list[dict[str, Any]]) -> tuple[str, ...]:
    passes, seconds = [one["passes"] for one in some], sorted(one["seconds"] for one in some)
    late = seconds[math.ceil(0.95 * len(seconds)) - 1]
    kills, edits = (f"{sum(one[name] for one in some):,}" for name in ("kills", "edits"))
    found = (f"{max(passes)}, {statistics.median(passes):g}", f"{statistics.median(seconds):.1f}, {late:.1f}")
    return (provider, str(len(some)), kills, edits, "0", "0", *found)
