"""Alguna: one scan for customers and contacts, subscriptions until they are old, revenue only when it may differ."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from alguna import AsyncAlguna
from alguna.client import DEFAULT_API_VERSION

from connectors.alguna.customers import parse_customers
from connectors.protocols import Connector, FetchRequest
from core.errors import RateLimit
from core.records import Entity, Record
from tests.connectors.support import Control, Services, fetch_all

REVENUE = "/revenue"
ADDRESS = {"line1": "1 Dock Rd", "city": "Hull", "state": "East Yorkshire", "postal_code": "HU1 1AA", "country": "GBR"}


def person(email: str, *, primary: bool = False, **names: str) -> dict[str, Any]:
    return {"email": email, "is_primary": primary, **names}


def scan(accounts: Collection[str] | None, contacts: Collection[str] | None = None) -> FetchRequest:
    fields = {Entity.ACCOUNTS: accounts, Entity.CONTACTS: contacts}
    entity = Entity.CONTACTS if accounts is None else Entity.ACCOUNTS
    return FetchRequest(entity, {key: value for key, value in fields.items() if value is not None}, None, full=False)


def subscriptions(*fields: str, cursor: str | None = None, full: bool = False) -> FetchRequest:
    return FetchRequest(Entity.SUBSCRIPTIONS, {Entity.SUBSCRIPTIONS: fields}, cursor, full=full)


async def old(alguna: Control, count: int) -> None:
    """Subscriptions that were last changed a day ago."""
    await alguna.post("behaviour", {"clockSkewSeconds": -86_400})
    await alguna.seed(Entity.SUBSCRIPTIONS, count)
    await alguna.post("behaviour", {"clockSkewSeconds": 0})


async def test_one_scan_brings_customers_and_their_contacts(alguna: Control, alguna_connector: Connector) -> None:
    contacts = [
        person("ida@acme.example", primary=True, first_name="Ida", last_name="Lund"),
        person("bo@acme.example"),
    ]
    made = await alguna.create(
        Entity.ACCOUNTS,
        {"name": "Acme", "currency": "GBP", "aliases": ["int_salesforce:001A", "x"], "billing_address": ADDRESS,
         "contacts": contacts},
    )  # fmt: skip
    await alguna.forget_calls()
    wanted = ["name", "email", "firstName", "billingAddress.line1", "billingAddress.line2", "aliases", "taxId"]

    records, _, _ = await fetch_all(alguna_connector, scan(wanted, ["email", "lastName", "isPrimary", "accountId"]))

    account, ida, bo = records
    assert len(await alguna.calls()) == 1
    assert account.fields == {
        "name": "Acme", "email": "ida@acme.example", "firstName": "Ida", "billingAddress.line1": "1 Dock Rd",
        "billingAddress.line2": None, "aliases": ["int_salesforce:001A", "x"], "taxId": None,
    }  # fmt: skip
    assert (account.id, account.marker, account.parent_id) == (made["id"], "001A", None)
    assert ida.fields == {
        "email": "ida@acme.example", "lastName": "Lund", "isPrimary": True, "accountId": made["id"],
    }  # fmt: skip
    assert (ida.entity, ida.parent_id, ida.modified_at) == (Entity.CONTACTS, made["id"], account.modified_at)
    assert bo.fields["lastName"] is None


async def test_contacts_alone_take_the_same_scan(alguna: Control, alguna_connector: Connector) -> None:
    ids = await alguna.seed(Entity.CONTACTS, 10)
    records, _, pages = await fetch_all(alguna_connector, scan(None, ["email"]))
    assert set(ids) <= {record.id for record in records}
    assert {record.entity for record in records} == {Entity.CONTACTS}
    assert pages == 1


async def test_another_integrations_alias_is_not_our_marker(alguna: Control, alguna_services: Services) -> None:
    await alguna.create(Entity.ACCOUNTS, {"name": "Acme", "currency": "EUR", "aliases": ["int_other:9", "int_:8"]})
    connector = alguna_services.connect("alguna", "int_salesforce")
    records, _, _ = await fetch_all(connector, scan(["name"]))
    assert [record.marker for record in records] == [None]
    await connector.close()


async def test_a_contact_is_read_by_its_id_and_known_to_be_gone_when_its_customer_drops_it(
    alguna: Control, alguna_connector: Connector
) -> None:
    contacts = [person("ida@acme.example", primary=True), person("bo@acme.example")]
    made = await alguna.create(Entity.ACCOUNTS, {"name": "Acme", "currency": "GBP", "contacts": contacts})
    ida, bo = (contact["id"] for contact in made["contacts"])
    unseen = await alguna_connector.read(Entity.CONTACTS, [bo, "cont_nobody"], ["email"])
    assert {key: record.fields["email"] for key, record in unseen.items()} == {bo: "bo@acme.example"}
    await alguna.patch(Entity.ACCOUNTS, made["id"], {"contacts": [{**made["contacts"][0]}]})
    await alguna.forget_calls()

    found = await alguna_connector.read(Entity.CONTACTS, [ida, bo], ["email"])

    assert {key: record.deleted for key, record in found.items()} == {ida: False, bo: True}
    assert len(await alguna.calls()) == 1, "both are rows of one customer, which was remembered"


async def test_customers_are_found_by_marker_and_by_the_primary_contacts_email(
    alguna: Control, alguna_connector: Connector
) -> None:
    marker = "001/A?b c"
    both = [person("Ida@Acme.example", primary=True), person("bo@acme.example")]
    made = await alguna.create(
        Entity.ACCOUNTS,
        {"name": "A", "currency": "EUR", "aliases": [f"int_salesforce:{marker}"], "contacts": both},
    )
    by_marker = await alguna_connector.look_up(Entity.ACCOUNTS, "aliases", [marker, "001B"], ["name"])
    by_email = await alguna_connector.look_up(
        Entity.ACCOUNTS, "email", ["ida@acme.example", "bo@acme.example"], ["email"]
    )
    contact = await alguna_connector.look_up(Entity.CONTACTS, "email", ["bo@acme.example"], ["email"])
    assert [record.id for record in by_marker] == [record.id for record in by_email] == [made["id"]]
    assert [record.id for record in contact] == [made["contacts"][1]["id"]]


async def test_a_start_date_is_the_contracts_else_the_activation_else_the_creation(
    alguna: Control, alguna_connector: Connector
) -> None:
    customer = await alguna.create(Entity.ACCOUNTS, {"name": "A", "currency": "EUR"})
    base = {"customer_id": customer["id"], "currency": "EUR"}
    await alguna.create(
        Entity.SUBSCRIPTIONS,
        {
            **base,
            "name": "dated",
            "contract": {"period_type": "fixed", "start_date": "2026-02-03", "duration_months": 12},
        },
    )
    await alguna.create(Entity.SUBSCRIPTIONS, {**base, "name": "draft", "metadata": {"tier": "gold"}})
    records, _, _ = await fetch_all(alguna_connector, subscriptions("name", "startDate", "status", "metadata.tier"))
    fields = {record.fields["name"]: record.fields for record in records}
    assert fields["dated"]["startDate"] == "2026-02-03"
    assert fields["draft"]["startDate"] == datetime.now(UTC).date().isoformat()
    assert (fields["draft"]["metadata.tier"], fields["dated"]["metadata.tier"]) == ("gold", None)
    assert {record.parent_id for record in records} == {customer["id"]}


async def test_subscriptions_are_read_newest_first_until_they_are_old(
    alguna: Control, alguna_connector: Connector
) -> None:
    await old(alguna, 230)
    everything, cursor, pages = await fetch_all(alguna_connector, subscriptions("name"))
    assert (len({record.id for record in everything}), pages) == (230, 3)

    chosen = everything[200].id
    await alguna.patch(Entity.SUBSCRIPTIONS, chosen, {"name": "Renamed"})
    changed, later, pages = await fetch_all(alguna_connector, subscriptions("name", cursor=cursor))
    assert {record.id: record.fields["name"] for record in changed}[chosen] == "Renamed"
    assert pages <= 3
    page = await alguna_connector.fetch(subscriptions("name", cursor=later))
    assert ([record.id for record in page.records], page.position, page.complete_scan) == ([chosen], None, False)


async def test_a_full_read_of_subscriptions_is_complete(alguna: Control, alguna_connector: Connector) -> None:
    await old(alguna, 101)
    _, cursor, _ = await fetch_all(alguna_connector, subscriptions("name"))
    records, _, pages = await fetch_all(alguna_connector, subscriptions("name", cursor=cursor, full=True))
    assert (len(records), pages) == (101, 2)


async def test_revenue_is_asked_only_for_subscriptions_that_changed(
    alguna: Control, alguna_connector: Connector
) -> None:
    await alguna.seed(Entity.SUBSCRIPTIONS, 12)
    records, _, _ = await fetch_all(alguna_connector, subscriptions("acv", "mrr"))
    assert len(await alguna.calls(REVENUE)) == 12
    assert all(isinstance(record.fields["acv"], Decimal) for record in records)
    await alguna.forget_calls()

    again, _, _ = await fetch_all(alguna_connector, subscriptions("acv", "mrr", full=True))

    assert await alguna.calls(REVENUE) == []
    assert _fields(again) == _fields(records)
    await alguna.patch(Entity.SUBSCRIPTIONS, records[3].id, {"name": "Renamed"})
    await fetch_all(alguna_connector, subscriptions("acv", full=True))
    assert len(await alguna.calls(REVENUE)) == 1


async def test_without_revenue_among_the_fields_none_is_asked(alguna: Control, alguna_connector: Connector) -> None:
    await alguna.seed(Entity.SUBSCRIPTIONS, 3)
    await fetch_all(alguna_connector, subscriptions("name", "status"))
    await fetch_all(alguna_connector, scan(["name"]))
    assert await alguna.calls(REVENUE) == []


async def test_a_customers_mrr_is_the_sum_over_its_active_subscriptions(
    alguna: Control, alguna_connector: Connector
) -> None:
    ids = await alguna.seed(Entity.SUBSCRIPTIONS, 30)
    await alguna.seed(Entity.ACCOUNTS, 40)
    rows = [await alguna.record(Entity.SUBSCRIPTIONS, one) for one in ids]
    by_id = {one.id: one for one in (await fetch_all(alguna_connector, subscriptions("mrr")))[0]}
    expected: dict[str, Decimal] = {}
    for row in rows:
        if row["status"] == "active":
            mrr = by_id[row["id"]].fields["mrr"]
            assert isinstance(mrr, Decimal)
            expected[row["customer_id"]] = expected.get(row["customer_id"], Decimal(0)) + mrr

    records, _, _ = await fetch_all(alguna_connector, scan(["mrr"]))

    assert len(records) == 40
    assert {one.id: one.fields["mrr"] for one in records} == {one.id: expected.get(one.id, 0) for one in records}
    assert any(value != 0 for value in expected.values())


async def test_a_customers_mrr_follows_a_subscription_that_ends_and_costs_little_otherwise(
    alguna: Control, alguna_connector: Connector
) -> None:
    await old(alguna, 130)
    before = {one.id: one.fields["mrr"] for one in (await fetch_all(alguna_connector, scan(["mrr"])))[0]}
    await alguna.forget_calls()
    await fetch_all(alguna_connector, scan(["mrr"]))
    calls = [call["path"] for call in await alguna.calls()]
    assert (calls.count("/customers"), calls.count("/subscriptions"), len(calls)) == (2, 2, 4)

    rows = (await alguna.get("records/subscriptions", limit=130))["data"]
    active = next(row for row in rows if row["status"] == "active" and before[row["customer_id"]])
    await alguna.patch(Entity.SUBSCRIPTIONS, active["id"], {"status": "canceled"})
    after = {one.id: one.fields["mrr"] for one in (await fetch_all(alguna_connector, scan(["mrr"])))[0]}

    assert after == {**before, active["customer_id"]: Decimal(0)}


async def test_of_pages_read_at_once_those_before_a_refused_one_count(
    alguna: Control, alguna_connector: Connector
) -> None:
    ids = await alguna.seed(Entity.ACCOUNTS, 650)
    first = await alguna_connector.fetch(scan(["name"]))
    await alguna.fault("rate_limit", method="GET", path="^/customers$", times=1, every=3, retryAfter=0)

    records, position, refused = list(first.records), first.position, 0
    while position is not None:
        try:
            page = await alguna_connector.fetch(replace(scan(["name"]), position=position))
        except RateLimit:
            refused += 1
            continue
        records += page.records
        position = page.position

    assert [record.id for record in records] == ids
    assert (refused, [call["status"] for call in await alguna.calls()].count(429)) in {(0, 1), (1, 1)}


def test_a_customer_of_unexpected_shape_stops_no_page() -> None:
    odd = {"id": "cust_2", "name": 7, "tax_type": "moon_tax", "billing_address": {"city": "Hull"}}
    rows: list[dict[str, Any]] = [{"id": "cust_1", "name": "Acme", "created_at": "2026-05-02T08:00:00Z"}, odd]
    body = {"data": rows, "pagination": {"per_page": 100, "total_pages": 1}}

    one, two = parse_customers(json.dumps(body).encode()).data
    plain, _ = parse_customers(json.dumps(body).encode().replace(b"7", b'"Seven"')).data

    shown: list[object] = [one.name, one.created_at, two.name, two.tax_type]
    assert shown == ["Acme", plain.created_at, 7, "moon_tax"]
    assert two.billing_address is not None
    assert two.billing_address.city == "Hull"


async def test_pages_of_customers_are_what_the_sdk_makes_of_them(alguna: Control, alguna_services: Services) -> None:
    await alguna.seed(Entity.ACCOUNTS, 20)
    granted = await alguna.credentials()
    async with httpx.AsyncClient(trust_env=False) as http:
        sdk = AsyncAlguna(base_url=granted["baseUrl"], api_key=lambda: granted["apiKey"], httpx_client=http)
        theirs = await sdk.customers.list(limit=100, offset=0, sort="created_at:asc")
        reply = await http.get(
            f"{granted['baseUrl']}/customers?limit=100&offset=0&sort=created_at:asc",
            headers={"Authorization": f"Bearer {granted['apiKey']}", "Alguna-Version": DEFAULT_API_VERSION},
        )

    assert len(theirs.data) == 20
    assert parse_customers(reply.content).model_dump() == theirs.model_dump()


async def test_a_key_replaced_in_mid_read_is_taken_up(
    alguna: Control, alguna_services: Services, alguna_connector: Connector
) -> None:
    await alguna.seed(Entity.ACCOUNTS, 150)
    request = scan(["name"])
    first = await alguna_connector.fetch(request)
    await alguna.post("auth", {"action": "revoke_grant"})
    alguna_services.tokens.reconnect(await alguna.credentials())

    second = await alguna_connector.fetch(
        FetchRequest(request.entity, request.fields, None, full=False, position=first.position)
    )

    assert len(first.records) + len(second.records) == 150
    assert alguna_services.tokens.expired is None
    assert 401 in [call["status"] for call in await alguna.calls()]


def _fields(records: list[Record]) -> dict[str, Any]:
    return {record.id: record.fields for record in records}


async def test_times_are_given_in_utc(alguna: Control, alguna_connector: Connector) -> None:
    await alguna.seed(Entity.ACCOUNTS, 1)
    records, cursor, _ = await fetch_all(alguna_connector, scan(["createdAt"]))
    at = datetime.fromisoformat(str(records[0].fields["createdAt"]))
    assert at.utcoffset() == timedelta(0)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert datetime.fromisoformat(cursor)
