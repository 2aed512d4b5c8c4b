"""Both directions, three entities: creates, edits, merges, relations, and passes that write nothing (I2-I6)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.registry import provider_spec
from core.records import Entity
from tests.engine.world import World

BOTH = {
    "accounts": [
        {"algunaField": "name", "externalField": "Name", "direction": "bidirectional"},
        {"algunaField": "email", "externalField": "Email__c", "direction": "bidirectional"},
        {"algunaField": "billingAddress.city", "externalField": "BillingCity", "direction": "alguna_to_external"},
    ]
}


async def one(world: World, system: str, entity: str, **wanted: object) -> dict[str, Any]:
    """The one record with these values."""
    rows = [row for row in await world.boxes.records(system, entity) if all(row.get(k) == v for k, v in wanted.items())]
    assert len(rows) == 1, (wanted, rows)
    return rows[0]


async def quiet(world: World) -> None:
    """One more pass: it must write nothing (I4, I5)."""
    await world.boxes.clear_calls()
    run = await world.sync()
    assert run.status == "completed", run.problem
    assert await world.boxes.writes() == []


@pytest.mark.both_databases
async def test_i2_i4_three_entities_come_into_agreement_both_ways(world: World) -> None:
    await world.boxes.seed("alguna", "contacts", 20)
    await world.boxes.seed("alguna", "subscriptions", 10)
    await world.boxes.seed("salesforce", "contacts", 20, offset=6)
    await world.boxes.seed("salesforce", "subscriptions", 4, offset=40)
    before = {
        (system, entity): len(await world.boxes.records(system, entity))
        for system in ("alguna", "salesforce")
        for entity in ("accounts", "contacts", "subscriptions")
    }
    await world.configure(
        "accounts", "contacts", "subscriptions", entityOptions={"accounts": {"defaultCurrency": "EUR"}}
    )
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        counts = await world.counts(run)
        for entity in ("accounts", "contacts", "subscriptions"):
            alguna = await world.boxes.records("alguna", entity)
            external = await world.boxes.records("salesforce", entity)
            assert len(alguna) == len(external) == await world.linked(Entity(entity)), (entity, before, counts)
        # Companies that both sides had were matched, not made twice.
        shared = before["alguna", "accounts"] + before["salesforce", "accounts"]
        assert await world.linked(Entity.ACCOUNTS) < shared
        for row in await world.boxes.records("salesforce", "contacts"):
            assert row["AccountId"] is not None
        await quiet(world)


async def test_i4_an_edit_flows_each_way_and_different_fields_merge(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        first, second, third = await world.boxes.records("alguna", "accounts")
        partner = await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=second["id"])
        shared = await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=third["id"])
        await world.boxes.edit("alguna", "accounts", first["id"], name="Renamed in Alguna")
        await world.boxes.edit("salesforce", "accounts", partner["Id"], Name="Renamed in Salesforce")
        await world.boxes.edit("alguna", "accounts", third["id"], name="Both sides")
        await world.boxes.edit("salesforce", "accounts", shared["Id"], Email__c="both@sides.example")
        run = await world.sync()
        assert run.status == "completed"
        await one(world, "salesforce", "accounts", Name="Renamed in Alguna", Alguna_Customer_ID__c=first["id"])
        await one(world, "alguna", "accounts", name="Renamed in Salesforce", id=second["id"])
        merged = await one(world, "alguna", "accounts", id=third["id"])
        assert [contact["email"] for contact in merged["contacts"] if contact["is_primary"]] == ["both@sides.example"]
        await one(world, "salesforce", "accounts", Name="Both sides", Email__c="both@sides.example")
        await quiet(world)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("strategy", "winner"),
    [("alguna_wins", "From Alguna"), ("external_wins", "From Salesforce"), ("latest_wins", "From Salesforce")],
)
async def test_i3_a_rule_decides_when_both_sides_change_one_field(world: World, strategy: str, winner: str) -> None:
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH, conflictResolution=strategy)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        await world.boxes.control("salesforce", "POST", "behaviour", {"clockSkewSeconds": 3})
        await world.boxes.edit("alguna", "accounts", ours["id"], name="From Alguna")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="From Salesforce")
        await world.sync()
        await one(world, "alguna", "accounts", name=winner)
        await one(world, "salesforce", "accounts", Name=winner)
        await quiet(world)


async def test_i3_a_one_way_field_keeps_the_targets_edit_as_drift_until_the_source_changes(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], BillingCity="Drifted")
        await quiet(world)
        await one(world, "salesforce", "accounts", BillingCity="Drifted")
        address = {**ours["billing_address"], "city": "Moved"}
        await world.boxes.edit("alguna", "accounts", ours["id"], billing_address=address)
        await world.sync()
        await one(world, "salesforce", "accounts", BillingCity="Moved")
        await quiet(world)


async def test_i5_a_vendors_trimming_settles_in_one_pass(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        await world.boxes.edit("alguna", "accounts", ours["id"], name="  Spaced out  ")
        await world.sync()
        await one(world, "salesforce", "accounts", Name="Spaced out")
        await one(world, "alguna", "accounts", name="  Spaced out  ")
        await quiet(world)


async def test_i6_a_rejected_value_is_an_open_error_until_it_is_mended(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        await world.boxes.edit("alguna", "accounts", ours["id"], name="x" * 300)
        run = await world.sync()
        assert run.status == "completed_with_errors"
        assert (await world.counts(run))["accounts"]["external"]["failed"] == 1
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == [], "a refused value is not sent again by itself"
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Short enough")
        run = await world.sync()
        assert run.status == "completed"
        await one(world, "salesforce", "accounts", Name="Short enough")


async def test_i3_an_edit_made_between_reading_and_writing_goes_back_to_the_merge(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", mappings=BOTH, conflictResolution="alguna_wins")
    async with world.worker():
        await world.sync()
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        customer = theirs["Alguna_Customer_ID__c"]
        # The look at the customer just before its write takes a while; a person edits it meanwhile.
        match = {"method": "GET", "path": f"/customers/{customer}"}
        slow = {"match": match, "fault": "slow", "retryAfter": 1.5, "times": 1}
        await world.boxes.control("alguna", "POST", "faults", slow)
        await world.boxes.edit(
            "salesforce", "accounts", theirs["Id"], Name="Salesforce wants", Email__c="kept@mail.example"
        )
        await world.boxes.clear_calls()
        handle = await world.start()
        async with asyncio.timeout(30):
            while not any(customer in call["path"] for call in await world.boxes.calls("alguna")):
                await asyncio.sleep(0.01)
        await world.boxes.edit("alguna", "accounts", customer, name="Alguna wants")
        async with asyncio.timeout(60):
            await handle.result()
        await one(world, "alguna", "accounts", id=customer, name="Alguna wants")
        await one(world, "salesforce", "accounts", Id=theirs["Id"], Name="Alguna wants", Email__c="kept@mail.example")
        await quiet(world)


async def test_i3_a_new_mapping_fills_nothing_over_values_it_has_not_seen(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    only_name = {"accounts": BOTH["accounts"][:1]}
    await world.configure("accounts", mappings=only_name)
    async with world.worker():
        await world.sync()
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Email__c="theirs@mail.example")
        await world.sync()
        await world.configure("accounts", mappings=BOTH, conflictResolution="external_wins")
        await world.sync()
        await one(world, "salesforce", "accounts", Id=theirs["Id"], Email__c="theirs@mail.example")
        ours = await one(world, "alguna", "accounts", id=theirs["Alguna_Customer_ID__c"])
        assert ours["contacts"][0]["email"] == "theirs@mail.example"
        await quiet(world)


async def test_i3_a_contact_that_is_there_before_its_create_is_linked_and_keeps_its_names(world: World) -> None:
    """Creating the customer makes its primary contact; the other side's contact must find it, not lose its names."""
    row = {"Name": "Late Pairing Ltd", "Email__c": "ida@pairing.example"}
    account = await world.boxes.control("salesforce", "POST", "records/accounts", row)
    contact = {
        "LastName": "Lund",
        "FirstName": "Ida",
        "Email": "ida@pairing.example",
        "AccountId": account.get("Id") or account.get("id"),
    }
    await world.boxes.control("salesforce", "POST", "records/contacts", contact)
    spec = provider_spec("salesforce")
    mappings = {"accounts": BOTH["accounts"], "contacts": spec.templates()[Entity.CONTACTS]}
    await world.configure("accounts", "contacts", mappings=mappings)
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        await one(world, "salesforce", "contacts", FirstName="Ida", LastName="Lund", Email="ida@pairing.example")
        contacts = await world.boxes.records("alguna", "contacts")
        assert [(item["first_name"], item["last_name"], item["email"]) for item in contacts] == [
            ("Ida", "Lund", "ida@pairing.example")
        ]
        await quiet(world)
