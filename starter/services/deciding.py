"""One decision of many conflicts: each is answered in the version that was looked at, and one run carries them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.contracts import Mode
from core.records import Entity, Side
from starter.services.backend import Backend
from starter.services.refusals import invalid
from starter.services.running import Asked, begin, enabled
from starter.services.steering import run_entities
from store import conflicts
from store.conflicts import Filter
from store.tables.connections import Integration
from store.tables.runs import ConflictRow

JsonObject = dict[str, Any]

AT_ONCE = 500
"""Conflicts that one call decides at most."""

_KIND = {"alguna": "fields", "external": "fields", "latest": "fields", "create": "match", "skip": "match"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person decides of all open conflicts that fit. With `field`, only that field of each is decided."""

    resolution: str
    entity: Entity | None = None
    field: str | None = None
    kind: str | None = None
    dry_run: bool = False


async def resolve_many(backend: Backend, integration: Integration, wish: Wish, by: str) -> JsonObject:
    """Decide up to `AT_ONCE` conflicts; return how many fit, were decided, had moved on meanwhile and are left.

    A conflict that changes between the look and the decision keeps waiting. Raises Invalid for a resolution that does
    not answer the kind of conflict, Clash without an enabled configuration, Unavailable without Temporal.
    """
    kind = _KIND[wish.resolution]
    if wish.kind not in (None, kind):
        raise invalid("resolution", f"`{wish.resolution}` does not answer conflicts of kind {wish.kind}")
    if wish.field is not None and kind == "match":
        raise invalid("filter.field", "a match has no fields")
    config = await enabled(backend, integration)
    entities = [entity for entity in config.entities if wish.entity in (None, entity)]
    fitting = Filter(integration.id, kind, [entity.value for entity in entities], wish.field)
    async with backend.db.session() as session:
        found, matched = await conflicts.fitting(session, fitting, AT_ONCE)
    answer = {"matched": matched, "decided": 0, "left": matched, "movedOn": 0, "dryRun": wish.dry_run, "syncId": None}
    if wish.dry_run:
        return {**answer, "decided": len(found), "left": matched - len(found)}
    if not found:
        return answer
    asked: Asked = {}
    for row in found:
        asked.setdefault(Entity(row.entity), []).extend(_ids(row))
    decided: list[ConflictRow] = []

    async def decide(session: AsyncSession) -> None:
        for row in found:
            if await conflicts.decide(session, row.id or 0, row.version, {**_decision(wish, row), "by": by}):
                decided.append(row)

    async def take_back(session: AsyncSession) -> None:
        for row in decided:
            await conflicts.take_back(session, row.id or 0, row.version)

    def told(started: JsonObject) -> JsonObject:
        number = len(decided)
        done = {"decided": number, "movedOn": len(found) - number, "left": matched - number}
        return {**answer, **done, "syncId": started["syncId"]}

    names = run_entities(config.entities, list(asked))
    return await begin(
        backend,
        integration,
        "resolution",
        Mode.INBOX,
        names,
        asked,
        "resolution",
        along=decide,
        undo=take_back,
        answer=told,
        status=200,
    )


def _decision(wish: Wish, row: ConflictRow) -> JsonObject:
    if row.kind == "match":
        return {"resolution": wish.resolution}
    chosen = [item for item in row.fields if wish.field in (None, item["algunaField"])]
    return {"choices": {item["algunaField"]: _side(wish.resolution, item) for item in chosen}}


def _side(resolution: str, asked: Mapping[str, Any]) -> str:
    """Whose value counts; of two edits at one time, or of unknown time, Alguna's (design 3.4)."""
    if resolution != "latest":
        return resolution
    times = [asked.get(f"{side}ModifiedAt") for side in Side]
    ours, theirs = (datetime.fromisoformat(text) if text else None for text in times)
    return "external" if ours and theirs and theirs > ours else "alguna"


def _ids(row: ConflictRow) -> Sequence[tuple[Side, str]]:
    known = ((Side.ALGUNA, row.alguna_id), (Side.EXTERNAL, row.external_id))
    return [(side, record_id) for side, record_id in known if record_id]
