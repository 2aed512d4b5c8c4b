"""Children that wait for their parent's link (design 3.6): what they wait for, and which of them need not any more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store.scope import Scope, table_of
from store.tables.runs import RecordError
from store.tables.sync import InboxItem, Link, Staged, Unlinked

STAGED, LINKS, INBOX, UNLINKED = table_of(Staged), table_of(Link), table_of(InboxItem), table_of(Unlinked)
ERRORS = table_of(RecordError)

MOST_ASKED = 1000
"""Unknown parents asked for at the end of one pass; the next pass asks for more."""


def _parked(scope: Scope, side: Side) -> Select[Any]:
    return select(STAGED.c.parent_id).where(
        scope.covers(STAGED), STAGED.c.state == "parked", STAGED.c.side == side.value, STAGED.c.parent_id.is_not(None)
    )


def _linked(parents: Scope, side: Side) -> Select[Any]:
    column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
    # A link whose partner is deleted frees nobody: nothing can be made under a parent that is gone.
    whole = LINKS.c.gone.is_distinct_from(side.other.value)
    return select(column).where(parents.covers(LINKS), LINKS.c.status == "active", whole)


async def released(session: AsyncSession, scope: Scope, parents: Scope) -> bool:
    """Whether a parked record's parent is linked by now."""
    for side in Side:
        query = _parked(scope, side).where(STAGED.c.parent_id.in_(_linked(parents, side))).limit(1)
        if (await session.execute(query)).first() is not None:
            return True
    return False


async def unknown_parents(session: AsyncSession, scope: Scope, parents: Scope) -> list[tuple[Side, str]]:
    """Parents of parked records of which nothing is known: neither read, nor linked, nor asked for."""
    found: list[tuple[Side, str]] = []
    for side in Side:
        column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
        parent = STAGED.c.parent_id
        known = (
            exists().where(parents.covers(LINKS), column == parent),
            exists().where(parents.covers(UNLINKED), UNLINKED.c.side == side.value, UNLINKED.c.record_id == parent),
            exists().where(parents.covers(INBOX), INBOX.c.side == side.value, INBOX.c.record_id == parent),
        )
        waiting = select(_OTHER.c.record_id).where(parents.covers(_OTHER), _OTHER.c.side == side.value)
        query = _parked(scope, side).where(*(~one for one in known), parent.not_in(waiting)).distinct()
        rows = await session.execute(query.order_by(parent).limit(MOST_ASKED))
        found += [(side, row.parent_id) for row in rows]
    return found


_OTHER = STAGED.alias("parents")


async def reasons(session: AsyncSession, parents: Scope, side: Side, ids: Collection[str]) -> dict[str, str]:
    """Why these parents have no link, as far as it is known: parent id -> words for a person."""
    if not ids:
        return {}
    wanted = list(ids)
    query = select(UNLINKED.c.record_id, UNLINKED.c.outcome, UNLINKED.c.reason).where(
        parents.covers(UNLINKED), UNLINKED.c.side == side.value, UNLINKED.c.record_id.in_(wanted)
    )
    found = {row.record_id: _words(row.outcome, row.reason) for row in (await session.execute(query)).all()}
    failed = select(ERRORS.c.source_id, ERRORS.c.message).where(
        parents.covers(ERRORS),
        ERRORS.c.target == side.other.value,
        ERRORS.c.source_id.in_(wanted),
        ERRORS.c.status.in_(["open", "retrying"]),
    )
    found |= {row.source_id: _words("error", row.message) for row in (await session.execute(failed)).all()}
    return found


def _words(outcome: str, reason: str | None) -> str:
    told = {"error": "could not be synced", "conflict": "waits for a person", "skipped": "was skipped"}
    return told.get(outcome, outcome) + (f": {reason}" if reason else "")


async def reasons_of(session: AsyncSession, parents: Scope, rows: Collection[Staged]) -> list[str]:
    """What these parked records wait for, in words for a person."""
    texts: list[str] = []
    for row in rows:
        if row.state == "parked" and row.parent_id is not None:
            why = await reasons(session, parents, Side(row.side), [row.parent_id])
            texts.append(waits_for(parents, row.parent_id, why.get(row.parent_id)))
    return texts


def waits_for(parents: Scope, parent_id: str, why: str | None) -> str:
    """The reason of a parked record."""
    what = parents.entity.value.removesuffix("s")
    return f"waits for its {what} {parent_id}" + (f", which {why}" if why else ", which has no partner yet")
