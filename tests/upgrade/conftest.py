"""Who takes the events of an installation that is upgraded, and worlds whose workers are replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.api.test_webhooks import receiver
from tests.crash.conftest import database_of
from tests.crash.systems import System
from tests.crash.trial import Trial
from tests.engine.conftest import temporal_address
from tests.engine.world import Sandboxes, make_world
from tests.upgrade.rolling import NEVER

__all__ = ["receiver", "temporal_address"]

Rolled = Callable[..., AbstractAsyncContextManager[Trial]]


@pytest.fixture
def rolled(tmp_path: Path, temporal_address: str, request: pytest.FixtureRequest) -> Rolled:
    """Make a trial in which nobody notices a dead worker, and a chunk holds all there is to write."""

    @asynccontextmanager
    async def make(system: System, direction: str, database: str = "sqlite") -> AsyncIterator[Trial]:
        boxes = Sandboxes(system.provider)
        await boxes.start()
        settings = database_of(request, database)
        world = await make_world(
            tmp_path, temporal_address, boxes, heartbeat_seconds=NEVER, chunk_size=1000, **settings
        )
        try:
            yield Trial(world=world, system=system, direction=direction)
        finally:
            await world.close()
            await boxes.stop()

    return make
