"""How many records a change of the configuration touches, from what the store knows; no system is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.filters import FilterPlan
from core.plan import EntityPlan
from core.records import Entity, Record, Side
from core.values import Value
from store.links import LINKS, UNLINKED, decode_base
from store.scope import Scope, table_of
from store.tables.runs import ConflictRow

CONFLICTS = table_of(ConflictRow)
BATCH = 1_000


async def count_linked(session: AsyncSession, scope: Scope) -> int:
    """How many pairs are linked."""
    query = select(func.count()).select_from(LINKS).where(scope.covers(LINKS), LINKS.c.status == "active")
    return int((await session.execute(query)).scalar_one())


async def count_unlinked(session: AsyncSession, scope: Scope) -> int:
    """How many records are known to have no partner."""
    query = select(func.count()).select_from(UNLINKED).where(scope.covers(UNLINKED))
    return int((await session.execute(query)).scalar_one())


async def asked_about(session: AsyncSession, scope: Scope, fields: Collection[str], limit: int) -> list[str]:
    """The Alguna ids of up to `limit` records with an open conflict in one of these fields."""
    query = select(CONFLICTS.c.alguna_id, CONFLICTS.c.fields).where(
        scope.covers(CONFLICTS), CONFLICTS.c.kind == "fields", CONFLICTS.c.status == "open"
    )
    found: list[str] = []
    async for row in await session.stream(query.order_by(CONFLICTS.c.id)):
        if row.alguna_id is not None and any(item["algunaField"] in fields for item in row.fields):
            found.append(row.alguna_id)
            if len(found) == limit:
                break
    return found


async def count_moves(session: AsyncSession, scope: Scope, old: EntityPlan, new: EntityPlan) -> Counter[str]:
    """How many linked pairs would be `entering` or `leaving` under a new filter, as far as stored values tell.

    `unknown` are those whose filter fields are not mapped: only reading them tells.
    """
    moves: Counter[str] = Counter()
    last = 0
    while True:
        query = select(LINKS.c.id, LINKS.c.base, LINKS.c.outside, LINKS.c.alguna_id, LINKS.c.external_id)
        query = query.where(scope.covers(LINKS), LINKS.c.status == "active", LINKS.c.id > last)
        rows = (await session.execute(query.order_by(LINKS.c.id).limit(BATCH))).all()
        for row in rows:
            records = _known_records(scope.entity, old, row.base)
            inside = _inside(new.filters, records)
            if inside is None:
                moves["unknown"] += 1
            elif inside and row.outside:
                moves["entering"] += 1
            elif not inside and not row.outside:
                moves["leaving"] += 1
        if len(rows) < BATCH:
            return moves
        last = rows[-1].id


def _known_records(entity: Entity, plan: EntityPlan, stored: Mapping[str, Any]) -> list[Record]:
    base = decode_base(stored)
    records = []
    for side in Side:
        values: dict[str, Value] = {
            item.name(side): base[item.alguna_field].value(side)
            for item in plan.fields
            if item.alguna_field in base and item.direction is not None
        }
        records.append(Record(side, entity, "", values))
    return records


def _inside(filters: FilterPlan, records: Collection[Record]) -> bool | None:
    answers = [filters.judge(record) for record in records]
    if False in answers:
        return False
    return None if None in answers else True
