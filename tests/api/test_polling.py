"""Real-time sync of what no event tells: looks that go on by themselves, through restarts, at two actions each."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from core import names
from tests.api.test_with_worker import edit, name_of, synced
from tests.api.world import World
from worker import make_engine, make_worker

REALTIME = {"enabled": True, "coalesceSeconds": 0, "pollSeconds": 5}


async def seen(world: World, system: str, record_id: str, name: str) -> None:
    async with asyncio.timeout(60):
        while await name_of(world, system, record_id) != name:
            await asyncio.sleep(0.1)


@pytest.mark.server
async def test_an_edit_in_alguna_is_seen_without_schedule_or_event_and_after_a_restart(world: World) -> None:
    await world.control("alguna", "seed", {"entity": "accounts", "count": 3})
    await world.configure(realtime=REALTIME)
    looks = world.temporal.get_workflow_handle(names.polling_id(world.id))
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        await synced(world)
        [first, second, *_] = (await world.call("GET", "/{id}/links/accounts"))["data"]
        await edit(world, "alguna", first["algunaId"], name="Renamed by a person")
        await seen(world, "salesforce", first["externalId"], "Renamed by a person")
    await edit(world, "alguna", second["algunaId"], name="Renamed while nothing ran")
    async with make_worker(world.temporal, engine):
        await seen(world, "salesforce", second["externalId"], "Renamed while nothing ran")
        async with asyncio.timeout(30):
            while (lag := (await world.call("GET", "/{id}/sync-state"))["entities"]["accounts"]["maxLag"]) > 15:
                await asyncio.sleep(0.2)
        assert lag >= 0
        history = (await world.call("GET", "/{id}/sync-history?trigger=realtime"))["data"]
        assert 1 <= len(history) <= 3, "a look that finds nothing is no sync"
        await world.call("PATCH", "/{id}/sync-config", {"realtime": {"enabled": False}})
        async with asyncio.timeout(30):
            await looks.result()
        kinds = [event.event_type for event in (await looks.fetch_history()).events]
        assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) <= kinds.count(
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        ), "one activity and one timer for a look"
    await engine.close()


async def test_looks_follow_the_configuration(world: World) -> None:
    looks = world.temporal.get_workflow_handle(names.polling_id(world.id))
    await world.configure(realtime={"enabled": True, "pollSeconds": 0})
    with pytest.raises(RPCError):
        await looks.describe()
    await world.call("PATCH", "/{id}/sync-config", {"realtime": {"pollSeconds": None}})
    assert (await looks.describe()).status is WorkflowExecutionStatus.RUNNING, "once a minute, where nothing is said"
    assert (await world.signals(looks.id)) == ["wake"]
    await world.call("POST", "/{id}/reconnect", {"credentials": await world.credentials("salesforce")})
    assert (await world.signals(looks.id)) == ["wake", "wake"]
    assert await world.refused("PATCH", "/{id}/sync-config", {"realtime": {"pollSeconds": 4}}) == [
        "realtime.pollSeconds"
    ]
    await looks.terminate()
