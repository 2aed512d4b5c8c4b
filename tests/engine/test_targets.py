"""Targets that are gone, deleted, bound elsewhere or refuse a person's own value: shown, never guessed (I2, I3, I6)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.records import Entity, Side
from store import links
from store.scope import Scope
from store.tables.runs import ConflictRow, RecordError
from tests.engine.test_waiting import MANUAL, decide, one_conflict, until
from tests.engine.world import INTEGRATION, World

ACCOUNTS = Scope(INTEGRATION, Entity.ACCOUNTS)


async def begin(world: World, count: int = 1, **config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sync some accounts; return one of them as each side has it."""
    await world.boxes.seed("alguna", "accounts", count)
    await world.configure("accounts", **config)
    await world.sync()
    theirs = (await world.boxes.records("salesforce", "accounts"))[0]
    ours = next(
        row for row in await world.boxes.records("alguna", "accounts") if row["id"] == theirs["Alguna_Customer_ID__c"]
    )
    return ours, theirs


async def open_errors(world: World) -> list[RecordError]:
    async with world.services.db.session() as session:
        return list((await session.execute(select(RecordError).where(RecordError.status == "open"))).scalars())  # type: ignore[arg-type]


async def test_i6_a_lost_target_is_an_error_and_is_not_made_again(world: World) -> None:
    async with world.worker():
        ours, theirs = await begin(world)
        await world.boxes.control("salesforce", "DELETE", f"records/accounts/{theirs['Id']}")
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Changed after the deletion")
        run = await world.sync()
        assert run.status == "completed_with_errors"
        assert [item.type for item in await open_errors(world)] == ["not_found"]
        assert await world.linked() == 0
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == [], "a tombstone keeps it from being made again"


async def test_i2_a_lost_target_is_made_anew_once_where_configured(world: World) -> None:
    async with world.worker():
        ours, theirs = await begin(world, onNotFound="create")
        await world.boxes.control("salesforce", "DELETE", f"records/accounts/{theirs['Id']}")
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Changed after the deletion")
        run = await world.sync()
        assert run.status == "completed", (run.problem, [item.message for item in await open_errors(world)])
        rows = await world.boxes.records("salesforce", "accounts")
        assert [row["Name"] for row in rows] == ["Changed after the deletion"]
        assert rows[0]["Id"] != theirs["Id"]
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []
        assert await world.linked() == 1


async def test_i6_a_deletion_seen_by_a_read_unlinks_where_configured(world: World) -> None:
    async with world.worker():
        _, theirs = await begin(world, count=2, onDelete={"toAlguna": "unlink"})
        await world.boxes.control("salesforce", "DELETE", f"records/accounts/{theirs['Id']}")
        run = await world.sync()
        assert run.status == "completed"
        assert await world.linked() == 1
        async with world.services.db.session() as session:
            assert await links.tombstoned(session, ACCOUNTS, Side.EXTERNAL, [theirs["Id"]])
        assert len(await world.boxes.records("alguna", "accounts")) == 2, "nothing is deleted in Alguna"


async def test_i3_a_persons_own_value_that_one_side_refuses_reaches_neither_and_is_asked_again(world: World) -> None:
    async with world.worker():
        ours, theirs = await begin(world, mappings=MANUAL)
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Ours")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Theirs")
        await world.sync()
        asked = await one_conflict(world)
        await decide(world, asked, {"name": {"value": "x" * 300}})

        async def asked_again() -> bool:
            return (await one_conflict(world)).version > asked.version

        await until(asked_again)
        again = await one_conflict(world)
        assert (again.status, again.decision) == ("open", None)
        assert [item.type for item in await open_errors(world)] == ["field_validation"]
        assert (await world.boxes.records("alguna", "accounts"))[0]["name"] == "Ours"
        assert (await world.boxes.records("salesforce", "accounts"))[0]["Name"] == "Theirs"
        await decide(world, again, {"name": {"value": "Agreed by a person"}})

        async def arrived() -> bool:
            names = [(await world.boxes.records("alguna", "accounts"))[0]["name"]]
            names += [(await world.boxes.records("salesforce", "accounts"))[0]["Name"]]
            return names == ["Agreed by a person"] * 2

        await until(arrived)


async def test_i2_several_candidates_are_a_question_and_a_link_is_the_answer(world: World) -> None:
    twin = {"Name": "Twin Works Ltd"}
    for _ in range(2):
        await world.boxes.control("salesforce", "POST", "records/accounts", twin)
    await world.boxes.control("alguna", "POST", "records/accounts", {"name": "Twin Works Ltd", "currency": "EUR"})
    await world.configure("accounts", direction="alguna_to_external")
    async with world.worker():
        run = await world.sync()
        assert (await world.counts(run))["accounts"]["conflicts"] >= 1
        assert len(await world.boxes.records("salesforce", "accounts")) == 2, "never a guess, never a third"
        async with world.services.db.session() as session:
            rows = list((await session.execute(select(ConflictRow))).scalars())
        question = next(row for row in rows if row.alguna_id)
        assert len(question.candidates) == 2
        chosen = question.candidates[0]["externalId"]
        async with world.services.db.transaction() as session:
            row = await session.get(ConflictRow, question.id)
            assert row is not None
            row.decision, row.status = {"resolution": "link", "externalId": chosen}, "resolving"
            session.add(row)
        await decide_workflow(world, question)

        async def linked() -> bool:
            return await world.linked() == 1

        await until(linked)
        async with world.services.db.session() as session:
            made = await links.active(session, ACCOUNTS, Side.EXTERNAL, [chosen])
        assert chosen in made


async def decide_workflow(world: World, conflict: ConflictRow) -> None:
    """Tell a conflict's workflow that its decision is stored."""
    from core import names

    workflow_id = names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, conflict.id or 0)
    await world.client.get_workflow_handle(workflow_id).signal(names.RESOLVE)
