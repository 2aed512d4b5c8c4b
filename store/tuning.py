"""Conflicts by field and rule, so that people can see which rules would save them decisions, or cost them edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store import views
from store.conflicts import LIVE
from store.scope import table_of
from store.tables.runs import Audit, ConflictRow

AUDIT, CONFLICTS = table_of(Audit), table_of(ConflictRow)

DECIDING = frozenset({"alguna_wins", "external_wins", "latest_wins", "resolution"})
"""Rules that decide between two edits; the others carry a single one."""

_WINNER = {"to_external": "algunaWon", "to_alguna": "externalWon"}


async def summary(session: AsyncSession, integration_id: str, since: datetime) -> dict[str, Any]:
    """Return `open` conflicts by field and `decided` fields by rule since a time, the most frequent first."""
    return {"open": await _open(session, integration_id), "decided": await _decided(session, integration_id, since)}


async def _open(session: AsyncSession, integration_id: str) -> list[dict[str, Any]]:
    query = select(CONFLICTS.c.entity, CONFLICTS.c.kind, CONFLICTS.c.fields, CONFLICTS.c.created_at).where(
        CONFLICTS.c.integration_id == integration_id, CONFLICTS.c.status.in_(LIVE)
    )
    found: dict[tuple[str, str, str | None], list[Any]] = {}
    async for row in await session.stream(query):
        for name in [item["algunaField"] for item in row.fields] or [None]:
            known = found.setdefault((row.entity, row.kind, name), [0, row.created_at])
            known[0], known[1] = known[0] + 1, min(known[1], row.created_at)
    rows = [
        {"entity": entity, "kind": kind, "field": name, "count": count, "oldestAt": views.time(oldest)}
        for (entity, kind, name), (count, oldest) in found.items()
    ]
    return _most_first(rows)


async def _decided(session: AsyncSession, integration_id: str, since: datetime) -> list[dict[str, Any]]:
    query = select(AUDIT.c.entity, AUDIT.c.decisions).where(
        AUDIT.c.integration_id == integration_id, AUDIT.c.at >= since
    )
    found: dict[tuple[str, str, str, str | None], dict[str, int]] = {}
    async for row in await session.stream(query):
        for item in row.decisions:
            if item.get("rule") in DECIDING:
                counts = found.setdefault(_key(row.entity, item), {"count": 0, "algunaWon": 0, "externalWon": 0})
                counts["count"] += 1
                counts[_WINNER[item["action"]]] += 1
    rows = [
        {"entity": entity, "field": name, "rule": rule, "by": by, **counts}
        for (entity, name, rule, by), counts in found.items()
    ]
    return _most_first(rows)


def _key(entity: str, item: Mapping[str, Any]) -> tuple[str, str, str, str | None]:
    return entity, item["field"], item["rule"], item.get("by")


def _most_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (-row["count"], row["entity"], row["field"] or "", row.get("rule") or ""))
