"""Rate limits, dead grants, pauses and people: a pass waits, says so, and goes on where it stood (I6, I7, I11)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core import names
from core.records import Entity
from store.connections import ConnectionState
from store.tables.runs import ConflictRow
from tests.engine.world import INTEGRATION, World

MANUAL = {
    "accounts": [
        {"algunaField": "name", "externalField": "Name", "conflictResolution": "manual"},
        {"algunaField": "email", "externalField": "Email__c"},
    ]
}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_i11_a_storm_of_rate_limits_is_ridden_out_without_a_busy_loop(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 300)
    await world.configure("accounts")
    storm = {"fault": "rate_limit", "every": 2, "times": 6, "retryAfter": 1}
    await world.boxes.control("alguna", "POST", "faults", {"match": {"path": "/customers"}, **storm})
    await world.boxes.control(
        "salesforce", "POST", "faults", {"match": {"path": "/services/data"}, **storm, "times": 3}
    )
    async with world.worker():
        run = await world.sync()
    assert run.status == "completed", run.problem
    assert await world.linked() == 300
    calls = len(await world.boxes.calls("alguna")) + len(await world.boxes.calls("salesforce"))
    assert calls < 60, "limited calls are spaced, not hammered"


async def test_i7_a_revoked_grant_pauses_the_run_and_a_reconnect_lets_it_go_on(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 300)
    await world.configure("accounts")
    match = {"method": "POST", "path": "composite/sobjects$"}
    await world.boxes.control("salesforce", "POST", "faults", {"match": match, "fault": "slow", "retryAfter": 1})
    async with world.worker():
        handle = await world.start()
        await until(lambda: _has_rows(world))
        await world.boxes.control("salesforce", "POST", "auth", {"action": "revoke_grant"})

        async def paused() -> bool:
            return (await world.run_row(handle)).status == "paused"

        await until(paused)
        row = await world.run_row(handle)
        assert row.problem is not None
        assert row.problem["type"] == "auth_expired"
        assert await world.services.connections.state(INTEGRATION) is ConnectionState.AUTH_EXPIRED
        before = len(await world.boxes.records("salesforce", "accounts"))
        assert 0 < before < 300
        await world.boxes.control("salesforce", "DELETE", "faults")
        await world.boxes.control("salesforce", "POST", "auth", {"action": "restore"})
        await world.reconnect()
        async with asyncio.timeout(60):
            await handle.result()
        assert (await world.run_row(handle)).status == "completed"
        assert len(await world.boxes.records("salesforce", "accounts")) == 300
        assert await world.linked() == 300


async def _has_rows(world: World) -> bool:
    return bool(await world.boxes.records("salesforce", "accounts"))


async def test_i3_a_manual_conflict_waits_over_a_restart_while_other_fields_sync(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", mappings=MANUAL)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        theirs = next(
            row
            for row in await world.boxes.records("salesforce", "accounts")
            if row["Alguna_Customer_ID__c"] == ours["id"]
        )
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Ours")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Theirs", Email__c="new@mail.example")
        run = await world.sync()
        assert (await world.counts(run))["accounts"]["conflicts"] == 1
        conflict = await one_conflict(world)
        assert [item["algunaField"] for item in conflict.fields] == ["name"]
        assert (conflict.fields[0]["alguna"], conflict.fields[0]["external"]) == ("Ours", "Theirs")
        after = next(row for row in await world.boxes.records("alguna", "accounts") if row["id"] == ours["id"])
        assert after["contacts"][0]["email"] == "new@mail.example", "the other field went on"
        assert after["name"] == "Ours"
    async with world.worker():
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []
        assert (await one_conflict(world)).version == conflict.version, "the same question keeps its version"
        await decide(world, conflict, {"name": "external"})

        async def settled() -> bool:
            return (await one_conflict(world)).status == "resolved"

        await until(settled)

        async def arrived() -> bool:
            rows = await world.boxes.records("alguna", "accounts")
            return "Theirs" in {row["name"] for row in rows}

        await until(arrived)
        workflow = world.client.get_workflow_handle(
            names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, conflict.id or 0)
        )
        assert await asyncio.wait_for(workflow.result(), 30) == "resolved"
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []


async def one_conflict(world: World) -> ConflictRow:
    async with world.services.db.session() as session:
        row = await session.get(ConflictRow, 1)
    assert row is not None
    return row


async def decide(world: World, conflict: ConflictRow, choices: dict[str, object]) -> None:
    """Store a decision and signal the conflict's workflow, as the API does."""
    async with world.services.db.transaction() as session:
        row = await session.get(ConflictRow, conflict.id)
        assert row is not None
        row.decision, row.status = {"choices": choices}, "resolving"
        session.add(row)
    workflow_id = names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, conflict.id or 0)
    await world.client.get_workflow_handle(workflow_id).signal(names.RESOLVE)
