"""Reading from QuickBooks: scans, changes, ids, names (QuickBooks sheet 3).

Changes come by CDC, one call, deletions included. It has two edges: 1,000 objects and 30 days. Beyond them queries
tell: customers by their time, inactive ones included; transactions by a complete scan, because a deleted transaction is
in no query, and only a read by id says that it is gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from connectors.protocols import Current, FetchRequest, Page, parse_time
from connectors.quickbooks import statements
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.cursors import Cursor, Phase, Position
from connectors.quickbooks.errors import POISONED
from connectors.quickbooks.records import Row, customer_record, id_of, modified
from connectors.quickbooks.spec import CDC_ROWS, CLOCKS_SECONDS, NAME, QUERY_ROWS, SEARCHED, VENDOR, facts_of
from connectors.quickbooks.statements import CREATED, MODIFIED
from connectors.quickbooks.writer import ROW
from connectors.values import as_value, iso
from core.errors import FieldValidation, Transient
from core.records import Entity, Operation, Record

_log = structlog.get_logger(__name__)
_EPOCH = "1970-01-01T00:00:00Z"
_BOTH = "Active IN (true, false)"


class Rows:
    """Asks one company for rows of its objects."""

    def __init__(self, client: QuickBooksClient) -> None:
        """Take the client."""
        self._client = client

    async def page(
        self, name: str, conditions: Sequence[str], order: str, start: int, most: int = QUERY_ROWS
    ) -> tuple[list[Row], datetime]:
        """Return one page of a query and the server's time.

        One row with a bad address can spoil the answer (sheet 8.8): it is found by halving and left out, and warned of.
        """
        statement = statements.select(name, *conditions, order=order, start=start, most=most)
        try:
            answer = await self._client.query(statement)
        except FieldValidation as error:
            if error.vendor_code != str(POISONED):
                raise
            if most == 1:
                _log.warning("row_unreadable", object=name, place=start, code=error.vendor_code)
                return [], datetime.now(UTC)
            half = most // 2
            first, began = await self.page(name, conditions, order, start, half)
            second, _ = await self.page(name, conditions, order, start + half, most - half)
            return first + second, began
        return rows_in(answer.body, name), answer.began

    async def all(self, name: str, *conditions: str) -> list[Row]:
        """Return all rows that meet the conditions."""
        found: list[Row] = []
        while True:
            rows, _ = await self.page(name, conditions, "Id", len(found) + 1)
            found += rows
            if len(rows) < QUERY_ROWS:
                return found

    async def by_ids(self, name: str, ids: Collection[str], *, inactive: bool = False) -> list[Row]:
        """Return the rows with these ids that there are."""
        found: list[Row] = []
        for condition in statements.equalling("Id", [one for one in ids if one.isdecimal()]):
            statement = statements.select(name, condition, *([_BOTH] if inactive else []))
            found += rows_in((await self._client.query(statement)).body, name)
        return found

    async def changed(self, name: str, since: datetime) -> tuple[list[Row], datetime]:
        """Return what CDC tells of an object, and the server's time."""
        answer = await self._client.read("/cdc", entities=name, changedSince=iso(since))
        try:
            parts = answer.body["CDCResponse"][0]["QueryResponse"] if answer.body["CDCResponse"] else []
            rows = [row for part in parts for row in part.get(name) or []]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise Transient(f"{VENDOR}'s answer about changes cannot be read") from error
        return rows, answer.began


def rows_in(body: Mapping[str, Any], name: str) -> list[Row]:
    """Return the rows of a query's answer; of none the key is absent. Raises `Transient` for what is no answer."""
    found = body.get("QueryResponse")
    if not isinstance(found, dict):
        raise Transient(f"{VENDOR}'s answer to a query cannot be read")
    return list(found.get(name) or [])


