"""The single writer loses no request: while it continues as new, at the end of a pass, and when requests coincide."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from temporalio.client import WorkflowHandle

from activities import steps
from activities.contracts import FetchResult, Mode, PassRef
from activities.engine import Engine
from activities.fetch import fetch
from core import names
from core.enums import Direction
from core.errors import AuthExpired
from core.records import Entity
from store import runs
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, World
from tests.workflows.histories import words
from tests.workflows.test_replay import values_of

Handle = WorkflowHandle[Any, Any]
WRITER = names.entity_sync_id(INTEGRATION, Entity.ACCOUNTS)


@pytest.fixture(autouse=True)
async def seeded(world: World) -> None:
    """Three chunks of accounts, whose first sync makes a history that is long for this server."""
    await world.boxes.seed("alguna", "accounts", 60)
    await world.configure("accounts")


async def slow_reads(world: World) -> None:
    """Alguna takes its time, so that requests come while a pass is at work."""
    fault = {"match": {"path": "/customers"}, "fault": "slow", "retryAfter": 1}
    await world.boxes.control("alguna", "POST", "faults", fault)


async def passes_of(world: World, handle: Handle) -> list[str]:
    """The ids of the passes that served a run."""
    async with world.services.db.session() as session:
        return [row.id for row in await runs.passes_of(session, handle.id.removeprefix("run/"))]


async def all_completed(world: World, handles: list[Handle]) -> None:
    """Every run ends completed, served by exactly one pass."""
    async with asyncio.timeout(45):
        await asyncio.gather(*(handle.result() for handle in handles))
    for handle in handles:
        assert (await world.run_row(handle)).status == "completed"
        assert len(await passes_of(world, handle)) == 1


async def writer_runs(world: World) -> list[Any]:
    """All runs of the writer, oldest first, once the last has ended."""
    await world.client.get_workflow_handle(WRITER).result()
    found: list[Any] = []
    query = f'WorkflowId = "{WRITER}" AND ExecutionStatus != "Running"'

    async def listed() -> bool:
        found[:] = [item async for item in world.client.list_workflows(query)]
        latest = await world.client.get_workflow_handle(WRITER).describe()
        return latest.run_id in {item.run_id for item in found}

    await until(listed)
    return sorted(found, key=lambda item: item.start_time)


async def test_i1_continue_as_new_carries_the_requests_that_wait(world: World) -> None:
    await slow_reads(world)
    async with world.worker():
        handles = [await world.start()]
        await until(lambda: has_begun(world, handles[0]))
        # Another mode cannot join the pass at work: they wait over the end of a run whose history is long.
        handles += [await world.start(Mode.FULL), await world.start(Mode.FULL)]
        await all_completed(world, handles)
        chain = await writer_runs(world)
    assert "CONTINUED_AS_NEW" in {item.status.name for item in chain}
    assert await world.linked() == 60


async def has_begun(world: World, handle: Handle) -> bool:
    return bool(await passes_of(world, handle))


async def test_i1_requests_of_one_mode_and_direction_share_a_pass_and_each_keeps_its_row(world: World) -> None:
    async with world.worker():
        await all_completed(world, [await world.start()])
        await slow_reads(world)
        busy = await world.start(Mode.FULL)
        await until(lambda: has_begun(world, busy))
        together = [await world.start() for _ in range(3)]
        one_way = await world.start(direction=Direction.ALGUNA_TO_EXTERNAL)
        await all_completed(world, [busy, *together, one_way])
    assert len({(await passes_of(world, handle))[0] for handle in together}) == 1
    assert await passes_of(world, one_way) != await passes_of(world, together[0])
    assert len({handle.id for handle in together}) == 3


async def test_i1_a_request_that_comes_while_the_last_step_ends_is_served(world: World) -> None:
    late: list[Handle] = []

    async def fetch_and_ask(engine: Engine, ref: PassRef) -> FetchResult:
        result = await fetch(engine, ref)
        if result.closed and not late:
            late.append(await world.start())
            # The request is in the writer's history before the step that ends the pass is.
            await until(lambda: is_asked(world, late[0]))
        return result

    with patch.object(steps, "fetch", fetch_and_ask):
        async with world.worker():
            first = await world.start()
            await first.result()
            await all_completed(world, [first, *late])
    assert len(late) == 1
    assert await passes_of(world, late[0]) != await passes_of(world, first)


async def test_i7_a_reconnect_that_comes_while_a_step_fails_is_not_waited_for_again(world: World) -> None:
    writer = world.client.get_workflow_handle(WRITER)
    failed: list[PassRef] = []

    async def is_told() -> bool:
        history = await writer.fetch_history()
        signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in history.events]
        return names.RECONNECTED in signals

    async def fetch_and_fail(engine: Engine, ref: PassRef) -> FetchResult:
        if not failed:
            failed.append(ref)
            await writer.signal(names.RECONNECTED)
            # The new credentials are told before the writer hears that the old ones are dead.
            await until(is_told)
            raise AuthExpired("the old grant is dead", connection_id=INTEGRATION, generation=0)
        return await fetch(engine, ref)

    with patch.object(steps, "fetch", fetch_and_fail):
        async with world.worker():
            await all_completed(world, [await world.start()])
    assert len(failed) == 1


async def is_asked(world: World, handle: Handle) -> bool:
    history = await world.client.get_workflow_handle(WRITER).fetch_history()
    return handle.id in words(history.to_json())


async def test_i1_requests_around_the_ends_of_passes_are_all_served(world: World) -> None:
    async with world.worker():
        handles: list[Handle] = []
        for pause in (0.0, 0.02, 0.05, 0.08, 0.11, 0.15, 0.2, 0.3):
            handles.append(await world.start())
            await asyncio.sleep(pause)
        await all_completed(world, handles)
        for handle in handles:
            await handle.result()
    assert await world.linked() == 60


async def test_i8_histories_hold_no_secrets_and_no_customers_values(world: World) -> None:
    secrets: set[str] = set()
    for connection in ("alguna", INTEGRATION):
        values = (await world.services.connections.load(connection)).values
        secrets |= {value for name, value in values.items() if not name.endswith("Url") and name != "expiresAt"}
    rows = await world.boxes.records("alguna", "accounts")
    secrets |= {value for row in rows for value in values_of([row["name"], row["contacts"], row["billing_address"]])}
    async with world.worker():
        handle = await world.start()
        await all_completed(world, [handle])
        chain = await writer_runs(world)
    told = words((await handle.fetch_history()).to_json())
    for item in chain:
        history = await world.client.get_workflow_handle(WRITER, run_id=item.run_id).fetch_history()
        told += words(history.to_json())
    assert "accounts chunk 1" in told
    assert [value for value in secrets if value in told] == []


async def test_i1_a_run_canceled_while_it_waits_stays_canceled_over_continue_as_new(world: World) -> None:
    await slow_reads(world)
    async with world.worker():
        busy = await world.start()
        await until(lambda: has_begun(world, busy))
        waiting = await world.start(Mode.FULL)
        await until(lambda: is_asked(world, waiting))
        await waiting.cancel()
        await all_completed(world, [busy])
        chain = await writer_runs(world)
    assert "CONTINUED_AS_NEW" in {item.status.name for item in chain}
    assert (await world.run_row(waiting)).status == "canceled"
    assert await passes_of(world, waiting) == []


async def test_i2_chunks_side_by_side_leave_each_others_requests_alone(world: World) -> None:
    match = {"method": "POST", "path": "composite/sobjects$"}
    await world.boxes.control("salesforce", "POST", "faults", {"match": match, "fault": "slow", "retryAfter": 1})
    async with world.worker():
        await world.boxes.clear_calls()
        await all_completed(world, [await world.start()])
    calls = await world.boxes.calls("salesforce")
    assert sum(call["path"].endswith("composite/sobjects") for call in calls) == 3, "one for each chunk"
    # A request on its way that is taken for a lost one would be looked up by its markers.
    assert [call["query"] for call in calls if "%20IN%20" in call["query"]] == []
