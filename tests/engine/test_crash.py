"""Replies are lost: no duplicate, no lost edit, nothing left open (I2, I3, I7). Killed workers: tests/crash."""

from __future__ import annotations

import asyncio

from core.records import Entity
from store import writes
from store.scope import Scope
from tests.engine.world import INTEGRATION, World


async def check_first_sync(world: World, count: int) -> None:
    """Everything is linked once on both sides, nothing is open, and the next pass writes nothing."""
    accounts = await world.boxes.records("salesforce", "accounts")
    assert len(accounts) == count, "duplicates or losses in Salesforce"
    assert len({row["Alguna_Customer_ID__c"] for row in accounts}) == count
    assert len(await world.boxes.records("alguna", "accounts")) == count
    assert await world.linked() == count
    async with world.services.db.session() as session:
        scope = Scope(INTEGRATION, Entity.ACCOUNTS)
        assert await writes.count_open(session, scope) == 0
        assert await writes.unsettled(session, scope) == []
    await world.boxes.clear_calls()
    async with world.worker():
        run = await world.sync()
    assert run.status == "completed", run.problem
    assert await world.boxes.writes() == []


async def reached(world: World, system: str, count: int) -> bool:
    """Whether the system has had this many calls of the first sync."""
    path = "/customers" if system == "alguna" else "/composite/sobjects"
    return sum(str(call["path"]).endswith(path) for call in await world.boxes.calls(system)) >= count


async def test_i2_i7_replies_lost_on_every_third_write_make_no_duplicates(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 60)
    await world.boxes.seed("salesforce", "accounts", 30, offset=500)
    fault = {"fault": "drop_after_commit", "every": 3, "times": None}
    await world.boxes.control(
        "salesforce", "POST", "faults", {"match": {"method": "POST|PATCH", "path": "composite/sobjects$"}, **fault}
    )
    await world.boxes.control(
        "alguna", "POST", "faults", {"match": {"method": "POST|PATCH", "path": "^/customers"}, **fault}
    )
    await world.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        for system in ("alguna", "salesforce"):
            await world.boxes.control(system, "DELETE", "faults")
    await check_first_sync(world, 90)


async def test_i3_an_edit_made_after_a_lost_reply_survives_the_retry(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts")
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        theirs = next(
            row
            for row in await world.boxes.records("salesforce", "accounts")
            if row["Alguna_Customer_ID__c"] == ours["id"]
        )
        # The write is committed, its reply is lost, and every later call fails until a person has edited the record.
        match = {"method": "PATCH", "path": "composite/sobjects$"}
        await world.boxes.control(
            "salesforce", "POST", "faults", {"match": match, "fault": "drop_after_commit", "times": 1}
        )
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Sent by the sync")
        handle = await world.start()
        async with asyncio.timeout(30):
            while not any(call["status"] == 0 for call in await world.boxes.calls("salesforce")):
                await asyncio.sleep(0.005)
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Edited by a person")
        await handle.result()
        await world.sync()
        names = {row["name"] for row in await world.boxes.records("alguna", "accounts")}
        assert "Edited by a person" in names
        names = {row["Name"] for row in await world.boxes.records("salesforce", "accounts")}
        assert "Edited by a person" in names
        assert "Sent by the sync" not in names


async def test_i3_an_edit_of_an_alguna_record_after_a_lost_reply_survives(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts")
    async with world.worker():
        await world.sync()
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        match = {"method": "PATCH", "path": "^/customers"}
        await world.boxes.control(
            "alguna", "POST", "faults", {"match": match, "fault": "drop_after_commit", "times": 1}
        )
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Sent by the sync")
        handle = await world.start()
        async with asyncio.timeout(30):
            while not any(call["status"] == 0 for call in await world.boxes.calls("alguna")):
                await asyncio.sleep(0.005)
        await world.boxes.edit("alguna", "accounts", theirs["Alguna_Customer_ID__c"], name="Edited by a person")
        await handle.result()
        await world.sync()
        assert "Edited by a person" in {row["name"] for row in await world.boxes.records("alguna", "accounts")}
        assert "Edited by a person" in {row["Name"] for row in await world.boxes.records("salesforce", "accounts")}


async def test_i2_i7_replies_lost_in_all_three_entities_make_no_duplicates(world: World) -> None:
    await world.boxes.seed("alguna", "contacts", 24)
    await world.boxes.seed("alguna", "subscriptions", 12)
    await world.boxes.seed("salesforce", "contacts", 24, offset=300)
    await world.boxes.seed("salesforce", "subscriptions", 8, offset=300)
    sizes = {
        entity: len(await world.boxes.records("alguna", entity)) + len(await world.boxes.records("salesforce", entity))
        for entity in ("accounts", "contacts", "subscriptions")
    }
    fault = {"fault": "drop_after_commit", "every": 3, "times": None}
    for system, path in (("salesforce", "composite/sobjects$"), ("alguna", "^/(customers|subscriptions)")):
        match = {"method": "POST|PATCH", "path": path}
        await world.boxes.control(system, "POST", "faults", {"match": match, **fault})
    await world.configure(
        "accounts", "contacts", "subscriptions", entityOptions={"accounts": {"defaultCurrency": "EUR"}}
    )
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        for system in ("alguna", "salesforce"):
            await world.boxes.control(system, "DELETE", "faults")
        await world.sync()
        for entity, size in sizes.items():
            for system in ("alguna", "salesforce"):
                assert len(await world.boxes.records(system, entity)) == size, (system, entity)
            assert await world.linked(Entity(entity)) == size
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []
