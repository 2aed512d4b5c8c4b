"""Configurations change while syncs run: versions, new mappings, and nothing overwritten for their sake (I3, P26)."""

from __future__ import annotations

import asyncio
from typing import Any

from activities.contracts import Mode
from core.records import Entity, Side
from store import affected, runs, staging
from store.scope import Scope
from store.types import utc_now
from tests.engine.test_agreement import BOTH, one, quiet
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, World

NAME, EMAIL = BOTH["accounts"][:2]


async def test_p26_a_pass_ends_on_the_version_it_began_with_and_the_next_takes_the_new_one(world: World) -> None:
    await world.boxes.seed("alguna", "contacts", 3)
    await world.configure("accounts", "contacts")
    slow = {"match": {"method": "POST", "path": "composite/sobjects"}, "fault": "slow", "retryAfter": 2, "times": 1}
    await world.boxes.control("salesforce", "POST", "faults", slow)
    async with world.worker():
        handle = await world.start()

        async def writing() -> bool:
            return any("composite" in call["path"] for call in await world.boxes.calls("salesforce"))

        await until(writing)
        await world.configure("accounts", "contacts", conflictResolution="external_wins")
        async with asyncio.timeout(60):
            await handle.result()
    run = await world.run_row(handle)
    assert run.status == "completed"
    async with world.services.db.session() as session:
        versions = {item.entity: item.config_version for item in await runs.passes_of(session, run.id)}
    assert versions == {"accounts": 1, "contacts": 2}


async def test_i3_a_mapping_that_leads_to_another_field_clears_and_overwrites_nothing(world: World) -> None:
    """Compared with what the old field held, the new one would look cleared, or edited."""
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    async with world.worker():
        await world.sync()
        first, second = await world.boxes.records("alguna", "accounts")
        theirs = await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=second["id"])
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Website="kept@site.example")
        moved = {**EMAIL, "externalField": "Website"}
        await world.configure("accounts", mappings={"accounts": [NAME, moved]}, conflictResolution="external_wins")
        await world.sync(Mode.FULL)
        mail = {row["id"]: primary(row) for row in await world.boxes.records("alguna", "accounts")}
        assert mail[first["id"]] == primary(first), "a blank new field is filled, it clears nothing"
        await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=first["id"], Website=primary(first))
        assert mail[second["id"]] == "kept@site.example", "both set: the rule of a first link decides"
        await quiet(world)


def primary(row: dict[str, Any]) -> str:
    return str(next(item["email"] for item in row["contacts"] if item["is_primary"]))


async def test_entities_of_one_config_keep_their_links_over_versions(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        await world.configure("accounts", mappings={"accounts": [EMAIL]})
        await quiet(world)
        await world.configure("accounts", mappings=BOTH)
        await quiet(world)
    assert await world.linked(Entity.ACCOUNTS) == 2


async def test_p26_a_filter_is_edited_without_rebuilding_the_sync(world: World) -> None:
    """An incremental pass reads nothing old; the sync of what the change touches finds the records that move."""
    await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        first, second, third = await world.boxes.records("alguna", "accounts")
        only_first = {"alguna": {"field": "name", "op": "eq", "value": first["name"]}, "onLeave": "unlink"}
        await world.configure("accounts", mappings=BOTH, entityOptions={"accounts": {"filter": only_first}})
        run = await world.sync(Mode.FULL)
        assert (await world.counts(run))["accounts"]["external"] == {"unchanged": 1, "skipped": 2}
        assert await world.linked() == 1
        theirs = await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=second["id"])
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Edited While Apart")
        await world.sync()
        two = {"any": [only_first["alguna"], {"field": "name", "op": "eq", "value": second["name"]}]}
        await world.configure("accounts", mappings=BOTH, entityOptions={"accounts": {"filter": {"alguna": two}}})
        await world.sync(Mode.FULL)
        assert await world.linked() == 2
        names = {row["Name"] for row in await world.boxes.records("salesforce", "accounts")}
        assert names == {first["name"], second["name"], third["name"]}, "linked anew, the rule decides: alguna_wins"
        assert len(await world.boxes.records("alguna", "accounts")) == 3
        await quiet(world)


async def test_i3_a_new_rule_decides_the_open_question_and_overwrites_nothing_else(world: World) -> None:
    manual = [{**item, "conflictResolution": "manual"} for item in (NAME, EMAIL)]
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", mappings={"accounts": manual})
    async with world.worker():
        await world.sync()
        first, second = await world.boxes.records("alguna", "accounts")
        theirs = await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=first["id"])
        await world.boxes.edit("alguna", "accounts", first["id"], name="Ours")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Theirs")
        run = await world.sync()
        assert (await world.counts(run))["accounts"]["conflicts"] == 1
        rules = {"accounts": [{"algunaField": "name", "strategy": "external_wins"}]}
        await world.configure("accounts", mappings={"accounts": manual}, fieldRules=rules)
        scope = Scope(INTEGRATION, Entity.ACCOUNTS)
        async with world.services.db.transaction() as session:
            ids = await affected.asked_about(session, scope, {"name"}, 10)
            assert ids == [first["id"]], "the one whom the change touches"
            await staging.ask(session, scope, [(Side.ALGUNA, one_id) for one_id in ids], "chosen", utc_now())
        await world.boxes.clear_calls()
        await world.sync(Mode.INBOX)
        assert await world.boxes.writes() == [("PATCH", f"/customers/{first['id']}")]
        await one(world, "alguna", "accounts", id=first["id"], name="Theirs")
        await one(world, "alguna", "accounts", id=second["id"], name=second["name"])
        await quiet(world)
