"""Real-time sync of what no event tells: looks that go on by themselves, through restarts, at two actions each."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from core import names
from core.records import Entity
from tests.api.test_with_worker import edit, name_of, synced
from tests.api.world import World
from worker import make_engine, make_worker

REALTIME = {"enabled": True, "coalesceSeconds": 0, "pollSeconds": 5}


async def taking_turns(world: World, run_id: str) -> None:
    """I11: all workflows carry the integration's key, and what somebody waits for is the more urgent."""
    for workflow_id in (run_id, names.polling_id(world.id), names.entity_sync_id(world.id, Entity.ACCOUNTS)):
        events = (await world.temporal.get_workflow_handle(workflow_id).fetch_history()).events
        assert events[0].workflow_execution_started_event_attributes.priority.fairness_key == world.id, workflow_id
    steps = [event.activity_task_scheduled_event_attributes for event in events]
    urgencies = {step.priority.priority_key for step in steps if step.activity_type.name == "fetch"}
    assert urgencies == {2}, "the newest pass took the inbox"


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
        await taking_turns(world, history[0]["workflowId"])
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
