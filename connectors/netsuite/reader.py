"""Reading from NetSuite by SuiteQL: scans, changes, deletions, ids, keys (sheet 3).

Pages go by (time, id), which is unique, and never by offset. Times are SuiteQL's own text in its own local clock, also
in cursors; how far that clock is from UTC is found out by one read of a record over REST, which tells UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta

import structlog

from connectors.netsuite import records, statements
from connectors.netsuite.allocations import Allocations
from connectors.netsuite.client import NetSuiteClient, Rows
from connectors.netsuite.cursors import Cursor, Position, shown, until
from connectors.netsuite.records import Clock, Row, local_time
from connectors.netsuite.schema import Schemas
from connectors.netsuite.spec import LINES, MARKER, ROWS, VENDOR, facts_of, record_path
from connectors.protocols import FetchRequest, Page, parse_time
from core.documents import allocation_id, split_allocation
from core.errors import FieldValidation, Permission, Transient
from core.records import Entity, Record
from core.values import Value

_log = structlog.get_logger(__name__)
Detail = Callable[[Sequence[str], tuple[str, str]], statements.Statement]
_CLOCK_SECONDS = 3_600.0
_QUARTER = 900
_MOST_AHEAD = timedelta(hours=15)


class NetSuiteReader:
    """The reads of one connection."""

    def __init__(self, client: NetSuiteClient, schemas: Schemas, known: Allocations) -> None:
        """Take the client, the record types, and what payments were seen to settle."""
        self._client = client
        self._schemas = schemas
        self._known = known
        self._clock = Clock(None)
        self._clock_at = 0.0

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes; the last one brings the deletions along."""
        entity, wanted = request.entity, request.fields.get(request.entity, ())
        scan = request.full or request.cursor is None
        start = Cursor() if scan or request.cursor is None else Cursor.load(request.cursor)
        place = Position.load(request.position) if request.position else Position(time=start.since, id="0")
        custom = (await self._schemas.get(entity)).custom
        page = await self._client.query(statements.changed(entity, wanted, custom, (place.time, place.id)))
        await self._calibrate(entity, page.rows)
        found = await self.records(entity, page.rows, wanted)
        last = page.rows[-1] if page.rows else {}
        now = place.now or self._local(page)
        if page.more and last:
            following = Position(time=last["changed"], id=last["id"], now=now)
            return Page(found, following.dump(), None, complete_scan=scan)
        gone = [] if scan else await self._deleted(entity, start)
        cursor = Cursor(since=until(start.since, now), deleted_since=until(start.deleted_since, now))
        return Page([*found, *gone], None, cursor.dump(), complete_scan=scan)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, 1,000 a call, then look for the missing ones among the deleted."""
        named = {one: split_allocation(one) if entity is Entity.PAYMENTS else (one, None) for one in ids}
        own = sorted({record_id for record_id, _ in named.values() if record_id.isdecimal()}, key=int)
        rows = await self.rows(entity, "t.id", own, fields)
        await self._calibrate(entity, rows)
        found = {one.id: one for one in await self.records(entity, rows, fields)}
        missing = [one for one in own if one not in {row["id"] for row in rows}]
        dead = await self._dead(entity, missing)
        if entity is Entity.PAYMENTS:
            return _chosen(found, named, {row["id"] for row in rows}, dead)
        return found | {one: records.gone(entity, one) for one in dead}

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records by the values of a field that SuiteQL has. Raises `FieldValidation` for any other."""
        custom = (await self._schemas.get(entity)).custom
        sql = dict(statements.columns(entity, {field}, custom)).get(field)
        if sql is None:
            raise FieldValidation(f"{VENDOR}'s {facts_of(entity).object_name} cannot be searched by `{field}`")
        exact = field in (MARKER, "id")
        texts = sorted({value if exact else value.lower() for value in values if value})
        key = sql if exact else f"LOWER({sql})"
        rows = await self.rows(entity, key, texts, {*fields, field})
        await self._calibrate(entity, rows)
        return await self.records(entity, rows, {*fields, field})

    async def rows(self, entity: Entity, key: str, values: Collection[str], wanted: Collection[str]) -> list[Row]:
        """Return the rows whose column has one of the values."""
        custom = (await self._schemas.get(entity)).custom
        found: list[Row] = []
        for part in statements.parts(values, ROWS // 2):
            page = await self._client.query(statements.keyed(entity, wanted, custom, key, part))
            if page.more:
                raise Transient(f"{VENDOR} holds too many {entity.value} with one value to tell them apart")
            found += page.rows
        return found

    async def records(self, entity: Entity, rows: Sequence[Row], wanted: Collection[str]) -> list[Record]:
        """Return rows as records, with their lines or allocations."""
        custom = (await self._schemas.get(entity)).custom
        made = [(row, records.fields_of(entity, row, wanted, custom)) for row in rows]
        if entity is Entity.ACCOUNTS:
            return [records.customer(row, fields, self._clock) for row, fields in made]
        if entity is Entity.INVOICES:
            lines = await self._lines([row["id"] for row in rows]) if LINES in wanted else None
            for row, fields in made:
                if lines is not None:
                    fields[LINES] = records.lines_value(lines.get(row["id"], []))
            return [records.invoice(row, fields, self._clock) for row, fields in made]
        return await self._allocated(made)

    async def _allocated(self, made: Sequence[tuple[Row, dict[str, Value]]]) -> list[Record]:
        """The allocations of payments; those that a payment had once and has no more are deleted."""
        ids = [row["id"] for row, _ in made]
        parts = await self._grouped(ids, statements.allocations)
        known = await self._known.of(ids)
        found: list[Record] = []
        for row, fields in made:
            held = {
                one["line"]: records.value_of("currency", one.get("foreignamount")) for one in parts.get(row["id"], [])
            }
            found += [records.allocation(row, one, amount, dict(fields), self._clock) for one, amount in held.items()]
            lost = [one for one in known.get(row["id"], []) if one not in held]
            found += [records.gone(Entity.PAYMENTS, allocation_id(row["id"], one), one) for one in lost]
            if not held and not lost:
                found.append(records.allocation(row, None, None, dict(fields), self._clock))
        await self._known.keep({one: [line["line"] for line in lines] for one, lines in parts.items()})
        return found

    async def _lines(self, ids: Sequence[str]) -> dict[str, list[Row]]:
        return await self._grouped(ids, statements.lines)

    async def _grouped(self, ids: Sequence[str], make: Detail) -> dict[str, list[Row]]:
        """All rows that belong to documents, by document."""
        found: dict[str, list[Row]] = {}
        for part in statements.parts(ids, ROWS // 2):
            after = ("0", "0")
            while True:
                page = await self._client.query(make(part, after))
                for row in page.rows:
                    found.setdefault(row["doc"], []).append(row)
                if not page.more:
                    break
                after = (page.rows[-1]["doc"], page.rows[-1]["line"])
        return found

    async def _deleted(self, entity: Entity, start: Cursor) -> list[Record]:
        """What was deleted since the last read; nothing where the role may not see it."""
        after, found = (start.deleted_since, "0"), list[Record]()
        try:
            while True:
                page = await self._client.query(statements.deleted(after))
                found += await self._gone(entity, [row["recordid"] for row in page.rows if _is_of(entity, row)])
                if not page.more:
                    return found
                after = (page.rows[-1]["changed"], page.rows[-1]["recordid"])
        except Permission:
            _log.warning("deletions_hidden", entity=entity.value, hint="grant the role Deleted Records, view")
            return []

    async def _gone(self, entity: Entity, ids: Sequence[str]) -> list[Record]:
        if entity is not Entity.PAYMENTS:
            return [records.gone(entity, one) for one in ids]
        known = await self._known.of(ids)
        return [
            records.gone(entity, allocation_id(one, invoice), invoice) for one in ids for invoice in known.get(one, [])
        ]

    async def _dead(self, entity: Entity, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for part in statements.parts(ids):
            try:
                page = await self._client.query(statements.deleted_among(part))
            except Permission:
                # Without the permission a record that cannot be read is not found, which is as final.
                return set()
            found |= {row["recordid"] for row in page.rows if _is_of(entity, row)}
        return found

    async def _calibrate(self, entity: Entity, rows: Sequence[Row]) -> None:
        """Find out how far SuiteQL's clock is ahead of UTC: one record's own time, read both ways."""
        if not rows or time.monotonic() - self._clock_at < _CLOCK_SECONDS:
            return
        row = max(rows, key=lambda one: one.get("changed", ""))
        shown_utc = await self._client.record(record_path(entity, row["id"], "?fields=lastModifiedDate"))
        at = parse_time(str(shown_utc["lastModifiedDate"])) if shown_utc and "lastModifiedDate" in shown_utc else None
        if at is None or "changed" not in row:
            return
        apart = (local_time(row["changed"]) - at.replace(tzinfo=None)).total_seconds()
        # Zones are whole quarters of an hour apart; what is left is an edit between the two reads.
        ahead = timedelta(seconds=round(apart / _QUARTER) * _QUARTER)
        if abs(ahead) < _MOST_AHEAD:
            self._clock, self._clock_at = Clock(ahead), time.monotonic()

    def _local(self, page: Rows) -> str:
        """When a page was read, by SuiteQL's clock; empty where that is not known."""
        if self._clock.ahead is None:
            return ""
        return shown(page.began.replace(tzinfo=None) + self._clock.ahead)


def _is_of(entity: Entity, row: Row) -> bool:
    """Whether a row of the deleted is of this entity; accounts differ in which column names the type."""
    name = facts_of(entity).object_name.lower()
    return name in (row.get("type", "").lower().replace(" ", ""), row.get("scriptid", "").lower())


def _chosen(
    found: Mapping[str, Record],
    named: Mapping[str, tuple[str, str | None]],
    there: Collection[str],
    dead: Collection[str],
) -> dict[str, Record]:
    """The allocations that were asked for; of a whole payment all. What a payment does not settle any more is gone."""
    whole = {payment for payment, invoice in named.values() if invoice is None}
    chosen = {key: one for key, one in found.items() if key in named or split_allocation(key)[0] in whole}
    for key, (payment, invoice) in named.items():
        if key not in chosen and invoice is not None and (payment in there or payment in dead):
            chosen[key] = records.gone(Entity.PAYMENTS, key, invoice)
    return chosen
