"""A first sync of every provider costs about as many calls as its batches allow (I10). With 2,000: `make test-cost`."""

from __future__ import annotations

import pytest

from connectors.registry import PROVIDERS
from tests.engine.floors import FLOORS, Load, carry_out
from tests.engine.world import World


@pytest.fixture(params=sorted(FLOORS))
def provider(request: pytest.FixtureRequest) -> str:
    """Each provider in turn."""
    return str(request.param)


def test_every_provider_has_a_floor() -> None:
    assert set(FLOORS) == set(PROVIDERS)


@pytest.mark.server
async def test_i10_a_first_sync_stays_near_the_floor_of_calls(world: World) -> None:
    await world.boxes.empty(enabled=False)
    await carry_out(world, Load(ours=210, theirs=110), within=90)
