"""Children that wait for their parent's link (design 3.6): what they wait for, and which of them need not any more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store import kinship
from store.scope import Scope, table_of
from store.tables.runs import RecordError
from store.tables.sync import InboxItem, Link, Staged, Unlinked

STAGED, LINKS, INBOX, UNLINKED = table_of(Staged), table_of(Link), table_of(InboxItem), table_of(Unlinked)
ERRORS = table_of(RecordError)

NOT_SYNCED = "is not synced: add its entity to `entities` of the sync-config"

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
    """Whether the parent is linked by now that a parked record, or a moved one, waits for."""
    for side in Side:
        query = _parked(scope, side).where(STAGED.c.parent_id.in_(_linked(parents, side))).limit(1)
        if (await session.execute(query)).first() is not None:
            return True
    return await kinship.released(session, scope, parents)


async def waiting_for(
    session: AsyncSession, scope: Scope, side: Side, parent_ids: Collection[str]
) -> list[tuple[Side, str]]:
    """The parked records of one side that wait for these parents."""
    parked = (scope.covers(STAGED), STAGED.c.state == "parked", STAGED.c.side == side.value)
    query = select(STAGED.c.record_id).where(*parked, STAGED.c.parent_id.in_(list(parent_ids)))
    return [(side, record_id) for record_id in (await session.execute(query)).scalars()]


async def unknown_parents(session: AsyncSession, scope: Scope, parents: Scope) -> list[tuple[Side, str]]:
    """Parents that children wait for and of which nothing is known: neither read, nor linked, nor asked for."""
    found = await _unknown_of_moved(session, scope, parents)
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


async def _unknown_of_moved(session: AsyncSession, scope: Scope, parents: Scope) -> list[tuple[Side, str]]:
    """The same for linked children that were moved."""
    wanted = await kinship.awaiting(session, scope)
    known: set[tuple[Side, str]] = set()
    for side in Side:
        ids = [parent for owner, parent in wanted if owner is side]
        column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
        queries = [select(column).where(parents.covers(LINKS), column.in_(ids))]
        for table in (UNLINKED, INBOX, STAGED):
            mine = (parents.covers(table), table.c.side == side.value, table.c.record_id.in_(ids))
            queries.append(select(table.c.record_id).where(*mine))
        for query in queries if ids else ():
            known |= {(side, parent) for parent in (await session.execute(query)).scalars()}
    return [one for one in wanted if one not in known]


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


async def reasons_of(
    session: AsyncSession, parents: Scope, rows: Collection[Staged], link: Link | None, *, synced: bool
) -> list[str]:
    """What these parked records, or a moved one, wait for, in words for a person. `synced`: so are their parents."""
    waiting = [(Side(row.side), row.parent_id) for row in rows if row.state == "parked" and row.parent_id is not None]
    if link is not None and link.awaits is not None:
        side, _, parent_id = link.awaits.partition(":")
        waiting.append((Side(side), parent_id))
    texts: list[str] = []
    for owner, parent_id in waiting:
        why = await reasons(session, parents, owner, [parent_id])
        texts.append(waits_for(parents, parent_id, why.get(parent_id) if synced else NOT_SYNCED))
    return texts


def waits_for(parents: Scope, parent_id: str, why: str | None) -> str:
    """The reason of a parked record."""
    what = parents.entity.value.removesuffix("s")
    return f"waits for its {what} {parent_id}" + (f", which {why}" if why else ", which has no partner yet")
