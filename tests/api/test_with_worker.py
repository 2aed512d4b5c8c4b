"""The API and a real worker together: what a person asks for happens in both systems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.world import World
from worker import make_engine, make_worker

FIELDS = [
    {"algunaField": "name", "externalField": "Name", "required": True, "conflictResolution": "manual"},
    {"algunaField": "email", "externalField": "Email__c"},
]


@pytest.fixture
async def working(world: World) -> AsyncIterator[World]:
    """The world with a worker in this process."""
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        yield world
    await engine.close()


async def until(world: World, path: str, **wanted: Any) -> Any:
    """Read a resource until it has these values."""
    async with asyncio.timeout(60):
        while True:
            found = await world.call("GET", path)
            if all(found[key] == value for key, value in wanted.items()):
                return found
            await asyncio.sleep(0.1)


async def until_listed(world: World, path: str) -> None:
    """Read a list until it is not empty."""
    async with asyncio.timeout(60):
        while not (await world.call("GET", path))["data"]:
            await asyncio.sleep(0.1)


async def synced(world: World, body: object = None) -> Any:
    started = await world.call("POST", "/{id}/sync", body, 202)
    return await until(world, f"/{{id}}/sync-history/{started['syncId']}", status="completed")


async def edit(world: World, system: str, record_id: str, **changes: object) -> None:
    reply = await world.http.patch(f"{world.sandboxes[system]}/_sandbox/records/accounts/{record_id}", json=changes)
    reply.raise_for_status()


async def name_of(world: World, system: str, record_id: str) -> str:
    row = (await world.http.get(f"{world.sandboxes[system]}/_sandbox/records/accounts/{record_id}")).json()
    return str(row["name"] if system == "alguna" else row["Name"])


async def test_a_sync_a_conflict_and_its_resolution(working: World) -> None:
    world = working
    ids = (await world.control("alguna", "seed", {"entity": "accounts", "count": 5, "seed": 3}))["ids"]
    await world.configure(mappings={"accounts": FIELDS})
    run = await synced(world)
    assert run["stats"]["accounts"]["toExternal"]["created"] == 5
    assert run["apiCalls"]["external"] > 0
    records = await world.call("GET", f"/{{id}}/sync-history/{run['syncId']}/records")
    assert {item["algunaId"] for item in records["data"]} == set(ids)
    external_id = (await world.call("GET", f"/{{id}}/links/accounts/{ids[0]}"))["externalId"]
    await edit(world, "alguna", ids[0], name="Ours GmbH")
    await edit(world, "salesforce", external_id, Name="Theirs GmbH")
    await synced(world)
    [conflict] = (await world.call("GET", "/{id}/conflicts?status=open"))["data"]
    assert [(item["alguna"], item["external"]) for item in conflict["fields"]] == [("Ours GmbH", "Theirs GmbH")]
    state = await world.call("GET", f"/{{id}}/sync-state/accounts/{external_id}")
    assert state["status"] == "conflict"
    body = {"version": conflict["version"], "resolution": "fields", "fields": {"name": {"value": "Both GmbH"}}}
    await world.call("POST", f"/{{id}}/conflicts/{conflict['id']}/resolve", body)
    await until(world, f"/{{id}}/conflicts/{conflict['id']}", status="resolved")
    await until_listed(world, "/{id}/sync-history?trigger=resolution&status=completed")
    assert await name_of(world, "alguna", ids[0]) == await name_of(world, "salesforce", external_id) == "Both GmbH"
    trail = (await world.call("GET", f"/{{id}}/sync-state/accounts/{ids[0]}"))["audit"]
    assert any(item["field"] == "name" for entry in trail for item in entry["decisions"])


async def test_a_paused_sync_waits_and_goes_on(working: World) -> None:
    world = working
    await world.control("alguna", "seed", {"entity": "accounts", "count": 3, "seed": 3})
    await world.configure()
    await world.call("POST", "/{id}/pause")
    started = await world.call("POST", "/{id}/sync", status=202)
    await until(world, "/{id}/sync-state", status="paused", currentSyncId=started["syncId"])
    assert await working_records(world) == 0
    await world.call("POST", "/{id}/resume")
    await until(world, f"/{{id}}/sync-history/{started['syncId']}", status="completed")
    assert await working_records(world) == 3


async def test_a_dead_grant_waits_for_the_reconnect(working: World) -> None:
    world = working
    await world.control("alguna", "seed", {"entity": "accounts", "count": 3, "seed": 3})
    await world.configure()
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    started = await world.call("POST", "/{id}/sync", status=202)
    path = f"/{{id}}/sync-history/{started['syncId']}"
    assert (await until(world, path, status="paused"))["problem"]["type"] == "auth_expired"
    assert (await world.call("GET", "/{id}/sync-state"))["connection"]["external"] == "auth_expired"
    await world.control("salesforce", "auth", {"action": "restore"})
    await world.call("POST", "/{id}/reconnect", {"credentials": await world.credentials("salesforce")})
    await until(world, path, status="completed")
    assert await working_records(world) == 3


async def test_a_canceled_sync_ends_as_canceled(working: World) -> None:
    world = working
    await world.configure()
    await world.call("POST", "/{id}/pause")
    started = await world.call("POST", "/{id}/sync", status=202)
    path = f"/{{id}}/sync-history/{started['syncId']}"
    await until(world, "/{id}/sync-state", status="paused", currentSyncId=started["syncId"])
    await world.call("POST", path + "/cancel", status=202)
    await until(world, path, status="canceled")


async def test_a_sync_that_waits_for_a_reconnect_can_be_canceled(working: World) -> None:
    world = working
    await world.configure()
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    started = await world.call("POST", "/{id}/sync", status=202)
    path = f"/{{id}}/sync-history/{started['syncId']}"
    await until(world, path, status="paused")
    await world.call("POST", path + "/cancel", status=202)
    await until(world, path, status="canceled")
    await world.call("POST", path + "/cancel", status=409)


async def working_records(world: World) -> int:
    reply = await world.http.get(f"{world.sandboxes['salesforce']}/_sandbox/records/accounts")
    total: int = reply.json()["total"]
    return total


async def test_a_dry_run_shows_what_would_be_written_and_leaves_everything_as_it_is(working: World) -> None:
    world = working
    seeded = await world.control("alguna", "seed", {"entity": "accounts", "count": 3})
    await world.configure(mappings={"accounts": FIELDS})
    await synced(world)
    ours = seeded["ids"][0]
    await edit(world, "alguna", ours, name="Renamed by a person")
    body = {"entities": ["accounts"], "recordIds": [ours], "dryRun": True}
    for asked in (body, {"dryRun": True}):
        run = await synced(world, asked)
        assert run["dryRun"] is True
        assert run["stats"]["accounts"]["toExternal"]["updated"] == 1
        assert run["plannedCalls"] == {"alguna": 0, "external": 2}, "one write, and the read that confirms it"
        records = (await world.call("GET", f"/{{id}}/sync-history/{run['syncId']}/records"))["data"]
        changes = [item for row in records for item in row["changes"] or []]
        assert [(item["field"], item["to"], item["rule"]) for item in changes] == [
            ("Name", "Renamed by a person", "only_change")
        ]
        link = await world.call("GET", f"/{{id}}/links/accounts/{ours}")
        assert await name_of(world, "salesforce", link["externalId"]) == changes[0]["from"]
    state = await world.call("GET", "/{id}/sync-state")
    assert state["entities"]["accounts"]["pending"] == 0
    assert (await synced(world))["dryRun"] is False
    assert await name_of(world, "salesforce", link["externalId"]) == "Renamed by a person"
