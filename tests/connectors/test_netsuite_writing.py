"""Writing to NetSuite: what is refused before it is sent, by NetSuite, and what is never made twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from connectors.protocols import Connector, WriteResult, WriteStatus
from core.errors import ErrorType, Transient
from core.records import Entity, Operation, OperationKind, Side
from tests.connectors.support import Control, operation

ACCOUNTS, INVOICES, PAYMENTS = Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS
CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE


@pytest.fixture
async def netsuite(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("netsuite")


@pytest.fixture
async def connector(netsuite: Control) -> AsyncIterator[Connector]:
    made = (await netsuite.services()).connect("netsuite")
    yield made
    await made.close()


def an(number: int, entity: Entity, kind: OperationKind = CREATE, **more: Any) -> Operation:
    values = more.pop("values", {})
    return operation(number, entity, kind, Side.EXTERNAL, values, **more)


async def carry_out(connector: Connector, *operations: Operation) -> dict[int, WriteResult]:
    """Write as the engine does: look, plan, send."""
    asked = [one for one in operations if connector.needs_current(one, 60.0)]
    current = await connector.current(asked, []) if asked else {}
    results: dict[int, WriteResult] = {}
    for request in connector.plan(operations, current):
        results |= {one.operation_id: one for one in await connector.send(request, operations, [])}
    return results


async def a_customer(netsuite: Control, **more: Any) -> str:
    body = {"companyName": "Plain Harbor Ltd", "subsidiary": {"id": "1"}, **more}
    return str((await netsuite.create(ACCOUNTS, body))["id"])


async def a_bill(netsuite: Control, customer: str, amount: float) -> str:
    lines = {"items": [{"item": {"id": "11"}, "quantity": 1, "rate": amount}]}
    return str((await netsuite.create(INVOICES, {"entity": {"id": customer}, "item": lines}))["id"])


def line(**more: Any) -> dict[str, Any]:
    return {"sku": "SEAT-STD", "quantity": 1, "unitPrice": "100.00", "amount": "100.00", **more}


async def test_the_only_subsidiary_is_taken_and_of_several_one_must_be_named(
    netsuite: Control, connector: Connector
) -> None:
    made = await carry_out(connector, an(1, ACCOUNTS, values={"companyName": "One Ltd"}))
    assert made[1].status is WriteStatus.DONE
    await netsuite.post("records/setup", {"subsidiaries": ["Parent", "Child"]})
    services = await netsuite.services()
    another = services.connect("netsuite")
    refused = await carry_out(another, an(2, ACCOUNTS, values={"companyName": "Two Ltd"}))
    assert refused[2].failure is not None
    assert (refused[2].status, refused[2].failure.field) == (WriteStatus.REJECTED, "subsidiary")
    chosen = await carry_out(another, an(3, ACCOUNTS, values={"companyName": "Three Ltd", "subsidiary": "2"}))
    row = await netsuite.record(ACCOUNTS, chosen[3].target_id or "")
    assert (row["subsidiary"]["id"], row["externalId"]) == ("2", "source-3")
    await another.close()


@pytest.mark.parametrize(
    ("values", "kind", "field"),
    [
        ({"companyName": "taken ltd"}, ErrorType.DUPLICATE, None),
        ({"companyName": "X", "email": "none"}, ErrorType.FIELD_VALIDATION, "email"),
        ({"companyName": "X" * 84}, ErrorType.FIELD_VALIDATION, "companyName"),
        ({"companyName": "X", "currency": "XXX"}, ErrorType.FIELD_VALIDATION, "currency"),
        ({"companyName": "X", "billingAddress.country": "GBR"}, ErrorType.FIELD_VALIDATION, "billingAddress.country"),
        ({"companyName": "X", "no_such": "1"}, ErrorType.FIELD_VALIDATION, "no_such"),
    ],
)
async def test_a_refusal_names_the_field(
    netsuite: Control, connector: Connector, values: dict[str, Any], kind: ErrorType, field: str | None
) -> None:
    await a_customer(netsuite, companyName="Taken Ltd")
    result = (await carry_out(connector, an(1, ACCOUNTS, values=values)))[1]
    assert result.failure is not None
    assert (result.status, result.failure.type, result.failure.field) == (WriteStatus.REJECTED, kind, field)


async def test_an_id_that_cannot_be_an_external_one_is_refused(connector: Connector) -> None:
    one = an(1, ACCOUNTS, values={"companyName": "X"}, source_id="a|b")
    result = (await carry_out(connector, one))[1]
    assert result.failure is not None
    assert result.failure.field == "externalId"


async def test_a_create_sent_again_is_told_to_exist(netsuite: Control, connector: Connector) -> None:
    one = an(1, ACCOUNTS, values={"companyName": "Once Ltd"})
    first = (await carry_out(connector, one))[1]
    again = (await carry_out(connector, one))[1]
    assert (again.status, again.target_id) == (WriteStatus.EXISTS, first.target_id)
    assert await netsuite.total(ACCOUNTS) == 1


async def test_records_that_are_gone_are_told_as_such(netsuite: Control, connector: Connector) -> None:
    [invoice] = await netsuite.seed(INVOICES, 1)
    missing = [an(1, ACCOUNTS, UPDATE, target_id="999", values={"email": "a@x.example"})]
    missing.append(an(2, PAYMENTS, ARCHIVE, target_id=f"{invoice}:1"))
    for one in missing:
        for request in connector.plan([one], {}):
            [result] = await connector.send(request, [one], [])
            assert result.status is WriteStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"item": [line(sku="NO-SUCH")]}, "item", "line 1: NetSuite has no item named `NO-SUCH`"),
        ({"item": [line(taxCode="S-XX", tax="20.00")]}, "item", "no tax code `S-XX`"),
        ({"item": [line(taxCode="S-DE", tax="20.00")], "total": "120.00"}, "item", "tax code of 19 %"),
        ({"item": [line(tax="20.00")], "total": "120.00"}, "item", "no tax code"),
        ({"item": [line()], "total": "100.02"}, "total", "comes to 100.02 USD in Alguna, but would come to 100.00 USD"),
        ({"item": []}, "item", "at least one line"),
        ({"item": [line()], "currency": "XXX"}, "currency", "no currency XXX"),
        (
            {"item": [line(unitPrice="0.5", amount="0.5")], "total": "0.5", "currency": "JPY"},
            "item",
            "0 decimals of JPY",
        ),
        ({"item": [line(amount="90071992547409.93")], "total": "90071992547409.93"}, "item", "keeps 15 digits"),
    ],
)
async def test_an_invoice_is_refused_before_it_is_sent(
    netsuite: Control, connector: Connector, values: dict[str, Any], field: str, text: str
) -> None:
    customer = await a_customer(netsuite, currencyList={"items": [{"currency": {"id": "6"}}]})
    one = an(1, INVOICES, values={"total": "100.00", "currency": "USD", **values}, parent_id=customer)
    await netsuite.forget_calls()
    result = (await carry_out(connector, one))[1]
    assert result.failure is not None
    assert (result.status, result.failure.field) == (WriteStatus.REJECTED, field)
    assert text in result.failure.message
    assert await netsuite.calls("/record/v1/invoice") == []


async def test_cents_of_rounding_go_into_the_tax_of_the_largest_line(netsuite: Control, connector: Connector) -> None:
    customer = await a_customer(netsuite)
    lines = [line(unitPrice="0.33", amount="0.33", taxCode="S-GB", tax="0.07") for _ in range(3)]
    lines.append(line(taxCode="S-GB", tax="20.00"))
    one = an(1, INVOICES, values={"item": lines, "total": "121.19", "currency": "USD"}, parent_id=customer)
    result = (await carry_out(connector, one))[1]
    row = await netsuite.record(INVOICES, result.target_id or "")
    assert (row["total"], row["taxTotal"]) == (121.19, 20.2)
    assert [tax["taxAmount"] for tax in row["taxDetails"]["items"]] == [0.07, 0.07, 0.07, 19.99]
    assert result.record is not None
    [read] = (await connector.read(INVOICES, [result.target_id or ""], ["item"])).values()
    assert read.fields["item"] == result.record.fields["item"], "what was sent is what is read"


async def test_a_price_that_does_not_multiply_becomes_a_line_of_its_amount(
    netsuite: Control, connector: Connector
) -> None:
    customer = await a_customer(netsuite)
    odd = line(quantity="3", unitPrice="33.33", amount="100.00", description="Usage")
    one = an(1, INVOICES, values={"item": [odd], "total": "100.00", "currency": "USD"}, parent_id=customer)
    result = (await carry_out(connector, one))[1]
    [shown] = (await netsuite.record(INVOICES, result.target_id or ""))["item"]["items"]
    assert (shown["quantity"], shown["amount"], shown["description"]) == (1.0, 100.0, "Usage (3 × 33.33)")


async def test_allocations_of_one_payment_become_one_and_later_ones_are_added(
    netsuite: Control, connector: Connector
) -> None:
    customer = await a_customer(netsuite)
    bills = [await a_bill(netsuite, customer, amount) for amount in (10.0, 20.0, 30.0)]

    def allocation(number: int, amount: str) -> Operation:
        bill, source = bills[number - 1], f"pay-1:inv-{number}"
        values = {"amount": amount, "tranDate": "2026-11-20"}
        return an(number, PAYMENTS, values=values, source_id=source, parent_id=bill)

    first, second, third = allocation(1, "10"), allocation(2, "15"), allocation(3, "30")
    results = await carry_out(connector, first, second)
    [payment] = (await netsuite.get("records/payments"))["data"]
    assert {one.target_id for one in results.values()} == {f"{payment['id']}:{bill}" for bill in bills[:2]}
    assert (payment["payment"], payment["externalId"], payment["tranDate"]) == (25.0, "pay-1", "2026-11-20")

    added = await carry_out(connector, third)
    [payment] = (await netsuite.get("records/payments"))["data"]
    assert added[3].target_id == f"{payment['id']}:{bills[2]}"
    assert (payment["payment"], payment["unapplied"]) == (55.0, 0.0)
    found = await connector.find_created(
        [first, third, an(9, PAYMENTS, source_id="pay-1:x", parent_id="1")], ["amount"]
    )
    assert {number: one.parent_id for number, one in found.items()} == {1: bills[0], 3: bills[2]}
    assert (await connector.current([first], ["amount"]))[1].record is not None, "never settled twice"

    ends = [an(n, PAYMENTS, ARCHIVE, target_id=f"{payment['id']}:{bill}") for n, bill in enumerate(bills, 1)]
    await carry_out(connector, ends[0])
    [payment] = (await netsuite.get("records/payments"))["data"]
    assert (payment["payment"], payment["unapplied"]) == (45.0, 0.0)
    await carry_out(connector, *ends[1:])
    assert await netsuite.total(PAYMENTS) == 0
    assert [(await netsuite.record(INVOICES, one))["amountPaid"] for one in bills] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "parent", "text"),
    [
        ({"amount": "11"}, "", "exceeds the open balance"),
        ({"amount": "0"}, "", "cannot be recorded"),
        ({"amount": "5"}, "999999", "does not show the invoice"),
    ],
)
async def test_a_payment_that_does_not_fit_is_refused(
    netsuite: Control, connector: Connector, values: dict[str, Any], parent: str, text: str
) -> None:
    bill = await a_bill(netsuite, await a_customer(netsuite), 10.0)
    one = an(1, PAYMENTS, values=values, source_id="pay-1:inv-1", parent_id=parent or bill)
    result = (await carry_out(connector, one))[1]
    assert result.failure is not None
    assert (result.status, result.failure.type) == (WriteStatus.REJECTED, ErrorType.FIELD_VALIDATION)
    assert text in result.failure.message
    assert await netsuite.total(PAYMENTS) == 0


async def test_a_payment_is_booked_to_the_chosen_account(netsuite: Control, connector: Connector) -> None:
    bill = await a_bill(netsuite, await a_customer(netsuite), 10.0)
    values = {"amount": "10", "tranDate": "2026-11-20", "account": "1"}
    await carry_out(connector, an(1, PAYMENTS, values=values, source_id="pay-1:inv-1", parent_id=bill))
    [payment] = (await netsuite.get("records/payments"))["data"]
    assert (payment["account"]["refName"], payment["status"]["refName"]) == ("1000 Checking", "Deposited")
    changed = an(2, PAYMENTS, UPDATE, target_id=f"{payment['id']}:{bill}", values={"amount": "9"})
    assert (await carry_out(connector, changed))[2].status is WriteStatus.REJECTED


async def test_a_save_that_outlives_its_answer_is_an_unknown_outcome(netsuite: Control, connector: Connector) -> None:
    one = an(1, ACCOUNTS, values={"companyName": "Slow Ltd", "subsidiary": "1"})
    [request] = connector.plan([one], await connector.current([one], []))
    assert json.loads(request.body)["externalId"] == "source-1"
    await netsuite.fault("error_500", "/customer", "POST", times=1)
    with pytest.raises(Transient) as lost:
        await connector.send(request, [one], [])
    assert lost.value.outcome_unknown
