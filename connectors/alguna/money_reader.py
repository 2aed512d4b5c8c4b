"""Reading invoices and payments from Alguna. Neither list can be filtered by modification (Alguna sheet 2.11).

The invoices' list is scanned newest first: its rows carry `updated_at`, and only those that are out and have changed
are read one by one. Payments come whole with their list. Both cost one call per 100 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from alguna.types.customer_response import CustomerResponse
from alguna.types.invoice_list_item_response import InvoiceListItemResponse
from alguna.types.invoice_response import InvoiceResponse
from alguna.types.payment_response import PaymentResponse

from connectors.alguna.client import AlgunaClient
from connectors.alguna.documents import (
    LINES,
    invoice_record,
    listed_invoice,
    needs_reading,
    payment_records,
    products_in,
)
from connectors.alguna.products import Products
from connectors.alguna.records import moment
from connectors.alguna.spec import OVERLAP_SECONDS, PAGE_ROWS
from connectors.http import gather_bounded
from connectors.protocols import FetchRequest, Page
from connectors.reading import Stored, overlapped
from connectors.values import iso
from core.documents import split_allocation
from core.errors import FieldValidation, NotFound
from core.records import Entity, Record, Side
from core.values import fingerprint

_OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
_EDGE = 500
"""How many rows a cursor remembers as read; others near its time are read once more."""

Customer = Callable[[str], Any]


class Cursor(Stored):
    """How far the invoices were read. `since` is where the next scan looks for changes.

    It must lie before the scan that found it began, by Alguna's clock: it is the newest time that the scan before it,
    or its own first page, has shown; `seen` is the newest of the whole scan. `edge` are the rows after `since` that
    were read already.
    """

    since: datetime = _OLDEST
    seen: datetime = _OLDEST
    edge: tuple[str, ...] = ()


class Position(Stored):
    """Where a scan stands: the next offset, and what becomes its cursor."""

    offset: int = 0
    since: datetime
    seen: datetime = _OLDEST
    edge: tuple[str, ...] = ()


class MoneyReader:
    """The reads of invoices and payments of one connection."""

    def __init__(self, client: AlgunaClient, products: Products, customer: Customer) -> None:
        """Take the client, the products, and how a customer is read by its id."""
        self._client = client
        self._products = products
        self._customer = customer

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page: up to 100 rows, of invoices those that are new or changed."""
        if request.entity is Entity.PAYMENTS:
            return await self._fetch_payments(request)
        return await self._fetch_invoices(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, one call for each invoice or payment; see `Connector.read`."""
        if entity is Entity.INVOICES:
            found = await gather_bounded([partial(self.invoice, one) for one in sorted(set(ids))])
            records = await self.records([one for one in found if one], fields)
            return {one.id: one for one in records}
        return await self._read_payments(ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find invoices by number or customer, payments by invoice; one call or more for each value."""
        ordered = sorted(set(values))
        if entity is Entity.PAYMENTS and field == "invoiceId":
            lists = await gather_bounded([partial(self.payments_of, one) for one in ordered])
            made = [record for part in lists for one in part for record in payment_records(one, fields)]
            return [one for one in made if one.parent_id in ordered]
        if entity is Entity.INVOICES and field in ("externalReference", "customerId"):
            key = "customer_id" if field == "customerId" else "external_reference"
            rows = await gather_bounded([partial(self.invoice_rows, **{key: one}) for one in ordered])
            ids = sorted({one.id for part in rows for one in part})
            return list((await self.read(Entity.INVOICES, ids, fields)).values())
        raise FieldValidation(f"Alguna cannot be searched for {entity.value} by {field}")

    async def invoice(self, invoice_id: str) -> InvoiceResponse | None:
        """Return an invoice by its id; None where there is none."""
        try:
            return await self._client.read(lambda sdk: sdk.invoices.get(quote(invoice_id, safe="")))
        except NotFound:
            return None

    async def invoice_rows(self, **narrowed: Any) -> list[InvoiceListItemResponse]:
        """Return the rows of the list that a filter leaves, newest first."""
        return await self._client.rows(
            lambda sdk, offset: sdk.invoices.list(limit=PAGE_ROWS, offset=offset, sort="created_at:desc", **narrowed)
        )

    async def payments_of(self, invoice_id: str) -> list[PaymentResponse]:
        """Return all payments of an invoice."""
        return await self._client.rows(
            lambda sdk, offset: sdk.payments.list(invoice_id=invoice_id, limit=PAGE_ROWS, offset=offset)
        )

    async def records(self, invoices: Sequence[InvoiceResponse], fields: Collection[str]) -> list[Record]:
        """Return invoices as records, with the skus of their products where lines are wanted."""
        if not any(path.startswith(LINES) for path in fields):
            return [invoice_record(one, fields, {}, None) for one in invoices]
        skus = await self._products.skus(products_in(invoices))
        untaxed = sorted({one.customer_id for one in invoices if _has_untaxed_line(one)})
        customers = await gather_bounded([partial(self._customer, one) for one in untaxed])
        types = {one: _tax_type(customer) for one, customer in zip(untaxed, customers, strict=True)}
        return [invoice_record(one, fields, skus, types.get(one.customer_id)) for one in invoices]

    async def _fetch_invoices(self, request: FetchRequest) -> Page:
        known = Cursor.load(request.cursor) if request.cursor else Cursor()
        everything = request.full or request.cursor is None
        position = Position.load(request.position) if request.position else None
        offset = position.offset if position else 0
        page = await self._client.read(
            lambda sdk: sdk.invoices.list(limit=PAGE_ROWS, offset=offset, sort="created_at:desc")
        )
        rows = list({one.id: one for one in page.data or []}.values())
        newest = max((_changed_at(one) for one in rows), default=_OLDEST)
        place = position or Position(since=max(known.seen, newest))
        limit, edge = overlapped(known.since, OVERLAP_SECONDS), set(known.edge)
        changed = [one for one in rows if everything or (_changed_at(one) >= limit and _stamp(one) not in edge)]
        records = await self._of_rows(changed, request.fields.get(Entity.INVOICES, ()))
        ahead = overlapped(place.since, OVERLAP_SECONDS)
        kept = [*place.edge, *(_stamp(one) for one in rows if _changed_at(one) >= ahead)][:_EDGE]
        seen = max(place.seen, newest)
        if len(page.data or []) < PAGE_ROWS:
            cursor = Cursor(since=place.since, seen=seen, edge=tuple(kept))
            return Page(records, None, cursor.dump(), complete_scan=everything)
        further = Position(offset=offset + PAGE_ROWS, since=place.since, seen=seen, edge=tuple(kept))
        return Page(records, further.dump(), None, complete_scan=everything)

    async def _of_rows(self, rows: Sequence[InvoiceListItemResponse], fields: Collection[str]) -> list[Record]:
        """Read the invoices that are out; what is void, or not issued yet, says all that matters in its row."""
        out = [one.id for one in rows if needs_reading(one)]
        read = await gather_bounded([partial(self.invoice, one) for one in out])
        return [
            *await self.records([one for one in read if one], fields),
            *(listed_invoice(one) for one in rows if not needs_reading(one)),
        ]

    async def _fetch_payments(self, request: FetchRequest) -> Page:
        place = Position.load(request.position) if request.position else Position(since=_OLDEST)
        page = await self._client.read(lambda sdk: sdk.payments.list(limit=PAGE_ROWS, offset=place.offset))
        fields = request.fields.get(Entity.PAYMENTS, ())
        made = [record for one in page.data or [] for record in payment_records(one, fields)]
        records = list({one.id: one for one in made}.values())
        if len(page.data or []) < PAGE_ROWS:
            return Page(records, None, iso(datetime.now(UTC)), complete_scan=True)
        further = Position(offset=place.offset + PAGE_ROWS, since=_OLDEST)
        return Page(records, further.dump(), None, complete_scan=True)

    async def _read_payments(self, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Allocations by id; one that its payment no longer has is deleted. A whole payment gives all it has."""
        named = {one: split_allocation(one) for one in sorted(set(ids))}
        payments = sorted({payment for payment, _ in named.values()})
        read = await gather_bounded([partial(self._payment, one) for one in payments])
        there = {one.id: one for one in read if one}
        whole = {payment for payment, invoice in named.values() if invoice is None}
        found: dict[str, Record] = {}
        for payment_id, payment in there.items():
            records = payment_records(payment, fields)
            found |= {one.id: one for one in records if one.id in named or payment_id in whole}
        for record_id, (payment_id, invoice_id) in named.items():
            if invoice_id is not None and payment_id in there and record_id not in found:
                found[record_id] = Record(Side.ALGUNA, Entity.PAYMENTS, record_id, {}, deleted=True)
        return found

    async def _payment(self, payment_id: str) -> PaymentResponse | None:
        try:
            return await self._client.read(lambda sdk: sdk.payments.get(quote(payment_id, safe="")))
        except NotFound:
            return None


def made_since(at: datetime | None, tolerance: timedelta, created_at: object) -> bool:
    """Whether something was created since a time of our clock, give or take."""
    created = moment(created_at)
    return at is None or created is None or created >= at - tolerance


def _changed_at(one: InvoiceListItemResponse) -> datetime:
    return moment(one.updated_at) or _OLDEST


def _stamp(one: InvoiceListItemResponse) -> str:
    return fingerprint([one.id, iso(_changed_at(one))])[:16]


def _has_untaxed_line(one: InvoiceResponse) -> bool:
    return any(not float(line.tax_amount or 0) and not float(line.tax_rate or 0) for line in one.line_items or [])


def _tax_type(customer: CustomerResponse | None) -> str | None:
    return (customer.tax_reason or customer.tax_type or None) if customer else None
