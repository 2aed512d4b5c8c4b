"""The worlds of the crash tests: a real Temporal server, a store on either database, and a provider's sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.systems import System
from tests.crash.trial import Trial
from tests.engine.conftest import temporal_address
from tests.engine.world import Sandboxes, make_world

__all__ = ["temporal_address"]

Tell = Callable[[Trial], None]
Make = Callable[..., AbstractAsyncContextManager[Trial]]


@pytest.fixture
def trial_of(tmp_path: Path, temporal_address: str, request: pytest.FixtureRequest) -> Make:
    """Make a trial: `async with trial_of(system, direction, database="postgresql") as trial:`."""

    @asynccontextmanager
    async def make(
        system: System, direction: str, database: str = "sqlite", *, address: str | None = None, **settings: Any
    ) -> AsyncIterator[Trial]:
        if database == "postgresql":
            settings["database_url"] = request.getfixturevalue("postgres_url")
        boxes = Sandboxes(system.provider)
        await boxes.start()
        where = address or temporal_address
        world = await make_world(tmp_path, where, boxes, heartbeat_seconds=1, chunk_size=4, **settings)
        try:
            yield Trial(world, system, direction)
        finally:
            await world.close()
            await boxes.stop()

    return make


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Report what a trial went through; the sum is printed at the end of the session."""

    def note(trial: Trial) -> None:
        told = {"kills": len(trial.kills), "edits": trial.edits, "records": sum(map(len, trial.born.values()))}
        request.node.user_properties.extend(told.items())

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums over all trials that held."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        sums.update({key: value for key, value in report.user_properties if isinstance(value, int)})
    if sums:
        told = ", ".join(f"{number:,} {name}" for name, number in sums.items())
        terminalreporter.write_line(f"crash trials: {told}; 0 duplicates, 0 lost edits, 0 stuck passes")
