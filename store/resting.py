"""The errors of mappings that rest: one row per mapping, however many records it concerns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.resting import SUBJECT_PREFIX, Resting
from store.errors import ERRORS, FailedRecord, open_errors
from store.links import LINKS
from store.scope import Scope

_OPEN = ("open", "retrying", "ignored")


async def subjects(session: AsyncSession, scope: Scope) -> dict[str, str]:
    """The mappings of an entity that are known to rest: subject -> status of its error."""
    query = select(ERRORS.c.source_id, ERRORS.c.status).where(
        scope.covers(ERRORS), ERRORS.c.source_id.startswith(SUBJECT_PREFIX), ERRORS.c.status.in_(_OPEN)
    )
    return {row.source_id: row.status for row in (await session.execute(query)).all()}


async def open_for(
    session: AsyncSession, scope: Scope, run_id: str | None, resting: Sequence[Resting], at: datetime
) -> None:
    """Open an error for each mapping that rests; those that a person ignores stay ignored."""
    known = await subjects(session, scope)
    failed = [
        FailedRecord(item.side, item.subject, None, None, item.failure)
        for item in resting
        if known.get(item.subject) != "ignored"
    ]
    await open_errors(session, scope, run_id, failed, at)
    # The field may be gone from the other side now than it was before.
    for item in resting:
        await _resolve(session, scope, [item.subject], ERRORS.c.target != item.side.value)


async def close(session: AsyncSession, scope: Scope, ended: Collection[str]) -> None:
    """Close the errors of mappings that rest no more."""
    if ended:
        await _resolve(session, scope, ended)


async def _resolve(session: AsyncSession, scope: Scope, ended: Collection[str], *more: ColumnElement[bool]) -> None:
    chosen = (scope.covers(ERRORS), ERRORS.c.source_id.in_(list(ended)), ERRORS.c.status.in_(_OPEN), *more)
    await session.execute(update(ERRORS).where(*chosen).values(status="resolved"))


async def resting_fields(session: AsyncSession, scope: Scope) -> list[str]:
    """The fields that rest, as the errors name them, sorted."""
    query = select(ERRORS.c.field).where(
        scope.covers(ERRORS), ERRORS.c.source_id.startswith(SUBJECT_PREFIX), ERRORS.c.status.in_(_OPEN)
    )
    return sorted({row.field for row in (await session.execute(query)).all() if row.field})


async def forget_bases(session: AsyncSession, scope: Scope, fields: AbstractSet[str], after: int, limit: int) -> int:
    """Drop the bases of fields from up to `limit` links with an id above `after`; return the last id (0: the end).

    What a field held before it was gone says nothing of what it holds now: a field that is made anew is blank, and
    must be filled as at a first link, never clear the other side.
    """
    query = select(LINKS.c.id, LINKS.c.base)
    query = query.where(scope.covers(LINKS), LINKS.c.status == "active", LINKS.c.id > after)
    rows = (await session.execute(query.order_by(LINKS.c.id).limit(limit))).all()
    changed = [
        {"link_id": row.id, "kept": {name: base for name, base in row.base.items() if name not in fields}}
        for row in rows
        if not fields.isdisjoint(row.base)
    ]
    if changed:
        statement = update(LINKS).where(LINKS.c.id == bindparam("link_id")).values(base=bindparam("kept"))
        await (await session.connection()).execute(statement, changed)
    return int(rows[-1].id) if rows else 0
