"""The official `alguna` SDK, unchanged, is an independent witness that the Alguna sandbox speaks Alguna."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from alguna import (
    Alguna,
    ApiError,
    AsyncAlguna,
    BadRequestError,
    ConflictError,
    ContactRequest,
    NotFoundError,
    UnauthorizedError,
    UnprocessableEntityError,
)
from alguna.paging import apaginate, paginate

from tests.sandbox.alguna_client import Running, contact, contacts_of, new_customer, running_alguna


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


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


async def test_sort_by_a_field_that_cannot_be_sorted_by_is_refused(alguna: Running) -> None:
    with pytest.raises(BadRequestError):
        await alguna.sdk.customers.list(sort="updated_at:desc")


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
