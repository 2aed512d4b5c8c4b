"""An API process that died between storing and telling leaves nothing undone: the next one takes it up (I7)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.service import RPCError

from core import names
from core.records import Entity
from starter.services import left_behind
from store import runs
from store.tables.runs import ConflictRow
from store.types import utc_now
from tests.api.world import World


async def store_run(world: World, run_id: str, age: timedelta) -> str:
    workflow_id = names.run_workflow_id(run_id)
    async with world.backend.db.transaction() as session:
        await runs.add_run(
            session,
            run_id,
            world.id,
            trigger="manual",
            mode="incremental",
            entities=["accounts"],
            workflow_id=workflow_id,
            at=utc_now() - age,
        )
    return workflow_id


async def test_i7_a_run_that_was_stored_and_not_started_is_started_once(world: World) -> None:
    await world.configure("accounts")
    left = await store_run(world, "sync_left", timedelta(minutes=1))
    fresh = await store_run(world, "sync_fresh", timedelta(0))
    await left_behind.start_queued(world.backend)
    first = await world.temporal.get_workflow_handle(left).describe()
    assert first.status is not None
    with pytest.raises(RPCError):
        await world.temporal.get_workflow_handle(fresh).describe()
    await left_behind.start_queued(world.backend)
    await world.temporal.get_workflow_handle(left).terminate()
    await left_behind.start_queued(world.backend)
    assert (await world.temporal.get_workflow_handle(left).describe()).run_id == first.run_id, "one run for ever"


async def test_i7_a_decision_that_was_stored_and_not_told_is_told(world: World) -> None:
    await world.configure("accounts")
    at = utc_now()
    row = ConflictRow(
        integration_id=world.id,
        entity="accounts",
        kind="fields",
        subject="1",
        status="resolving",
        decision={"choices": {"name": "external"}},
        created_at=at,
        changed_at=at,
    )
    async with world.backend.db.transaction() as session:
        session.add(row)
        await session.flush()
        number = row.id or 0
    await left_behind.tell_decided(world.backend)
    assert await world.signals(names.conflict_workflow_id(world.id, Entity.ACCOUNTS, number)) == [names.RESOLVE]
