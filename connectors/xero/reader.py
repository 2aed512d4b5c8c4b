"""Reading from Xero: scans, changes, ids, keys (Xero sheet 3).

Pages are ordered by id: a record that is touched while the pages are read keeps its place, and one that is new moves
others backward, so that nothing is passed over. What is archived, voided or deleted stays readable and is listed with
the rest: a deletion is a change like others, and no scan is needed to see it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.http import gather_bounded
from connectors.protocols import FetchRequest, Page
from connectors.xero.client import XeroClient
from connectors.xero.cursors import Cursor, Position
from connectors.xero.records import Row, record_of
from connectors.xero.spec import (
    CONTACT_NUMBER,
    ID_KEY,
    ID_ROWS,
    INVOICE_NUMBER,
    LOOK_UP_ROWS,
    PAGE_ROWS,
    PLURAL,
    REFERENCE,
    UNIT_DECIMALS,
    VENDOR,
    is_guid,
)
from core.documents import split_allocation
from core.errors import FieldValidation
from core.records import Entity, Record

# Also what is over: else a deletion would look like nothing at all.
_EVERYTHING: dict[Entity, dict[str, str]] = {
    Entity.ACCOUNTS: {"includeArchived": "true"},
    Entity.INVOICES: {
        "Statuses": "DRAFT,SUBMITTED,AUTHORISED,PAID,VOIDED,DELETED",
        "unitdp": str(UNIT_DECIMALS),
    },
    Entity.PAYMENTS: {},
}
_SEARCHABLE: dict[Entity, frozenset[str]] = {
    Entity.ACCOUNTS: frozenset(
        {"Name", "EmailAddress", CONTACT_NUMBER, "AccountNumber", "CompanyNumber", "TaxNumber", "FirstName", "LastName"}
    ),
    Entity.INVOICES: frozenset({INVOICE_NUMBER, REFERENCE}),
    Entity.PAYMENTS: frozenset({REFERENCE}),
}
_AT_ONCE = 4


class XeroReader:
    """The reads of one connection."""

    def __init__(self, client: XeroClient) -> None:
        """Take the client."""
        self._client = client

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of up to 1,000 records: of all, or of those that changed since the cursor."""
        entity, wanted = request.entity, request.fields.get(request.entity, ())
        position = Position.load(request.position) if request.position else None
        everything = request.full or request.cursor is None
        since = None if everything or request.cursor is None else Cursor.load(request.cursor).header
        number = position.page if position else 1
        query = {
            **_EVERYTHING[entity],
            "order": f"{ID_KEY[entity]} ASC",
            "page": str(number),
            "pageSize": str(PAGE_ROWS),
        }
        answer = await self._client.read(f"/{PLURAL[entity]}", query, since=since)
        records = records_of(entity, answer.rows(PLURAL[entity]), wanted)
        started = position.started if position else answer.began
        if number < answer.pages:
            return Page(records, Position(started=started, page=number + 1).dump(), None, complete_scan=everything)
        return Page(records, None, Cursor.after(started).dump(), complete_scan=everything)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id; of a payment without an invoice its one allocation (a payment pays one invoice)."""
        if entity is Entity.PAYMENTS:
            rows = await self._payments(ids)
        else:
            rows = await self.rows(entity, ids)
        return {one.id: one for one in records_of(entity, rows, fields)}

    async def rows(self, entity: Entity, ids: Collection[str]) -> list[Row]:
        """Read contacts or invoices by id as Xero shows them, 40 a call."""
        wanted = sorted({one for one in ids if is_guid(one)})
        found: list[Row] = []
        for start in range(0, len(wanted), ID_ROWS):
            part = ",".join(wanted[start : start + ID_ROWS])
            query = {**_EVERYTHING[entity], "IDs": part, "page": "1", "pageSize": str(ID_ROWS)}
            found += (await self._client.read(f"/{PLURAL[entity]}", query)).rows(PLURAL[entity])
        return found

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records by one field's values, without regard to case; what is over is found by our own marker only.

        Raises `FieldValidation` for a field that cannot be searched.
        """
        if field not in _SEARCHABLE.get(entity, ()):
            raise FieldValidation(f"{VENDOR} cannot be searched for {entity.value} by {field}")
        ordered = sorted({value for value in values if value})
        plain = [value for value in ordered if _is_plain(value)]
        rows: list[Row] = []
        for start in range(0, len(plain), LOOK_UP_ROWS):
            rows += await self._where(entity, field, plain[start : start + LOOK_UP_ROWS])
        for value in ordered:
            if not _is_plain(value):
                rows += await self._search(entity, field, value)
        found = {one.id: one for one in records_of(entity, rows, fields)}
        ours = field == CONTACT_NUMBER
        return [one for one in found.values() if ours or not one.deleted]

    async def _where(self, entity: Entity, field: str, values: Sequence[str]) -> list[Row]:
        """All records with one of these values. Any property can be compared; some are quicker (sheet 3)."""
        where = " OR ".join(f'{field}=="{value}"' for value in values)
        return await self._all(entity, {"where": where})

    async def _search(self, entity: Entity, field: str, value: str) -> list[Row]:
        """As `_where`, for a value that an expression could not hold safely; the search is coarser."""
        if entity is Entity.PAYMENTS:
            return []
        rows = await self._all(entity, {"searchTerm": value})
        return [row for row in rows if str(row.get(field) or "").casefold() == value.casefold()]

    async def _all(self, entity: Entity, query: Mapping[str, str]) -> list[Row]:
        rows: list[Row] = []
        number = 1
        while True:
            page = {"order": f"{ID_KEY[entity]} ASC", "page": str(number), "pageSize": str(PAGE_ROWS)}
            answer = await self._client.read(f"/{PLURAL[entity]}", {**_EVERYTHING[entity], **query, **page})
            rows += answer.rows(PLURAL[entity])
            if number >= answer.pages:
                return rows
            number += 1

    async def _payments(self, ids: Collection[str]) -> list[Row]:
        """Payments cannot be asked for by several ids (sheet 3)."""
        wanted = sorted({payment for payment in (split_allocation(one)[0] for one in ids) if is_guid(payment)})
        found = await gather_bounded([partial(self._payment, one) for one in wanted], _AT_ONCE)
        return [row for row in found if row is not None]

    async def _payment(self, payment_id: str) -> dict[str, Any] | None:
        answer = await self._client.get(f"/Payments/{quote(payment_id)}", missing_ok=True)
        return next(iter(answer.rows("Payments")), None) if answer else None


def records_of(entity: Entity, rows: Iterable[Row], wanted: Collection[str]) -> list[Record]:
    """Return the sales among the rows as records, each once."""
    records = (record_of(entity, row, wanted) for row in rows)
    return list({one.id: one for one in records if one is not None}.values())


def _is_plain(value: str) -> bool:
    """Whether a text means only itself between the quotes of an expression."""
    return value.isprintable() and not set(value) & set('"\\')
