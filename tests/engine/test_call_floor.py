"""A first sync of every provider costs about as many calls as its batches allow (I10). With 2,000: `make test-cost`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from connectors.registry import PROVIDERS
from tests.engine.floors import FLOORS, Load, carry_out
from tests.engine.world import Sandboxes, World


@pytest.fixture(params=sorted(FLOORS))
async def boxes(request: pytest.FixtureRequest) -> AsyncIterator[Sandboxes]:
    """Alguna and each provider in turn, empty and without limits."""
    made = Sandboxes(request.param)
    await made.start()
    for system in ("alguna", made.provider):
        await made.control(system, "POST", "limits", {"enabled": False})
    yield made
    await made.stop()


def test_every_provider_has_a_floor() -> None:
    assert set(FLOORS) == set(PROVIDERS)


@pytest.mark.server
async def test_i10_a_first_sync_stays_near_the_floor_of_calls(world: World) -> None:
    await carry_out(world, Load(ours=210, theirs=110), within=90)
