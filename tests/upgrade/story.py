"""What goes on in an installation when it is upgraded, and what must have become of it afterwards.

Every kind of workflow is under way: a run whose worker was killed in the middle of a write, a run that waits, the
entity's writer, a conflict that waits for a person, looks between schedules, and an event nobody has taken yet.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col
from temporalio.client import WorkflowExecutionStatus

from activities.contracts import Mode, PollRef
from activities.webhooks import start_deliveries, tell_of_end
from core import names
from core.records import Entity, Side
from store import links
from store.tables.polls import Poll
from store.tables.webhooks import WebhookDelivery, WebhookEndpoint
from tests.api.test_webhooks import Receiver
from tests.crash.systems import BY_NAME
from tests.crash.trial import SCOPE, Trial
from tests.engine.test_waiting import MANUAL, decide, one_conflict, until
from tests.engine.world import INTEGRATION, World
from tests.upgrade.state import BOOK
from worker import make_engine

KINDS = {"IntegrationSync", "EntitySync", "ConflictResolution", "Polling", "WebhookDelivery"}
"""The workflows that are under way in the story."""
NOBODY = "http://127.0.0.1:9/hook"


async def before(world: World, folder: Path) -> None:
    """Let an installation work until it is stopped with everything under way; write the book of it."""
    await world.services.db.migrate()
    await world.connect()
    trial = Trial(world=world, system=BY_NAME["salesforce"], direction="both")
    await trial.begin(6, mappings=MANUAL, realtime={"enabled": True, "pollSeconds": 5})
    async with world.worker():
        await world.sync()
        await _start_looks(world)
        contested = await _disagree(trial)
        done = await world.sync()
        await until(lambda: _waits(world))
        await until(lambda: _looked_since(world, ["", ""]))
    await trial.grow(2)
    trial.born[Side.ALGUNA].remove(contested[Side.ALGUNA])
    await trial.edit(6)
    run = await world.start()
    assert await trial.die(run, "call:sent")
    waiting = await world.start(Mode.FULL)
    await _tell(world, done.id)
    await trial.edit(2)
    book = {
        "born": trial.born,
        "names": [[side, record_id, name] for (side, record_id), name in trial.names.items()],
        "edits": trial.edits,
        "contested": contested,
        "runs": [run.id, waiting.id],
        "looked": await _looked_at(world),
    }
    (folder / BOOK).write_text(json.dumps(book))


async def _start_looks(world: World) -> None:
    """Start the looks between schedules, as the API does."""
    await world.client.start_workflow(
        names.POLLING,
        PollRef(integration_id=INTEGRATION, provider="salesforce"),
        id=names.polling_id(INTEGRATION),
        task_queue=world.settings.task_queue,
        start_signal=names.WAKE,
    )


async def _tell(world: World, run_id: str) -> None:
    """Let somebody ask for events, and tell of a run: it waits for a worker."""
    await world.services.webhooks.create(NOBODY, ["sync.completed"], None)
    engine = make_engine(world.services, world.client)
    async with world.services.db.transaction() as session:
        await tell_of_end(engine, session, run_id)
    await start_deliveries(engine)
    await engine.close()


async def _disagree(trial: Trial) -> dict[str, str]:
    """Let two people call one pair differently; nobody else may touch it. Return its ids by side."""
    ours = trial.born[Side.ALGUNA][-1]
    async with trial.world.services.db.session() as session:
        pair = (await links.active(session, SCOPE, Side.ALGUNA, [ours]))[ours]
    boxes = trial.world.boxes
    await boxes.edit("alguna", "accounts", ours, name="Ours Ltd")
    await boxes.edit("salesforce", "accounts", pair.external_id, Name="Theirs Ltd")
    return {Side.ALGUNA: ours, Side.EXTERNAL: pair.external_id}


async def _waits(world: World) -> bool:
    """Whether the conflict's workflow waits for a person."""
    workflow_id = names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, 1)
    history = await world.client.get_workflow_handle(workflow_id).fetch_history()
    return any(event.HasField("timer_started_event_attributes") for event in history.events)


async def taken_over(world: World, book: dict[str, Any], receiver: Receiver) -> Trial:
    """Prepare what does not outlive a folder: the systems' addresses and logins, and who takes events."""
    boxes, store = world.boxes, world.services.connections
    for connection_id, system, account in (("alguna", "alguna", None), (INTEGRATION, "salesforce", "org")):
        granted = await boxes.control(system, "GET", "credentials")
        granted.pop("limits", None)
        await store.put_credentials(connection_id, system, granted, account)
    async with world.services.db.transaction() as session:
        await session.execute(update(WebhookEndpoint).values(url=receiver.url))
    trial = Trial(world=world, system=BY_NAME["salesforce"], direction="both", edits=book["edits"])
    trial.born = {Side(side): list(ids) for side, ids in book["born"].items()}
    trial.names = {(Side(side), record_id): name for side, record_id, name in book["names"]}
    return trial


async def under_way(world: World) -> set[str]:
    """The kinds of workflows that run."""
    return {one.workflow_type async for one in world.client.list_workflows('ExecutionStatus = "Running"')}


async def after(trial: Trial, book: dict[str, Any], receiver: Receiver) -> None:
    """With a worker that runs: all that was under way comes to its end, once, and everything agrees (I2, I3, I7)."""
    world = trial.world
    for workflow_id in book["runs"]:
        await ended(world, workflow_id)
        row = await world.run_row(world.client.get_workflow_handle(workflow_id))
        assert row.status == "completed", (workflow_id, row.problem)
    await until(lambda: _delivered(world))
    received = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(received) == len(set(received)), "an event was delivered twice"
    await until(lambda: _looked_since(world, book["looked"]))
    await decide(world, await one_conflict(world), {"name": "external"})
    await until(lambda: _resolved(world))
    contested = book["contested"]
    trial.born[Side.ALGUNA].append(contested[Side.ALGUNA])
    trial.names[Side.EXTERNAL, contested[Side.EXTERNAL]] = "Theirs Ltd"
    await world.client.get_workflow_handle(names.polling_id(INTEGRATION)).terminate("the test is over")
    world.end_processes()
    await trial.check()


async def ended(world: World, workflow_id: str, seconds: float = 60) -> None:
    """Wait for a run's end. Raises AssertionError as soon as any workflow cannot be carried on by the new code."""
    handle = world.client.get_workflow_handle(workflow_id)
    async with asyncio.timeout(seconds):
        while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await no_broken_workflow(world)
            await asyncio.sleep(0.3)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


async def no_broken_workflow(world: World) -> None:
    """Raise AssertionError when the code could not go on with a workflow's history."""
    async for one in world.client.list_workflows('ExecutionStatus = "Running"'):
        history = await world.client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        for event in history.events:
            failed = event.workflow_task_failed_event_attributes
            assert not failed.HasField("failure"), f"{one.id}: {failed.failure.message}"


async def _delivered(world: World) -> bool:
    """Whether every event has reached its receiver."""
    async with world.services.db.session() as session:
        return {*(await session.execute(select(col(WebhookDelivery.status)))).scalars()} == {"delivered"}


async def _looked_at(world: World) -> list[str]:
    """When each side was last looked at to the end."""
    async with world.services.db.session() as session:
        found = (await session.execute(select(col(Poll.completed_at)))).scalars()
        return sorted(at.isoformat() for at in found if at is not None)


async def _looked_since(world: World, before: list[str]) -> bool:
    now = await _looked_at(world)
    return len(now) == len(before) > 0 and now[0] > before[-1]


async def _resolved(world: World) -> bool:
    return (await one_conflict(world)).status == "resolved"
