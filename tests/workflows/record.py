"""`python -m tests.workflows.record`: save a history of every workflow in every state that matters, for the replays.

Run it when a workflow has changed on purpose, after the old histories have shown that running workflows get over it.
Everything is real but the customers: Temporal, worker, store, sandboxes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlmodel import col
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import workflows.conflict_resolution
from activities.contracts import ConflictRef, Mode, PassRequest, RunRequest
from activities.steps import Steps
from core import names
from core.records import Entity
from runtime.dev_server import dev_server
from store.tables.runs import ConflictRow
from tests.engine.test_waiting import MANUAL, decide, one_conflict, until
from tests.engine.world import INTEGRATION, World
from tests.ports import free_port
from tests.workflows.conftest import SHORT_HISTORIES
from tests.workflows.record_service import deliveries, looks, stopped
from tests.workflows.recording import Handle, ended, is_open, keep, recorded_world, slow, writer
from worker import make_engine
from workflows.conflict_resolution import ConflictResolution


async def runs(world: World, secrets: set[str]) -> None:
    """A first sync in three chunks, a pass without changes, a scheduled run, a canceled one, coalesced ones."""
    async with world.worker():
        handle = await world.start()
        await handle.result()
        await writer(world).result()
        await keep("integration-completed", handle, secrets)
        await keep("entity-several-chunks", writer(world), secrets)
        await world.sync()
        await writer(world).result()
        await keep("entity-no-change", writer(world), secrets)
        scheduled = await world.client.start_workflow(
            names.INTEGRATION_SYNC,
            RunRequest(integration_id=INTEGRATION),
            id=f"schedule/{INTEGRATION}-{uuid4().hex[:8]}",
            task_queue=world.settings.task_queue,
        )
        await scheduled.result()
        await keep("integration-scheduled", scheduled, secrets)
        await slow(world, "alguna", "/customers")
        canceled = await world.start()
        await until(lambda: asks(world, canceled))
        await canceled.cancel()
        await ended(canceled)
        await keep("integration-canceled", canceled, secrets)
        together = [await world.start() for _ in range(3)]
        await asyncio.gather(*(handle.result() for handle in together))
        await writer(world).result()
        await keep("entity-coalesced", writer(world), secrets)
        await world.boxes.control("alguna", "DELETE", "faults")


async def asks(world: World, handle: Handle) -> bool:
    """Whether a run waits for its pass."""
    return str(await handle.query("progress")).startswith("waiting for") and await is_open(writer(world))


async def auth_pause(world: World, secrets: set[str]) -> None:
    """A pass waits for a person to reconnect, and goes on."""
    async with world.worker():
        await world.boxes.control("salesforce", "POST", "auth", {"action": "revoke_grant"})
        handle = await world.start()

        async def paused() -> bool:
            return (await world.run_row(handle)).status == "paused"

        await asyncio.sleep(0.5)
        await until(paused)
        await world.boxes.control("salesforce", "POST", "auth", {"action": "restore"})
        await world.reconnect()
        await handle.result()
        await writer(world).result()
        await keep("entity-auth-pause", writer(world), secrets)


async def failed_pass(world: World, secrets: set[str]) -> None:
    """An integration without a configuration cannot be synced, and the run that asked is gone."""
    request = PassRequest(
        integration_id="int_unconfigured",
        provider="salesforce",
        entity=Entity.ACCOUNTS,
        mode=Mode.INCREMENTAL,
        run_id="sync_gone",
        requester="run/sync_gone",
    )
    granted = await world.boxes.control("salesforce", "GET", "credentials")
    await world.services.connections.create_integration(request.integration_id, "salesforce", granted, "other org")
    async with world.worker():
        handle = await world.client.start_workflow(
            names.ENTITY_SYNC,
            args=[None],
            id=names.entity_sync_id(request.integration_id, request.entity),
            task_queue=world.settings.task_queue,
            start_signal=names.PASS_REQUESTED,
            start_signal_args=[request],
        )
        await handle.result()
        await keep("entity-failed-pass", handle, secrets)


async def conflicts(world: World, secrets: set[str]) -> None:
    """A conflict that waits, and is resolved; one that a person ends by making both sides equal."""
    await world.configure("accounts", mappings=MANUAL)
    async with world.worker():
        await world.sync()
        await differ(world)
        handle = await newest_conflict(world)
        await until(lambda: waits(handle))
        await keep("conflict-waiting", handle, secrets)
        await decide(world, await one_conflict(world), {"name": "external"})
        await asyncio.wait_for(handle.result(), 30)
        await keep("conflict-resolved", handle, secrets)
        ours, theirs = await differ(world)
        handle = await newest_conflict(world)
        await until(lambda: waits(handle))
        await world.boxes.edit("alguna", "accounts", ours, name="Agreed")
        await world.boxes.edit("salesforce", "accounts", theirs, Name="Agreed")
        await world.sync()
        await asyncio.wait_for(handle.result(), 30)
        await keep("conflict-closed-by-itself", handle, secrets)
    await reminded(world, secrets)


async def differ(world: World) -> tuple[str, str]:
    """Edit one record differently on both sides and sync; return its ids."""
    ours = (await world.boxes.records("alguna", "accounts"))[0]
    rows = await world.boxes.records("salesforce", "accounts")
    theirs = next(row for row in rows if row["Alguna_Customer_ID__c"] == ours["id"])
    await world.boxes.edit("alguna", "accounts", ours["id"], name=f"Ours {uuid4().hex[:6]}")
    await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name=f"Theirs {uuid4().hex[:6]}")
    await world.sync()
    return ours["id"], theirs["Id"]


async def newest_conflict(world: World) -> Handle:
    """The workflow of the newest conflict."""
    async with world.services.db.session() as session:
        number = (await session.execute(select(func.max(col(ConflictRow.id))))).scalar_one()
    assert number is not None
    return world.client.get_workflow_handle(names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, number))


async def waits(handle: Handle) -> bool:
    """Whether a conflict's workflow waits for a person."""
    history = await handle.fetch_history()
    return any(event.HasField("timer_started_event_attributes") for event in history.events)


