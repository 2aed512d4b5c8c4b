"""The crash matrix (`make test-crash`): every provider, direction and fail point, both databases, random instants.

Not collected by `make test`, because its hundreds of kills take a while: it is named on the command line.
"""

from __future__ import annotations

import asyncio

import pytest

from core import names
from core.records import Entity, Side
from store import links
from tests.crash import points
from tests.crash.conftest import Make, Tell
from tests.crash.systems import PROVIDERS, System
from tests.crash.trial import DIRECTIONS, SCOPE, Trial
from tests.engine.test_waiting import decide, one_conflict
from tests.engine.world import INTEGRATION

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1200)]
ACCOUNTS = Entity.ACCOUNTS
of_each_provider = pytest.mark.parametrize("system", PROVIDERS, ids=lambda system: system.provider)


@of_each_provider
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_i2_i3_i7_killed_at_every_point(trial_of: Make, tell: Tell, system: System, direction: str) -> None:
    async with trial_of(system, direction) as trial:
        await trial.begin(12)
        await trial.kill_at(points.OF_A_RUN)
        await trial.check()
        tell(trial)
    assert trial.missed == []


@of_each_provider
async def test_i2_i3_i7_killed_at_the_nth_commit_on_postgresql(trial_of: Make, tell: Tell, system: System) -> None:
    async with trial_of(system, "both", "postgresql") as trial:
        await trial.begin(12)
        await trial.kill_at([f"{point}#{number}" for number in (1, 2, 4, 8, 16) for point in points.STORE])
        await trial.kill_at(points.SOME)
        await trial.check()
        tell(trial)
    assert trial.missed == []


@of_each_provider
async def test_i7_killed_while_a_token_is_renewed(trial_of: Make, tell: Tell, system: System) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(8)
        await trial.kill_at([*points.TOKEN, *points.TOKEN])
        await trial.check()
        tell(trial)
    assert trial.missed == []


@of_each_provider
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_i1_i2_i3_i7_two_workers_killed_at_random(
    trial_of: Make, tell: Tell, system: System, database: str
) -> None:
    async with trial_of(system, "both", database) as trial:
        await trial.begin(30)
        await trial.kill_at_random(10, workers=2)
        await trial.check()
        tell(trial)


@of_each_provider
async def test_i3_i7_killed_while_a_conflict_is_asked_and_answered(trial_of: Make, tell: Tell, system: System) -> None:
    async with trial_of(system, "to_external") as trial:
        world = trial.world
        await trial.begin(4, conflictResolution="manual")
        pair = await _contested(trial)
        run = await world.start()
        for point in points.CONFLICT_ASKED:
            assert await trial.die(run, point)
        await trial.recover(run)
        question = await one_conflict(world)
        asked = world.client.get_workflow_handle(names.conflict_workflow_id(INTEGRATION, ACCOUNTS, question.id or 0))
        for point in points.CONFLICT_LOOKED:
            await asked.signal(names.WAKE)
            assert await trial.die(asked, point)
        await decide(world, question, {"name": "external"})
        for point in points.CONFLICT_ANSWERED:
            assert await trial.die(asked, point)
        world.spawn_worker()
        async with asyncio.timeout(60):
            await asked.result()
        world.end_processes()
        assert (await one_conflict(world)).status == "resolved"
        trial.names = {(side, record_id): "Theirs Ltd" for side, record_id in pair}
        await trial.check()
        tell(trial)


async def _contested(trial: Trial) -> list[tuple[Side, str]]:
    """A linked pair that people have named differently on both sides."""
    world = trial.world
    async with world.worker():
        await world.sync()
    async with world.services.db.session() as session:
        pairs = await links.active(session, SCOPE, Side.ALGUNA, trial.born[Side.ALGUNA])
    link = next(iter(pairs.values()))
    await world.boxes.edit("alguna", "accounts", link.alguna_id, name="Ours Ltd")
    await world.boxes.edit(trial.system.provider, "accounts", link.external_id, **trial.system.renaming("Theirs Ltd"))
    return [(side, link.id_on(side)) for side in Side]
