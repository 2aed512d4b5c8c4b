"""HubSpot through the whole engine: both ways, conflicts, lost replies, index lag, limits, dead grants, costs."""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Any

import pytest
from hubspot import HubSpot

from core.records import Entity
from store import writes
from store.connections import ConnectionState
from store.scope import Scope
from tests.engine.test_waiting import decide, one_conflict, until
from tests.engine.world import INTEGRATION, World

ALL = ("accounts", "contacts", "subscriptions")
EURO = {"entityOptions": {"accounts": {"defaultCurrency": "EUR"}}}


@pytest.fixture
def provider() -> str:
    return "hubspot"


async def companies(world: World, entity: str = "accounts") -> dict[str, dict[str, Any]]:
    """HubSpot's records by their Alguna id; each id there once."""
    rows = await world.boxes.records("hubspot", entity)
    found = {row["properties"].get("alguna_id", row["id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


async def edit(world: World, entity: str, record_id: str, **properties: str) -> None:
    """A person edits a record in HubSpot."""
    await world.boxes.edit("hubspot", entity, record_id, properties=properties)


async def quiet(world: World) -> None:
    await world.boxes.clear_calls()
    run = await world.sync()
    assert run.status == "completed", run.problem
    assert await world.boxes.writes() == []


async def client_of(world: World) -> Any:
    """HubSpot's own client."""
    given = await world.boxes.control("hubspot", "GET", "credentials")
    return HubSpot(access_token=given["accessToken"], host=world.boxes.external.url)


async def test_i2_i4_three_entities_come_into_agreement_and_the_vendors_client_sees_it(world: World) -> None:
    for system, offset in (("alguna", 0), ("hubspot", 6)):
        await world.boxes.seed(system, "contacts", 14, offset=offset)
        await world.boxes.seed(system, "subscriptions", 5, offset=offset * 5)
    await world.configure(*ALL, **EURO)
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        for entity in ALL:
            sizes = {len(await world.boxes.records(system, entity)) for system in ("alguna", "hubspot")}
            assert sizes == {await world.linked(Entity(entity))}, (entity, await world.counts(run))
        assert (await world.counts(run))["accounts"]["linked"] > 0, "those known to both under other spellings"
        await quiet(world)
    hub = await client_of(world)
    deals = await asyncio.to_thread(hub.crm.deals.get_all, properties=["dealname", "alguna_id"])
    ours = {row["id"]: row["name"] for row in await world.boxes.records("alguna", "subscriptions")}
    assert {deal.properties["alguna_id"]: deal.properties["dealname"] for deal in deals} == ours
    rows = await asyncio.to_thread(hub.crm.contacts.get_all, properties=["email"], associations=["companies"])
    assert all(row.associations["companies"].results for row in rows)
    emails = {
        contact["email"] for row in await world.boxes.records("alguna", "accounts") for contact in row["contacts"]
    }
    assert {row.properties["email"] for row in rows} == emails


async def test_i3_edits_flow_each_way_and_a_conflict_waits_for_a_person(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    mappings = {
        "accounts": [
            {"algunaField": "name", "externalField": "name", "conflictResolution": "manual", "required": True},
            {"algunaField": "billingAddress.city", "externalField": "city", "direction": "alguna_to_external"},
        ]
    }
    await world.configure("accounts", mappings=mappings)
    async with world.worker():
        await world.sync()
        first, second, third = await world.boxes.records("alguna", "accounts")
        partner = await companies(world)
        await world.boxes.edit("alguna", "accounts", first["id"], name="From Alguna")
        await edit(world, "accounts", partner[second["id"]]["id"], name="From HubSpot")
        await world.boxes.edit("alguna", "accounts", third["id"], name="Ours")
        await edit(world, "accounts", partner[third["id"]]["id"], name="Theirs")
        run = await world.sync()
        assert (await world.counts(run))["accounts"]["conflicts"] == 1
        assert (await companies(world))[first["id"]]["properties"]["name"] == "From Alguna"
        assert (await world.boxes.records("alguna", "accounts"))[1]["name"] == "From HubSpot"
        await decide(world, await one_conflict(world), {"name": "external"})

        async def agreed() -> bool:
            return bool((await world.boxes.records("alguna", "accounts"))[2]["name"] == "Theirs")

        await until(agreed)
        await quiet(world)


async def test_i2_i7_lost_replies_and_an_index_that_lags_make_no_duplicates(world: World) -> None:
    await world.boxes.control("hubspot", "POST", "behaviour", {"indexLagSeconds": 5})
    await world.boxes.seed("alguna", "contacts", 16)
    await world.boxes.seed("hubspot", "contacts", 10, offset=500)
    fault = {"fault": "drop_after_commit", "every": 2, "times": None}
    match = {"method": "POST", "path": "/batch/(create|update)$"}
    await world.boxes.control("hubspot", "POST", "faults", {"match": match, **fault})
    await world.configure("accounts", "contacts", **EURO)
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        await world.boxes.control("hubspot", "DELETE", "faults")
        again = await world.sync()
        assert again.status == "completed", again.problem
        for entity in ("accounts", "contacts"):
            marked = await companies(world, entity)
            assert len(marked) == await world.linked(Entity(entity)) == len(await world.boxes.records("alguna", entity))
        async with world.services.db.session() as session:
            for entity in (Entity.ACCOUNTS, Entity.CONTACTS):
                assert await writes.count_open(session, Scope(INTEGRATION, entity)) == 0
        await quiet(world)


async def test_i3_an_edit_made_after_a_lost_create_survives_the_retry(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts")
    match = {"method": "POST", "path": "/batch/create$"}
    fault = {"match": match, "fault": "drop_after_commit", "times": 1}
    await world.boxes.control("hubspot", "POST", "faults", fault)
    async with world.worker():
        handle = await world.start()
        async with asyncio.timeout(30):
            while not (rows := await world.boxes.records("hubspot", "accounts")):
                await asyncio.sleep(0.005)
        await edit(world, "accounts", rows[0]["id"], name="Edited by a person")
        await handle.result()
        await world.sync()
        assert [row["name"] for row in await world.boxes.records("alguna", "accounts")] == ["Edited by a person"]
        assert [row["properties"]["name"] for row in (await companies(world)).values()] == ["Edited by a person"]


async def test_i11_a_storm_of_limits_is_ridden_out(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 120)
    storm = {"fault": "rate_limit", "every": 2, "times": 3, "retryAfter": 0.5}
    await world.boxes.control("hubspot", "POST", "faults", {"match": {"path": "/crm/"}, **storm})
    await world.configure("accounts")
    async with world.worker():
        run = await world.sync()
    assert run.status == "completed", run.problem
    assert len(await companies(world)) == await world.linked() == 120
    calls = await world.boxes.calls("hubspot")
    assert [call["status"] for call in calls].count(429) >= 3
    assert len(calls) < 30, "limited calls are spaced, not hammered"


async def test_i7_a_revoked_grant_pauses_the_run_and_a_reconnect_lets_it_go_on(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 600)
    await world.configure("accounts")
    slow = {"match": {"method": "POST", "path": "/batch/create$"}, "fault": "slow", "retryAfter": 1}
    await world.boxes.control("hubspot", "POST", "faults", slow)
    async with world.worker():
        handle = await world.start()

        async def begun() -> bool:
            return bool(await world.boxes.records("hubspot", "accounts"))

        async def paused() -> bool:
            return (await world.run_row(handle)).status == "paused"

        await until(begun)
        await world.boxes.control("hubspot", "POST", "auth", {"action": "revoke_grant"})
        await until(paused)
        assert ((await world.run_row(handle)).problem or {})["type"] == "auth_expired"
        assert await world.services.connections.state(INTEGRATION) is ConnectionState.AUTH_EXPIRED
        await world.boxes.control("hubspot", "DELETE", "faults")
        await world.boxes.control("hubspot", "POST", "auth", {"action": "restore"})
        await world.reconnect()
        async with asyncio.timeout(20):
            await handle.result()
        assert (await world.run_row(handle)).status == "completed"
        assert len(await companies(world)) == await world.linked() == 600


async def test_i10_a_first_sync_stays_near_the_floor_and_a_quiet_pass_costs_two_calls(world: World) -> None:
    count = 400
    await world.boxes.seed("alguna", "accounts", count)
    await world.configure("accounts")
    async with world.worker():
        await world.sync()
        assert await world.linked() == count
        used = [len(await world.boxes.calls(system)) for system in ("alguna", "hubspot")]
        floor = ceil(count / 100) + 1 + ceil(count / 100)
        assert sum(used) <= 1.05 * floor + 15, used
        # The next pass reads our own writes once, from the cursor before them; then they lie behind it.
        await world.boxes.control("hubspot", "POST", "behaviour", {"clockSkewSeconds": 600})
        await world.sync()
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []
        quiet_calls = [call["path"] for call in await world.boxes.calls("hubspot")]
        assert [path.rpartition("/")[2] for path in quiet_calls] == ["search", "companies"]


async def test_p13_p25_merges_move_links_and_a_late_company_brings_its_contact(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts", "contacts", **EURO)
    async with world.worker():
        await world.sync()
        first, _ = await world.boxes.records("alguna", "accounts")
        linked = (await companies(world))[first["id"]]["id"]
        body = {"properties": {"email": "late@mail.example", "firstname": "Late", "lastname": "Comer"}}
        late = await world.boxes.control("hubspot", "POST", "records/contacts", body)
        run = await world.sync()
        assert (await world.counts(run))["contacts"]["alguna"]["skipped"] == 1, "it belongs to no company"
        await world.boxes.edit("hubspot", "contacts", late["id"], associations=[linked])
        await world.sync()
        ours = next(row for row in await world.boxes.records("alguna", "accounts") if row["id"] == first["id"])
        assert "late@mail.example" in {contact["email"] for contact in ours["contacts"]}

        extra = await world.boxes.control("hubspot", "POST", "records/accounts", {"properties": {"name": "Survivor"}})
        await world.boxes.edit("hubspot", "accounts", linked, mergedInto=extra["id"])
        run = await world.sync()
        assert run.status in ("completed", "completed_with_errors")
        await world.boxes.edit("alguna", "accounts", first["id"], name="After the merge")
        await world.sync()
        survivor = await world.boxes.control("hubspot", "GET", f"records/accounts/{extra['id']}")
        assert survivor["properties"]["name"] == "After the merge"
        assert len(await world.boxes.records("hubspot", "accounts")) == 2


async def test_a_contact_removed_in_alguna_is_archived_in_hubspot_where_configured(world: World) -> None:
    await world.boxes.seed("alguna", "contacts", 4)
    await world.configure("accounts", "contacts", onDelete={"toExternal": "archive"})
    async with world.worker():
        await world.sync()
        account = (await world.boxes.records("alguna", "accounts"))[0]
        gone = next(contact for contact in account["contacts"] if not contact["is_primary"])
        await world.boxes.control("alguna", "DELETE", f"records/contacts/{gone['id']}")
        await world.sync()
        left = {row["properties"]["email"] for row in await world.boxes.records("hubspot", "contacts")}
        assert gone["email"] not in left
        archived = await world.boxes.records("hubspot", "contacts", deleted=True)
        assert [row["properties"]["email"] for row in archived if row["archived"]] == [gone["email"]]
        await quiet(world)
