"""Alguna's payments: read as allocations, made once by marking an invoice as paid, refused where they cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from alguna import AsyncAlguna, CreateInvoiceLineItemRequest

from connectors.protocols import Connector, FindsLookalikes, WriteStatus
from core.documents import allocation_id, line_values
from core.errors import ErrorType, Transient
from core.records import Entity, Record, Side
from core.values import Value
from tests.connectors.alguna_money import (
    ARCHIVE,
    CREATE,
    INVOICE_FIELDS,
    LINE,
    PAYMENT_FIELDS,
    UPDATE,
    customer,
    invoice,
    issued,
    payment,
    read_all,
    write,
)
from tests.connectors.support import Control, fetch_all, operation


async def test_payments_are_read_as_allocations(alguna: Control, alguna_connector: Connector) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")
    paid = await alguna.create(
        Entity.PAYMENTS, {"invoice_id": made["id"], "amount": "40.00", "paid_at": "2026-06-11T14:21:07Z"}
    )
    records, _, _ = await fetch_all(alguna_connector, read_all(Entity.PAYMENTS, PAYMENT_FIELDS))
    (record,) = records
    assert record == Record(
        side=Side.ALGUNA,
        entity=Entity.PAYMENTS,
        id=allocation_id(paid["id"], made["id"]),
        fields={"amount": Decimal(40), "paidAt": "2026-06-11", "currency": "GBP"},
        modified_at=record.modified_at,
        parent_id=made["id"],
    )
    whole = await alguna_connector.read(Entity.PAYMENTS, [paid["id"]], PAYMENT_FIELDS)
    assert whole == {record.id: record}
    stray = allocation_id(paid["id"], "inv_other")
    assert (await alguna_connector.read(Entity.PAYMENTS, [stray], PAYMENT_FIELDS))[stray].deleted
    assert await alguna_connector.read(Entity.PAYMENTS, ["pay_none:inv_none"], PAYMENT_FIELDS) == {}
    await alguna.patch(Entity.PAYMENTS, paid["id"], {"status": "voided"})
    assert (await alguna_connector.read(Entity.PAYMENTS, [record.id], PAYMENT_FIELDS))[record.id].deleted


async def test_invoices_and_payments_are_looked_up_by_what_alguna_filters(
    alguna: Control, alguna_connector: Connector
) -> None:
    owner = await customer(alguna)
    made = await issued(alguna, owner, "100.00")
    paid = await alguna.create(Entity.PAYMENTS, {"invoice_id": made["id"]})
    by_number = await alguna_connector.look_up(
        Entity.INVOICES, "externalReference", [made["external_reference"]], ["total"]
    )
    by_customer = await alguna_connector.look_up(Entity.INVOICES, "customerId", [owner], ["total"])
    by_invoice = await alguna_connector.look_up(Entity.PAYMENTS, "invoiceId", [made["id"]], ["amount"])
    assert [one.id for one in by_number] == [one.id for one in by_customer] == [made["id"]]
    assert [one.id for one in by_invoice] == [allocation_id(paid["id"], made["id"])]


async def test_marking_as_paid_names_the_payment_that_it_made(alguna: Control, alguna_connector: Connector) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")
    older = await alguna.create(Entity.PAYMENTS, {"invoice_id": made["id"], "amount": "30.00"})
    results = await write(alguna_connector, payment(1, made["id"], "70.00", paidAt="2026-06-01", source="cheque"))
    (found,) = results[1].lookalikes
    assert results[1].status is WriteStatus.DONE
    assert results[1].target_id is None
    assert found.fields == {"amount": Decimal(70), "paidAt": "2026-06-01", "currency": "GBP"}
    assert found.id != allocation_id(older["id"], made["id"])
    assert (await alguna.record(Entity.INVOICES, made["id"]))["status"] == "paid"
    (call,) = [call for call in await alguna.calls("mark-as-paid") if call["method"] == "POST"]
    assert call["body"] == {
        "amount_paid": "70",
        "external_payment_note": f"int_salesforce {operation(1, Entity.PAYMENTS, CREATE, Side.ALGUNA).source_id}",
        "external_payment_source": "cheque",
        "paid_date": "2026-06-01T00:00:00Z",
    }


async def test_a_lost_reply_is_told_by_the_same_request_and_pays_once(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")
    paid = payment(1, made["id"], "40.00")
    (request,) = alguna_connector.plan([paid], {})
    await alguna.fault("drop_after_commit", "mark-as-paid", times=1)
    with pytest.raises(Transient) as lost:
        await alguna_connector.send(request, [paid], PAYMENT_FIELDS)
    assert lost.value.outcome_unknown
    (result,) = await alguna_connector.send(request, [paid], PAYMENT_FIELDS)
    assert len(result.lookalikes) == 1
    assert (await alguna.record(Entity.INVOICES, made["id"]))["amount_paid"] == "40.00"
    assert await alguna.total(Entity.PAYMENTS) == 1


async def test_lookalikes_agree_in_all_that_was_sent_and_are_young(
    alguna: Control, alguna_connector: Connector
) -> None:
    assert isinstance(alguna_connector, FindsLookalikes)
    owner = await customer(alguna)
    made = await issued(alguna, owner, "99.99")
    await issued(alguna, owner, "49.99")
    for amount, day in (("40.00", "2026-06-01"), ("40.00", "2026-06-02"), ("19.99", "2026-06-01")):
        await alguna.create(Entity.PAYMENTS, {"invoice_id": made["id"], "amount": amount, "paid_at": day})
    wanted = payment(1, made["id"], "40.00", paidAt="2026-06-01")
    late = replace(wanted, id=2, planned_at=datetime.now(UTC) + timedelta(hours=1))
    found = await alguna_connector.lookalikes([wanted, late], PAYMENT_FIELDS)
    assert [one.fields["paidAt"] for one in found[1]] == ["2026-06-01"]
    assert found[2] == []
    line = replace(LINE, quantity=Decimal(1), unit_price=Decimal("99.99"))
    same = replace(invoice(3, owner, lineItems=line_values([line])), planned_at=datetime.now(UTC))
    other = invoice(4, owner, total="99.98")
    found = await alguna_connector.lookalikes([same, other], INVOICE_FIELDS)
    assert [one.id for one in found[3]] == [made["id"]]
    assert found[4] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": ARCHIVE, "target_id": "pay_1:inv_1", "values": {}}, "Alguna cannot take a payment back"),
        ({"kind": UPDATE, "target_id": "pay_1:inv_1"}, "amount of a payment cannot be written to Alguna"),
        ({"parent_id": None}, "a payment needs its invoice"),
        ({"values": {"amount": Decimal(0)}}, "a payment of 0 cannot be recorded"),
        ({"values": {"amount": None}}, "amount must be an amount"),
        ({"values": {"amount": Decimal(1), "paidAt": "yesterday"}}, "paidAt must be a date"),
        ({"values": {"amount": Decimal(1), "currency": "GBP"}}, "currency of a payment cannot be written"),
    ],
)
async def test_payments_that_alguna_cannot_take_are_refused_without_a_call(
    alguna: Control, alguna_connector: Connector, change: dict[str, Any], said: str
) -> None:
    refused = replace(payment(1, "inv_1", "5.00"), **change)
    (request,) = alguna_connector.plan([refused], {})
    (result,) = await alguna_connector.send(request, [refused], PAYMENT_FIELDS)
    assert result.status is WriteStatus.REJECTED
    assert result.failure is not None
    assert said in result.failure.message
    assert await alguna.calls() == []


async def test_i6_a_payment_with_more_decimals_than_its_currency_is_refused_by_name(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")
    result = (await write(alguna_connector, payment(1, made["id"], "0.001")))[1]
    assert result.failure is not None
    assert (result.status, result.failure.field) == (WriteStatus.REJECTED, "amount")
    assert "0.001 GBP has more decimals than GBP" in result.failure.message


async def test_more_than_remains_is_refused_by_alguna_with_its_words(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await issued(alguna, await customer(alguna), "100.00")
    results = await write(alguna_connector, payment(1, made["id"], "100.01"))
    assert results[1].failure is not None
    assert results[1].failure.type is ErrorType.FIELD_VALIDATION
    assert "at most the remaining 100.00" in results[1].failure.message


async def test_our_bytes_of_money_documents_are_those_of_the_official_sdk(
    alguna: Control, alguna_connector: Connector
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    sdk = AsyncAlguna(base_url="https://alguna.example", api_key="k", httpx_client=http, max_retries=0)
    day = datetime(2026, 6, 1, tzinfo=UTC)
    await sdk.invoices.create(
        customer_id="cust_1",
        currency="GBP",
        status="issued",
        issue_date=day,
        description="May",
        purchase_order_number="PO-7",
        line_items=[CreateInvoiceLineItemRequest(description="Seats", quantity="3", unit_price="33.33")],
    )
    await sdk.invoices.mark_as_paid(
        "inv_1",
        external_payment_source="cheque",
        amount_paid="40",
        paid_date=day,
        external_payment_note="int_salesforce Q1",
    )
    await sdk.invoices.void("inv_1")
    await sdk.invoices.update("inv_1", description="June", purchase_order_number="PO-8")
    made = invoice(1, "cust_1", issueDate="2026-06-01", description="May", purchaseOrderNumber="PO-7")
    paid = payment(2, "inv_1", "40.00", paidAt="2026-06-01", source="cheque", note="int_salesforce Q1")
    void = operation(3, Entity.INVOICES, ARCHIVE, Side.ALGUNA, {}, target_id="inv_1")
    texts: dict[str, Value] = {"description": "June", "purchaseOrderNumber": "PO-8"}
    change = operation(4, Entity.INVOICES, UPDATE, Side.ALGUNA, texts, target_id="inv_1")
    current = await alguna_connector.current([replace(made, parent_id=await customer(alguna))], [])
    ours = [request for one in (made, paid, void, change) for request in alguna_connector.plan([one], current)]
    for theirs, request in zip(sent, ours, strict=True):
        assert (theirs.method, theirs.url.path) == (request.method, f"/{request.path}")
        assert json.loads(theirs.content or b"{}") == json.loads(request.body)
