"""Errors by their root cause: how many records each stopped, since when, and one of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store import views
from store.scope import table_of
from store.tables.runs import RecordError

ERRORS = table_of(RecordError)


async def list_groups(
    session: AsyncSession,
    integration_id: str,
    *,
    limit: int,
    offset: int,
    status: str | None = None,
    type: str | None = None,
    entity: str | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """One page of root causes, those of most records first, and how many there are. The sample is the newest error."""
    filters = {"status": status, "type": type, "entity": entity}
    conditions = [ERRORS.c.integration_id == integration_id]
    conditions += [ERRORS.c[name] == value for name, value in filters.items() if value is not None]
    key = (ERRORS.c.group, ERRORS.c.entity, ERRORS.c.target)
    number = func.count().label("number")
    query = (
        select(
            *key,
            number,
            func.min(ERRORS.c.created_at).label("first"),
            func.max(ERRORS.c.seen_at).label("last"),
            func.max(ERRORS.c.id).label("sample"),
        )
        .where(*conditions)
        .group_by(*key)
    )
    total = (await session.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    page = (await session.execute(query.order_by(number.desc(), *key).limit(limit).offset(offset))).all()
    samples = await _samples(session, [row.sample for row in page])
    return [_group(samples[row.sample], row) for row in page], int(total)


async def _samples(session: AsyncSession, ids: list[int]) -> dict[int, RecordError]:
    found = (await session.execute(select(RecordError).where(ERRORS.c.id.in_(ids)))).scalars()
    return {row.id: row for row in found if row.id is not None}


def _group(sample: RecordError, row: Any) -> dict[str, Any]:
    return {
        "group": row.group,
        "type": sample.type,
        "entity": row.entity,
        "direction": views.TO[Side(row.target)],
        "field": sample.field,
        "vendorCode": sample.vendor_code,
        "count": row.number,
        "firstSeenAt": views.time(row.first),
        "lastSeenAt": views.time(row.last),
        "sample": {
            "id": str(sample.id),
            "algunaId": sample.alguna_id,
            "externalId": sample.external_id,
            "message": sample.message,
        },
        "hint": sample.hint,
    }
