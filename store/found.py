"""The names under which a full pass counts what it found, and the links that may differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, cast, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store.links import LINKS
from store.scope import Scope
from store.staging import STAGED

PREFIX = "found:"
FULL, MATCHED, DIFFERENT, PAIRED = (PREFIX + name for name in ("full", "matched", "different", "paired"))


def gone(side: Side) -> str:
    """The linked records that are deleted on a side."""
    return f"{PREFIX}gone:{side}"


def alone(side: Side) -> str:
    """The living records of a side that had no link when they were read."""
    return f"{PREFIX}alone:{side}"


def report(counts: Mapping[str, Any]) -> dict[str, dict[str, int]] | None:
    """The report of a full pass by side, from its counts; None where the pass was no full one."""
    if FULL not in counts:
        return None
    extra = {side: max(0, counts.get(alone(side), 0) - counts.get(PAIRED, 0)) for side in Side}
    return {
        side.value: {
            "matched": counts.get(MATCHED, 0),
            "different": counts.get(DIFFERENT, 0),
            "missing": counts.get(gone(side), 0) + extra[side.other],
            "extra": extra[side],
        }
        for side in Side
    }


async def suspects(session: AsyncSession, scope: Scope, after: int, limit: int) -> list[int]:
    """Some links of living records that may differ, by id; the text searches only narrow what has to be looked at."""
    staged = exists().where(STAGED.c.link_id == LINKS.c.id, ~STAGED.c.deleted)
    drifting = cast(LINKS.c.base, String).like("%,true,%")
    waiting = cast(LINKS.c.ahead, String) != "{}"
    query = select(LINKS.c.id).where(
        scope.covers(LINKS),
        LINKS.c.status == "active",
        LINKS.c.gone.is_(None),
        LINKS.c.id > after,
        or_(staged, drifting, waiting),
    )
    return [row.id for row in (await session.execute(query.order_by(LINKS.c.id).limit(limit))).all()]
