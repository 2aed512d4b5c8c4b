"""The reads of each object, and of one connection as a whole: what is looked up, and what a write must know first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.protocols import Current, FetchRequest, Page, parse_time
from connectors.quickbooks import statements
from connectors.quickbooks.company import Books
from connectors.quickbooks.documents import invoice_record, payment_records, settled, split_note
from connectors.quickbooks.payments import reference_of
from connectors.quickbooks.reader import ObjectReader
from connectors.quickbooks.records import Row, customer_record, id_of, is_tombstone
from connectors.quickbooks.rows import Rows
from connectors.quickbooks.spec import (
    CLOCKS_SECONDS,
    LINES,
    NAME,
    NUMBER,
    REFERENCE,
    SEARCHED,
    VENDOR,
    facts_of,
)
from connectors.quickbooks.writer import ROW
from connectors.values import as_value
from core.documents import allocation_id, split_allocation
from core.errors import FieldValidation
from core.ports import Notebook
from core.records import Entity, Operation, OperationKind, Record, Side
from core.values import Value

_TOPIC = "quickbooks.allocations"


class CustomerReader(ObjectReader):
    """Customers: inactive ones are asked for by queries too."""

    entity = Entity.ACCOUNTS
    inactive = True

    async def records(self, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return customers."""
        return [customer_record(row, wanted) for row in rows]


