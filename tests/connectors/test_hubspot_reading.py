"""Reading from HubSpot: ties, index lag, deletions, merges, associations, keys, versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.hubspot import reader, spec
from connectors.hubspot.cursors import Cursor
from connectors.protocols import Connector, FetchRequest, Page, WriteStatus
from core.errors import FieldValidation
from core.records import Entity, OperationKind, Record, Side
from core.values import Value
from tests.connectors.support import Control, MemoryTokens, Services, fetch_all, operation
from tests.openapi import hubspot as official

NAMES = {Entity.ACCOUNTS: "name", Entity.CONTACTS: "email", Entity.SUBSCRIPTIONS: "dealname"}


def ask(entity: Entity, cursor: str | None = None, position: str | None = None) -> FetchRequest:
    return FetchRequest(entity, {entity: [NAMES[entity]]}, cursor, full=False, position=position)


async def person(hubspot: Control, entity: Entity, name: str, **more: Any) -> str:
    """A person makes a record."""
    own = {"dealstage": "qualifiedtobuy"} if entity is Entity.SUBSCRIPTIONS else {}
    return str((await hubspot.create(entity, {"properties": {NAMES[entity]: name, **own}, **more}))["id"])


async def changes(connector: Connector, entity: Entity, cursor: str) -> tuple[dict[str, Record], str]:
    records, later, _ = await fetch_all(connector, ask(entity, cursor))
    return {record.id: record for record in records}, later


async def later_than_overlap(hubspot: Control) -> None:
    """So much time passes that what was written lies behind the next cursor."""
    await hubspot.post("behaviour", {"clockSkewSeconds": 3 * spec.OVERLAP_SECONDS})


async def test_p8_many_records_with_one_modification_time_are_each_read_once(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS))
    body = {"inputs": [{"properties": {"name": f"Row {number}"}, "associations": []} for number in range(100)]}
    given = await hubspot.credentials()
    for _ in range(5):
        await call(hubspot, given, "POST", "/crm/v3/objects/companies/batch/create", body)

    await hubspot.forget_calls()
    records, _, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS, cursor))
    assert len(records) == len({record.id for record in records}) == 500
    searches = await hubspot.calls("/search")
    assert len(searches) == 3
    assert {search["body"]["after"] for search in searches} == {"0"}, "no offset, so no cap"


async def call(hubspot: Control, given: dict[str, str], method: str, path: str, body: object) -> Any:
    """A call over the wire, as another app would make it."""
    async with httpx.AsyncClient(base_url=hubspot.url, trust_env=False) as http:
        headers = {"Authorization": f"Bearer {given['accessToken']}"}
        answer = await http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


async def test_p9_a_record_that_the_index_shows_late_is_read_by_the_next_pass(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS))
    await hubspot.post("behaviour", {"indexLagSeconds": 30})
    late = await person(hubspot, Entity.ACCOUNTS, "Late Works")
    found, cursor = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert late not in found
    await hubspot.post("behaviour", {"clockSkewSeconds": 40})
    found, _ = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert late in found


async def test_i10_a_read_without_changes_costs_two_calls(hubspot: Control, hubspot_connector: Connector) -> None:
    await hubspot.seed(Entity.CONTACTS, 250)
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.CONTACTS))
    await later_than_overlap(hubspot)
    _, cursor = await changes(hubspot_connector, Entity.CONTACTS, cursor)
    await hubspot.forget_calls()
    found, _ = await changes(hubspot_connector, Entity.CONTACTS, cursor)
    assert found == {}
    assert [item["path"].rpartition("/")[2] for item in await hubspot.calls()] == ["search", "contacts"]


async def test_deletions_come_from_the_recycle_bin_once(hubspot: Control, hubspot_connector: Connector) -> None:
    ids = await hubspot.seed(Entity.ACCOUNTS, 5)
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS))
    await hubspot.delete(f"records/accounts/{ids[2]}")
    found, cursor = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert [record.id for record in found.values() if record.deleted] == [ids[2]]
    assert (await hubspot_connector.read(Entity.ACCOUNTS, [ids[2]], ["name"]))[ids[2]].deleted
    await later_than_overlap(hubspot)
    _, cursor = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    found, _ = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert found == {}


async def test_a_large_recycle_bin_is_read_once_an_hour(hubspot: Control, hubspot_connector: Connector) -> None:
    for record_id in await hubspot.seed(Entity.ACCOUNTS, 210):
        await hubspot.delete(f"records/accounts/{record_id}")
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS))
    pages = []
    for skew in (0, 600, spec.BIN_SECONDS + 60):
        await hubspot.post("behaviour", {"clockSkewSeconds": skew})
        await hubspot.forget_calls()
        _, cursor = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
        pages.append(sum("archived=true" in item["query"] for item in await hubspot.calls()))
    assert pages == [3, 0, 3]
    assert Cursor.load(cursor).bin_pages == 3


async def test_p13_a_merged_record_is_told_as_gone(hubspot: Control, hubspot_connector: Connector) -> None:
    keep, lose = await hubspot.seed(Entity.ACCOUNTS, 2)
    _, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.ACCOUNTS))
    await hubspot.patch(Entity.ACCOUNTS, lose, {"mergedInto": keep})
    found, _ = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert (found[keep].deleted, found[lose].deleted) == (False, True)
    again = await hubspot_connector.read(Entity.ACCOUNTS, [keep, lose], ["name"])
    assert (again[keep].deleted, again[lose].deleted) == (False, True)
    assert found[lose].merged_into == again[lose].merged_into == keep


async def test_p25_every_read_knows_the_company(hubspot: Control, hubspot_connector: Connector) -> None:
    [contact] = await hubspot.seed(Entity.CONTACTS, 1)
    first, second = await hubspot.seed(Entity.ACCOUNTS, 2)
    records, cursor, _ = await fetch_all(hubspot_connector, ask(Entity.CONTACTS))
    assert [record.parent_id for record in records] == [first]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    both = [{"to": {"id": one}, "types": types} for one in (first, second)]
    await hubspot.patch(Entity.CONTACTS, contact, {"associations": both, "properties": {"firstname": "Ada"}})
    found, _ = await changes(hubspot_connector, Entity.CONTACTS, cursor)
    assert found[contact].parent_id == first, "the primary one"
    assert (await hubspot_connector.read(Entity.CONTACTS, [contact], []))[contact].parent_id == first
    await hubspot.patch(Entity.CONTACTS, contact, {"associations": [second]})
    records, _, _ = await fetch_all(hubspot_connector, ask(Entity.CONTACTS))
    assert [record.parent_id for record in records] == [second]
    [looked_up] = await hubspot_connector.look_up(Entity.CONTACTS, "firstname", ["ADA"], ["email"])
    assert (looked_up.id, looked_up.parent_id) == (contact, second)


@pytest.mark.parametrize("entity", [Entity.CONTACTS, Entity.SUBSCRIPTIONS])
async def test_p25_a_company_that_comes_later_is_seen_although_no_time_moves(
    hubspot: Control, hubspot_connector: Connector, entity: Entity
) -> None:
    [company] = await hubspot.seed(Entity.ACCOUNTS, 1)
    alone = [await person(hubspot, entity, f"p{number}@mail.example") for number in range(3)]
    _, cursor, _ = await fetch_all(hubspot_connector, ask(entity))
    await later_than_overlap(hubspot)
    _, cursor = await changes(hubspot_connector, entity, cursor)
    await hubspot.patch(entity, alone[1], {"associations": [company]})

    found, later = await changes(hubspot_connector, entity, cursor)
    assert {record.id: record.parent_id for record in found.values()} == {alone[1]: company}
    again, _ = await changes(hubspot_connector, entity, cursor)
    assert again.keys() == found.keys(), "a read that is made again, because the worker died, finds it again"
    assert (await changes(hubspot_connector, entity, later))[0] == {}


async def test_a_key_is_looked_up_past_the_index_and_anything_else_by_search(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    await hubspot.post("behaviour", {"indexLagSeconds": 60})
    one = await person(hubspot, Entity.CONTACTS, "Mixed@Mail.example")
    found = await hubspot_connector.look_up(Entity.CONTACTS, "email", ["MIXED@mail.example", "no@mail.example"], [])
    assert [record.id for record in found] == [one]
    assert await hubspot.calls("/search") == []
    with pytest.raises(FieldValidation, match="nothing"):
        await hubspot_connector.look_up(Entity.CONTACTS, "nothing", ["x"], [])


async def test_many_long_names_are_looked_up_in_bodies_that_fit(hubspot: Control, hubspot_connector: Connector) -> None:
    names = [f"Company {number} {'x' * 60} Ltd" for number in range(90)]
    for name in names[:3]:
        await person(hubspot, Entity.ACCOUNTS, name)
    found = await hubspot_connector.look_up(Entity.ACCOUNTS, "name", names, ["name"])
    assert sorted(str(record.fields["name"]) for record in found) == sorted(names[:3])
    assert len(await hubspot.calls("/search")) == 4


async def test_more_properties_than_a_url_holds_are_read_by_batch(
    hubspot: Control, hubspot_connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hubspot.seed(Entity.CONTACTS, 3)
    monkeypatch.setattr(reader, "URL_CHARACTERS", 40)
    records, _, _ = await fetch_all(hubspot_connector, ask(Entity.CONTACTS))
    assert all(record.fields["email"] and record.parent_id for record in records)


async def test_values_have_types_and_blank_ones_are_none(hubspot: Control, hubspot_connector: Connector) -> None:
    deal = await person(hubspot, Entity.SUBSCRIPTIONS, "Deal")
    properties = {"amount": "1500.50", "closedate": "2026-03-01T00:00:00Z"}
    await hubspot.patch(Entity.SUBSCRIPTIONS, deal, {"properties": properties})
    wanted = ["dealname", "amount", "closedate", "description", "hs_is_closed_won", "no_such_property"]
    record = (await hubspot_connector.read(Entity.SUBSCRIPTIONS, [deal], wanted))[deal]
    assert json.loads(json.dumps(record.fields, default=str)) == {
        "dealname": "Deal",
        "amount": "1500.5",
        "closedate": "2026-03-01T00:00:00Z",
        "description": None,
        "hs_is_closed_won": False,
    }
    assert record.modified_at is not None


@pytest.mark.parametrize("version", spec.VERSIONS)
async def test_every_version_of_the_paths_serves_and_requests_are_as_the_official_files_say(
    hubspot: Control, version: str
) -> None:
    official(f"contacts.{version}")
    services = Services(MemoryTokens("int_hubspot", {**await hubspot.credentials(), "apiVersion": version}))
    connector = services.connect("hubspot")
    ids = await hubspot.seed(Entity.CONTACTS, 3)
    await connector.check()
    _, cursor, _ = await fetch_all(connector, ask(Entity.CONTACTS))
    await fetch_all(connector, ask(Entity.CONTACTS, cursor))
    assert len(await connector.read(Entity.CONTACTS, [*ids, "404"], ["email"])) == 3
    await connector.look_up(Entity.CONTACTS, "lastname", ["alder"], [])
    values: dict[str, Value] = {"email": f"new-{version}@mail.example", "firstname": None}
    [company] = await hubspot.seed(Entity.ACCOUNTS, 1)
    for kind, more in ((OperationKind.CREATE, {"parent_id": company}), (OperationKind.UPDATE, {"target_id": ids[0]})):
        one = operation(1, Entity.CONTACTS, kind, Side.EXTERNAL, {**values, "lastname": kind.value}, **more)
        if kind is OperationKind.UPDATE:
            one.values.pop("email")
        for request in connector.plan([one], {}):
            [result] = await connector.send(request, [one], [])
            assert result.status is WriteStatus.DONE, result.failure
    for item in await hubspot.calls():
        assert version in item["path"] or (version == "v3" and "/v4/associations/" in item["path"]), item["path"]
        if item["method"] == "POST" and "/contacts" in item["path"] and "/associations/" not in item["path"]:
            official(f"contacts.{version}").check_request("POST", item["path"], item["body"])
    await connector.close()


async def test_an_unknown_version_is_refused_by_name(hubspot: Control) -> None:
    services = Services(MemoryTokens("int_hubspot", {**await hubspot.credentials(), "apiVersion": "v2"}))
    connector = services.connect("hubspot")
    with pytest.raises(FieldValidation, match=r"credentials\.apiVersion"):
        await connector.check()
    await connector.close()


async def test_a_token_that_expires_in_mid_scan_loses_and_repeats_nothing(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    ids = await hubspot.seed(Entity.ACCOUNTS, 230)
    seen: list[str] = []
    position: str | None = None
    while True:
        page: Page = await hubspot_connector.fetch(ask(Entity.ACCOUNTS, None, position))
        seen += [record.id for record in page.records]
        position = page.position
        if position is None:
            break
        await hubspot.post("auth", {"action": "expire_access_token"})
    assert seen == ids


async def test_the_portal_tells_its_id_and_currency(hubspot: Control, hubspot_connector: Connector) -> None:
    await hubspot.post("records/setup", {"currency": "EUR"})
    portal = await hubspot.get("records/setup/portal")
    assert await hubspot_connector.check() == str(portal["portalId"])
    assert await hubspot_connector.default_currency() == "EUR"


async def test_i3_values_are_never_those_of_a_stale_index(hubspot: Control, hubspot_connector: Connector) -> None:
    company = await person(hubspot, Entity.ACCOUNTS, "Before")
    cursor = Cursor.begin(datetime.now(UTC)).dump()
    await hubspot.post("behaviour", {"indexLagSeconds": 60})
    await hubspot.patch(Entity.ACCOUNTS, company, {"properties": {"name": "After"}})
    found, _ = await changes(hubspot_connector, Entity.ACCOUNTS, cursor)
    assert found[company].fields["name"] == "After"
