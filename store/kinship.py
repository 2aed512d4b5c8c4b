"""Relations of linked children as they are stored, and the links that wait for a new parent's link (design 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from core.relations import Kinship, Parents
from store import staging
from store.scope import Scope, table_of
from store.tables.sync import Link

PARENTS = table_of(Link)
CHILDREN = PARENTS.alias("children")

AT_ONCE = 1_000
"""Links that are looked at again in one turn; the next turn takes more."""

_UNKNOWN = Kinship()


def encode_kinship(kinship: Kinship) -> dict[str, Any]:
    """A relation as stored; what both sides showed is left out where it is the base. `awaits` has its own column."""
    base, stored = kinship.base, dict[str, Any]()
    if base is not None:
        stored["base"] = [base.alguna, base.external]
    if base is None or kinship.seen != {side: base.on(side) for side in Side}:
        stored |= {"seen": {side.value: parent for side, parent in kinship.seen.items()}} if kinship.seen else {}
    if kinship.held is not None:
        stored["held"] = kinship.held.value
    return stored


def decode_kinship(stored: Mapping[str, Any], awaits: str | None) -> Kinship:
    """The relation that `encode_kinship` stored."""
    if not stored:
        return _UNKNOWN
    base = Parents(*stored["base"]) if "base" in stored else None
    seen: dict[Side, str | None] = {Side(side): parent for side, parent in stored.get("seen", {}).items()}
    if base is not None and not seen:
        seen = {side: base.on(side) for side in Side}
    held = Side(stored["held"]) if "held" in stored else None
    side, _, parent = (awaits or "").partition(":")
    return Kinship(base, seen, held, (Side(side), parent) if side else None)


def awaited(kinship: Kinship) -> str | None:
    """The parent that a move waits for, as its column has it: `side:id`."""
    return f"{kinship.awaits[0].value}:{kinship.awaits[1]}" if kinship.awaits else None


def _linked(parents: Scope, side: Side) -> Select[Any]:
    column = PARENTS.c.alguna_id if side is Side.ALGUNA else PARENTS.c.external_id
    whole = PARENTS.c.gone.is_distinct_from(side.other.value)
    return select(literal(f"{side.value}:").concat(column)).where(
        parents.covers(PARENTS), PARENTS.c.status == "active", whole
    )


def _free(scope: Scope, parents: Scope, side: Side) -> Select[Any]:
    return select(CHILDREN.c.id, CHILDREN.c.alguna_id, CHILDREN.c.external_id).where(
        scope.covers(CHILDREN), CHILDREN.c.status == "active", CHILDREN.c.awaits.in_(_linked(parents, side))
    )


async def released(session: AsyncSession, scope: Scope, parents: Scope) -> bool:
    """Whether the parent is linked by now that a moved child waits for."""
    for side in Side:
        if (await session.execute(_free(scope, parents, side).limit(1))).first() is not None:
            return True
    return False


async def wake(session: AsyncSession, scope: Scope, parents: Scope, at: datetime) -> None:
    """Ask for moved children whose new parent is linked by now. Both records are read again before they are merged."""
    for side in Side:
        rows = (await session.execute(_free(scope, parents, side).order_by(CHILDREN.c.id).limit(AT_ONCE))).all()
        if rows:
            asked = [(Side.ALGUNA, row.alguna_id) for row in rows] + [(Side.EXTERNAL, row.external_id) for row in rows]
            await staging.ask(session, scope, asked, "moved", at)
            ids = [row.id for row in rows]
            await session.execute(update(PARENTS).where(PARENTS.c.id.in_(ids)).values(awaits=None))


async def awaiting(session: AsyncSession, scope: Scope) -> list[tuple[Side, str]]:
    """The parents that moved children of an entity wait for, the first `AT_ONCE` of them."""
    query = select(CHILDREN.c.awaits).where(_waiting(scope)).distinct().order_by(CHILDREN.c.awaits).limit(AT_ONCE)
    found = [row.awaits.partition(":") for row in (await session.execute(query)).all()]
    return [(Side(side), parent) for side, _, parent in found]


async def count_awaiting(session: AsyncSession, scope: Scope) -> int:
    """How many moved children wait for their new parent's link."""
    query = select(func.count()).select_from(CHILDREN).where(_waiting(scope))
    return int((await session.execute(query)).scalar_one())


def _waiting(scope: Scope) -> Any:
    return scope.covers(CHILDREN) & (CHILDREN.c.status == "active") & CHILDREN.c.awaits.is_not(None)