class ObjectReader(ABC):
    """The reads of one kind of object."""

    entity: Entity
    inactive = False
    """Whether rows have `Active`, so that deleted ones are found by a query."""

    def __init__(self, rows: Rows) -> None:
        """Take what asks for rows."""
        self.rows = rows

    @property
    def name(self) -> str:
        """The object's name."""
        return facts_of(self.entity).object_name

    @abstractmethod
    async def records(self, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return the records of rows."""

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page: of everything, or of what changed since the cursor."""
        wanted = request.fields.get(self.entity, ())
        if request.position is not None:
            return await self._page(Position.load(request.position), wanted)
        if request.full or request.cursor is None:
            return await self._scan(wanted)
        since = Cursor.load(request.cursor)
        if not since.in_reach(datetime.now(UTC)):
            return await self._far(since, wanted)
        try:
            rows, began = await self.rows.changed(self.name, since.since)
        except FieldValidation as error:
            if error.vendor_code != str(POISONED):
                raise
            return await self._far(since, wanted)
        if len(rows) >= CDC_ROWS:
            return await self._far(since, wanted)
        return Page(await self.records(rows, wanted), None, Cursor.begin(began).dump())

    async def _far(self, since: Cursor, wanted: Collection[str]) -> Page:
        """Beyond the edges of CDC."""
        if not self.inactive:
            return await self._scan(wanted)
        begin = Position(phase=Phase.CHANGES, started=since.since, at=iso(since.since), seen=0)
        return await self._page(begin, wanted, first=True)

    async def _scan(self, wanted: Collection[str]) -> Page:
        begin = Position(phase=Phase.SCAN, started=datetime.fromtimestamp(0, UTC), at=_EPOCH, seen=0)
        return await self._page(begin, wanted, first=True)

    async def _page(self, place: Position, wanted: Collection[str], *, first: bool = False) -> Page:
        """One page of rows in order of their time, from a time on."""
        scan = place.phase is Phase.SCAN
        order = CREATED if scan else MODIFIED
        conditions = [f"{order} >= {statements.literal(place.at)}"]
        if self.inactive and not scan:
            conditions.append(_BOTH)
        rows, began = await self.rows.page(self.name, conditions, order, place.seen + 1)
        records = await self.records(rows, wanted)
        started = began if first else place.started
        if len(rows) < QUERY_ROWS:
            return Page(records, None, Cursor.begin(started).dump(), complete_scan=scan)
        last = _time(rows[-1], scan=scan)
        seen = sum(_time(row, scan=scan) == last for row in rows) + (place.seen if last == place.at else 0)
        here = Position(phase=place.phase, started=started, at=last, seen=seen)
        return Page(records, here.dump(), None, complete_scan=scan)


def _time(row: Row, *, scan: bool) -> str:
    """The time that a row is ordered by, in UTC."""
    at = parse_time((row.get("MetaData") or {}).get("CreateTime") if scan else modified(row))
    if at is None:
        raise Transient(f"{VENDOR} sent a row without its times")
    return iso(at)


class CustomerReader(ObjectReader):
    """Customers: inactive ones are asked for by queries too."""

    entity = Entity.ACCOUNTS
    inactive = True

    async def records(self, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return customers."""
        return [customer_record(row, wanted) for row in rows]

    async def read(self, ids: Collection[str], wanted: Collection[str]) -> dict[str, Record]:
        """Read customers by id; inactive ones are deleted."""
        rows = await self.rows.by_ids(self.name, ids, inactive=True)
        return {record.id: record for record in await self.records(rows, wanted)}


class QuickBooksReader:
    """The reads of one connection; see `connectors.external.Reader`."""

    def __init__(self, rows: Rows) -> None:
        """Take what asks for rows."""
        self.rows = rows
        self.customers = CustomerReader(rows)

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes."""
        facts_of(request.entity)
        return await self.customers.fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id."""
        facts_of(entity)
        return await self.customers.read(ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find living records by a field that queries may name, compared exactly.

        Raises `FieldValidation` for a field that cannot be searched.
        """
        rows = await self.find(entity, field, values)
        return await self.customers.records(rows, fields)

    async def find(self, entity: Entity, field: str, values: Collection[str]) -> list[Row]:
        """Return the rows that have one of these values."""
        name = facts_of(entity).object_name
        asked = SEARCHED[entity].get(field)
        if asked is None:
            raise FieldValidation(f"{VENDOR}'s {name} cannot be searched by `{field}`")
        found: dict[str, Row] = {}
        wanted = {one for one in values if one}
        for condition in statements.equalling(asked, wanted):
            rows = await self.rows.all(name, condition)
            found |= {id_of(row): row for row in rows}
        exact = {one.casefold() for one in wanted}
        return [row for row in found.values() if str(_held(row, field)).casefold() in exact]

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the targets of operations: their records, and their objects for the writer."""
        ids = {one.target_id for one in operations if one.target_id is not None}
        name = facts_of(Entity.ACCOUNTS).object_name
        rows = {id_of(row): row for row in await self.rows.by_ids(name, ids, inactive=True)} if ids else {}
        found: dict[int, Current] = {}
        for operation in operations:
            row = rows.get(operation.target_id or "")
            record = (await self.customers.records([row], fields))[0] if row is not None else None
            found[operation.id] = Current(record, {ROW: as_value(dict(row))} if row is not None else None)
        return found

    async def created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find the customers that creates of unknown outcome made: by name, which is unique, and young enough."""
        by_name = {str(one.values.get(NAME)): one for one in operations}
        found: dict[int, Record] = {}
        for row in await self.find(Entity.ACCOUNTS, NAME, by_name.keys()):
            operation = by_name.get(str(row.get(NAME)))
            if operation is not None and is_young(row, operation):
                [found[operation.id]] = await self.customers.records([row], fields)
        return found


def is_young(row: Row, operation: Operation) -> bool:
    """Whether a record may be what an operation made: an older one is a stranger that happens to have its name."""
    made = parse_time((row.get("MetaData") or {}).get("CreateTime"))
    since = operation.planned_at
    return since is None or made is None or made >= since - timedelta(seconds=CLOCKS_SECONDS)


def _held(row: Row, path: str) -> Any:
    raw: Any = row
    for part in path.split("."):
        raw = raw.get(part) if isinstance(raw, Mapping) else None
    return raw
