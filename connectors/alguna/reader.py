"""Reading from Alguna. No list can be filtered by time (Alguna sheet 2.11), so customers are scanned whole and
subscriptions are read newest first until they are old.

A scan makes exactly one call per 100 customers, and their contacts come with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from alguna.types.customer_list_response import CustomerListResponse
from alguna.types.customer_response import CustomerResponse
from alguna.types.subscription_response import SubscriptionResponse

from connectors.alguna.client import AlgunaClient
from connectors.alguna.records import (
    account_record,
    alias_of,
    contact_record,
    contact_records,
    moment_of,
    subscription_record,
)
from connectors.alguna.revenue import Revenue
from connectors.alguna.spec import ALIASES, EMAIL, OVERLAP_SECONDS, PAGE_ROWS, PAGES_AT_ONCE, REVENUE_FIELDS, facts_of
from connectors.http import gather_bounded
from connectors.protocols import ConnectorContext, FetchRequest, Page
from connectors.values import iso
from core.errors import FieldValidation, Internal, NotFound
from core.records import Entity, Record, Side

_OWNERS = "alguna.contact_owner"
_OLDEST_FIRST = "created_at:asc"
_OLDEST = "1970-01-01T00:00:00Z"


class AlgunaReader:
    """The reads of one connection on behalf of one integration."""

    def __init__(self, client: AlgunaClient, context: ConnectorContext) -> None:
        """Take the client and the integration's services."""
        self._client = client
        self._integration_id = context.integration_id
        self._notebook = context.notebook
        self._revenue = Revenue(client, context.notebook)

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page: 100 customers (with their contacts where asked), or up to 100 subscriptions."""
        facts_of(request.entity, self._integration_id)
        if request.entity is Entity.SUBSCRIPTIONS:
            return await self._subscriptions(request)
        return await self._customers(request)

    async def newest(self, entity: Entity, fields: Mapping[Entity, Collection[str]]) -> list[Record]:
        """Return the newest page of customers with their contacts, as far as they are asked for."""
        if entity is Entity.SUBSCRIPTIONS:
            return []
        page = await self._client.customers(limit=PAGE_ROWS, offset=0, sort="created_at:desc")
        return await self._records(page.data or [], fields.get(Entity.ACCOUNTS), fields.get(Entity.CONTACTS))

    async def customer(self, customer_id: str) -> CustomerResponse | None:
        """Return a customer by its own id; None where there is none."""
        try:
            found = await self._client.read(lambda sdk: sdk.customers.get(quote(customer_id, safe="")))
        except NotFound:
            return None
        # The path also takes aliases and ids of connected systems (sheet 2.1); those are other names, not this id.
        return found if found.id == customer_id else None

    async def subscription(self, subscription_id: str) -> SubscriptionResponse | None:
        """Return a subscription by its id; None where there is none."""
        try:
            return await self._client.read(lambda sdk: sdk.subscriptions.get(quote(subscription_id, safe="")))
        except NotFound:
            return None

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, one call each; a contact that its customer no longer lists counts as deleted."""
        if entity is Entity.CONTACTS:
            return await self._contacts(ids, fields)
        ordered = sorted(set(ids))
        if entity is Entity.SUBSCRIPTIONS:
            found = await gather_bounded([_bound(self.subscription, one) for one in ordered])
            return {one.id: one for one in await self._subscription_records([one for one in found if one], fields)}
        customers = await gather_bounded([_bound(self.customer, one) for one in ordered])
        return {one.id: one for one in await self._account_records([one for one in customers if one], fields)}

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records by marker or email (one call or two for each value), or by id or customer."""
        ordered = sorted(set(values))
        if field == "id":
            return list((await self.read(entity, ordered, fields)).values())
        if entity is Entity.ACCOUNTS and field == ALIASES:
            found = await gather_bounded([_bound(self._by_alias, one) for one in ordered])
            return await self._account_records([one for one in found if one], fields)
        if entity is Entity.ACCOUNTS and field == EMAIL:
            records = await self._account_records(await self._by_email(ordered), {*fields, EMAIL})
            return [one for one in records if _same_text(one.fields[EMAIL], ordered)]
        if entity is Entity.CONTACTS and field == EMAIL:
            customers = await self._by_email(ordered)
            contacts = [one for customer in customers for one in contact_records(customer, {*fields, EMAIL})]
            return [one for one in contacts if _same_text(one.fields[EMAIL], ordered)]
        if entity is Entity.SUBSCRIPTIONS and field == "customerId":
            lists = await gather_bounded([_bound(self.subscriptions_of, one) for one in ordered])
            return await self._subscription_records([one for part in lists for one in part], fields)
        raise FieldValidation(f"Alguna cannot be searched for {entity.value} by {field}")

    async def subscriptions_of(self, customer_id: str) -> list[SubscriptionResponse]:
        """Return all subscriptions of a customer."""
        return await self._client.rows(
            lambda sdk, offset: sdk.subscriptions.list(
                customer_id=customer_id, limit=PAGE_ROWS, offset=offset, sort="created_at:asc"
            )
        )

    async def _customers(self, request: FetchRequest) -> Page:
        place = _place(request.position)
        accounts = request.fields.get(Entity.ACCOUNTS) if request.entity is Entity.ACCOUNTS else None
        if accounts is not None and "mrr" in accounts and place.get("step") != "customers":
            further = await self._revenue.advance(int(place.get("offset", 0)), place.get("newest"))
            if further is None:
                return Page([], json.dumps({"step": "customers", "offset": 0}), None, complete_scan=True)
            place = {"step": "revenue", "offset": further[0], "newest": further[1]}
            return Page([], json.dumps(place), None, complete_scan=True)
        offset = int(place.get("offset", 0))
        pages = await self._pages(offset, place.get("pages"))
        customers = list({one.id: one for page in pages for one in page.data or []}.values())
        records = await self._records(customers, accounts, request.fields.get(Entity.CONTACTS))
        offset += PAGE_ROWS * (len(pages) - 1)
        if _is_last(pages[-1], offset):
            return Page(records, None, iso(datetime.now(UTC)), complete_scan=True)
        place = {"step": "customers", "offset": offset + PAGE_ROWS, "pages": _total(pages[-1])}
        return Page(records, json.dumps(place), None, complete_scan=True)

    async def _pages(self, offset: int, total: int | None) -> list[CustomerListResponse]:
        """The page at an offset and, where it is known how many there are, some after it, read at once.

        Where one fails, those before it; raises what the first one raised.
        """
        end = min(offset + PAGES_AT_ONCE * PAGE_ROWS, (total or 0) * PAGE_ROWS)
        offsets = [offset, *range(offset + PAGE_ROWS, end, PAGE_ROWS)]
        reads = [self._client.customers(limit=PAGE_ROWS, offset=one, sort=_OLDEST_FIRST) for one in offsets]
        pages: list[CustomerListResponse] = []
        for at, page in zip(offsets, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(page, BaseException):
                if not pages:
                    raise page
                break
            pages.append(page)
            if _is_last(page, at):
                break
        return pages

    async def _subscriptions(self, request: FetchRequest) -> Page:
        place = _place(request.position)
        offset = int(place.get("offset", 0))
        page = await self._client.read(
            lambda sdk: sdk.subscriptions.list(limit=PAGE_ROWS, offset=offset, sort="updated_at:desc")
        )
        rows = list({one.id: one for one in page.data or []}.values())
        everything = request.full or request.cursor is None
        cursor = request.cursor or _OLDEST
        limit = _since(cursor)
        newest = str(place.get("newest") or (iso(moment_of(rows[0])) if rows else cursor))
        taken = rows if everything else [one for one in rows if moment_of(one) >= limit]
        records = await self._subscription_records(taken, request.fields.get(Entity.SUBSCRIPTIONS, ()))
        if len(taken) < len(rows) or not rows or _is_last(page, offset):
            return Page(records, None, newest, complete_scan=everything)
        place = {"offset": offset + PAGE_ROWS, "newest": newest}
        return Page(records, json.dumps(place), None, complete_scan=everything)

    async def _records(
        self,
        customers: Sequence[CustomerResponse],
        accounts: Collection[str] | None,
        contacts: Collection[str] | None,
    ) -> list[Record]:
        """The customers and their contacts with these fields, each where they are wanted."""
        records = await self._account_records(customers, accounts) if accounts is not None else []
        if contacts is not None:
            await self._note_owners(customers)
            records += [record for one in customers for record in contact_records(one, contacts)]
        return records

    async def _account_records(self, customers: Sequence[CustomerResponse], fields: Collection[str]) -> list[Record]:
        mrr = await self._revenue.customers([one.id for one in customers]) if "mrr" in fields else {}
        return [account_record(one, fields, self._integration_id, mrr.get(one.id)) for one in customers]

    async def _subscription_records(
        self, subscriptions: Sequence[SubscriptionResponse], fields: Collection[str]
    ) -> list[Record]:
        revenue = await self._revenue.of(subscriptions) if REVENUE_FIELDS.intersection(fields) else {}
        return [subscription_record(one, fields, self._integration_id, revenue.get(one.id)) for one in subscriptions]

    async def _contacts(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """By the customers that held them when last seen; those never seen are looked for in a scan."""
        owners = {key: str(value) for key, value in (await self._notebook.get(_OWNERS, sorted(set(ids)))).items()}
        customers = await gather_bounded([_bound(self.customer, one) for one in sorted(set(owners.values()))])
        found = _among(ids, [one for one in customers if one], fields)
        known = {one.id for one in customers if one}
        for contact_id, owner in owners.items():
            if contact_id not in found and owner in known:
                found[contact_id] = _gone(contact_id, owner)
        unseen = set(ids) - set(owners)
        offset = 0
        while unseen:
            page = await self._client.customers(limit=PAGE_ROWS, offset=offset, sort=_OLDEST_FIRST)
            await self._note_owners(page.data or [])
            found |= _among(unseen, page.data or [], fields)
            unseen -= set(found)
            if _is_last(page, offset):
                break
            offset += PAGE_ROWS
        return found

    async def _note_owners(self, customers: Sequence[CustomerResponse]) -> None:
        """Remember whose each contact is, because a contact cannot be asked for by its id."""
        owners = {contact.id: one.id for one in customers for contact in one.contacts or []}
        kept = await self._notebook.get(_OWNERS, sorted(owners)) if owners else {}
        fresh = {key: owner for key, owner in owners.items() if kept.get(key) != owner}
        if fresh:
            await self._notebook.put(_OWNERS, dict(fresh))

    async def _by_alias(self, external_id: str) -> CustomerResponse | None:
        alias = alias_of(self._integration_id, external_id)
        try:
            found = await self._client.read(lambda sdk: sdk.customers.lookup(alias=alias))
        except NotFound:
            return None
        customer = await self.customer(found.customer_id)
        return customer if customer and alias in (customer.aliases or []) else None

    async def _by_email(self, emails: Sequence[str]) -> list[CustomerResponse]:
        async def one(email: str) -> list[CustomerResponse]:
            page = await self._client.customers(email=email, limit=PAGE_ROWS, offset=0, sort=_OLDEST_FIRST)
            return page.data or []

        lists = await gather_bounded([_bound(one, email) for email in emails])
        return list({customer.id: customer for part in lists for customer in part}.values())


def _bound(function: Callable[[str], Any], value: str) -> Callable[[], Any]:
    return lambda: function(value)


def _total(page: CustomerListResponse | Any) -> int | None:
    return page.pagination.total_pages if page.pagination else None


def _is_last(page: CustomerListResponse | Any, offset: int) -> bool:
    total = _total(page)
    if total is None:
        return len(page.data or []) < PAGE_ROWS
    return offset // PAGE_ROWS + 1 >= total


def _among(ids: Collection[str], customers: Sequence[CustomerResponse], fields: Collection[str]) -> dict[str, Record]:
    wanted = set(ids)
    return {
        contact.id: contact_record(one, contact, fields)
        for one in customers
        for contact in one.contacts or []
        if contact.id in wanted
    }


def _gone(contact_id: str, owner: str) -> Record:
    return Record(Side.ALGUNA, Entity.CONTACTS, contact_id, {}, deleted=True, parent_id=owner)


def _same_text(value: object, wanted: Sequence[str]) -> bool:
    return isinstance(value, str) and value.casefold() in {one.casefold() for one in wanted}


def _place(position: str | None) -> dict[str, Any]:
    if position is None:
        return {}
    try:
        stored = json.loads(position)
    except ValueError as error:
        raise Internal("the stored Alguna position cannot be read") from error
    return stored if isinstance(stored, dict) else {}


def _since(cursor: str) -> datetime:
    try:
        return datetime.fromisoformat(cursor) - timedelta(seconds=OVERLAP_SECONDS)
    except ValueError as error:
        raise Internal("the stored Alguna cursor cannot be read") from error
