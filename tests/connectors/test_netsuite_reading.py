"""Reading from NetSuite: unique order, its own clock, deletions, documents with lines and allocations, options."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.netsuite.connector import NetSuiteConnector
from connectors.protocols import FetchRequest
from core.errors import FieldValidation
from core.records import Entity
from core.values import Value
from tests.connectors.support import Control, fetch_all

ACCOUNTS, INVOICES, PAYMENTS = Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS
WANTED: dict[Entity, list[str]] = {
    ACCOUNTS: ["companyName", "email", "currency", "subsidiary", "billingAddress.city", "billingAddress.country"],
    INVOICES: ["tranId", "tranDate", "currency", "item", "total", "memo"],
    PAYMENTS: ["amount", "tranDate", "invoice"],
}


@pytest.fixture
async def netsuite(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("netsuite")


@pytest.fixture
async def connector(netsuite: Control) -> AsyncIterator[NetSuiteConnector]:
    made = (await netsuite.services()).connect("netsuite")
    assert isinstance(made, NetSuiteConnector)
    yield made
    await made.close()


def scan(entity: Entity, cursor: str | None = None, *, full: bool = False) -> FetchRequest:
    return FetchRequest(entity, {entity: WANTED[entity]}, cursor, full=full)


async def test_records_of_one_minute_are_read_once_each_over_pages(
    netsuite: Control, connector: NetSuiteConnector
) -> None:
    ids = await netsuite.seed(ACCOUNTS, 1_250)
    records, cursor, pages = await fetch_all(connector, scan(ACCOUNTS))
    assert ([one.id for one in records], pages) == (ids, 2)
    assert [call["status"] for call in await netsuite.calls("/suiteql")] == [200, 200]
    first = records[0]
    raw = await netsuite.record(ACCOUNTS, ids[0])
    assert (first.fields["companyName"], first.fields["currency"]) == (raw["companyName"], raw["currency"]["refName"])
    shown = raw["addressBook"]["items"][0]["addressBookAddress"]
    assert first.fields["billingAddress.city"] == shown["city"]
    assert first.fields["billingAddress.country"] == shown["country"]["id"]
    again, _, _ = await fetch_all(connector, scan(ACCOUNTS, cursor))
    assert len(again) == 1_250, "those of the last hour are read again: SuiteQL's clock may be set back"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"])
async def test_times_are_told_in_utc_whatever_the_zone(
    netsuite: Control, connector: NetSuiteConnector, zone: str
) -> None:
    await netsuite.post("records/setup", {"timeZone": zone})
    await netsuite.seed(ACCOUNTS, 1)
    records, cursor, _ = await fetch_all(connector, scan(ACCOUNTS))
    at = records[0].modified_at
    assert at is not None
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=2)
    await netsuite.patch(ACCOUNTS, records[0].id, {"email": "new@plain-harbor.example"})
    changed, _, _ = await fetch_all(connector, scan(ACCOUNTS, cursor))
    assert changed[0].fields["email"] == "new@plain-harbor.example"


async def test_a_pass_without_changes_asks_for_changes_and_deletions_only(
    netsuite: Control, connector: NetSuiteConnector
) -> None:
    await netsuite.seed(PAYMENTS, 3)
    for entity in WANTED:
        _, cursor, _ = await fetch_all(connector, scan(entity))
        await netsuite.post("behaviour", {"clockSkewSeconds": 8_000})
        _, cursor, _ = await fetch_all(connector, scan(entity, cursor))
        await netsuite.forget_calls()
        records, _, _ = await fetch_all(connector, scan(entity, cursor))
        assert (records, len(await netsuite.calls())) == ([], 2)
        await netsuite.post("behaviour", {"clockSkewSeconds": 0})


async def test_deletions_and_inactive_customers_are_seen(netsuite: Control, connector: NetSuiteConnector) -> None:
    ids = await netsuite.seed(ACCOUNTS, 3)
    _, cursor, _ = await fetch_all(connector, scan(ACCOUNTS))
    await netsuite.delete(f"records/accounts/{ids[0]}")
    await netsuite.patch(ACCOUNTS, ids[1], {"isInactive": True})
    records, _, _ = await fetch_all(connector, scan(ACCOUNTS, cursor))
    assert {one.id for one in records if one.deleted} == set(ids[:2])
    found = await connector.read(ACCOUNTS, [*ids, "999999"], ["companyName"])
    assert {key: one.deleted for key, one in found.items()} == {ids[0]: True, ids[1]: True, ids[2]: False}
    await netsuite.post("records/setup", {"missingPermissions": ["ADMI_DELETEDRECORD"]})
    hidden, _, _ = await fetch_all(connector, scan(ACCOUNTS, cursor))
    assert {one.id for one in hidden if one.deleted} == {ids[1]}, "without the permission a scan finds the others"


async def test_an_invoice_has_its_lines_and_its_state(netsuite: Control, connector: NetSuiteConnector) -> None:
    ids = await netsuite.seed(INVOICES, 30)
    records, _, _ = await fetch_all(connector, scan(INVOICES, full=True))
    by_id = {one.id: one for one in records}
    raw = await netsuite.record(INVOICES, ids[0])
    lines: Any = by_id[ids[0]].fields["item"]
    shown = raw["item"]["items"]
    assert [(one["sku"], one["amount"], one["unitPrice"]) for one in lines] == [
        (one["item"]["refName"], Decimal(str(one["amount"])), Decimal(str(one["rate"]))) for one in shown
    ]
    assert by_id[ids[0]].fields["total"] == Decimal(str(raw["total"]))
    assert (by_id[ids[0]].fields["tranDate"], by_id[ids[0]].parent_id) == (raw["tranDate"], raw["entity"]["id"])
    await netsuite.patch(INVOICES, ids[1], {"voided": True})
    found = await connector.read(INVOICES, ids[:2], ["total"])
    assert [found[one].deleted for one in ids[:2]] == [False, True]


async def test_a_payment_is_read_by_what_it_settles_also_of_what_it_settled(
    netsuite: Control, connector: NetSuiteConnector
) -> None:
    [payment] = await netsuite.seed(PAYMENTS, 1)
    [record], cursor, _ = await fetch_all(connector, scan(PAYMENTS))
    raw = await netsuite.record(PAYMENTS, payment)
    doc = next(one["doc"]["id"] for one in raw["apply"]["items"] if one["apply"])
    assert (record.id, record.parent_id) == (f"{payment}:{doc}", doc)
    assert record.fields == {
        "amount": Decimal(str(raw["payment"])),
        "tranDate": raw["tranDate"],
        "invoice": doc,
        "id": record.id,
    }
    whole = await connector.read(PAYMENTS, [payment], ["amount"])
    assert list(whole) == [record.id], "an event names the payment"
    await netsuite.patch(PAYMENTS, payment, {"apply": {"items": []}})
    [lost], cursor, _ = await fetch_all(connector, scan(PAYMENTS, cursor))
    assert (lost.id, lost.deleted) == (record.id, True)
    await netsuite.delete(f"records/payments/{payment}")
    gone, _, _ = await fetch_all(connector, scan(PAYMENTS, cursor))
    assert {(one.id, one.deleted) for one in gone} == {(record.id, True)}
    assert (await connector.read(PAYMENTS, [record.id], ["amount"]))[record.id].deleted


async def test_look_ups_fold_case_and_know_their_fields(netsuite: Control, connector: NetSuiteConnector) -> None:
    [record_id] = await netsuite.seed(ACCOUNTS, 1)
    name = (await netsuite.record(ACCOUNTS, record_id))["companyName"]
    [found] = await connector.look_up(ACCOUNTS, "companyName", [name.upper(), "O'Brien"], ["email"])
    assert found.id == record_id
    with pytest.raises(FieldValidation):
        await connector.look_up(INVOICES, "item", ["1"], [])


async def test_custom_fields_are_described_and_read(netsuite: Control, connector: NetSuiteConnector) -> None:
    [record_id] = await netsuite.seed(ACCOUNTS, 1)
    await netsuite.patch(ACCOUNTS, record_id, {"custentity_alguna_mrr": 12.5})
    schema = await connector.describe(ACCOUNTS)
    assert schema.fields["custentity_alguna_mrr"].type == "number"
    assert schema.fields["companyName"].max_length == 83
    found = await connector.read(ACCOUNTS, [record_id], ["custentity_alguna_mrr"])
    assert found[record_id].fields == {"custentity_alguna_mrr": Decimal("12.5")}


async def test_options_are_asked_for_by_name_with_what_they_could_be(
    netsuite: Control, connector: NetSuiteConnector
) -> None:
    [subsidiary] = await connector.needs(ACCOUNTS, {}, creates=True)
    assert (subsidiary.option, [one.value for one in subsidiary.candidates]) == ("subsidiary", ["1"])
    assert await connector.needs(ACCOUNTS, {"subsidiary": "1"}, creates=True) == []
    assert [one.option for one in await connector.needs(ACCOUNTS, {"subsidiary": "9"}, creates=True)] == ["subsidiary"]
    [items] = await connector.needs(INVOICES, {}, creates=True)
    assert (items.option, len(items.candidates)) == ("itemMap", 6)
    wrong: dict[str, Value] = {
        "itemMap": {"by": "sku", "items": {"p": "no-such"}, "default": None},
        "taxMap": {"20": "S-GB", "5": "?"},
    }
    assert [one.option for one in await connector.needs(INVOICES, wrong, creates=True)] == ["itemMap", "taxMap"]
    good: dict[str, Value] = {
        "itemMap": {"by": None, "items": {"p": "SEAT-STD"}, "default": "11"},
        "taxMap": {"20": "S-GB"},
    }
    assert await connector.needs(INVOICES, good, creates=True) == []
    assert await connector.needs(PAYMENTS, {}, creates=True) == []
    assert [one.option for one in await connector.needs(PAYMENTS, {"paymentAccount": "4"}, creates=True)] == [
        "paymentAccount"
    ]
    assert await connector.default_currency() == "USD"
