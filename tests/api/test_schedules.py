"""Temporal Schedules follow the configuration: made, changed, resting, deleted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.common import SearchAttributeKey

from activities.contracts import RunRequest
from core import names
from tests.api.world import World


async def test_a_schedule_is_made_changed_and_deleted_with_the_config(world: World) -> None:
    await world.configure(schedule="*/15 * * * *")
    made = await world.schedule()
    assert made is not None
    assert made.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert made.schedule.policy.catchup_window is not None
    assert made.schedule.policy.catchup_window <= timedelta(hours=1)
    upcoming = made.info.next_action_times
    assert upcoming[1] - upcoming[0] < timedelta(minutes=16)
    await world.call("PATCH", "/{id}/sync-config", {"schedule": "30 4 * * *", "timezone": "Asia/Tokyo"})
    changed = await world.schedule()
    assert changed is not None
    first = changed.info.next_action_times[0].astimezone(UTC)
    assert (first.hour, first.minute) == (19, 30)
    await world.call("PATCH", "/{id}/sync-config", {"schedule": None})
    assert await world.schedule() is None


async def test_a_disabled_config_rests_and_goes_on(world: World) -> None:
    await world.configure(schedule="*/15 * * * *", enabled=False)
    resting = await world.schedule()
    assert resting is not None
    assert (resting.schedule.state.paused, resting.schedule.state.note) == (True, "disabled in the sync-config")
    await world.call("PATCH", "/{id}/sync-config", {"enabled": True})
    going = await world.schedule()
    assert going is not None
    assert not going.schedule.state.paused
    await world.call("DELETE", "/{id}/sync-config", status=204)
    again = await world.schedule()
    assert again is not None
    assert again.schedule.state.paused


async def test_next_sync_is_what_temporal_says(world: World) -> None:
    await world.configure(schedule="*/15 * * * *")
    state = await world.call("GET", "/{id}/sync-state")
    ahead = datetime.fromisoformat(state["nextSyncAt"]) - datetime.now(UTC)
    assert timedelta(0) < ahead < timedelta(minutes=16)
    await world.call("POST", "/{id}/pause")
    assert (await world.call("GET", "/{id}/sync-state"))["nextSyncAt"] is None


async def test_the_schedule_starts_a_run_of_its_own(world: World) -> None:
    await world.configure(schedule="0 0 1 1 *")
    made = await world.schedule()
    assert made is not None
    assert isinstance(made.schedule.action, ScheduleActionStartWorkflow)
    await world.temporal.get_schedule_handle(names.schedule_id(world.id)).trigger()
    async with asyncio.timeout(10):
        while not (found := await world.schedule()) or not found.info.recent_actions:
            await asyncio.sleep(0.05)
    started = found.info.recent_actions[0].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    workflow = await world.temporal.get_workflow_handle(started.workflow_id).describe()
    assert workflow.id.startswith(f"run/scheduled-{world.id}-")
    assert workflow.workflow_type == names.INTEGRATION_SYNC
    history = await world.temporal.get_workflow_handle(workflow.id).fetch_history()
    payloads = history.events[0].workflow_execution_started_event_attributes.input.payloads
    [request] = await world.temporal.data_converter.decode(payloads, [RunRequest])
    assert request == RunRequest(integration_id=world.id, trigger="schedule")
    assert workflow.typed_search_attributes[SearchAttributeKey.for_keyword(names.SEARCH_TRIGGER)] == "schedule"


async def test_the_start_of_the_api_aligns_schedules_with_what_is_stored(world: World) -> None:
    await world.configure(schedule="*/15 * * * *")
    await world.backend.schedules.delete(world.id)
    await world.backend._align(world.temporal)
    assert await world.schedule() is not None


async def test_a_person_rests_the_schedule_and_the_config_does_not_wake_it(world: World) -> None:
    await world.configure()
    await world.call("GET", "/{id}/schedule", status=404)
    await world.configure(schedule="*/15 * * * *")
    shown = await world.call("GET", "/{id}/schedule")
    assert (shown["cron"], shown["paused"], len(shown["nextRuns"])) == ("*/15 * * * *", False, 5)
    assert await world.refused("POST", "/{id}/schedule/pause", {}) == ["note"]
    rested = await world.call("POST", "/{id}/schedule/pause", {"note": "quarter end"})
    assert rested["paused"]
    assert "quarter end" in rested["note"]
    changed = await world.call("PATCH", "/{id}/sync-config", {"schedule": "0 * * * *"})
    assert changed["schedule"] == "0 * * * *"
    still = await world.call("GET", "/{id}/schedule")
    assert (still["cron"], still["paused"], still["nextRuns"]) == ("0 * * * *", True, [])
    going = await world.call("POST", "/{id}/schedule/resume")
    assert (going["paused"], going["note"], len(going["nextRuns"])) == (False, None, 5)


async def test_a_schedule_is_triggered_and_backfilled(world: World) -> None:
    await world.configure(schedule="0 0 * * *")
    await world.call("POST", "/{id}/schedule/trigger")
    async with asyncio.timeout(20):
        while not (await world.call("GET", "/{id}/schedule"))["recentRuns"]:
            await asyncio.sleep(0.1)
    begin, end = "2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z"
    await world.call("POST", "/{id}/schedule/backfill", {"from": begin, "to": end})
    await world.call("POST", "/{id}/schedule/backfill", {"from": end, "to": begin}, 422)
    await world.call("POST", "/{id}/schedule/backfill", {"from": begin, "to": "2027-01-01T00:00:00Z"}, 422)
