"""Forgetting: what is old, by the settings; and what is known of one record, when a person wants it gone.

Nothing that a sync needs is touched: links with their bases, cursors, open errors, conflicts and requests stay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.database import Database, chunked
from store.passes import outlived
from store.scope import Scope, table_of
from store.tables.connections import Lease
from store.tables.runs import Audit, ConflictRow, Outcome, Pass, RecordError, Run, RunPass
from store.tables.sync import (
    Chunk,
    InboxItem,
    Link,
    MatchKey,
    OperationRow,
    Reading,
    RequestRow,
    SharedScan,
    Sighting,
    Staged,
    Unlinked,
)
from store.tables.webhooks import WebhookDelivery
from store.types import utc_now

RUNS, PASSES, RUN_PASSES, OUTCOMES = table_of(Run), table_of(Pass), table_of(RunPass), table_of(Outcome)
ERRORS, CONFLICTS, AUDIT = table_of(RecordError), table_of(ConflictRow), table_of(Audit)
OPERATIONS, REQUESTS, LINKS = table_of(OperationRow), table_of(RequestRow), table_of(Link)
DELIVERIES, SCANS, LEASES = table_of(WebhookDelivery), table_of(SharedScan), table_of(Lease)
OF_A_PASS = [table_of(model) for model in (Outcome, Reading, Sighting, Chunk, RunPass)]
OF_A_RECORD = [table_of(model) for model in (Staged, Unlinked, MatchKey, InboxItem)]
ENDED = ("completed", "completed_with_errors", "failed", "canceled")
PASSES_AT_ONCE = 200
RUN_OUT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what has ended is kept; None for ever."""

    history: timedelta | None
    audit: timedelta | None


async def purge(db: Database, keep: Retention) -> int:
    """Delete what is older than is kept, some passes per transaction; return how many runs went.

    The leases of dead workers go whatever is kept: nobody else takes them away where their records need no more writes.
    """
    now, gone = utc_now(), 0
    async with db.transaction() as session:
        await session.execute(delete(LEASES).where(LEASES.c.expires_at < now - RUN_OUT))
    if keep.history is not None:
        before = now - keep.history
        while await _purge_passes(db, before):
            pass
        async with db.transaction() as session:
            gone = await _purge_runs(session, before)
            await _purge_settled(session, before)
    if keep.audit is not None:
        async with db.transaction() as session:
            await session.execute(delete(AUDIT).where(AUDIT.c.at < now - keep.audit))
    return gone


async def _purge_passes(db: Database, before: datetime) -> bool:
    """Delete some old passes with all that belongs to them; False when none is left."""
    open_request = select(REQUESTS.c.pass_id).where(REQUESTS.c.state == "sending")
    old = select(PASSES.c.id).where(PASSES.c.completed_at < before, outlived(), PASSES.c.id.not_in(open_request))
    async with db.transaction() as session:
        ids = [row.id for row in (await session.execute(old.limit(PASSES_AT_ONCE))).all()]
        if not ids:
            return False
        for table in (*OF_A_PASS, OPERATIONS, REQUESTS):
            await session.execute(delete(table).where(table.c.pass_id.in_(ids)))
        await session.execute(delete(PASSES).where(PASSES.c.id.in_(ids)))
    return True


async def _purge_runs(session: AsyncSession, before: datetime) -> int:
    served = select(RUN_PASSES.c.run_id)
    old = (RUNS.c.completed_at < before, RUNS.c.status.in_(ENDED), RUNS.c.id.not_in(served))
    ids = [row.id for row in (await session.execute(select(RUNS.c.id).where(*old))).all()]
    for some in chunked(ids):
        await session.execute(delete(SCANS).where(SCANS.c.run_id.in_(some)))
        await session.execute(delete(RUNS).where(RUNS.c.id.in_(some)))
    return len(ids)


async def _purge_settled(session: AsyncSession, before: datetime) -> None:
    """Errors and conflicts that ended, and deliveries that are over."""
    await session.execute(delete(ERRORS).where(ERRORS.c.status == "resolved", ERRORS.c.seen_at < before))
    ended = CONFLICTS.c.status.in_(["resolved", "closed"])
    await session.execute(delete(CONFLICTS).where(ended, CONFLICTS.c.changed_at < before))
    over = DELIVERIES.c.status != "pending"
    await session.execute(delete(DELIVERIES).where(over, DELIVERIES.c.created_at < before))


async def erase(session: AsyncSession, scope: Scope, ids: Collection[str]) -> dict[str, int]:
    """Forget all values of one record, known by these ids of either side; return how many rows that were, by table.

    Its link stays as a tombstone without values, so that the record is not made anew from its partner.
    """
    wanted = sorted(set(ids))
    gone: dict[str, int] = {}
    for table in OF_A_RECORD:
        gone[table.name] = await _delete(session, table, scope.covers(table), table.c.record_id.in_(wanted))
    for table in (ERRORS, CONFLICTS, AUDIT):
        gone[table.name] = await _delete(session, table, scope.covers(table), _either(table, wanted))
    passes = select(PASSES.c.id).where(scope.covers(PASSES))
    gone[OUTCOMES.name] = await _delete(session, OUTCOMES, OUTCOMES.c.pass_id.in_(passes), _either(OUTCOMES, wanted))
    named = or_(OPERATIONS.c.source_id.in_(wanted), OPERATIONS.c.target_id.in_(wanted))
    mine = select(OPERATIONS.c.request_id).where(scope.covers(OPERATIONS), named, OPERATIONS.c.request_id.is_not(None))
    gone[REQUESTS.name] = await _delete(session, REQUESTS, REQUESTS.c.id.in_(mine), REQUESTS.c.state != "sending")
    gone[OPERATIONS.name] = await _delete(session, OPERATIONS, scope.covers(OPERATIONS), named)
    quoted = or_(*(DELIVERIES.c.body.contains(f'"{one}"', autoescape=True) for one in wanted))
    gone[DELIVERIES.name] = await _delete(session, DELIVERIES, quoted)
    buried = update(LINKS).where(scope.covers(LINKS), _either(LINKS, wanted))
    values = {"status": "tombstoned", "reason": "erased", "base": {}, "ahead": {}, "waiting": {}, "flips": {}}
    gone[LINKS.name] = (await session.execute(buried.values(**values))).rowcount  # type: ignore[attr-defined]
    return {name: number for name, number in gone.items() if number}


def _either(table: Table, ids: Sequence[str]) -> ColumnElement[bool]:
    return or_(table.c.alguna_id.in_(ids), table.c.external_id.in_(ids))


async def _delete(session: AsyncSession, table: Table, *conditions: ColumnElement[bool]) -> int:
    done = await session.execute(delete(table).where(*conditions))
    return int(done.rowcount)  # type: ignore[attr-defined]
