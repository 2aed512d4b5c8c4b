"""A field that keeps flipping without a person's edit is stopped and reported; normalisation settles (I5, P6, P28)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from core.records import Entity, Side
from store import errors, staging
from store.scope import Scope
from store.tables.runs import RecordError
from tests.engine.test_agreement import BOTH, one, quiet
from tests.engine.world import INTEGRATION, World

ACCOUNTS = Scope(INTEGRATION, Entity.ACCOUNTS)


async def automate(world: World, rule: str, **more: Any) -> None:
    """An administrator's flow rewrites the account's name at every save."""
    flow = {"sobject": "Account", "field": "Name", "rule": rule, **more}
    await world.boxes.control("salesforce", "POST", "records/setup", {"automations": [flow]})


async def error_rows(world: World) -> list[RecordError]:
    async with world.services.db.session() as session:
        return list((await session.execute(select(RecordError).where(col(RecordError.status) == "open"))).scalars())


@pytest.mark.parametrize("after_save", [False, True])
async def test_i5_a_rewriting_with_an_end_settles_without_an_error(world: World, after_save: bool) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await automate(world, "upper", afterSave=after_save)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Made Of Small Letters")
        run = await world.sync()
        assert run.status == "completed"
        await one(world, "salesforce", "accounts", Name="MADE OF SMALL LETTERS")
        # What our own save made of it is no edit; what another user's flow makes of it later is one, and flows.
        kept = "MADE OF SMALL LETTERS" if after_save else "Made Of Small Letters"
        await one(world, "alguna", "accounts", name=kept)
        await quiet(world)
        assert await error_rows(world) == []


async def test_i5_p28_two_automations_that_fight_are_stopped_reported_and_started_again(world: World) -> None:
    """Salesforce sets the name back at every save, and something in Alguna insists on its own."""
    insisted, forced = "Insisted Ltd", "Forced Ltd"
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        [ours] = await world.boxes.records("alguna", "accounts")
        await automate(world, "set", value=forced, afterSave=True)

        async def insist() -> str:
            """The other system sets its name, and we sync; returns the name in Alguna afterwards."""
            await world.boxes.edit("alguna", "accounts", ours["id"], name=insisted)
            await world.sync()
            return str((await world.boxes.records("alguna", "accounts"))[0]["name"])

        assert [await insist(), await insist()] == [forced, forced], "two rounds may be two people"
        assert await error_rows(world) == []
        assert await insist() == insisted, "at the third time the field is left alone"
        await one(world, "salesforce", "accounts", Name=forced)
        [error] = await error_rows(world)
        assert (error.type, error.field, error.target) == ("conflict", "Name", "external")
        for word in ("keeps flipping", "3 times", insisted, forced, "Switch off", "retry"):
            assert word in error.message
        assert insisted not in error.group
        assert forced not in error.group
        await quiet(world)
        await _other_fields_go_on(world, ours["id"])
        [still] = await error_rows(world)
        assert still.field == "Name"
        await _starts_again(world, ours["id"])


async def _other_fields_go_on(world: World, record_id: str) -> None:
    [row] = await world.boxes.records("salesforce", "accounts")
    await world.boxes.control("salesforce", "POST", "records/setup", {"automations": []})
    await world.boxes.edit("salesforce", "accounts", row["Id"], Email__c="other@field.example")
    await world.sync()
    [ours] = await world.boxes.records("alguna", "accounts")
    assert [item["email"] for item in ours["contacts"] if item["is_primary"]] == ["other@field.example"]
    assert ours["id"] == record_id


async def _starts_again(world: World, record_id: str) -> None:
    """By a retry, which lets the rule decide; an edit by a person does the same."""
    [error] = await error_rows(world)
    async with world.services.db.transaction() as session:
        await errors.set_status(session, [error.id or 0], "retrying", was=["open"])
        await staging.ask(session, ACCOUNTS, [(Side.ALGUNA, record_id)], "retry", error.created_at)
    await world.sync()
    assert await error_rows(world) == []
    names = {(await world.boxes.records("alguna", "accounts"))[0]["name"]}
    names.add((await world.boxes.records("salesforce", "accounts"))[0]["Name"])
    assert len(names) == 1
    await quiet(world)
