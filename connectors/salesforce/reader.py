"""Reading from Salesforce: changes, ids, keys.

Why a pass without changes costs one call, although our own writes lie in the overlap of two reads: every row with a
stamp after the cursor's `seen` is read, but between `since` and `seen` only rows that somebody else changed last. Rows
that we changed last need no second look there: this entity has one writer, whose write had returned, and so was
committed, before the next read began. Other people's rows do need it, whatever their number: a late edit may replace a
row that was read with an earlier stamp of the same minutes, which no count of rows would show.

Pages go on after the last row's (SystemModstamp, Id), so equal stamps, and a token renewed in mid-read, lose and
repeat nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from connectors.protocols import FetchRequest, Page
from connectors.salesforce.client import QueryPage, SalesforceClient
from connectors.salesforce.cursors import Cursor, Position
from connectors.salesforce.ids import normalise_id
from connectors.salesforce.records import Rows, columns
from connectors.salesforce.schema import ObjectSchema, Schemas
from connectors.salesforce.soql import in_lists, literal, query_path, text_literal, time_literal
from connectors.salesforce.spec import API, READ_ROWS, URI_BYTES, facts_of
from connectors.values import json_text
from core.errors import FieldValidation, Transient
from core.records import Entity, Record

_FIRST_ID = "0" * 18


class SalesforceReader:
    """The reads of one connection."""

    def __init__(self, client: SalesforceClient, schemas: Schemas) -> None:
        """Take the client and the object descriptions."""
        self._client = client
        self._schemas = schemas

    async def fetch(self, request: FetchRequest) -> Page:
        """Return up to 2,000 changed rows: by (SystemModstamp, Id), deleted ones too; by Id in a full read."""
        entity, wanted = request.entity, request.fields.get(request.entity, ())
        schema = await self._schemas.get(entity)
        me = await self._client.user_id()
        position = Position.load(request.position) if request.position else None
        cursor = None if request.full or request.cursor is None else Cursor.load(request.cursor)
        if cursor is None:
            soql = _scan(entity, schema, wanted, position)
        else:
            soql = _changes(entity, schema, wanted, cursor, me, position)
        found = await self._query(entity, soql, deleted=cursor is not None)
        mapper = Rows(entity, schema, wanted, me)
        records = [mapper.record(row) for row in found.rows]
        started = position.started if position else found.started
        if found.done:
            return Page(records, None, Cursor.after(started).dump(), complete_scan=cursor is None)
        return Page(records, Position.after(_last(found), started).dump(), None, complete_scan=cursor is None)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read rows by id; ids that are not found are asked for once more among the deleted ones."""
        schema = await self._schemas.get(entity)
        me = await self._client.user_id()
        wanted_ids = {normal: given for given in ids if (normal := normalise_id(given)) is not None}
        names = columns(entity, schema, fields)
        rows: list[dict[str, Any]] = []
        ordered = sorted(wanted_ids)
        path = f"{API}/composite/sobjects/{facts_of(entity).object_name}"
        for start in range(0, len(ordered), READ_ROWS):
            body = json_text({"ids": ordered[start : start + READ_ROWS], "fields": names})
            answer = await self._client.read_by_post(path, body)
            if not isinstance(answer, list):
                raise Transient("Salesforce's answer to a read by ids cannot be read")
            rows += [row for row in answer if isinstance(row, dict)]
        mapper = Rows(entity, schema, fields, me)
        records = {record.id: record for record in map(mapper.record, rows)}
        missing = [text_literal(one) for one in ordered if one not in records]
        for record in await self._select(entity, schema, fields, "Id IN ", missing, deleted=True):
            records[record.id] = record
        return {wanted_ids[record.id]: record for record in records.values()}

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find living rows by one field's values. Raises `FieldValidation` where Salesforce cannot filter by it."""
        schema = await self._schemas.get(entity)
        known = schema.fields.get(field)
        if known is None or not known.filterable:
            raise FieldValidation(f"{facts_of(entity).object_name}.{field} cannot be searched in Salesforce")
        longest = known.schema.max_length
        # No row can hold a longer value, and it might not fit into a query either.
        possible = [value for value in sorted(set(values)) if longest is None or len(value) <= longest]
        literals = [literal(value, known.type) for value in possible]
        return await self._select(entity, schema, fields, f"{field} IN ", literals)

    async def _select(
        self,
        entity: Entity,
        schema: ObjectSchema,
        fields: Collection[str],
        condition: str,
        literals: Sequence[str],
        *,
        deleted: bool = False,
    ) -> list[Record]:
        """All rows that meet `condition (literals)`, in as few queries as their size allows."""
        mapper = Rows(entity, schema, fields, await self._client.user_id())
        select = _select_from(entity, schema, fields, [f"Id > {text_literal(_FIRST_ID)}", condition], "Id")
        records: list[Record] = []
        for among in in_lists(literals, URI_BYTES - len(query_path(select, deleted=True))):
            last = _FIRST_ID
            while True:
                conditions = [f"Id > {text_literal(last)}", condition + among]
                page = await self._query(entity, _select_from(entity, schema, fields, conditions, "Id"), deleted)
                records += map(mapper.record, page.rows)
                if page.done:
                    break
                last = str(_last(page)["Id"])
        return records

    async def _query(self, entity: Entity, soql: str, deleted: bool) -> QueryPage:
        """Run a query; when it names a field that is gone, forget the description, so that the next try is right."""
        try:
            return await self._client.query(soql, deleted=deleted)
        except FieldValidation:
            self._schemas.forget(entity)
            raise


def _scan(entity: Entity, schema: ObjectSchema, wanted: Collection[str], position: Position | None) -> str:
    conditions = [*_standing(entity, schema)]
    if position:
        conditions.append(f"Id > {text_literal(position.id)}")
    return _select_from(entity, schema, wanted, conditions, "Id")


def _changes(
    entity: Entity,
    schema: ObjectSchema,
    wanted: Collection[str],
    cursor: Cursor,
    me: str | None,
    position: Position | None,
) -> str:
    """An incremental read; where we do not know who we are, everybody counts as somebody else."""
    window = f"SystemModstamp >= {time_literal(cursor.since)}"
    if me is not None:
        others = f"({window} AND LastModifiedById != {text_literal(me)})"
        window = f"(SystemModstamp > {time_literal(cursor.seen)} OR {others})"
    conditions = [window, *_standing(entity, schema)]
    if position:
        tie = f"SystemModstamp = {position.stamp} AND Id > {text_literal(position.id)}"
        conditions.append(f"(SystemModstamp > {position.stamp} OR ({tie}))")
    return _select_from(entity, schema, wanted, conditions, "SystemModstamp,Id")


def _standing(entity: Entity, schema: ObjectSchema) -> list[str]:
    """A person account shows up as a contact as well; it is synced as an account (sheet 8)."""
    if entity is Entity.CONTACTS and "IsPersonAccount" in schema.fields:
        return ["IsPersonAccount = false"]
    return []


def _select_from(
    entity: Entity, schema: ObjectSchema, wanted: Collection[str], conditions: Sequence[str], order: str
) -> str:
    names = ",".join(columns(entity, schema, wanted))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {names} FROM {facts_of(entity).object_name}{where} ORDER BY {order}"


def _last(page: QueryPage) -> dict[str, Any]:
    """The last row of a page. Raises `Transient` for an unfinished page without rows."""
    if not page.rows:
        raise Transient("Salesforce sent an empty page that is not the last one")
    return page.rows[-1]