class InvoiceReader(ObjectReader):
    """Invoices: their lines name the items' stock-keeping codes too, which only the items know."""

    entity = Entity.INVOICES

    def __init__(self, rows: Rows, books: Books) -> None:
        """Take what asks for rows, and the company's settings."""
        super().__init__(rows)
        self._books = books

    async def records(self, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return invoices."""
        items = await self._books.items() if rows and LINES in wanted else {}
        skus = {item.id: item.sku for item in items.values()}
        return [invoice_record(row, wanted, skus) for row in rows]


class PaymentReader(ObjectReader):
    """Payments: which invoices each was seen to settle is kept, because what is void or deleted does not say."""

    entity = Entity.PAYMENTS

    def __init__(self, rows: Rows, notebook: Notebook) -> None:
        """Take what asks for rows, and the notebook of the connection."""
        super().__init__(rows)
        self._notebook = notebook

    async def records(self, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return the allocations of payments, those that are there no more as deleted."""
        known = await self._known([id_of(row) for row in rows])
        fresh: dict[str, Value] = {}
        found: list[Record] = []
        for row in rows:
            held = known.get(id_of(row), [])
            now = [] if is_tombstone(row) else list(settled(row))
            if not set(now) <= set(held):
                fresh[id_of(row)] = sorted({*held, *now})
            found += payment_records(row, wanted, held)
        if fresh:
            await self._notebook.put(_TOPIC, fresh)
        return found

    async def read(self, ids: Collection[str], wanted: Collection[str]) -> dict[str, Record]:
        """Read allocations by id; an id without an invoice names all those of a payment."""
        payments = {one: split_allocation(one)[0] for one in ids}
        rows = await self.rows_by_id(set(payments.values()))
        records = {one.id: one for one in await self.records(list(rows.values()), wanted)}
        found: dict[str, Record] = {}
        for asked, payment in payments.items():
            invoice = split_allocation(asked)[1]
            if invoice is None:
                found |= {one.id: one for one in records.values() if split_allocation(one.id)[0] == payment}
            elif asked in records:
                found[asked] = records[asked]
            elif payment in rows:
                found[asked] = Record(Side.EXTERNAL, Entity.PAYMENTS, asked, {}, deleted=True, parent_id=invoice)
        return found

    async def _known(self, ids: Sequence[str]) -> dict[str, list[str]]:
        facts = await self._notebook.get(_TOPIC, ids) if ids else {}
        return {key: [str(one) for one in held] for key, held in facts.items() if isinstance(held, list)}


class QuickBooksReader:
    """The reads of one connection; see `connectors.external.Reader`."""

    def __init__(self, rows: Rows, books: Books, notebook: Notebook) -> None:
        """Take what asks for rows, the company's settings, and the notebook of the connection."""
        self._rows = rows
        self._books = books
        self._of: dict[Entity, ObjectReader] = {
            Entity.ACCOUNTS: CustomerReader(rows),
            Entity.INVOICES: InvoiceReader(rows, books),
            Entity.PAYMENTS: PaymentReader(rows, notebook),
        }

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes."""
        facts_of(request.entity)
        return await self._of[request.entity].fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id."""
        facts_of(entity)
        return await self._of[entity].read(ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find living records by a field that queries may name, compared whatever the case.

        Raises `FieldValidation` for a field that cannot be searched.
        """
        rows = await self._find(entity, field, values)
        return [record for record in await self._of[entity].records(rows, fields) if not record.deleted]

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read what operations are about: their targets, the invoices of new payments, the terms of new invoices."""
        found: dict[int, Current] = {}
        for entity in Entity:
            chosen = [one for one in operations if one.entity is entity]
            creates = [one for one in chosen if one.kind is OperationKind.CREATE]
            found |= await self._targets(entity, [one for one in chosen if one.target_id is not None], fields)
            if entity is Entity.INVOICES and creates:
                terms = (await self._books.terms()).value()
                found |= {one.id: Current(None, terms) for one in creates}
            if entity is Entity.PAYMENTS and creates:
                rows = await self._of[Entity.INVOICES].rows_by_id({one.parent_id for one in creates if one.parent_id})
                found |= {one.id: Current(None, _context(rows.get(one.parent_id or ""))) for one in creates}
        return found

    async def created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made: by name, number or reference, of the same parent, young enough."""
        found: dict[int, Record] = {}
        for entity, key in ((Entity.ACCOUNTS, NAME), (Entity.INVOICES, NUMBER), (Entity.PAYMENTS, REFERENCE)):
            chosen = [one for one in operations if one.entity is entity]
            rows = await self._find(entity, key, {_key(one, key) for one in chosen}) if chosen else []
            if entity is Entity.INVOICES:
                rows += await self._noted([one for one in chosen if one.parent_id])
            for operation in chosen:
                row = next((one for one in rows if _is_of(operation, one, key) and is_young(one, operation)), None)
                if row is not None:
                    records = {one.id: one for one in await self._of[entity].records([row], fields)}
                    made = records.get(_made(operation, row))
                    if made is not None and not made.deleted:
                        found[operation.id] = made
        return found

    async def _targets(
        self, entity: Entity, operations: Sequence[Operation], fields: Collection[str]
    ) -> dict[int, Current]:
        if not operations:
            return {}
        reader = self._of[entity]
        payments = entity is Entity.PAYMENTS
        ids = {
            one.id: split_allocation(one.target_id or "")[0] if payments else str(one.target_id) for one in operations
        }
        rows = await reader.rows_by_id(set(ids.values()))
        records = {one.id: one for one in await reader.records(list(rows.values()), fields)}
        return {one.id: Current(records.get(str(one.target_id)), _context(rows.get(ids[one.id]))) for one in operations}

    async def _find(self, entity: Entity, field: str, values: Collection[str]) -> list[Row]:
        name = facts_of(entity).object_name
        asked = SEARCHED[entity].get(field)
        if asked is None:
            raise FieldValidation(f"{VENDOR}'s {name} cannot be searched by `{field}`")
        found: dict[str, Row] = {}
        wanted = {one for one in values if one}
        for condition in statements.equalling(asked, wanted):
            found |= {id_of(row): row for row in await self._rows.all(name, condition)}
        exact = {one.casefold() for one in wanted}
        return [row for row in found.values() if str(_held(row, field)).casefold() in exact]

    async def _noted(self, operations: Sequence[Operation]) -> list[Row]:
        """The customers' invoices whose memo may name an operation's invoice: there the number could not be ours."""
        parents = sorted({str(one.parent_id) for one in operations})
        name, found = facts_of(Entity.INVOICES).object_name, list[Row]()
        if (await self._books.preferences()).own_numbers and all(one.values.get(NUMBER) for one in operations):
            return []
        for condition in statements.equalling("CustomerRef", parents):
            found += await self._rows.all(name, condition)
        return [row for row in found if split_note(row)[0] is not None]


def is_young(row: Row, operation: Operation) -> bool:
    """Whether a record may be what an operation made: an older one is a stranger that happens to have its name."""
    made = parse_time((row.get("MetaData") or {}).get("CreateTime"))
    since = operation.planned_at
    return since is None or made is None or made >= since - timedelta(seconds=CLOCKS_SECONDS)


def _key(operation: Operation, key: str) -> str:
    return reference_of(operation) if key == REFERENCE else str(operation.values.get(key) or "")


def _is_of(operation: Operation, row: Row, key: str) -> bool:
    """Whether a row has an operation's name, number or reference, and belongs to the same parent."""
    same = str(row.get(key) or "") == _key(operation, key) != ""
    if operation.entity is Entity.ACCOUNTS:
        return same
    if operation.entity is Entity.PAYMENTS:
        return same and operation.parent_id in settled(row)
    noted = split_note(row)[0] == str(operation.values.get(NUMBER) or operation.source_id)
    return (same or noted) and (row.get("CustomerRef") or {}).get("value") == operation.parent_id


def _made(operation: Operation, row: Row) -> str:
    return allocation_id(id_of(row), operation.parent_id) if operation.entity is Entity.PAYMENTS else id_of(row)


def _context(row: Row | None) -> dict[str, Value] | None:
    return None if row is None else {ROW: as_value(dict(row))}


def _held(row: Row, path: str) -> Any:
    raw: Any = row
    for part in path.split("."):
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    return raw
