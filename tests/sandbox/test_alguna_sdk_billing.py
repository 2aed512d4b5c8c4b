"""Subscriptions, invoices, payments and products of the Alguna sandbox, through the unchanged official SDK."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from alguna import (
    BadRequestError,
    ContractInput,
    CreateInvoiceLineItemRequest,
    CreateSubscriptionItemInput,
    InvoiceResponse,
    NotFoundError,
    UnprocessableEntityError,
)
from alguna.paging import apaginate

from tests.sandbox.alguna_client import Running, new_customer, running_alguna


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


async def issued_invoice(alguna: Running, price: str = "100.00") -> InvoiceResponse:
    """An invoice of one line, waited for until it has settled to `issued`."""
    customer = await new_customer(alguna.sdk)
    invoice = await alguna.sdk.invoices.create(
        customer_id=customer.id,
        currency="GBP",
        status="issued",
        line_items=[CreateInvoiceLineItemRequest(description="Seats", quantity="2", unit_price=price)],
    )
    assert invoice.status == "processing"
    async with asyncio.timeout(10):
        while invoice.status == "processing":
            await asyncio.sleep(0.1)
            invoice = await alguna.sdk.invoices.get(invoice.id)
    return invoice


async def test_subscription_from_draft_to_cancellation(alguna: Running) -> None:
    sdk, customer = alguna.sdk, await new_customer(alguna.sdk)
    price = {
        "type": "fixed",
        "fee_type": "fixed",
        "billing_direction": "advance",
        "billing_interval": "quarterly",
        "fixed_pricing_model": {"price_per_unit": "150.00", "units": 4},
    }
    draft = await sdk.subscriptions.create(
        customer_id=customer.id,
        currency="GBP",
        name="Harbor seats",
        contract=ContractInput(start_date=datetime(2026, 1, 31, tzinfo=UTC).date(), duration_months=1),
        items=[CreateSubscriptionItemInput.model_validate({"product_id": "prod_1", "price": price})],
        metadata={"tier": "gold", "region": "north"},
    )
    assert draft.status == "draft"
    with pytest.raises(NotFoundError):
        await sdk.subscription_versions.get_current(draft.id)
    active = await sdk.subscriptions.activate(draft.id)
    assert active.status == "active"
    assert active.contract.end_date == datetime(2026, 2, 28, tzinfo=UTC)
    assert await sdk.subscriptions.activate(draft.id) == active
    current = await sdk.subscription_versions.get_current(draft.id)
    assert current.id == active.current_version_id
    assert current.items[0].price is not None
    assert current.items[0].price.fixed_pricing_model is not None
    assert current.items[0].price.fixed_pricing_model.total == "600.00"
    revenue = await sdk.subscriptions.get_revenue(draft.id)
    assert (revenue.mrr, revenue.arr, revenue.acv) == ("200.00", "2400.00", "200.00")
    assert revenue.recurring_revenue_status == "complete"

    renamed = await sdk.subscriptions.update(draft.id, name="Harbor seats 2", metadata={"region": None, "crm": "006A"})
    assert renamed.metadata == {"tier": "gold", "crm": "006A"}
    assert (renamed.name, renamed.status) == ("Harbor seats 2", "active")
    with pytest.raises(BadRequestError):
        await sdk.subscriptions.delete(draft.id)
    canceled = await sdk.subscriptions.cancel(draft.id, reason="pricing")
    assert canceled.status == "canceled"
    assert (await sdk.subscriptions.get_revenue(draft.id)).mrr == "0.00"
    with pytest.raises(BadRequestError):
        await sdk.subscriptions.activate(draft.id)


async def test_draft_subscription_can_be_deleted(alguna: Running) -> None:
    customer = await new_customer(alguna.sdk)
    with pytest.raises(UnprocessableEntityError):
        await alguna.sdk.subscriptions.create(customer_id=customer.id)
    draft = await alguna.sdk.subscriptions.create(customer_id=customer.id, currency="GBP")
    await alguna.sdk.subscriptions.delete(draft.id)
    with pytest.raises(NotFoundError):
        await alguna.sdk.subscriptions.get(draft.id)


async def test_subscriptions_by_update_time_show_the_changed_one_first(alguna: Running) -> None:
    ids = await alguna.seed("subscriptions", 120)
    await alguna.sdk.subscriptions.update(ids[50], name="Renamed")
    listed = [row async for row in apaginate(alguna.sdk.subscriptions.list, sort="updated_at:desc")]
    assert listed[0].id == ids[50]
    times = [row.updated_at for row in listed]
    assert times == sorted(times, reverse=True)
    assert {row.id for row in listed} == set(ids)
    drafts = await alguna.sdk.subscriptions.list(status=["draft", "canceled"], limit=100)
    assert {row.status for row in drafts.data} == {"draft"}
    mine = await alguna.sdk.subscriptions.list(customer_id=listed[0].customer_id)
    assert [row.id for row in mine.data] == [ids[50]]


async def test_invoice_settles_to_issued_and_is_paid_in_parts(alguna: Running) -> None:
    invoice = await issued_invoice(alguna)
    assert (invoice.status, invoice.total, invoice.amount_remaining) == ("issued", "200.00", "200.00")
    assert invoice.external_reference is not None
    part = await alguna.sdk.invoices.mark_as_paid(
        invoice.id, external_payment_source="bank_transfer", amount_paid="50.50"
    )
    assert (part.status, part.amount_paid, part.amount_remaining) == ("issued", "50.50", "149.50")
    with pytest.raises(UnprocessableEntityError):
        await alguna.sdk.invoices.mark_as_paid(invoice.id, external_payment_source="cash", amount_paid="149.51")
    paid = await alguna.sdk.invoices.mark_as_paid(invoice.id, external_payment_source="bank_transfer")
    assert (paid.status, paid.amount_remaining) == ("paid", "0.00")
    with pytest.raises(BadRequestError):
        await alguna.sdk.invoices.void(invoice.id)
    payments = (await alguna.sdk.payments.list(invoice_id=invoice.id)).data
    assert sum(Decimal(one.amount) for one in payments) == 200
    assert all(one.allocations[0].invoice_id == invoice.id for one in payments)
    assert await alguna.sdk.payments.get(payments[0].id) == payments[0]


async def test_void_rules(alguna: Running) -> None:
    invoice = await issued_invoice(alguna)
    now = datetime.now(UTC)
    for wrong in (now + timedelta(days=1), now - timedelta(days=1)):
        with pytest.raises(UnprocessableEntityError):
            await alguna.sdk.invoices.void(invoice.id, void_date=wrong)
    assert (await alguna.sdk.invoices.void(invoice.id)).status == "void"
    with pytest.raises(BadRequestError):
        await alguna.sdk.invoices.void(invoice.id)


async def test_draft_invoice_lines_can_be_edited_until_it_is_issued(alguna: Running) -> None:
    sdk, customer = alguna.sdk, await new_customer(alguna.sdk)
    draft = await sdk.invoices.create(customer_id=customer.id, currency="GBP", description="One-off work")
    with_line = await sdk.invoices.add_line_item(draft.id, description="Work", quantity="1.5", unit_price="80.00")
    assert with_line.total == "120.00"
    line = with_line.line_items[0]
    assert (await sdk.invoices.update_line_item(draft.id, line.id, description="Repair")).description == "Repair"
    await sdk.invoices.delete_line_item(draft.id, line.id)
    assert (await sdk.invoices.get(draft.id)).line_items == []
    patched = await sdk.invoices.update(draft.id, purchase_order_number="PO-7")
    assert (patched.purchase_order_number, patched.description) == ("PO-7", "One-off work")
    issued = await issued_invoice(alguna)
    with pytest.raises(BadRequestError):
        await sdk.invoices.add_line_item(issued.id, description="Late", quantity="1", unit_price="1")


async def test_invoice_list_is_short_and_filtered(alguna: Running) -> None:
    ids = await alguna.seed("invoices", 30)
    await alguna.seed("payments", 30)
    row = (await alguna.sdk.invoices.list(limit=1)).data[0]
    assert not {"issue_date", "amount_paid", "external_id", "line_items"} & row.model_dump(exclude_unset=True).keys()
    paid = await alguna.sdk.invoices.list(status=["paid"], limit=100)
    overdue = await alguna.sdk.invoices.list(status="overdue", limit=100)
    assert {one.id for one in paid.data} | {one.id for one in overdue.data} == set(ids)
    assert len(paid.data) == 20
    since = datetime(2025, 6, 1, tzinfo=UTC)
    recent = await alguna.sdk.invoices.list(issue_date_gte=since, limit=100, sort="issue_date:asc")
    dates = [(await alguna.sdk.invoices.get(one.id)).issue_date for one in recent.data]
    assert dates == sorted(date for date in dates if date is not None and date >= since)
    assert 0 < len(dates) < 30


async def test_products_are_sold_or_deleted(alguna: Running) -> None:
    made = await alguna.sdk.products.create(
        name="Setup", fee_type="fixed", payment_terms="advance", sku="SETUP", billing_frequency="one-off"
    )
    assert (await alguna.sdk.products.update(made.id, description="One day")).sku == "SETUP"
    await alguna.sdk.products.delete(made.id)
    with pytest.raises(NotFoundError):
        await alguna.sdk.products.get(made.id)
    await alguna.seed("subscriptions", 3)
    in_use = (
        (
            await alguna.sdk.subscription_versions.get_current(
                (await alguna.sdk.subscriptions.list(status="active")).data[0].id
            )
        )
        .items[0]
        .product_id
    )
    assert in_use is not None
    with pytest.raises(BadRequestError):
        await alguna.sdk.products.delete(in_use)
