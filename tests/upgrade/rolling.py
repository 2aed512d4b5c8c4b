"""Workers that are replaced one after the other while a sync runs, and what must be seen of it in Temporal."""

from __future__ import annotations

import asyncio
from multiprocessing.process import BaseProcess
from typing import Any

from temporalio.client import WorkflowHandle

from core import names
from tests.crash.trial import SCOPE, Trial
from tests.engine.world import World

NEVER = 900.0
"""Heartbeat time-out of these worlds: what waits for it does not end within a test."""


async def replace_workers(trial: Trial, times: int) -> int:
    """Start a sync with two workers and replace one of them, in turn, while it writes.

    Return how many steps were handed over. Raises AssertionError where anything failed, or was waited for.
    """
    world = trial.world
    for system in ("alguna", trial.system.provider):
        await world.boxes.control(system, "POST", "behaviour", {"latencyMs": 250})
    workers = [world.spawn_worker() for _ in range(2)]
    run = await world.start()
    await world.boxes.clear_calls()
    for number in range(times):
        await _written(world, 4 + 4 * number)
        workers[number % 2] = await _replace(world, workers[number % 2])
    async with asyncio.timeout(60):
        await run.result()
    world.end_processes()
    row = await world.run_row(run)
    assert row.status == "completed", row.problem
    return await _handed_over(world, run)


async def _written(world: World, number: int) -> None:
    """Wait until both systems have taken so many writing calls."""
    async with asyncio.timeout(60):
        while len(await world.boxes.writes()) < number:
            await asyncio.sleep(0.05)


async def _replace(world: World, leaving: BaseProcess) -> BaseProcess:
    """Ask a worker to stop; another one takes its place. The old one has to end well."""
    coming = world.spawn_worker()
    leaving.terminate()
    await asyncio.to_thread(leaving.join, 60)
    assert leaving.exitcode == 0
    return coming


async def _handed_over(world: World, run: WorkflowHandle[Any, Any]) -> int:
    """Count the steps that were handed over; nothing failed, timed out or was cut off in its middle."""
    handed = 0
    writer = world.client.get_workflow_handle(names.entity_sync_id(SCOPE.integration_id, SCOPE.entity))
    for handle in (run, writer):
        for event in (await handle.fetch_history()).events:
            assert not event.HasField("workflow_task_timed_out_event_attributes"), event
            assert not event.HasField("activity_task_failed_event_attributes"), event
            assert not event.HasField("activity_task_timed_out_event_attributes"), event
            assert not event.HasField("activity_task_canceled_event_attributes"), event
            started = event.activity_task_started_event_attributes
            if started.HasField("last_failure"):
                assert started.last_failure.application_failure_info.type == "transient", started
                handed += 1
    return handed
