"""First syncs of 2,000 records at the vendors' own limits, for every provider: `make test-cost`, not `make test`.

The calls stay near the floor of batches, and next to none of them is refused: the budget keeps to the limits by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.floors import FLOORS, Load, carry_out, refusals
from tests.engine.world import Sandboxes, World, make_world

MOST_REFUSED = 2
_LOADS = (Load(ours=2_000, theirs=0), Load(ours=1_000, theirs=1_000))


@pytest.fixture(params=sorted(FLOORS))
def provider(request: pytest.FixtureRequest) -> str:
    """Each provider in turn."""
    return str(request.param)


@pytest.fixture
async def world(tmp_path: Path, temporal_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A service with its own settings, but for the heartbeat, before vendors with the limits that they publish."""
    await boxes.empty(enabled=True, scale=1.0)
    made = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=10)
    yield made
    await made.close()


@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.parametrize("load", _LOADS, ids=["out", "both-ways"])
async def test_i10_a_first_sync_of_2_000_records_keeps_to_the_floor_and_to_the_limits(world: World, load: Load) -> None:
    await carry_out(world, load, within=800)
    assert await refusals(world) <= MOST_REFUSED
