"""Events of vendors: taken once, put into the inboxes of those who sync the record, and their writers nudged.

A writer is told once, until it takes its inbox: then the next event tells it again. So a burst of events costs one run,
and no event comes between a writer that has just looked and one that is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, Side
from store import staging
from store.database import chunked, upsert
from store.scope import Scope, table_of
from store.tables.runs import Run
from store.tables.sync import InboxItem, Nudge
from store.tables.webhooks import ReceivedEvent

KEEP = timedelta(days=7)
"""Longer than any vendor sends an event again (Svix 28 hours, Salesforce 24 hours)."""
_RECEIVED = table_of(ReceivedEvent)
_NUDGES = table_of(Nudge)
_INBOX = table_of(InboxItem)
_RUNS = table_of(Run)


async def fresh(session: AsyncSession, source: str, event_ids: Collection[str], at: datetime) -> set[str]:
    """Note that these events came; return those that had not come before."""
    wanted = list(dict.fromkeys(event_ids))
    known: set[str] = set()
    for some in chunked(wanted):
        query = select(_RECEIVED.c.event_id).where(_RECEIVED.c.source == source, _RECEIVED.c.event_id.in_(some))
        known.update(row.event_id for row in (await session.execute(query)).all())
    rows = [{"source": source, "event_id": one, "received_at": at} for one in wanted if one not in known]
    await upsert(session, ReceivedEvent, rows, ["source", "event_id"])
    return {row["event_id"] for row in rows if isinstance(row["event_id"], str)}


async def put(session: AsyncSession, scope: Scope, side: Side, record_ids: Sequence[str], at: datetime) -> None:
    """Put records into an entity's inbox, those that wait in it already only once."""
    waiting = select(_INBOX.c.record_id).where(
        scope.covers(_INBOX), _INBOX.c.side == side.value, _INBOX.c.pass_id.is_(None), _INBOX.c.reason == staging.HINT
    )
    known: set[str] = set()
    for some in chunked(list(record_ids)):
        found = (await session.execute(waiting.where(_INBOX.c.record_id.in_(some)))).all()
        known.update(row.record_id for row in found)
    new = [record_id for record_id in dict.fromkeys(record_ids) if record_id not in known]
    await staging.ask(session, scope, [(side, record_id) for record_id in new], staging.HINT, at)


async def nudge(session: AsyncSession, scope: Scope, at: datetime) -> int | None:
    """Return the number of a nudge that the caller is to give now; None where one is outstanding, or nothing waits."""
    waits = exists().where(scope.covers(_INBOX), _INBOX.c.pass_id.is_(None))
    if not (await session.execute(select(waits))).scalar_one():
        return None
    await upsert(session, Nudge, [{**scope.columns(), "number": 0}], ["integration_id", "entity"])
    due = update(_NUDGES).where(scope.covers(_NUDGES), _NUDGES.c.outstanding_since.is_(None))
    given = due.values(number=_NUDGES.c.number + 1, outstanding_since=at).returning(_NUDGES.c.number)
    row = (await session.execute(given)).first()
    return None if row is None else int(row.number)


async def not_nudged(session: AsyncSession, scope: Scope, number: int) -> None:
    """Take back a nudge that could not be given."""
    mine = update(_NUDGES).where(scope.covers(_NUDGES), _NUDGES.c.number == number)
    await session.execute(mine.values(outstanding_since=None))


async def taken(session: AsyncSession, scope: Scope) -> None:
    """The writer takes its inbox now: the next event nudges it again."""
    await session.execute(update(_NUDGES).where(scope.covers(_NUDGES)).values(outstanding_since=None))


async def forgotten(session: AsyncSession, before: datetime) -> list[Scope]:
    """Entities whose nudge is older, and for whose integration no run is under way: nobody will take it."""
    live = exists().where(
        _RUNS.c.integration_id == _NUDGES.c.integration_id, _RUNS.c.status.in_(["queued", "running", "paused"])
    )
    query = select(_NUDGES.c.integration_id, _NUDGES.c.entity).where(_NUDGES.c.outstanding_since < before, ~live)
    found = [Scope(row.integration_id, Entity(row.entity)) for row in (await session.execute(query)).all()]
    for scope in found:
        await taken(session, scope)
    return found


async def purge(session: AsyncSession, before: datetime) -> None:
    """Forget events that came before."""
    await session.execute(delete(_RECEIVED).where(_RECEIVED.c.received_at < before))


async def count(session: AsyncSession) -> int:
    """How many events are remembered."""
    return int((await session.execute(select(func.count()).select_from(_RECEIVED))).scalar_one())
