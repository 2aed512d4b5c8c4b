"""`python -m benchmarks`: measure the service against a bare script, in one run. `--help` shows the options.

Both sides of each comparison run one after the other on the same machine, the same data and the same sandboxes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.bare import BareSync
from benchmarks.costs import HistoryCost, actions, histories
from benchmarks.stage import INTEGRATION, Stage, open_stage
from core import names
from core.records import Entity

T = TypeVar("T")
Rows = list[tuple[str, str]]
CHANGES = 3
"""Rounds of the incremental measurement; the median counts."""


@dataclass
class Measured:
    """One comparison: records written, seconds of the service and of the bare script, and what the service spent."""

    records: int
    seconds: float
    bare_seconds: float
    calls: int
    actions: int

    @property
    def ratio(self) -> float:
        """The service's throughput as a share of the bare script's."""
        return self.bare_seconds / self.seconds


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--records", type=int, default=10_000, help="accounts of the first sync (default: %(default)s)")
    parser.add_argument(
        "--latency", type=int, default=0, help="milliseconds that each vendor call takes longer (default: %(default)s)"
    )
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder)) as stage:
            await stage.slow_down(options.latency)
            rows = await _measure(stage, options.records)
    title = f"{options.records:,} accounts, Alguna to Salesforce, {options.latency} ms latency a call"
    _print(f"{title}; Python {platform.python_version()}, {os.cpu_count()} cores", rows, markdown=options.markdown)


async def _measure(stage: Stage, count: int) -> Rows:
    ids = (await stage.control(stage.alguna, "POST", "seed", {"entity": "accounts", "count": count, "seed": 7}))["ids"]
    bare = BareSync(await stage.credentials(stage.alguna), await stage.credentials(stage.bare))
    idle = await _settled_size(stage)
    first, cost = await _compare(stage, bare)
    rounds = []
    for number in range(CHANGES):
        for record_id in ids[number :: max(1, len(ids) // max(1, count // 100))]:
            await stage.control(
                stage.alguna, "PATCH", f"records/accounts/{record_id}", {"name": f"Renamed {number} {record_id}"}
            )
        rounds.append((await _compare(stage, bare))[0])
    quiet, quiet_cost = await _compare(stage, bare)
    middle = sorted(rounds, key=lambda item: item.ratio)[len(rounds) // 2]
    return [
        *_speed("First sync", first),
        ("API calls per 1,000 records", f"{first.calls / first.records * 1000:.1f}"),
        ("Temporal actions per 1,000 records", f"{first.actions / first.records * 1000:.1f}"),
        ("Activities / events / largest history", _size(cost)),
        *_speed(f"Incremental sync of {middle.records:,} changed records (median of {CHANGES})", middle),
        ("API calls / Temporal actions", f"{middle.calls} / {middle.actions}"),
        ("Pass without changes: seconds (bare script)", f"{quiet.seconds:.2f} ({quiet.bare_seconds:.2f})"),
        ("API calls / Temporal actions", f"{quiet.calls} / {quiet.actions}"),
        ("Activities / events / largest history", _size(quiet_cost)),
        ("Worker memory, idle / peak", f"{idle / 2**20:.0f} MiB / {stage.peak_bytes / 2**20:.0f} MiB"),
    ]


async def _settled_size(stage: Stage) -> int:
    """The worker's size before its first work."""
    await asyncio.sleep(5)
    return stage.peak_bytes


async def _compare(stage: Stage, bare: BareSync) -> tuple[Measured, HistoryCost]:
    written, bare_seconds = await _timed(bare.run)
    await stage.clear_calls()
    before = await actions(stage.http, stage.metrics_url)
    _, seconds = await _timed(stage.sync)
    spent = await actions(stage.http, stage.metrics_url) - before
    calls = len(await stage.calls())
    entity = names.entity_sync_id(INTEGRATION, Entity.ACCOUNTS)
    cost = await histories(stage.temporal, [(stage.handles[-1].id, None), (entity, None)])
    return Measured(written, seconds, bare_seconds, calls, spent), cost


async def _timed(work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    started = time.perf_counter()
    result = await work()
    return result, time.perf_counter() - started


def _speed(title: str, item: Measured) -> Rows:
    speed, bare = item.records / item.seconds, item.records / item.bare_seconds
    return [
        (title, f"{speed:,.0f} records/s ({item.seconds:.1f} s)"),
        ("Bare script, same vendor calls", f"{bare:,.0f} records/s ({item.bare_seconds:.1f} s)"),
        ("Ratio to the bare script", f"{item.ratio:.2f}"),
    ]


def _size(cost: HistoryCost) -> str:
    return f"{cost.activities.total()} / {cost.events} / {cost.largest_bytes / 1024:.0f} KiB"


def _print(title: str, rows: Rows, *, markdown: bool) -> None:
    if markdown:
        lines = [title, "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
        print("\n".join(lines))
        return
    table = Table(title=title, show_header=False)
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    os._exit(0)
