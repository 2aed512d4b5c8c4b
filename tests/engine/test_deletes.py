"""Deletions: seen, ignored, carried out, undone; absence is only a deletion after a read by id says so (P11, P12)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from activities.contracts import Mode
from core.records import Entity, Side
from store import links
from store.links import LinkState
from store.scope import Scope
from store.tables.runs import ConflictRow, RecordError
from store.tables.sync import Link
from tests.engine.local import Local
from tests.engine.world import INTEGRATION, World

EUR = {"accounts": {"defaultCurrency": "EUR"}}


async def begin(world: World, entity: str = "accounts", count: int = 3, **config: Any) -> list[tuple[str, str]]:
    """Sync some Alguna records; return their pairs (Alguna id, external id)."""
    await world.boxes.seed("alguna", entity, count)
    wanted = ["accounts"] if entity == "accounts" else ["accounts", entity]
    await world.configure(*wanted, **config)
    run = await world.sync()
    assert run.status == "completed", run.problem
    return await pairs(world, Entity(entity))


async def pairs(world: World, entity: Entity = Entity.ACCOUNTS) -> list[tuple[str, str]]:
    """All active links."""
    return [(row.alguna_id, row.external_id) for row in await rows(world, entity) if row.status == "active"]


async def rows(world: World, entity: Entity = Entity.ACCOUNTS) -> list[Link]:
    """All links with their tombstones, in the order they were made."""
    async with world.services.db.session() as session:
        found = (await session.execute(select(Link).order_by(links.LINKS.c.id))).scalars()
        return [row for row in found if row.entity == entity.value]


async def tomb(world: World, side: Side, record_id: str, entity: Entity = Entity.ACCOUNTS) -> LinkState | None:
    async with world.services.db.session() as session:
        return (await links.tombstoned(session, Scope(INTEGRATION, entity), side, [record_id])).get(record_id)


async def errors(world: World) -> list[RecordError]:
    async with world.services.db.session() as session:
        return [
            row
            for row in (await session.execute(select(RecordError).order_by(col(RecordError.id)))).scalars()
            if row.status == "open"
        ]


async def questions(world: World) -> list[ConflictRow]:
    async with world.services.db.session() as session:
        return [
            row
            for row in (await session.execute(select(ConflictRow).order_by(col(ConflictRow.id)))).scalars()
            if row.status == "open"
        ]


async def delete(world: World, system: str, entity: str, record_id: str) -> None:
    """Delete a record as a person would."""
    await world.boxes.control(system, "DELETE", f"records/{entity}/{record_id}")


async def writes_of(world: World, mode: Mode = Mode.INCREMENTAL) -> list[tuple[str, str]]:
    """Carry out a pass and return what it wrote."""
    await world.boxes.clear_calls()
    run = await world.sync(mode)
    assert run.status == "completed", run.problem
    return await world.boxes.writes()


async def test_p12_an_ignored_deletion_keeps_its_link_and_a_restore_goes_on_with_it(local: Local) -> None:
    async with local.worker():
        (ours, theirs), *_ = await begin(local)
        await delete(local, "salesforce", "accounts", theirs)
        assert await writes_of(local) == [], "ignored: nothing happens in Alguna"
        gone = next(row for row in await rows(local) if row.external_id == theirs)
        assert (gone.status, gone.gone, gone.verdict) == ("active", "external", "ignored")
        run = await local.sync()
        assert (await local.counts(run))["accounts"].get("alguna", {}).get("skipped", 0) == 0, "it is told once"
        await local.boxes.edit("salesforce", "accounts", theirs, IsDeleted=False, Name="Restored Works")
        await local.sync()
        back = next(row for row in await local.boxes.records("alguna", "accounts") if row["id"] == ours)
        assert back["name"] == "Restored Works"
        assert len(await local.boxes.records("alguna", "accounts")) == 3, "no second record"
        assert (ours, theirs) in await pairs(local)
        assert await writes_of(local) == []


@pytest.mark.parametrize("policy", ["unlink", "ignore"])
async def test_p12_a_tombstone_rises_with_its_record_and_brings_what_changed_meanwhile(
    local: Local, policy: str
) -> None:
    async with local.worker():
        (ours, theirs), *_ = await begin(local, onDelete={"toAlguna": policy})
        await delete(local, "salesforce", "accounts", theirs)
        await local.sync()
        await local.boxes.edit("alguna", "accounts", ours, name="Changed while it was gone")
        await local.sync()
        assert await tomb(local, Side.ALGUNA, ours), "unlinked at once, or when the write did not find it"
        assert await writes_of(local) == []
        await local.boxes.edit("salesforce", "accounts", theirs, IsDeleted=False)
        run = await local.sync()
        assert (ours, theirs) in await pairs(local), (run.status, run.problem)
        names = {row["Id"]: row["Name"] for row in await local.boxes.records("salesforce", "accounts")}
        assert names[theirs] == "Changed while it was gone"
        assert len(names) == len(await local.boxes.records("alguna", "accounts")) == 3
        assert await errors(local) == []
        assert await writes_of(local) == []


async def test_i2_a_record_that_a_person_makes_again_is_a_question_and_no_second_customer(local: Local) -> None:
    async with local.worker():
        (ours, theirs), *_ = await begin(local)
        name = next(row["name"] for row in await local.boxes.records("alguna", "accounts") if row["id"] == ours)
        await delete(local, "salesforce", "accounts", theirs)
        again = await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": name})
        await local.sync()
        assert len(await local.boxes.records("alguna", "accounts")) == 3
        (question,) = await questions(local)
        assert (question.kind, question.external_id, [one["algunaId"] for one in question.candidates]) == (
            "match",
            again["Id"],
            [ours],
        )
        await local.resolve(question, {"resolution": "link", "algunaId": ours})
        await local.sync()
        assert (ours, again["Id"]) in await pairs(local)
        assert len(await pairs(local)) == 3
        assert len(await local.boxes.records("alguna", "accounts")) == 3


async def test_p11_a_customer_deleted_in_alguna_is_archived_once_with_lost_replies_and_repeats(world: World) -> None:
    async with world.worker():
        (ours, theirs), *_ = await begin(world, onDelete={"toExternal": "archive"})
        await delete(world, "alguna", "accounts", ours)
        lost = {"match": {"method": "DELETE", "path": "composite/sobjects"}, "fault": "drop_after_commit", "times": 1}
        await world.boxes.control("salesforce", "POST", "faults", lost)
        run = await world.sync()
        assert run.status == "completed", run.problem
        living = {row["Id"] for row in await world.boxes.records("salesforce", "accounts")}
        assert theirs not in living
        assert len(living) == 2
        deletes = [call for call in await world.boxes.calls("salesforce") if call["method"] == "DELETE"]
        assert len(deletes) == 1, "the lost reply is looked up, not sent again"
        counts = (await world.counts(run))["accounts"]["external"]
        assert counts["archived"] == 1
        assert await tomb(world, Side.EXTERNAL, theirs)
        assert await writes_of(world) == []
        await world.boxes.edit("salesforce", "accounts", theirs, IsDeleted=False)
        assert await writes_of(world) == [], "what is deleted in Alguna does not come back (P12)"
        assert len(await world.boxes.records("alguna", "accounts")) == 2


async def test_p12_a_contact_taken_out_of_its_customer_is_seen_by_the_next_incremental_pass(local: Local) -> None:
    async with local.worker():
        made = await begin(local, "contacts", 4, onDelete={"toExternal": "archive"}, entityOptions=EUR)
        ours, theirs = made[0]
        await delete(local, "alguna", "contacts", ours)
        await local.sync()
        living = {row["Id"] for row in await local.boxes.records("salesforce", "contacts")}
        assert theirs not in living
        assert len(living) == len(made) - 1
        assert (ours, theirs) not in await pairs(local, Entity.CONTACTS)
        assert await writes_of(local) == []


async def test_p12_a_draft_subscription_deleted_in_alguna_is_found_by_a_full_pass(local: Local) -> None:
    async with local.worker():
        await begin(local, "subscriptions", 3, onDelete={"toExternal": "unlink"})
        owner = (await local.boxes.records("alguna", "accounts"))[0]["id"]
        draft = await local.boxes.control(
            "alguna", "POST", "records/subscriptions", {"customer_id": owner, "name": "A draft", "currency": "EUR"}
        )
        await local.sync()
        linked = await pairs(local, Entity.SUBSCRIPTIONS)
        assert draft["id"] in [pair[0] for pair in linked]
        await delete(local, "alguna", "subscriptions", draft["id"])
        await local.sync(Mode.FULL)
        assert len(await pairs(local, Entity.SUBSCRIPTIONS)) == len(linked) - 1
        assert await tomb(local, Side.ALGUNA, draft["id"], Entity.SUBSCRIPTIONS)
