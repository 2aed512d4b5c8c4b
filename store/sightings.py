"""What a scan of everything has shown, so that what it has not shown can be asked for by id (P11, P12)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from store.database import upsert
from store.deletions import Verdict
from store.links import LINKS
from store.scope import Scope, table_of
from store.tables.runs import Pass
from store.tables.sync import Reading, SharedScan, Sighting

SIGHTINGS, SHARED, PASSES = table_of(Sighting), table_of(SharedScan), table_of(Pass)
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan of everything on one side: the pass that made it, and when it began."""

    pass_id: str
    side: Side
    started_at: datetime


async def note(session: AsyncSession, pass_id: str, side: Side, link_ids: Collection[int]) -> None:
    """Note linked records as seen; noting them again changes nothing."""
    rows = [{"pass_id": pass_id, "side": side.value, "link_id": link_id} for link_id in link_ids]
    await upsert(session, SIGHTINGS, rows, ["pass_id", "side", "link_id"])


async def scanned(session: AsyncSession, pass_id: str, side: Side, link_ids: Collection[int]) -> set[int]:
    """Which links a complete scan of a pass has shown on a side: those that are older than it."""
    reading = await session.get(Reading, (pass_id, side.value))
    if reading is None or not reading.complete or reading.scan is None or not link_ids:
        return set()
    older = select(LINKS.c.id).where(LINKS.c.id.in_(list(link_ids)), LINKS.c.created_at < reading.started_at)
    return set((await session.execute(older)).scalars())


async def unseen(session: AsyncSession, scope: Scope, scan: Scan, limit: int) -> dict[str, int]:
    """Records that were linked before a scan and that it has not shown: record id on its side -> link id."""
    return await _records(session, _unseen(scope, scan), scan.side, limit)


async def count_unseen(session: AsyncSession, scope: Scope, scan: Scan) -> int:
    """How many records `unseen` has in all."""
    query = select(func.count()).select_from(_unseen(scope, scan).subquery())
    return int((await session.execute(query)).scalar_one())


async def approved(session: AsyncSession, scope: Scope, pass_id: str, side: Side, limit: int) -> dict[str, int]:
    """Records whose deletion a person has approved and that this pass has not looked at yet: id -> link id."""
    query = _active(scope, pass_id, side).where(LINKS.c.gone == side.value, LINKS.c.verdict == Verdict.APPROVED.value)
    return await _records(session, query, side, limit)


async def drop(session: AsyncSession, scope: Scope, pass_id: str, side: Side, at: datetime) -> None:
    """Forget an entity's scan that was followed up, and those that nobody will follow up any more."""
    await session.execute(
        update(SHARED)
        .where(SHARED.c.scan == pass_id, SHARED.c.entity == scope.entity.value, SHARED.c.side == side.value)
        .values(scan=None)
    )
    mine = SIGHTINGS.c.link_id.in_(select(LINKS.c.id).where(scope.covers(LINKS)))
    done = (SIGHTINGS.c.pass_id == pass_id) & (SIGHTINGS.c.side == side.value) & mine
    stale = select(PASSES.c.id).where(PASSES.c.started_at < at - KEPT)
    await session.execute(delete(SIGHTINGS).where(done | SIGHTINGS.c.pass_id.in_(stale)))


def _active(scope: Scope, pass_id: str, side: Side) -> Select[Any]:
    """Active links that are not among the sightings of a pass.

    NOT IN, which PostgreSQL hashes whatever it expects. It knows nothing yet of a new pass: for NOT EXISTS it compared
    each link with each sighting, 3 s for 10,000 of both and a hundred times as much for ten times as many.
    """
    seen = select(SIGHTINGS.c.link_id).where(SIGHTINGS.c.pass_id == pass_id, SIGHTINGS.c.side == side.value)
    return select(LINKS.c.id, LINKS.c.alguna_id, LINKS.c.external_id).where(
        scope.covers(LINKS), LINKS.c.status == "active", LINKS.c.id.not_in(seen)
    )


def _unseen(scope: Scope, scan: Scan) -> Select[Any]:
    # A deletion that is known needs no second look: if the record comes back, the scan shows it.
    known = LINKS.c.gone.is_distinct_from(scan.side.value)
    return _active(scope, scan.pass_id, scan.side).where(LINKS.c.created_at < scan.started_at, known)


async def _records(session: AsyncSession, query: Select[Any], side: Side, limit: int) -> dict[str, int]:
    rows = (await session.execute(query.order_by(LINKS.c.id).limit(limit))).all()
    return {row.alguna_id if side is Side.ALGUNA else row.external_id: row.id for row in rows}
