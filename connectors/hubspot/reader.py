"""Reading from HubSpot: scans, changes, the recycle bin, ids, keys (HubSpot sheet 3).

A scan goes by the list, which knows associations and does not depend on the search index. Changes come from search:
modified since the cursor, in order of id, each page after the last id of the one before. So any number of records with
one modification time are read once each, no query comes near its cap of 10,000 results, and a record that is touched
meanwhile falls into the next read. Search only names the records: their values are read by id, because the index lags.
For the same reason the cursor stays `OVERLAP_SECONDS` behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.http import gather_bounded
from connectors.hubspot.client import Answer, HubSpotClient
from connectors.hubspot.cursors import Cursor, Phase, Position
from connectors.hubspot.links import Orphans, Parents
from connectors.hubspot.records import columns, merged_away, merged_ids, record_of
from connectors.hubspot.schema import ObjectSchema, Schemas
from connectors.hubspot.spec import (
    BATCH_ROWS,
    COMPANIES,
    EMAIL,
    ID,
    LIST_ROWS,
    MODIFIED,
    PRIMARY_COMPANY,
    SEARCH_CHARACTERS,
    SEARCH_ROWS,
    SEARCH_VALUES,
    URL_CHARACTERS,
    facts_of,
    objects,
)
from connectors.protocols import FetchRequest, Page, parse_time
from connectors.values import json_text
from core.errors import FieldValidation, Transient
from core.records import Entity, Record

_NOT_FOUND = frozenset({404})
Row = Mapping[str, Any]


class HubSpotReader:
    """The reads of one connection."""

    def __init__(self, client: HubSpotClient, schemas: Schemas, orphans: Orphans) -> None:
        """Take the client, the object descriptions, and who waits for a company."""
        self._client = client
        self._schemas = schemas
        self._parents = Parents(client)
        self._orphans = orphans

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page: of the list in a scan; of changes, then deletions, then late companies otherwise."""
        entity, wanted = request.entity, request.fields.get(request.entity, ())
        position = Position.load(request.position) if request.position else None
        if request.full or request.cursor is None:
            return await self._list(entity, wanted, position)
        cursor = Cursor.load(request.cursor)
        match position.phase if position else Phase.CHANGES:
            case Phase.BIN if position:
                return await self._bin(entity, wanted, cursor, position)
            case Phase.ORPHANS if position:
                return await self._late_companies(entity, wanted, cursor, position)
        return await self._changes(entity, wanted, cursor, position)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, then what is missing in the recycle bin, then, one by one, what was merged away."""
        schema = await self._schemas.get(entity)
        wanted = sorted({one for one in ids if one.isdecimal()}, key=int)
        rows = await self._batch(entity, schema, wanted, fields)
        known = await self._parents.of(entity, [str(row["id"]) for row in rows])
        found = {str(row["id"]): record_of(entity, schema, row, fields, known.get(str(row["id"]))) for row in rows}
        missing = [one for one in wanted if one not in found]
        for row in await self._batch(entity, schema, missing, fields, archived=True):
            found[str(row["id"])] = replace(record_of(entity, schema, row, fields), deleted=True)
        missing = [one for one in missing if one not in found]
        survivors = await gather_bounded([partial(self._survivor, entity, one) for one in missing], 4)
        for record_id, survivor in zip(missing, survivors, strict=True):
            if survivor is not None:
                found[record_id] = merged_away(entity, record_id, survivor)
        return found

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find living records by one field's values: a key by batch read, anything else by search.

        Raises `FieldValidation` for a property that the portal has not.
        """
        schema = await self._schemas.get(entity)
        if field not in schema.properties:
            raise FieldValidation(f"HubSpot's {facts_of(entity).object_name} have no property `{field}`")
        ordered = sorted({value.lower() if field == EMAIL else value for value in values if value})
        if schema.is_key(field):
            rows = await self._batch(entity, schema, ordered, fields, key=field)
        else:
            rows = []
            for part in _chunks(ordered):
                rows += await self._search(entity, schema, field, part, fields)
        known = await self._parents.of(entity, [str(row["id"]) for row in rows])
        return [record_of(entity, schema, row, fields, known.get(str(row["id"]))) for row in rows]

    async def _list(self, entity: Entity, wanted: Collection[str], position: Position | None) -> Page:
        schema = await self._schemas.get(entity)
        names = columns(entity, schema, wanted)
        query = f"?limit={LIST_ROWS}" + (f"&after={position.after}" if position else "")
        query += f"&associations={COMPANIES}" if entity in PRIMARY_COMPANY else ""
        properties = "&properties=" + quote(",".join(names), safe=",")
        wide = len(properties) > URL_CHARACTERS
        answer = await self._client.read(objects(entity, query + ("" if wide else properties)))
        rows, following = _results(answer), _following(answer)
        parents = await self._parents.listed(entity, rows)
        if wide:
            rows = await self._batch(entity, schema, [str(row["id"]) for row in rows], wanted)
        records = [record_of(entity, schema, row, wanted, parents.get(str(row["id"]))) for row in rows]
        await self._remember(entity, records)
        started = position.started if position else answer.began
        if following is None:
            return Page(records, None, Cursor.begin(started).dump(), complete_scan=True)
        here = Position(phase=Phase.LIST, started=started, after=following)
        return Page(records, here.dump(), None, complete_scan=True)

    async def _changes(
        self, entity: Entity, wanted: Collection[str], cursor: Cursor, position: Position | None
    ) -> Page:
        schema = await self._schemas.get(entity)
        since = str(int(cursor.since.timestamp() * 1000))
        filters = [
            {"propertyName": MODIFIED[entity], "operator": "GTE", "value": since},
            {"propertyName": ID, "operator": "GT", "value": position.after if position else "0"},
        ]
        answer = await self._query(entity, schema, filters, ())
        found = [str(row["id"]) for row in _results(answer)]
        # The index may show values from before our own last write; only a read by id has them as they are.
        rows = sorted(await self._batch(entity, schema, found, wanted), key=lambda row: int(row["id"]))
        parents = await self._parents.of(entity, [str(row["id"]) for row in rows])
        records = [record_of(entity, schema, row, wanted, parents.get(str(row["id"]))) for row in rows]
        await self._remember(entity, records)
        here = position or Position(phase=Phase.CHANGES, started=answer.began)
        records += [merged_away(entity, old, str(row["id"])) for row in rows for old in merged_ids(row)]
        if _following(answer) is not None and found:
            return Page(records, here.model_copy(update={"after": found[-1]}).dump(), None)
        if cursor.bin_due(here.started):
            return Page(records, Position(phase=Phase.BIN, started=here.started).dump(), None)
        return await self._then_orphans(entity, records, cursor, here)

    async def _bin(self, entity: Entity, wanted: Collection[str], cursor: Cursor, position: Position) -> Page:
        """Archived records cannot be asked for by time: the bin is listed, and what was known is passed over."""
        schema = await self._schemas.get(entity)
        names = quote(",".join(columns(entity, schema, ())), safe=",")
        after = f"&after={position.after}" if position.after != "0" else ""
        answer = await self._client.read(objects(entity, f"?limit={LIST_ROWS}&archived=true&properties={names}{after}"))
        fresh = [row for row in _results(answer) if _archived_since(row, cursor)]
        records = [replace(record_of(entity, schema, row, wanted), deleted=True) for row in fresh]
        following = _following(answer)
        here = position.model_copy(update={"bin_pages": position.bin_pages + 1})
        if following is not None:
            return Page(records, here.model_copy(update={"after": following}).dump(), None)
        return await self._then_orphans(entity, records, cursor, here)

    async def _then_orphans(self, entity: Entity, records: list[Record], cursor: Cursor, position: Position) -> Page:
        """The last part of a read, only where somebody waits for a company."""
        if entity in PRIMARY_COMPANY and await self._orphans.to_ask(entity, cursor.since.isoformat()):
            return Page(records, position.model_copy(update={"phase": Phase.ORPHANS}).dump(), None)
        return Page(records, None, cursor.after(position).dump())

    async def _late_companies(
        self, entity: Entity, wanted: Collection[str], cursor: Cursor, position: Position
    ) -> Page:
        schema, since = await self._schemas.get(entity), cursor.since.isoformat()
        asked = await self._orphans.to_ask(entity, since)
        found = await self._parents.of(entity, asked)
        rows = await self._batch(entity, schema, sorted(found, key=int), wanted)
        records = [record_of(entity, schema, row, wanted, found[str(row["id"])]) for row in rows]
        await self._orphans.settle(entity, since, asked, found)
        return Page(records, None, cursor.after(position).dump())

    async def _remember(self, entity: Entity, records: Iterable[Record]) -> None:
        if entity in PRIMARY_COMPANY:
            await self._orphans.add(entity, [record.id for record in records if record.parent_id is None])

    async def _search(
        self, entity: Entity, schema: ObjectSchema, field: str, values: Sequence[str], wanted: Collection[str]
    ) -> list[Row]:
        """All records with one of these values, in order of id. Text has to come in lower case (sheet 3)."""
        exact = schema.properties[field].type == "enumeration"
        texts = sorted(values if exact else {value.lower() for value in values})
        last, ids = "0", list[str]()
        while True:
            filters: list[dict[str, Any]] = [
                {"propertyName": field, "operator": "IN", "values": texts},
                {"propertyName": ID, "operator": "GT", "value": last},
            ]
            answer = await self._query(entity, schema, filters, ())
            ids += [str(row["id"]) for row in _results(answer)]
            if not ids or _following(answer) is None:
                return await self._batch(entity, schema, ids, wanted)
            last = ids[-1]

    async def _query(
        self, entity: Entity, schema: ObjectSchema, filters: list[dict[str, Any]], wanted: Collection[str]
    ) -> Answer:
        """One page of a search in order of id; what does not fit into its body is read by the ids instead."""
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
            "properties": columns(entity, schema, wanted),
            "limit": SEARCH_ROWS,
            "after": "0",
        }
        text = json_text(body)
        wide = len(text.encode()) > 3_000
        if wide:
            text = json_text({**body, "properties": []})
        answer = await self._client.read_by_post(objects(entity, "/search"), text)
        if not wide:
            return answer
        rows = await self._batch(entity, schema, [str(row["id"]) for row in _results(answer)], wanted)
        ordered = sorted(rows, key=lambda row: int(row["id"]))
        return replace(answer, body={**answer.body, "results": ordered})

    async def _batch(
        self,
        entity: Entity,
        schema: ObjectSchema,
        ids: Sequence[str],
        wanted: Collection[str],
        *,
        key: str | None = None,
        archived: bool = False,
    ) -> list[Row]:
        """Read by ids, or by the values of a key, 100 a call. What is missing is told in a 207, and left out."""
        rows: list[Row] = []
        path = objects(entity, "/batch/read" + ("?archived=true" if archived else ""))
        for start in range(0, len(ids), BATCH_ROWS):
            body: dict[str, Any] = {
                "properties": columns(entity, schema, wanted),
                "propertiesWithHistory": [],
                "inputs": [{"id": one} for one in ids[start : start + BATCH_ROWS]],
            }
            if key is not None:
                body["idProperty"] = key
            rows += _results(await self._client.read_by_post(path, json_text(body)))
        return rows

    async def _survivor(self, entity: Entity, record_id: str) -> str | None:
        """The id of the record that this one was merged into; only a single read tells (sheet 4)."""
        answer = await self._client.get(objects(entity, f"/{record_id}"), accept=_NOT_FOUND)
        found = str(answer.body.get("id")) if answer else record_id
        return found if found != record_id else None


def _results(answer: Answer) -> list[Row]:
    results = answer.body.get("results")
    if not isinstance(results, list) or not all(isinstance(row, dict) and row.get("id") for row in results):
        raise Transient("HubSpot's answer to a read cannot be read")
    return results


def _following(answer: Answer) -> str | None:
    """Where the next page begins; None after the last one."""
    paging = answer.body.get("paging") or {}
    following = (paging.get("next") or {}).get("after")
    return str(following) if following else None


def _archived_since(row: Row, cursor: Cursor) -> bool:
    at = parse_time(row.get("archivedAt") or row.get("updatedAt"))
    return at is None or at >= cursor.bin_since


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    """Cut values into lists that a search's body can hold; one that is too long by itself can be no value there."""
    part: list[str] = []
    size = 0
    for value in values:
        cost = len(json_text(value).encode()) + 1
        if cost > SEARCH_CHARACTERS:
            continue
        if part and (size + cost > SEARCH_CHARACTERS or len(part) == SEARCH_VALUES):
            yield part
            part, size = [], 0
        part.append(value)
        size += cost
    if part:
        yield part
