"""Alguna's invoices: read cheaply and whole, issued with the right total or refused, changed in two fields, voided."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from connectors.protocols import Connector, WriteStatus
from core.documents import AlgunaLine, alguna_lines, line_values
from core.errors import ErrorType
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.alguna_money import (
    ARCHIVE,
    INVOICE_FIELDS,
    LINE,
    UPDATE,
    customer,
    invoice,
    issued,
    read_all,
    settled,
    write,
)
from tests.connectors.support import Control, fetch_all, operation


async def test_an_issued_invoice_is_read_with_lines_tax_and_skus(alguna: Control, alguna_connector: Connector) -> None:
    (invoice_id,) = await alguna.seed(Entity.INVOICES, 1)
    raw = await alguna.record(Entity.INVOICES, invoice_id)
    records, _, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS))
    (record,) = records
    assert (record.id, record.parent_id, record.deleted, record.unready) == (
        invoice_id,
        raw["customer_id"],
        False,
        None,
    )
    assert record.fields["total"] == Decimal(raw["total"])
    assert record.fields["issueDate"] == raw["issue_date"][:10]
    assert record.fields["externalReference"] == raw["external_reference"]
    lines = alguna_lines(record.fields["lineItems"])
    assert sum((line.amount + (line.tax or 0) for line in lines), Decimal(0)) == record.fields["total"]
    assert [line.product_id for line in lines] == [line["product_id"] for line in raw["line_items"]]
    assert all(line.sku and line.tax_rate is not None for line in lines)


async def test_lines_of_a_customer_without_tax_say_why(alguna: Control, alguna_connector: Connector) -> None:
    owner = await customer(alguna)
    await alguna.patch(Entity.ACCOUNTS, owner, {"tax_reason": "reverse_charge"})
    made = await issued(alguna, owner, "10.00")
    record = (await alguna_connector.read(Entity.INVOICES, [made["id"]], ["lineItems"]))[made["id"]]
    assert [line.tax_type for line in alguna_lines(record.fields["lineItems"])] == ["reverse_charge"]


async def test_an_unchanged_scan_reads_the_list_alone(alguna: Control, alguna_connector: Connector) -> None:
    ids = await alguna.seed(Entity.INVOICES, 130)
    records, cursor, pages = await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS))
    assert {one.id for one in records} == set(ids)
    assert pages == 2
    for _ in range(2):
        await alguna.forget_calls()
        records, cursor, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS, cursor))
        assert records == []
        assert [call["path"] for call in await alguna.calls()] == ["/invoices", "/invoices"]


async def test_changes_old_and_new_are_found_and_read_one_by_one(alguna: Control, alguna_connector: Connector) -> None:
    ids = await alguna.seed(Entity.INVOICES, 120)
    _, cursor, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS))
    await alguna.patch(Entity.INVOICES, ids[0], {"description": "Changed"})
    await alguna.patch(Entity.INVOICES, ids[5], {"status": "void"})
    fresh = await issued(alguna, await customer(alguna), "5.00")
    draft = await alguna.create(
        Entity.INVOICES, {"customer_id": fresh["customer_id"], "currency": "GBP", "status": "draft"}
    )
    await alguna.forget_calls()
    records, cursor, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS, cursor))
    found = {one.id: one for one in records}
    assert set(found) == {ids[0], ids[5], fresh["id"], draft["id"]}
    assert found[ids[0]].fields["description"] == "Changed"
    assert found[ids[5]].deleted
    assert found[draft["id"]].unready == "the invoice is `draft` in Alguna: it crosses once it is issued"
    # The void and the draft say all that matters in their rows.
    assert len(await alguna.calls("/invoices/")) == 2
    assert (await fetch_all(alguna_connector, read_all(Entity.INVOICES, INVOICE_FIELDS, cursor)))[0] == []


async def test_a_full_read_passes_over_every_invoice(alguna: Control, alguna_connector: Connector) -> None:
    ids = await alguna.seed(Entity.INVOICES, 7)
    _, cursor, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, ["total"]))
    page = await alguna_connector.fetch(read_all(Entity.INVOICES, ["total"], cursor, full=True))
    assert page.complete_scan
    assert {one.id for one in page.records} == set(ids)
    assert not (await alguna_connector.fetch(read_all(Entity.INVOICES, ["total"], cursor))).complete_scan


async def test_an_invoice_is_created_as_issued_and_settles(alguna: Control, alguna_connector: Connector) -> None:
    owner = await customer(alguna, tax_rate="0.20")
    # 3 x 33.33 and 20 % of tax
    made = invoice(1, owner, "119.99", issueDate="2026-05-31", description="May", purchaseOrderNumber="PO-7")
    results = await write(alguna_connector, made)
    record = results[1].record
    assert results[1].status is WriteStatus.DONE
    assert record is not None
    assert record.unready is not None
    row = await settled(alguna, record.id)
    assert (row["status"], row["total"], row["issue_date"][:10]) == ("overdue", "119.99", "2026-05-31")
    assert (row["description"], row["purchase_order_number"]) == ("May", "PO-7")
    read = (await alguna_connector.read(Entity.INVOICES, [record.id], INVOICE_FIELDS))[record.id]
    assert read.unready is None
    assert read.fields["externalReference"]


async def test_a_line_finds_its_product_by_sku_and_is_refused_by_name_where_there_is_none(
    alguna: Control, alguna_connector: Connector
) -> None:
    await alguna.seed(Entity.INVOICES, 1)
    records, _, _ = await fetch_all(alguna_connector, read_all(Entity.INVOICES, ["lineItems"]))
    known = alguna_lines(records[0].fields["lineItems"])[0]
    owner = await customer(alguna)
    line = replace(LINE, sku=known.sku)
    results = await write(alguna_connector, invoice(1, owner, lineItems=line_values([line])))
    assert results[1].record is not None
    assert alguna_lines(results[1].record.fields["lineItems"])[0].product_id == known.product_id
    refused = await write(
        alguna_connector, invoice(2, owner, lineItems=line_values([LINE, replace(LINE, sku="X-1")]), total="199.98")
    )
    assert refused[2].failure is not None
    assert refused[2].failure.message == "line 2: Alguna has no product with the sku `X-1`"
    assert refused[2].failure.field == "lineItems"


@pytest.mark.parametrize(
    ("values", "said", "field"),
    [
        ({"total": "120.00"}, "120.00 GBP in the provider, but would come to 119.99 GBP in Alguna", "total"),
        ({"total": None}, "no total in the provider to compare with", "total"),
        ({"lineItems": []}, "without lines", "lineItems"),
        ({"lineItems": [{"unitPrice": "x"}]}, "line 1: `unitPrice`", "lineItems"),
        ({"total": "119.99", "dueDate": "2026-07-01"}, "dueDate of an invoice cannot be written", "dueDate"),
        ({"total": "119.99", "issueDate": "31.05.2026"}, "issueDate must be a date", "issueDate"),
    ],
)
async def test_what_alguna_would_make_otherwise_is_refused_before_the_call(
    alguna: Control, alguna_connector: Connector, values: dict[str, Value], said: str, field: str
) -> None:
    owner = await customer(alguna, tax_rate="0.20")
    await alguna.forget_calls()
    results = await write(alguna_connector, invoice(1, owner, **cast(Any, values)))
    failure = results[1].failure
    assert results[1].status is WriteStatus.REJECTED
    assert failure is not None
    assert said in failure.message
    assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, field)
    assert {call["method"] for call in await alguna.calls()} <= {"GET"}


@pytest.mark.parametrize(
    ("currency", "price", "tax_rate", "total"),
    [("JPY", "1234", "0.10", "4072"), ("KWD", "1.2345", "0.05", "3.889"), ("GBP", "0.333", None, "1.00")],
)
async def test_totals_agree_in_currencies_with_any_decimals(
    alguna: Control, alguna_connector: Connector, currency: str, price: str, tax_rate: str | None, total: str
) -> None:
    owner = await customer(alguna, tax_rate=tax_rate, currency=currency)
    line = AlgunaLine(quantity=Decimal(3), unit_price=Decimal(price), amount=Decimal(3) * Decimal(price))
    results = await write(alguna_connector, invoice(1, owner, total, lineItems=line_values([line])))
    assert results[1].status is WriteStatus.DONE, results[1].failure
    assert results[1].failure is None
    assert results[1].record is not None
    assert results[1].record.fields["total"] == Decimal(total)


async def test_another_total_than_expected_is_told_although_the_invoice_is_there(
    alguna: Control, alguna_connector: Connector
) -> None:
    """The customer's tax changes between the look at it and the write."""
    owner = await customer(alguna)
    made = invoice(1, owner)
    current = await alguna_connector.current([made], INVOICE_FIELDS)
    await alguna.patch(Entity.ACCOUNTS, owner, {"tax_rate": "0.20"})
    (request,) = alguna_connector.plan([made], current)
    (result,) = await alguna_connector.send(request, [made], INVOICE_FIELDS)
    assert result.status is WriteStatus.DONE
    assert result.target_id
    assert result.failure is not None
    assert result.failure.field == "total"
    assert "119.99 GBP" in result.failure.message
    assert "99.99" in result.failure.message


async def test_an_issued_invoice_takes_two_fields_and_its_void(alguna: Control, alguna_connector: Connector) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")

    def change(number: int, kind: OperationKind, **values: Value) -> Operation:
        return operation(number, Entity.INVOICES, kind, Side.ALGUNA, values, target_id=made["id"])

    changed = await write(alguna_connector, change(1, UPDATE, description="June", purchaseOrderNumber=None))
    refused = await write(alguna_connector, change(2, UPDATE, total=Decimal(5)))
    voided = await write(alguna_connector, change(3, ARCHIVE))
    again = await write(alguna_connector, change(4, ARCHIVE))
    assert changed[1].record is not None
    assert changed[1].record.fields["description"] == "June"
    assert refused[2].failure is not None
    assert refused[2].failure.message == "total of an issued invoice cannot be changed in Alguna: void it there"
    assert voided[3].record is not None
    assert voided[3].record.deleted
    assert again[4].failure is not None
    assert "only issued or overdue invoices can be voided" in again[4].failure.message
