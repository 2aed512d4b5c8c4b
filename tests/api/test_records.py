"""Single records and links: where they stand, set and removed by a person."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from core.errors import ErrorType, RecordFailure
from core.merge import FieldBase
from core.records import Entity, Record, Side
from core.values import Value
from store import errors, links, staging, trails
from store.errors import FailedRecord
from store.links import NewLink
from store.scope import Scope
from store.trails import Trail
from store.types import utc_now
from tests.api.world import World

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


async def add_link(world: World, alguna_id: str = "cus_1", external_id: str = "001A") -> Scope:
    scope = Scope(world.id, Entity.ACCOUNTS)
    base = {"mrr": FieldBase(Decimal("12.50"), Decimal("12.5")), "name": FieldBase("A", "B", AT, True)}
    async with world.backend.db.transaction() as session:
        await links.add(session, scope, [NewLink(alguna_id, external_id, "name", base)], config_version=1, at=AT)
    return scope


async def test_a_link_is_found_by_either_id(world: World) -> None:
    await world.configure()
    await add_link(world)
    by_alguna = await world.call("GET", "/{id}/links/accounts?algunaId=cus_1")
    assert (by_alguna["externalId"], by_alguna["status"], by_alguna["rule"]) == ("001A", "active", "name")
    assert await world.call("GET", "/{id}/links/accounts?externalId=001A") == by_alguna
    assert await world.call("GET", "/{id}/links/accounts/cus_1") == by_alguna
    for path in ("?algunaId=cus_2", "?externalId=001B", "/cus_2", "?algunaId=cus_1&externalId=001B"):
        await world.call("GET", "/{id}/links/accounts" + path, status=404)
    await world.call("GET", "/{id}/links/contacts?algunaId=cus_1", status=404)
    everything = await world.call("GET", "/{id}/links/accounts")
    assert everything == {"data": [by_alguna], "pagination": {"perPage": 20, "totalPages": 1}}


async def test_a_person_links_and_unlinks_records(world: World) -> None:
    await world.configure()
    [ours] = (await world.control("alguna", "seed", {"entity": "accounts", "count": 1, "seed": 1}))["ids"]
    theirs = (await world.control("salesforce", "seed", {"entity": "accounts", "count": 2, "seed": 2}))["ids"]
    path = f"/{{id}}/links/accounts/{ours}"
    linked = await world.call("PUT", path, {"externalId": theirs[0]})
    assert (linked["externalId"], linked["rule"]) == (theirs[0], "person")
    assert await world.call("PUT", path, {"externalId": theirs[0]}) == linked
    await world.call("PUT", path, {"externalId": theirs[1]}, 409)
    assert await world.refused("PUT", "/{id}/links/accounts/cus_nobody", {"externalId": theirs[1]}, 404) == []
    async with world.backend.db.transaction() as session:
        inbox = await staging.take_inbox(session, Scope(world.id, Entity.ACCOUNTS), "p", 10)
    assert [(item.side, item.record_id) for item in inbox] == [(Side.ALGUNA, ours), (Side.EXTERNAL, theirs[0])]
    await world.call("DELETE", path, status=204)
    await world.call("DELETE", path, status=404)
    gone = await world.call("GET", path)
    assert (gone["status"], gone["reason"]) == ("tombstoned", "unlinked by a person")
    assert await world.refused("PUT", path, {"externalId": "001000000000000AAA"}) == ["externalId"]
    assert (await world.call("PUT", path, {"externalId": theirs[1]}))["status"] == "active"


async def test_a_records_state_shows_base_and_trail(world: World) -> None:
    await world.configure()
    scope = await add_link(world)
    decisions: list[dict[str, Value]] = [
        {"field": "mrr", "action": "to_external", "rule": "direction", "alguna": Decimal("12.50")}
    ]
    async with world.backend.db.transaction() as session:
        await trails.record(session, scope, [Trail("cus_1", "001A", decisions)], AT, pass_id="p", run_id="sync_1")
    for record_id in ("cus_1", "001A"):
        shown = await world.call("GET", f"/{{id}}/sync-state/accounts/{record_id}")
        assert (shown["status"], shown["algunaId"], shown["externalId"]) == ("synced", "cus_1", "001A")
        assert shown["lastSyncAt"] == "2026-05-04T12:00:00.000Z"
        assert shown["base"]["mrr"] == {"alguna": 12.5, "external": 12.5, "editedAt": None, "drift": False}
        assert shown["base"]["name"]["drift"] is True
        assert (shown["audit"][0]["syncId"], shown["audit"][0]["passId"]) == ("sync_1", "p")
        assert shown["audit"][0]["decisions"][0]["alguna"] == 12.5
    await world.call("GET", "/{id}/sync-state/accounts/cus_2", status=404)
    state = await world.call("GET", "/{id}/sync-state")
    assert (state["entities"]["accounts"]["linked"], state["entities"]["accounts"]["drift"]) == (1, 1)


async def test_a_records_state_names_what_it_waits_for(world: World) -> None:
    await world.configure()
    scope = await add_link(world)

    async def status(record_id: str) -> str:
        word: str = (await world.call("GET", f"/{{id}}/sync-state/accounts/{record_id}"))["status"]
        return word

    async with world.backend.db.transaction() as session:
        failure = RecordFailure(ErrorType.FIELD_VALIDATION, "too long", "Name")
        failed = [FailedRecord(Side.EXTERNAL, "cus_1", "cus_1", "001A", failure)]
        await errors.open_errors(session, scope, None, failed, utc_now())
        await staging.put(session, scope, [(Record(Side.ALGUNA, Entity.ACCOUNTS, "cus_2", {}), None)], read_at=AT)
        await staging.put(session, scope, [(Record(Side.ALGUNA, Entity.ACCOUNTS, "cus_3", {}), None)], read_at=AT)
        parked = await staging.find(session, scope, Side.ALGUNA, ["cus_3"])
        await staging.park(session, [parked["cus_3"].row_id])
        await links.remember_unlinked(session, scope, Side.EXTERNAL, {"001Z": ("", "skipped", "no match")}, 1)
    assert await status("cus_1") == "error"
    assert await status("cus_2") == "pending"
    assert await status("cus_3") == "parked"
    assert await status("001Z") == "skipped"
    async with world.backend.db.transaction() as session:
        await errors.close_errors(session, scope, Side.EXTERNAL, ["cus_1"], None)
        await links.tombstone(session, [1], "gone")
    assert await status("cus_1") == "tombstoned"
    state = (await world.call("GET", "/{id}/sync-state"))["entities"]["accounts"]
    assert (state["pending"], state["parked"]) == (1, 1)