async def reminded(world: World, secrets: set[str]) -> None:
    """A conflict whose reminder fires: a week lasts a moment, which a replay does not compare."""
    async with world.worker():
        await differ(world)
    handle = await newest_conflict(world)
    await handle.terminate()
    engine = make_engine(world.services, world.client)
    steps = Steps(engine)
    week = workflows.conflict_resolution.REMINDER
    workflows.conflict_resolution.REMINDER = week / 600_000
    try:
        async with Worker(
            world.client,
            task_queue=world.settings.task_queue,
            workflows=[ConflictResolution],
            activities=[steps.conflict_status, steps.apply_resolution],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            ref = ConflictRef(
                conflict_id=int(handle.id.rsplit("/", 1)[1]),
                integration_id=INTEGRATION,
                provider="salesforce",
                entity=Entity.ACCOUNTS,
            )
            handle = await world.client.start_workflow(
                names.CONFLICT_RESOLUTION, ref, id=handle.id, task_queue=world.settings.task_queue
            )
            await until(lambda: fired(handle))
            await keep("conflict-reminded", handle, secrets)
    finally:
        workflows.conflict_resolution.REMINDER = week
        await engine.close()


async def fired(handle: Handle) -> bool:
    """Whether two reminders have fired."""
    history = await handle.fetch_history()
    return sum(event.HasField("timer_fired_event_attributes") for event in history.events) >= 2


async def continued(world: World, secrets: set[str]) -> None:
    """The writer continues as new with a request in its inbox, which the next run serves."""
    async with world.worker():
        first = await world.start()
        await until(lambda: is_open(writer(world)))
        run_id = (await writer(world).describe()).run_id
        second = await world.start(Mode.FULL)
        await asyncio.gather(first.result(), second.result())
        older = world.client.get_workflow_handle(writer(world).id, run_id=run_id)
        await keep("entity-continued-as-new", older, secrets)


async def main() -> None:
    """Record all scenarios, each in a world of its own."""
    scenarios: list[tuple[Callable[[World, set[str]], Any], dict[str, str]]] = [
        (runs, {}),
        (auth_pause, {}),
        (failed_pass, {}),
        (conflicts, {}),
        (continued, SHORT_HISTORIES),
        (stopped, {}),
        (looks, {}),
        (deliveries, {}),
    ]
    wanted = sys.argv[1:]
    for scenario, config in scenarios:
        if wanted and scenario.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            async with (
                dev_server(folder=Path(folder), port=free_port(), dynamic_config=config) as server,
                recorded_world(server.address) as (world, secrets),
            ):
                await scenario(world, secrets)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The Temporal runtime's threads can abort an interpreter that exits the usual way (sdk-python issue 300).
    os._exit(0)
