"""The worlds of the crash tests: a real Temporal server, a store on either database, and a provider's sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.killing import Killing
from tests.crash.money import MoneyTrial
from tests.crash.systems import System
from tests.crash.trial import Trial
from tests.engine.conftest import temporal_address
from tests.engine.world import Sandboxes, World, make_world

__all__ = ["temporal_address"]

Tell = Callable[[Killing], None]
Make = Callable[..., AbstractAsyncContextManager[Trial]]
MakeMoney = Callable[..., AbstractAsyncContextManager[MoneyTrial]]


@asynccontextmanager
async def crash_world(folder: Path, address: str, provider: str, **settings: Any) -> AsyncIterator[World]:
    """Make a world whose dead workers are missed within a second, and whose passes have many small chunks."""
    boxes = Sandboxes(provider)
    await boxes.start()
    world = await make_world(folder, address, boxes, heartbeat_seconds=1, chunk_size=4, **settings)
    try:
        yield world
    finally:
        await world.close()
        await boxes.stop()


@pytest.fixture
def trial_of(tmp_path: Path, temporal_address: str, request: pytest.FixtureRequest) -> Make:
    """Make a trial of accounts: `async with trial_of(system, direction, database="postgresql") as trial:`."""

    @asynccontextmanager
    async def make(
        system: System, direction: str, database: str = "sqlite", *, address: str | None = None, **settings: Any
    ) -> AsyncIterator[Trial]:
        settings = {**database_of(request, database), **settings}
        async with crash_world(tmp_path, address or temporal_address, system.provider, **settings) as world:
            yield Trial(world=world, system=system, direction=direction)

    return make


@pytest.fixture
def money_of(tmp_path: Path, temporal_address: str, request: pytest.FixtureRequest) -> MakeMoney:
    """Make a trial of invoices and payments: `async with money_of(system, ["pay", "void"]) as trial:`."""

    @asynccontextmanager
    async def make(system: System, acts: Sequence[str], database: str = "sqlite") -> AsyncIterator[MoneyTrial]:
        settings = database_of(request, database)
        async with crash_world(tmp_path, temporal_address, system.provider, **settings) as world:
            yield MoneyTrial(world=world, system=system, acts=tuple(acts))

    return make


def database_of(request: pytest.FixtureRequest, database: str) -> dict[str, str]:
    """Return the settings of a world on this kind of database."""
    return {"database_url": request.getfixturevalue("postgres_url")} if database == "postgresql" else {}


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Report what a trial went through; the sum is printed at the end of the session."""

    def note(trial: Killing) -> None:
        request.node.user_properties.extend(trial.told().items())

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums over all trials that held."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        sums.update({key: value for key, value in report.user_properties if isinstance(value, int)})
    if sums:
        told = ", ".join(f"{number:,} {name}" for name, number in sums.items())
        terminalreporter.write_line(f"crash trials: {told}; 0 duplicates, 0 lost edits, 0 stuck passes")
