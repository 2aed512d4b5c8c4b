"""Deletions: which links have lost a record, what was decided about it, and what waits for a person's word.

A deletion is kept on its link (`gone`, `verdict`), so that it is seen once, and forgotten when the record comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store.links import LINKS
from store.scope import Scope
from store.staging import STAGED


class Verdict(StrEnum):
    """What became of a deletion whose link goes on for now."""

    SEEN = "seen"
    IGNORED = "ignored"
    ARCHIVING = "archiving"
    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    STUCK = "stuck"
    """The other side cannot take it: an error says so."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A link whose record on one side is deleted."""

    link_id: int
    alguna_id: str
    external_id: str


async def note(session: AsyncSession, link_ids: Collection[int], side: Side, verdict: Verdict) -> None:
    """Keep that the records of these links are deleted on a side."""
    if link_ids:
        changes = {"gone": side.value, "verdict": verdict.value}
        await session.execute(update(LINKS).where(LINKS.c.id.in_(list(link_ids))).values(**changes))


async def forget(session: AsyncSession, link_ids: Collection[int]) -> None:
    """The deleted records of these links are back."""
    if link_ids:
        await session.execute(update(LINKS).where(LINKS.c.id.in_(list(link_ids))).values(gone=None, verdict=None))


async def revive(session: AsyncSession, link_ids: Collection[int]) -> None:
    """Let tombstones be links again, because the deleted record came back. Both records must be free."""
    if link_ids:
        changes = {"status": "active", "rule": "restored", "reason": None, "gone": None, "verdict": None}
        await session.execute(update(LINKS).where(LINKS.c.id.in_(list(link_ids))).values(**changes))


async def move(session: AsyncSession, link_id: int, side: Side, record_id: str) -> None:
    """Let a link go on with another record of a side, which its own was merged into."""
    column = "alguna_id" if side is Side.ALGUNA else "external_id"
    changes = {column: record_id, "rule": "merged", "marked": False, "gone": None, "verdict": None}
    await session.execute(update(LINKS).where(LINKS.c.id == link_id).values(**changes))


async def count(session: AsyncSession, scope: Scope, side: Side, verdict: Verdict | None = None) -> int:
    """How many active links have lost their record of a side, in all or with one verdict."""
    query = select(func.count()).select_from(LINKS).where(*_lost(scope, side, verdict))
    return int((await session.execute(query)).scalar_one())


async def sample(session: AsyncSession, scope: Scope, side: Side, verdict: Verdict, limit: int) -> list[Lost]:
    """The first of the active links with a verdict."""
    query = select(LINKS.c.id, LINKS.c.alguna_id, LINKS.c.external_id).where(*_lost(scope, side, verdict))
    rows = (await session.execute(query.order_by(LINKS.c.id).limit(limit))).all()
    return [Lost(row.id, row.alguna_id, row.external_id) for row in rows]


async def change(session: AsyncSession, scope: Scope, side: Side, before: Verdict, after: Verdict) -> None:
    """Give all deletions of a side that have one verdict another."""
    await session.execute(update(LINKS).where(*_lost(scope, side, before)).values(verdict=after.value))


def _lost(scope: Scope, side: Side, verdict: Verdict | None) -> Sequence[Any]:
    wanted = [scope.covers(LINKS), LINKS.c.status == "active", LINKS.c.gone == side.value]
    return wanted if verdict is None else [*wanted, LINKS.c.verdict == verdict.value]


def _unhandled(scope: Scope, side: Side) -> Select[Any]:
    """Staged deletions of linked records that nobody has approved and no chunk has claimed."""
    return (
        select(STAGED.c.id, LINKS.c.id.label("link_id"), LINKS.c.alguna_id, LINKS.c.external_id)
        .join(LINKS, LINKS.c.id == STAGED.c.link_id)
        .where(
            scope.covers(STAGED),
            STAGED.c.side == side.value,
            STAGED.c.deleted,
            STAGED.c.state == "pending",
            STAGED.c.chunk.is_(None),
            LINKS.c.status == "active",
            LINKS.c.verdict.is_distinct_from(Verdict.APPROVED.value),
            LINKS.c.verdict.is_distinct_from(Verdict.REJECTED.value),
        )
    )


async def staged(session: AsyncSession, scope: Scope, side: Side, after: int, limit: int) -> dict[int, Lost]:
    """Some of the staged deletions that are not decided, by their row; `after` is the last row of the part before."""
    query = _unhandled(scope, side).where(STAGED.c.id > after).order_by(STAGED.c.id).limit(limit)
    rows = (await session.execute(query)).all()
    return {row.id: Lost(row.link_id, row.alguna_id, row.external_id) for row in rows}


async def unhandled(session: AsyncSession, scope: Scope, side: Side) -> int:
    """How many deletions of linked records are staged and not decided."""
    query = select(func.count()).select_from(_unhandled(scope, side).subquery())
    return int((await session.execute(query)).scalar_one())


async def hold(session: AsyncSession, scope: Scope, side: Side, limit: int) -> list[Lost]:
    """Take staged deletions, `limit` at most, out of the pass and keep them for a person's word; return them."""
    rows = (await session.execute(_unhandled(scope, side).order_by(STAGED.c.id).limit(limit))).all()
    await note(session, [row.link_id for row in rows], side, Verdict.HELD)
    if rows:
        await session.execute(delete(STAGED).where(STAGED.c.id.in_([row.id for row in rows])))
    return [Lost(row.link_id, row.alguna_id, row.external_id) for row in rows]
