"""Reading from Xero: pages by id, what is over, what is no sale, dates, lines, look-ups of any text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.protocols import Connector, FetchRequest
from connectors.xero.records import moment, record_of
from connectors.xero.schema import schema_of
from core.documents import external_lines
from core.errors import Transient
from core.records import Entity
from tests.connectors.support import Control, fetch_all

LINE = {"Description": "Seats", "Quantity": 2, "UnitAmount": "49.5", "AccountCode": "200", "ItemCode": "SEAT-PRO"}


@pytest.fixture
async def connector(xero: Control) -> AsyncIterator[Connector]:
    made = (await xero.services()).connect("xero")
    yield made
    await made.close()


def changes(entity: Entity, *fields: str, cursor: str | None = None) -> FetchRequest:
    return FetchRequest(entity, {entity: fields}, cursor, full=False)


async def invoice(xero: Control, contact_id: str, **more: Any) -> dict[str, Any]:
    body = {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact_id},
        "Date": "2026-05-01",
        "DueDate": "2026-05-31",
        "Status": "AUTHORISED",
        "LineItems": [LINE],
        **more,
    }
    made: dict[str, Any] = await xero.create(Entity.INVOICES, body)
    return made


async def test_a_record_that_is_touched_while_pages_are_read_moves_nothing(xero: Control, connector: Connector) -> None:
    ids = await xero.seed(Entity.ACCOUNTS, 1_001)
    first = await connector.fetch(changes(Entity.ACCOUNTS))
    await xero.patch(Entity.ACCOUNTS, first.records[0].id, {"LastName": "Touched"})
    request = changes(Entity.ACCOUNTS)
    rest = await connector.fetch(
        FetchRequest(request.entity, request.fields, None, full=False, position=first.position)
    )
    assert {one.id for one in [*first.records, *rest.records]} == set(ids)


async def test_what_is_over_is_read_as_deleted_and_the_survivor_named(xero: Control, connector: Connector) -> None:
    gone, merged, winner = await xero.seed(Entity.ACCOUNTS, 3)
    bill = await invoice(xero, winner)
    _, cursor, _ = await fetch_all(connector, changes(Entity.ACCOUNTS))
    _, bills, _ = await fetch_all(connector, changes(Entity.INVOICES))
    await xero.delete(f"records/accounts/{gone}")
    await xero.patch(Entity.ACCOUNTS, merged, {"mergedInto": winner})
    await xero.delete(f"records/invoices/{bill['InvoiceID']}")
    records, _, _ = await fetch_all(connector, changes(Entity.ACCOUNTS, cursor=cursor))
    seen = {one.id: (one.deleted, one.merged_into) for one in records}
    assert (seen[gone], seen[merged]) == ((True, None), (True, winner))
    read = await connector.read(Entity.ACCOUNTS, [gone, winner], ["Name"])
    assert (read[gone].deleted, read[winner].deleted) == (True, False)
    [voided], _, _ = await fetch_all(connector, changes(Entity.INVOICES, cursor=bills))
    assert voided.deleted


async def test_an_invoice_is_read_with_its_lines_and_days(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    made = await invoice(xero, contact_id, Reference="PO 1")
    await invoice(xero, contact_id, Type="ACCPAY", InvoiceNumber="BILL-1")
    draft = await invoice(xero, contact_id, Status="DRAFT")
    fields = [*schema_of(Entity.INVOICES).fields]
    records, _, _ = await fetch_all(connector, changes(Entity.INVOICES, *fields))
    found = {one.id: one for one in records}
    assert found.keys() == {made["InvoiceID"], draft["InvoiceID"]}, "bills are not ours"
    assert "crosses once it is approved" in str(found[draft["InvoiceID"]].unready)
    one = found[made["InvoiceID"]]
    assert (one.parent_id, one.unready) == (contact_id, None)
    shown = {name: one.fields[name] for name in ("Date", "DueDate", "Total", "TotalTax", "Reference", "Status")}
    assert shown == {
        "Date": "2026-05-01",
        "DueDate": "2026-05-31",
        "Total": Decimal("118.8"),
        "TotalTax": Decimal("19.8"),
        "Reference": "PO 1",
        "Status": "AUTHORISED",
    }
    assert one.fields["LineItems"] == [
        {
            "description": "Seats",
            "quantity": Decimal(2),
            "unitPrice": Decimal("49.5"),
            "amount": Decimal(99),
            "tax": Decimal("19.8"),
            "item": "SEAT-PRO",
            "sku": "SEAT-PRO",
            "taxCode": "OUTPUT2",
            "account": "200",
        }
    ]


async def test_lines_are_without_tax_whatever_the_document_shows(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    made = await invoice(xero, contact_id, LineAmountTypes="Inclusive", LineItems=[{**LINE, "UnitAmount": 60}])
    read = await connector.read(Entity.INVOICES, [made["InvoiceID"]], ["LineItems", "Total"])
    record = read[made["InvoiceID"]]
    (line,) = external_lines(record.fields["LineItems"])
    assert (line.amount, line.tax, record.fields["Total"]) == (Decimal(100), Decimal(20), Decimal(120))


async def test_a_payment_is_the_allocation_to_its_invoice(xero: Control, connector: Connector) -> None:
    [payment_id] = await xero.seed(Entity.PAYMENTS, 1)
    records, cursor, _ = await fetch_all(connector, changes(Entity.PAYMENTS, "Amount", "Date", "Account"))
    (record,) = records
    assert record.id == f"{payment_id}:{record.parent_id}"
    assert record.fields["Account"] == "090"
    assert (await connector.read(Entity.PAYMENTS, [payment_id], ["Amount"])).keys() == {record.id}
    assert await connector.read(Entity.PAYMENTS, ["00000000-0000-4000-8000-000000000404:x"], []) == {}
    await xero.delete(f"records/payments/{payment_id}")
    [gone], _, _ = await fetch_all(connector, changes(Entity.PAYMENTS, cursor=cursor))
    assert (gone.id, gone.deleted) == (record.id, True)


@pytest.mark.parametrize(
    "name", ["Plain Works", 'The "Quoted" Works', "Back\\slash Works", 'a" OR Name!="b', "Zoë & Co, 100%"]
)
async def test_any_text_is_looked_up_as_it_is(xero: Control, connector: Connector, name: str) -> None:
    await xero.seed(Entity.ACCOUNTS, 3)
    made = await xero.create(Entity.ACCOUNTS, {"Name": name})
    found = await connector.look_up(Entity.ACCOUNTS, "Name", [name.upper(), "nobody"], ["Name"])
    assert [(one.id, one.fields["Name"]) for one in found] == [(made["ContactID"], name)]


async def test_look_ups_go_together_and_pass_over_what_is_archived(xero: Control, connector: Connector) -> None:
    ids = await xero.seed(Entity.ACCOUNTS, 30)
    records, _, _ = await fetch_all(connector, changes(Entity.ACCOUNTS, "EmailAddress"))
    await xero.delete(f"records/accounts/{ids[0]}")
    await xero.forget_calls()
    emails = [str(one.fields["EmailAddress"]) for one in records]
    found = await connector.look_up(Entity.ACCOUNTS, "EmailAddress", emails, [])
    assert {one.id for one in found} == set(ids[1:])
    assert len(await xero.calls()) == 2


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("/Date(1767312000000+0000)/", "2026-01-02T00:00:00+00:00"),
        ("/Date(1767312000000+1300)/", "2026-01-02T00:00:00+00:00"),
        ("/Date(-1000)/", "1969-12-31T23:59:59+00:00"),
        ("/Date(0+0000)/", "1970-01-01T00:00:00+00:00"),
        ("2026-01-02", None),
        (None, None),
    ],
)
def test_milliseconds_are_utc_whatever_offset_follows(text: str | None, at: str | None) -> None:
    found = moment(text)
    assert (found.isoformat() if found else None) == at


def test_a_row_without_an_id_is_no_record() -> None:
    with pytest.raises(Transient):
        record_of(Entity.ACCOUNTS, {"Name": "Nobody"}, ["Name"])
