"""Real Temporal Schedules: one per integration, made, changed, paused and deleted with its configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import RunRequest
from core import names
from starter.labels import fair, search_attributes
from starter.polls import keep_looking

JITTER = timedelta(seconds=5)
"""Scatters integrations that share a cron expression."""
CATCH_UP = timedelta(minutes=10)
"""A run missed for longer (the server was down) is dropped: one pass catches up on everything anyway."""
_TIMEOUT = timedelta(seconds=10)
_BY_A_PERSON = "by a person: "
T = TypeVar("T")


class Schedules:
    """The Schedules of all integrations. Methods raise `RPCError` when Temporal cannot be reached."""

    def __init__(self, client: Client, task_queue: str) -> None:
        """Take the client, and the task queue that the runs are started on."""
        self._client = client
        self._task_queue = task_queue

    async def apply(self, integration_id: str, provider: str, config: Mapping[str, Any], *, paused: bool) -> None:
        """Make the Schedule say what a stored configuration says; applying it again changes nothing.

        `config` is the stored document: `schedule` None deletes, `enabled` false or `paused` rests. The looks between
        schedules are started or woken, too.
        """
        if not paused:
            await keep_looking(self._client, self._task_queue, integration_id, provider, config)
        if config["schedule"] is None:
            await self.delete(integration_id)
            return
        wanted = self._schedule(integration_id, provider, config, paused)
        try:
            await self._client.create_schedule(names.schedule_id(integration_id), wanted, rpc_timeout=_TIMEOUT)
        except ScheduleAlreadyRunningError:
            await self._handle(integration_id).update(lambda known: _changed(known, wanted), rpc_timeout=_TIMEOUT)

    async def delete(self, integration_id: str) -> None:
        """Delete the Schedule, if there is one."""
        await self._if_there(self._handle(integration_id).delete(rpc_timeout=_TIMEOUT))

    async def describe(self, integration_id: str) -> ScheduleDescription | None:
        """Return what Temporal says of the Schedule; None where there is none."""
        return await self._if_there(self._handle(integration_id).describe(rpc_timeout=_TIMEOUT))

    async def pause(self, integration_id: str, note: str) -> bool:
        """Rest the Schedule until a person resumes it, whatever the configuration does; False where there is none."""
        call = self._handle(integration_id).pause(note=f"{_BY_A_PERSON}{note}", rpc_timeout=_TIMEOUT)
        return await self._done(call)

    async def resume(self, integration_id: str) -> bool:
        """Let the Schedule go on; False where there is none."""
        return await self._done(self._handle(integration_id).unpause(rpc_timeout=_TIMEOUT))

    async def trigger(self, integration_id: str) -> bool:
        """Start its run now, a resting one too; False where there is none."""
        return await self._done(self._handle(integration_id).trigger(rpc_timeout=_TIMEOUT))

    async def backfill(self, integration_id: str, start: datetime, end: datetime) -> bool:
        """Start the runs of a time that has passed, one after the other; False where there is none."""
        missed = ScheduleBackfill(start_at=start, end_at=end, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        return await self._done(self._handle(integration_id).backfill(missed, rpc_timeout=_TIMEOUT))

    async def next_run(self, integration_id: str) -> datetime | None:
        """Return when the next run starts by itself; None where there is no Schedule or it rests."""
        found = await self._if_there(self._handle(integration_id).describe(rpc_timeout=_TIMEOUT))
        if found is None or found.schedule.state.paused:
            return None
        return next(iter(found.info.next_action_times), None)

    def _schedule(self, integration_id: str, provider: str, config: Mapping[str, Any], paused: bool) -> Schedule:
        enabled = bool(config["enabled"])
        # Temporal appends the time to the workflow id, so a scheduled run never collides with one started by hand.
        action = ScheduleActionStartWorkflow(
            names.INTEGRATION_SYNC,
            RunRequest(integration_id=integration_id, trigger="schedule"),
            id=names.run_workflow_id(f"scheduled-{integration_id}"),
            task_queue=self._task_queue,
            typed_search_attributes=search_attributes(integration_id, provider, trigger="schedule"),
            priority=fair(integration_id),
            static_summary=f"scheduled sync of {integration_id}",
        )
        note = "paused by a person" if paused else None if enabled else "disabled in the sync-config"
        return Schedule(
            action=action,
            spec=ScheduleSpec(cron_expressions=[config["schedule"]], time_zone_name=config["timezone"], jitter=JITTER),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
            state=ScheduleState(paused=paused or not enabled, note=note),
        )

    def _handle(self, integration_id: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(names.schedule_id(integration_id))

    async def _done(self, call: Coroutine[Any, Any, None]) -> bool:
        async def carried_out() -> bool:
            await call
            return True

        return bool(await self._if_there(carried_out()))

    async def _if_there(self, call: Awaitable[T]) -> T | None:
        try:
            return await call
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return None


def _changed(known: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate:
    """The wanted Schedule, resting as before where a person said so."""
    state = known.description.schedule.state
    if state.paused and (state.note or "").startswith(_BY_A_PERSON) and not wanted.state.paused:
        wanted.state = ScheduleState(paused=True, note=state.note)
    return ScheduleUpdate(wanted)
