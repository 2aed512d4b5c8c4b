"""Record filters in both directions: who takes part, and what happens to records that leave and enter (P26, I3, I6)."""

from __future__ import annotations

from typing import Any

import pytest

from activities.contracts import Mode
from store.tables.runs import Run
from tests.engine.test_agreement import BOTH, one, quiet
from tests.engine.world import World

IN_LONDON = {"field": "billingAddress.city", "op": "eq", "value": "London"}
NAME_ONLY = {"accounts": BOTH["accounts"][:2]}


def filtered(**sides: Any) -> dict[str, Any]:
    return {
        "mappings": NAME_ONLY,
        "entityOptions": {"accounts": {"filter": sides, "defaultCurrency": "EUR"}},
    }


async def people(world: World, *cities: str) -> list[str]:
    """Alguna customers in these cities."""
    ids = await world.boxes.seed("alguna", "accounts", len(cities))
    for record_id, city in zip(ids, cities, strict=True):
        await move(world, record_id, city)
    return ids


async def move(world: World, record_id: str, city: str, **changes: Any) -> None:
    """A person moves a customer to another city, which is not mapped."""
    row = await one(world, "alguna", "accounts", id=record_id)
    await world.boxes.edit(
        "alguna", "accounts", record_id, billing_address={**row["billing_address"], "city": city}, **changes
    )


async def counts(world: World, run: Run) -> dict[str, Any]:
    assert run.status == "completed", run.problem
    return (await world.counts(run))["accounts"]


async def partner(world: World, record_id: str) -> dict[str, Any]:
    return await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=record_id)


async def test_p26_only_records_inside_take_part_and_the_others_are_counted(world: World) -> None:
    inside, outside, _ = await people(world, "London", "Paris", "Paris")
    await world.boxes.control("salesforce", "POST", "records/accounts", {"Name": "Prospect Ltd", "Type": "Prospect"})
    await world.boxes.control(
        "salesforce", "POST", "records/accounts", {"Name": "Customer Ltd", "Type": "Customer - Direct"}
    )
    external = {"field": "Type", "op": "ne", "value": "Prospect"}
    await world.configure("accounts", **filtered(alguna={"any": [IN_LONDON, created()]}, external=external))
    async with world.worker():
        found = await counts(world, await world.sync())
        assert (found["external"]["created"], found["external"]["skipped"]) == (1, 2)
        assert found["alguna"] == {"created": 1, "skipped": 1}
        assert await world.linked() == 2
        assert {row["Name"] for row in await world.boxes.records("salesforce", "accounts")} >= {"Prospect Ltd"}
        await one(world, "alguna", "accounts", name="Customer Ltd")
        await world.boxes.clear_calls()
        again = await counts(world, await world.sync())
        assert await world.boxes.writes() == []
        assert again["external"]["skipped"] == 2, "they are counted every time"
        await move(world, outside, "London")
        await world.sync()
        assert (await partner(world, outside))["Name"] == (await one(world, "alguna", "accounts", id=outside))["name"]
        await quiet(world)
    assert inside != outside


def created() -> dict[str, Any]:
    """Customers made by the sync have no address."""
    return {"field": "billingAddress.city", "op": "is_blank"}


async def test_i3_a_record_that_leaves_rests_and_comes_back_with_all_edits_merged(world: World) -> None:
    """The filter's field is not mapped, so nothing but the filter shows that the record left and came back."""
    [record_id] = await people(world, "London")
    await world.configure("accounts", **filtered(alguna=IN_LONDON))
    async with world.worker():
        await world.sync()
        theirs = await partner(world, record_id)
        await move(world, record_id, "Paris", name="Renamed while leaving")
        await world.boxes.clear_calls()
        left = await counts(world, await world.sync())
        assert left["external"] == {"skipped": 1}
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Email__c="while@resting.example")
        rested = await counts(world, await world.sync())
        assert rested["alguna"]["skipped"] == 1
        assert await world.boxes.writes() == []
        assert (await partner(world, record_id))["Name"] == theirs["Name"]
        assert await world.linked() == 1
        await move(world, record_id, "London")
        await world.sync()
        assert (await partner(world, record_id))["Name"] == "Renamed while leaving"
        ours = await one(world, "alguna", "accounts", id=record_id)
        assert [item["email"] for item in ours["contacts"] if item["is_primary"]] == ["while@resting.example"]
        await quiet(world)


async def test_i2_unlink_takes_the_pair_apart_until_it_is_inside_again(world: World) -> None:
    [record_id] = await people(world, "London")
    await world.configure("accounts", **filtered(alguna=IN_LONDON, onLeave="unlink"))
    async with world.worker():
        await world.sync()
        theirs = await partner(world, record_id)
        await move(world, record_id, "Paris")
        await world.sync()
        assert await world.linked() == 0
        await world.boxes.clear_calls()
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Edited Apart")
        for mode in (Mode.INCREMENTAL, Mode.FULL):
            found = await counts(world, await world.sync(mode))
            assert found["alguna"] == {"skipped": 1}, "its partner is outside: it is not made anew in Alguna"
        assert await world.boxes.writes() == []
        await move(world, record_id, "London")
        await world.sync()
        assert await world.linked() == 1
        names = {(await partner(world, record_id))["Name"]}
        names.add((await one(world, "alguna", "accounts", id=record_id))["name"])
        assert len(names) == 1, "linked again, the rule decides what differs"
        assert len(await world.boxes.records("salesforce", "accounts")) == 1
        await quiet(world)


async def test_archive_puts_the_partner_away_and_entering_makes_a_new_one(world: World) -> None:
    [record_id] = await people(world, "London")
    await world.configure("accounts", **filtered(alguna=IN_LONDON, onLeave="archive"))
    async with world.worker():
        await world.sync()
        await move(world, record_id, "Paris")
        found = await counts(world, await world.sync())
        assert found["external"]["archived"] == 1
        assert await world.boxes.records("salesforce", "accounts") == []
        await quiet(world)
        await move(world, record_id, "London")
        await world.sync()
        assert (await partner(world, record_id))["Name"]
        assert await world.linked() == 1
        await quiet(world)


@pytest.mark.parametrize("marked", [True, False])
async def test_i2_a_record_whose_partner_is_outside_is_neither_linked_nor_made_twice(
    world: World, marked: bool
) -> None:
    [record_id] = await people(world, "Paris")
    ours = await one(world, "alguna", "accounts", id=record_id)
    marker = {"Alguna_Customer_ID__c": record_id} if marked else {}
    await world.boxes.control("salesforce", "POST", "records/accounts", {"Name": ours["name"], **marker})
    await world.configure("accounts", **filtered(alguna=IN_LONDON))
    async with world.worker():
        found = await counts(world, await world.sync())
        assert (found["alguna"], found["external"]) == ({"skipped": 1}, {"skipped": 1})
        assert len(await world.boxes.records("alguna", "accounts")) == 1
        assert await world.linked() == 0
        await move(world, record_id, "London")
        await world.sync()
        assert await world.linked() == 1
        assert len(await world.boxes.records("salesforce", "accounts")) == 1
        await quiet(world)
