"""Pairs that a record filter has taken apart: tombstones that end by themselves when both records are inside again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.links import LINKS, UNLINKED
from store.match_keys import KEYS

PARTED = "parted"
"""The rule of a tombstone that a filter has made. Neither record is matched or created again while one is outside."""


async def part(session: AsyncSession, link_ids: Collection[int]) -> None:
    """Take pairs apart."""
    if link_ids:
        changes = {"status": "tombstoned", "rule": PARTED, "reason": "outside a filter"}
        await session.execute(update(LINKS).where(LINKS.c.id.in_(list(link_ids))).values(**changes))


async def rejoin(session: AsyncSession, link_ids: Collection[int]) -> None:
    """Link pairs again, without a common past: the rules of a first link apply to every field."""
    if not link_ids:
        return
    mine = LINKS.c.id.in_(list(link_ids))
    fresh: dict[str, Any] = {"base": {}, "ahead": {}, "waiting": {}, "flips": {}, "outside": []}
    await session.execute(update(LINKS).where(mine).values(status="active", reason=None, **fresh))
    for table in (UNLINKED, KEYS):
        for side, column in (("alguna", LINKS.c.alguna_id), ("external", LINKS.c.external_id)):
            ids = select(column).where(mine)
            scope = (
                table.c.integration_id.in_(select(LINKS.c.integration_id).where(mine)),
                table.c.entity.in_(select(LINKS.c.entity).where(mine)),
            )
            await session.execute(delete(table).where(*scope, table.c.side == side, table.c.record_id.in_(ids)))
