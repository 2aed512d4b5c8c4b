"""What QuickBooks is sent of invoices and payments, and what is read of them: taxes, decimals, allocations, edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.protocols import Connector, Current, FetchRequest, NeedsOptions, WriteStatus
from connectors.quickbooks.company import Terms
from connectors.quickbooks.cursors import Cursor
from connectors.quickbooks.invoices import InvoiceWriter, invoice_body
from connectors.quickbooks.payments import PaymentWriter
from connectors.quickbooks.writer import ROW
from core.errors import ErrorType, FieldValidation
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.support import Control, fetch_all, operation

US = Terms("USD", True, True, False, {"2": [Decimal(20)], "3": [Decimal(5), Decimal("9.975")]}, {"SEAT": "1"})
ABROAD = replace(US, line_taxes=True, rates={**US.rates, "7": [Decimal(0)]})


def invoice(total: str, *lines: dict[str, Value], **values: Value) -> Operation:
    given: dict[str, Value] = {"Line": list(lines), "TotalAmt": Decimal(total), "DocNumber": "INV-1", **values}
    return operation(1, Entity.INVOICES, OperationKind.CREATE, Side.EXTERNAL, given, source_id="inv_1", parent_id="58")


def line(amount: str, code: str | None = "2", **more: Value) -> dict[str, Value]:
    made: dict[str, Value] = {"sku": "SEAT", "amount": Decimal(amount), "unitPrice": Decimal(amount), **more}
    return {**made, "taxCode": code} if code else made


def test_the_us_has_one_tax_code_and_the_amount_that_makes_the_total() -> None:
    body = invoice_body(invoice("24.13", line("10.05"), line("10.05")), US)
    assert body["TxnTaxDetail"] == {"TxnTaxCodeRef": {"value": "2"}, "TotalTax": Decimal("4.03")}
    assert [one["SalesItemLineDetail"]["TaxCodeRef"]["value"] for one in body["Line"]] == ["TAX", "TAX"]
    assert "GlobalTaxCalculation" not in body
    several = invoice_body(invoice("115.00", line("100.00", "3"), line("0.02", None)), US)
    assert several["TxnTaxDetail"]["TotalTax"] == Decimal("14.98")
    with pytest.raises(FieldValidation, match="one tax code"):
        invoice_body(invoice("10", line("5"), line("5", "3")), US)


def test_elsewhere_a_rounding_difference_is_a_line_of_its_own() -> None:
    body = invoice_body(invoice("24.13", line("10.05"), line("10.05")), ABROAD)
    assert body["GlobalTaxCalculation"] == "TaxExcluded"
    last = body["Line"][-1]
    assert (last["Description"], last["Amount"]) == ("Rounding", Decimal("0.01"))
    assert last["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "7"}
    untaxed = invoice_body(invoice("5.00", line("5.00", None)), ABROAD)
    assert (untaxed["GlobalTaxCalculation"], len(untaxed["Line"])) == ("NotApplicable", 1)
    with pytest.raises(FieldValidation, match=r'taxMap\["0"\]'):
        invoice_body(invoice("11", line("5"), line("5", None)), ABROAD)


@pytest.mark.parametrize(
    ("total", "currency", "amount"), [("1050", "JPY", "1050"), ("10.50", "EUR", "10.5"), ("10.120", "KWD", "10.12")]
)
def test_currencies_of_any_decimals_are_sent_with_two(total: str, currency: str, amount: str) -> None:
    body = invoice_body(invoice(total, line(amount, None), **{"CurrencyRef.value": currency}), US)
    assert body["CurrencyRef"] == {"value": currency}
    assert body["Line"][0]["Amount"] == Decimal(amount)


@pytest.mark.parametrize(
    ("operation_", "terms", "field"),
    [
        (invoice("10.125", line("10.125", None), **{"CurrencyRef.value": "KWD"}), US, "TotalAmt"),
        (invoice("13.00", line("10.00")), US, "TotalAmt"),
        (invoice("12.00", line("10.00", "99")), US, "Line"),
        (invoice("12.00", {"unitPrice": Decimal(10), "taxCode": "2"}), US, "Line"),
        (invoice("12.00", line("10.00", sku="OTHER")), US, "Line"),
        (invoice("12.00", line("10.00"), DocNumber="N" * 22), US, "DocNumber"),
        (
            invoice("12.00", line("10.00"), **{"CurrencyRef.value": "EUR"}),
            replace(US, several_currencies=False),
            "CurrencyRef.value",
        ),
    ],
)
def test_a_document_that_would_be_another_one_is_refused(operation_: Operation, terms: Terms, field: str) -> None:
    [item] = InvoiceWriter().items([operation_], {1: Current(None, terms.value())})
    assert item.failure is not None
    assert (item.body, item.failure.type, item.failure.field) == (None, ErrorType.FIELD_VALIDATION, field)


def test_a_price_that_does_not_multiply_becomes_the_whole_amount() -> None:
    third = line("10.00", None, quantity=Decimal(3), unitPrice=Decimal("3.34"), description="Work")
    [made] = invoice_body(invoice("10.00", third), US)["Line"]
    assert (made["SalesItemLineDetail"]["Qty"], made["SalesItemLineDetail"]["UnitPrice"]) == (
        Decimal(1),
        Decimal("10.00"),
    )
    assert made["Description"] == "Work (3 × 3.34)"


def test_without_numbers_of_our_own_the_memo_names_the_invoice() -> None:
    counting = replace(US, own_numbers=False)
    body = invoice_body(invoice("5.00", line("5.00", None), PrivateNote="Thanks"), counting)
    assert "DocNumber" not in body
    assert body["PrivateNote"] == "Alguna invoice INV-1\nThanks"


def payment(number: int, amount: str, invoice_id: str, source: str = "pay_1") -> Operation:
    return operation(
        number, Entity.PAYMENTS, OperationKind.CREATE, Side.EXTERNAL, {"Line.Amount": Decimal(amount)},
        source_id=f"{source}:inv_{number}", parent_id=invoice_id,
    )  # fmt: skip


def owed(balance: str, customer: str = "58") -> Current:
    row: dict[str, Any] = {"Id": "1", "Balance": Decimal(balance), "CustomerRef": {"value": customer}}
    return Current(None, {ROW: row})


def test_allocations_of_one_payment_are_sent_as_one_and_too_much_is_refused() -> None:
    operations = [
        payment(1, "30", "130"),
        payment(2, "20", "131"),
        payment(3, "5", "132", "pay_2"),
        payment(4, "9", "133"),
    ]
    current = {1: owed("30"), 2: owed("50"), 3: owed("5"), 4: owed("8.99")}
    items = list(PaymentWriter().items(operations, current))
    sent = [item.body["Payment"] for item in items if item.body is not None]
    assert [one["TotalAmt"] for one in sent] == [Decimal(50), Decimal(5)]
    assert [one["PaymentRefNum"] for one in sent] == ["pay_1", "pay_2"]
    assert [part["LinkedTxn"][0]["TxnId"] for part in sent[0]["Line"]] == ["130", "131"]
    [refused] = [item for item in items if item.failure is not None]
    assert (refused.operations[0].id, refused.failure.type if refused.failure else None) == (4, ErrorType.DUPLICATE)


async def billed(quickbooks: Control, *amounts: float) -> tuple[str, list[str]]:
    customer = str((await quickbooks.create(Entity.ACCOUNTS, {"DisplayName": "Payer"}))["Id"])
    ids = []
    for amount in amounts:
        detail = {"ItemRef": {"value": "1"}}
        row = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        made = await quickbooks.create(Entity.INVOICES, {"CustomerRef": {"value": customer}, "Line": [row]})
        ids.append(str(made["Id"]))
    return customer, ids


async def write(connector: Connector, *operations: Operation) -> dict[int, Any]:
    current = await connector.current(operations, ["Line.Amount"])
    results: dict[int, Any] = {}
    for request in connector.plan(operations, current):
        results |= {one.operation_id: one for one in await connector.send(request, operations, ["Line.Amount"])}
    return results


async def test_one_payment_of_two_invoices_is_written_found_again_and_taken_apart(
    quickbooks: Control, quickbooks_connector: Connector
) -> None:
    _, (first, second) = await billed(quickbooks, 30, 50)
    creates = [payment(1, "30", first), payment(2, "20", second)]
    results = await write(quickbooks_connector, *creates)
    assert {one.status for one in results.values()} == {WriteStatus.DONE}
    ids = [str(results[number].target_id) for number in (1, 2)]
    [row] = (await quickbooks.get("records/payments"))["data"]
    assert ids == [f"{row['Id']}:{first}", f"{row['Id']}:{second}"]
    found = await quickbooks_connector.find_created(creates, ["Line.Amount"])
    assert [found[number].id for number in (1, 2)] == ids
    stranger = replace(creates[0], planned_at=datetime.now(UTC) + timedelta(hours=1))
    assert await quickbooks_connector.find_created([stranger], []) == {}, "an older one is nobody's lost reply"

    archive = [
        operation(number, Entity.PAYMENTS, OperationKind.ARCHIVE, Side.EXTERNAL, target_id=one)
        for number, one in enumerate(ids, start=3)
    ]
    await write(quickbooks_connector, archive[0])
    row = await quickbooks.record(Entity.PAYMENTS, row["Id"])
    assert (row["TotalAmt"], len(row["Line"])) == (20.0, 1)
    read = await quickbooks_connector.read(Entity.PAYMENTS, ids, ["Line.Amount"])
    assert [read[one].deleted for one in ids] == [True, False]
    await write(quickbooks_connector, archive[1])
    row = await quickbooks.record(Entity.PAYMENTS, row["Id"])
    assert (row["TotalAmt"], row["PrivateNote"]) == (0.0, "Voided")


async def test_what_is_void_deleted_or_settles_no_more_is_told_as_deleted_allocations(
    quickbooks: Control, quickbooks_connector: Connector
) -> None:
    customer, invoices = await billed(quickbooks, 10, 10, 10)
    made = []
    for one in invoices:
        link = {"Amount": 10, "LinkedTxn": [{"TxnId": one, "TxnType": "Invoice"}]}
        body = {"CustomerRef": {"value": customer}, "TotalAmt": 10, "Line": [link]}
        made.append(str((await quickbooks.create(Entity.PAYMENTS, body))["Id"]))
    request = FetchRequest(Entity.PAYMENTS, {Entity.PAYMENTS: ["Line.Amount"]}, None, full=False)
    records, cursor, _ = await fetch_all(quickbooks_connector, request)
    allocations = [f"{one}:{of}" for one, of in zip(made, invoices, strict=True)]
    assert [record.id for record in records] == allocations
    await quickbooks.patch(Entity.PAYMENTS, made[0], {"voided": True})
    await quickbooks.patch(Entity.PAYMENTS, made[1], {"Line": []})
    await quickbooks.delete(f"records/payments/{made[2]}")
    records, _, _ = await fetch_all(quickbooks_connector, replace(request, cursor=cursor))
    gone = {record.id: record.deleted for record in records}
    assert {one: gone.get(one) for one in allocations} == dict.fromkeys(allocations, True)
    whole = await quickbooks_connector.read(Entity.PAYMENTS, [made[0]], [])
    assert list(whole) == [allocations[0]], "an event names the payment, its allocations are read"


async def test_a_cursor_beyond_cdcs_reach_lists_transactions_anew(
    quickbooks: Control, quickbooks_connector: Connector
) -> None:
    await billed(quickbooks, 10)
    old = Cursor(since=datetime.now(UTC) - timedelta(days=31)).dump()
    for entity, complete in ((Entity.ACCOUNTS, False), (Entity.INVOICES, True)):
        page = await quickbooks_connector.fetch(FetchRequest(entity, {entity: []}, old, full=False))
        assert (len(page.records), page.complete_scan) == (1, complete)
    assert await quickbooks.calls("/cdc") == []


@pytest.mark.parametrize("rows", [1_000, 4])
async def test_one_unreadable_row_is_left_out_and_the_others_are_read(
    quickbooks: Control, quickbooks_connector: Connector, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("connectors.quickbooks.reader.QUERY_ROWS", rows)
    await quickbooks.seed(Entity.ACCOUNTS, 5)
    await quickbooks.create(Entity.ACCOUNTS, {"DisplayName": "Bad", "PrimaryEmailAddr": {"Address": "a b"}})
    ids = await quickbooks.seed(Entity.ACCOUNTS, 12)
    setup = await quickbooks.get("records/setup/company")
    await quickbooks.post("records/setup", {**setup, "badEmailBreaksPages": True})
    request = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["DisplayName"]}, None, full=False)
    records, _, _ = await fetch_all(quickbooks_connector, request)
    assert sorted(record.id for record in records) == sorted(ids)


async def test_names_of_any_characters_are_looked_up(quickbooks: Control, quickbooks_connector: Connector) -> None:
    names = [r"O'Brien & Sons \ 100% + #1", "O\u2019Neill \u2013 Z\u00fcrich", "Plain"]
    for name in names:
        await quickbooks.create(Entity.ACCOUNTS, {"DisplayName": name})
    await quickbooks.create(Entity.ACCOUNTS, {"DisplayName": "O-Neill - Z\u00fcrich"})
    found = await quickbooks_connector.look_up(Entity.ACCOUNTS, "DisplayName", names, ["DisplayName"])
    assert sorted(str(one.fields["DisplayName"]) for one in found) == sorted(names)


async def test_options_that_invoices_need_are_named_with_their_candidates(quickbooks_connector: Connector) -> None:
    assert isinstance(quickbooks_connector, NeedsOptions)
    needs = await quickbooks_connector.needs(Entity.INVOICES, {}, True)
    assert [need.option for need in needs] == ["itemMap", "taxMap"]
    assert needs[0].candidates[0].value == {"by": "sku"}
    assert await quickbooks_connector.needs(Entity.INVOICES, {}, False) == []
    wrong: dict[str, Value] = {"itemMap": {"default": "99"}, "taxMap": {"20": "x"}, "salesAccount": "1"}
    needs = await quickbooks_connector.needs(Entity.INVOICES, wrong, True)
    assert [need.option for need in needs] == ["itemMap", "taxMap", "salesAccount"]
    [need] = await quickbooks_connector.needs(Entity.PAYMENTS, {"paymentAccount": "79"}, True)
    assert {one.value for one in need.candidates} == {"4", "35"}
    assert await quickbooks_connector.needs(Entity.PAYMENTS, {"paymentAccount": "35"}, True) == []
