"""Reading from QuickBooks: scans, changes, ids, names (QuickBooks sheet 3).

Changes come by CDC, one call, deletions included. It has two edges: 1,000 objects and 30 days. Beyond them queries
tell: customers by their time, inactive ones included; transactions by a complete scan, because a deleted transaction is
in no query, and only a read by id says that it is gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from connectors.protocols import FetchRequest, Page, parse_time
from connectors.quickbooks import statements
from connectors.quickbooks.cursors import Cursor, Phase, Position
from connectors.quickbooks.errors import POISONED
from connectors.quickbooks.records import Row, id_of, modified
from connectors.quickbooks.rows import BOTH, Part, Rows
from connectors.quickbooks.spec import CDC_ROWS, QUERY_ROWS, VENDOR, facts_of
from connectors.quickbooks.statements import CREATED, MODIFIED
from connectors.values import iso
from core.errors import FieldValidation, Transient
from core.records import Entity, Record

_EPOCH = "1970-01-01T00:00:00Z"


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

    async def rows_by_id(self, ids: Collection[str]) -> dict[str, Row]:
        """Return the rows that there are of these ids, inactive ones included."""
        rows = await self.rows.by_ids(self.name, ids, inactive=self.inactive) if ids else []
        return {id_of(row): row for row in rows}

    async def read(self, ids: Collection[str], wanted: Collection[str]) -> dict[str, Record]:
        """Read records by id."""
        rows = await self.rows_by_id(ids)
        return {record.id: record for record in await self.records(list(rows.values()), wanted)}

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
            conditions.append(BOTH)
        # From the last row that was read on: it tells whether those before it are still there.
        start = max(place.seen, 1)
        part, fresh, start = await self._fresh(conditions, order, start, place.last)
        records = await self.records(fresh, wanted)
        started = part.began if first else place.started
        if not part.full:
            return Page(records, None, Cursor.begin(started).dump(), complete_scan=scan)
        row = part.rows[-1]
        last = _time(row, scan=scan)
        seen = sum(_time(one, scan=scan) == last for one in part.rows) + (start - 1 if last == place.at else 0)
        here = Position(phase=place.phase, started=started, at=last, seen=seen, last=id_of(row))
        return Page(records, here.dump(), None, complete_scan=scan)

    async def _fresh(
        self, conditions: Sequence[str], order: str, start: int, last: str
    ) -> tuple[Part, Sequence[Row], int]:
        """The next page that has a readable row behind the last one, or is the end; these rows; where it begins."""
        while True:
            part = await self.rows.page(self.name, conditions, order, start, QUERY_ROWS)
            fresh = _after(part.rows, last)
            if fresh is None:
                start, last = 1, ""
            elif fresh or not part.full:
                return part, fresh, start
            else:
                start, last = start + QUERY_ROWS, ""


def _after(rows: Sequence[Row], last: str) -> Sequence[Row] | None:
    """The rows behind the one with this id (empty: all of them); None where it is not among them."""
    ids = [id_of(row) for row in rows]
    if not last:
        return rows
    return rows[ids.index(last) + 1 :] if last in ids else None


def _time(row: Row, *, scan: bool) -> str:
    """The time that a row is ordered by, in UTC."""
    at = parse_time((row.get("MetaData") or {}).get("CreateTime") if scan else modified(row))
    if at is None:
        raise Transient(f"{VENDOR} sent a row without its times")
    return iso(at)
