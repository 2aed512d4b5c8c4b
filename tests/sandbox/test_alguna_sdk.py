"""The official `alguna` SDK, unchanged, is an independent witness that the Alguna sandbox speaks Alguna."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio
from alguna import (
    AddressRequest,
    Alguna,
    ApiError,
    AsyncAlguna,
    BadRequestError,
    ConflictError,
    ContactRequest,
    ContactResponse,
    ContractInput,
    CreateInvoiceLineItemRequest,
    CreateSubscriptionItemInput,
    CustomerResponse,
    InvoiceResponse,
    NotFoundError,
    UnauthorizedError,
    UnprocessableEntityError,
)
from alguna.paging import apaginate, paginate

from tests.sandbox.alguna_client import Running, running_alguna

ADDRESS = AddressRequest(line1="1 Dock Road", city="Hull", state="East Yorkshire", postal_code="HU1 1AA", country="GBR")


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


def contact(email: str, primary: bool = True, contact_id: str | None = None) -> ContactRequest:
    return ContactRequest(email=email, is_primary=primary, id=contact_id)


def contacts_of(customer: CustomerResponse) -> list[ContactResponse]:
    assert customer.contacts is not None
    return customer.contacts


async def new_customer(sdk: AsyncAlguna, *aliases: str) -> CustomerResponse:
    return await sdk.customers.create(
        name="Harbor Optics Ltd",
        currency="GBP",
        aliases=list(aliases),
        billing_address=ADDRESS,
        contacts=[contact("ap@harbor.example"), contact("ops@harbor.example", primary=False)],
    )


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


def names_by_blocking_client(alguna: Running) -> list[str]:
    with httpx.Client(timeout=20) as http:
        client = Alguna(base_url=alguna.url, api_key=alguna.key, httpx_client=http)
        return [row.name for row in paginate(client.customers.list, sort="name:asc")]


async def read_until_refused(sdk: AsyncAlguna, times: int) -> None:
    for _ in range(times):
        await sdk.customers.list(request_options={"max_retries": 0})


async def test_customer_is_created_and_found_by_every_name(alguna: Running) -> None:
    made = await new_customer(alguna.sdk, "crm:001A", "acct 77")
    await alguna.sdk.customers.create_connected_account(made.id, external_id="hs-77", integration_id="intg_hubspot")
    for name in (made.id, "crm:001A", "acct 77", "hs-77"):
        assert await alguna.sdk.customers.get(name) == made
        assert (await alguna.sdk.customers.lookup(alias=name)).customer_id == made.id
    assert made.billing_address is not None
    assert (made.billing_address.postal_code, made.billing_address.line2) == ("HU1 1AA", None)
    assert [(one.email, one.is_primary) for one in contacts_of(made)] == [
        ("ap@harbor.example", True),
        ("ops@harbor.example", False),
    ]
    with pytest.raises(NotFoundError) as missing:
        await alguna.sdk.customers.lookup(alias="crm:001B")
    assert missing.value.body.status == 404


async def test_contacts_are_replaced_as_a_whole_and_keep_their_ids(alguna: Running) -> None:
    made = await new_customer(alguna.sdk)
    first, second = contacts_of(made)
    changed = await alguna.sdk.customers.update(
        made.id, contacts=[contact("new@harbor.example"), contact("ops2@harbor.example", False, second.id)]
    )
    fresh, kept = contacts_of(changed)
    assert (kept.id, kept.email) == (second.id, "ops2@harbor.example")
    assert fresh.id not in (first.id, second.id)
    assert changed.updated_at > made.updated_at
    assert changed.name == made.name
    assert changed.billing_address == made.billing_address


@pytest.mark.parametrize(
    ("contacts", "complaint"),
    [
        ([contact("a@x.example", primary=False)], "exactly one primary"),
        ([contact("a@x.example"), contact("b@x.example")], "exactly one primary"),
        ([contact("no address")], "contacts[0].email"),
        ([contact("a@x.example", contact_id="cont_of_another")], "contacts[0].id"),
    ],
)
async def test_contacts_that_are_not_right_are_refused(
    alguna: Running, contacts: list[ContactRequest], complaint: str
) -> None:
    made = await new_customer(alguna.sdk)
    with pytest.raises(UnprocessableEntityError) as refused:
        await alguna.sdk.customers.update(made.id, contacts=contacts)
    assert complaint in refused.value.body.detail
    assert await alguna.sdk.customers.get(made.id) == made


async def test_partial_address_is_refused(alguna: Running) -> None:
    response = await alguna.http.post(
        "/customers", json={"name": "A", "currency": "GBP", "billing_address": {"line1": "1 Dock Road"}}
    )
    assert response.status_code == 422
    assert response.json() == {"status": 422, "detail": "billing_address.city is required"}


async def test_alias_of_another_customer_is_a_conflict_that_no_retry_helps(alguna: Running) -> None:
    await new_customer(alguna.sdk, "crm:001A")
    with pytest.raises(ConflictError) as refused:
        await new_customer(alguna.sdk, "crm:001A")
    assert "retry-after" not in {name.lower() for name in refused.value.headers or {}}
    assert (await alguna.control("GET", "calls"))["counts"] == {"POST /customers": 2}


async def test_pages_cover_every_customer_once_in_order(alguna: Running) -> None:
    ids = await alguna.seed("accounts", 230)
    oldest_first = [row.id async for row in apaginate(alguna.sdk.customers.list, sort="created_at:asc")]
    assert oldest_first == ids
    page = await alguna.sdk.customers.list(limit=500, offset=200, sort="created_at:desc")
    assert [row.id for row in page.data] == ids[29::-1]
    assert (page.pagination.per_page, page.pagination.total_pages) == (100, 3)
    names = await asyncio.to_thread(names_by_blocking_client, alguna)
    assert names == sorted(names)
    assert len(names) == 230


async def test_customer_filters(alguna: Running) -> None:
    sdk = alguna.sdk
    ids = await alguna.seed("accounts", 5)
    subscription = await sdk.subscriptions.create(customer_id=ids[3], currency="USD", auto_activate=True)
    await sdk.customers.create_connected_account(ids[4], external_id="x1", integration_id="intg_xero")
    email = contacts_of(await sdk.customers.get(ids[1]))[0].email
    assert [row.id for row in (await sdk.customers.list(email=email.upper())).data] == [ids[1]]
    assert [row.id for row in (await sdk.customers.list(alias="S7-000002")).data] == [ids[2]]
    assert [row.id for row in (await sdk.customers.list(has_active_subscriptions=True)).data] == [ids[3]]
    linked = await sdk.customers.list(integration_ids=["intg_xero", "intg_stripe"])
    assert [row.id for row in linked.data] == [ids[4]]
    assert (await sdk.customers.list(tag_ids="tag_1")).data == []
    await sdk.subscriptions.cancel(subscription.id, reason="other")
    assert (await sdk.customers.list(has_active_subscriptions=True)).data == []


async def test_connected_accounts_are_links_only(alguna: Running) -> None:
    made = await new_customer(alguna.sdk)
    link = await alguna.sdk.customers.create_connected_account(
        made.id, external_id="001A", integration_id="intg_salesforce"
    )
    assert (await alguna.sdk.customers.list_connected_accounts(made.id)).data == [link]
    with pytest.raises(ConflictError):
        await alguna.sdk.customers.create_connected_account(
            made.id, external_id="001A", integration_id="intg_salesforce"
        )
    await alguna.sdk.customers.delete_connected_account("001A", link.id)
    with pytest.raises(NotFoundError):
        await alguna.sdk.customers.get("001A")
    providers = {row.provider for row in (await alguna.sdk.integrations.list()).data}
    assert {"salesforce", "hubspot", "quickbooks", "netsuite", "xero"} <= providers


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


async def test_sort_by_a_field_that_cannot_be_sorted_by_is_refused(alguna: Running) -> None:
    with pytest.raises(BadRequestError):
        await alguna.sdk.customers.list(sort="updated_at:desc")


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


async def test_dead_key_is_the_gateways_401(alguna: Running) -> None:
    await alguna.control("POST", "auth", {"action": "revoke_grant"})
    with pytest.raises(UnauthorizedError) as refused:
        await alguna.sdk.customers.list()
    assert refused.value.body.code == "unauthenticated"
    fresh = await alguna.control("GET", "credentials")
    async with httpx.AsyncClient() as http:
        again = AsyncAlguna(base_url=alguna.url, api_key=fresh["apiKey"], httpx_client=http)
        assert (await again.customers.list()).data == []
    await alguna.control("POST", "auth", {"action": "restore"})
    assert (await alguna.sdk.customers.list()).data == []


async def test_alias_with_a_slash_is_found_when_it_is_encoded(alguna: Running) -> None:
    made = await new_customer(alguna.sdk, "shop/eu")
    assert (await alguna.sdk.customers.lookup(alias="shop/eu")).customer_id == made.id
    assert (await alguna.http.get("/customers/shop%2Feu")).json()["id"] == made.id
    with pytest.raises(NotFoundError):  # The SDK puts the slash into the path as it is.
        await alguna.sdk.customers.get("shop/eu")


async def test_unknown_version_is_a_titled_400(alguna: Running) -> None:
    response = await alguna.http.get("/customers", headers={"Alguna-Version": "2020-01-01"})
    assert response.status_code == 400
    assert response.json()["type"] == "about:blank"
    assert response.json()["title"] == "Bad Request"


async def test_rate_limit_is_enforced_and_ridden_out_by_the_sdk(alguna: Running) -> None:
    await alguna.control("POST", "limits", {"enabled": True, "scale": 0.05})
    started = time.monotonic()
    for _ in range(6):
        await alguna.sdk.customers.list()
    assert time.monotonic() - started > 1
    with pytest.raises(ApiError, match="429") as refused:
        await read_until_refused(alguna.sdk, 10)
    assert int((refused.value.headers or {})["retry-after"]) >= 1


async def test_lost_reply_of_a_create_is_made_good_by_the_same_key(alguna: Running) -> None:
    await alguna.fault("drop_after_commit", "POST", "^/customers$", times=1)
    made = await new_customer(alguna.sdk, "crm:001A")
    assert [row.id for row in (await alguna.sdk.customers.list()).data] == [made.id]
    calls = (await alguna.control("GET", "calls"))["data"]
    assert [call["status"] for call in calls if call["method"] == "POST"] == [0, 200]
