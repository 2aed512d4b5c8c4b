"""The fetch step: settle what is open, take the inbox, read both sides further, and at the end close the pass."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities import rehearsal
from activities.ahead import Ahead
from activities.announce import announce_conflicts, wake_conflicts
from activities.calls import calls_made, count_calls
from activities.contracts import FetchResult, Mode, PassRef
from activities.deletions import hold_back, look_for_absent
from activities.engine import Engine, PassContext
from activities.failures import raise_worst
from activities.inbox import take_inbox
from activities.intake import take_in
from activities.keys import key_again
from activities.kinship import settle_kin
from activities.merges import follow_merges
from activities.read_back import read_back
from activities.reconsider import look_again
from activities.report import report
from activities.resting import show_resting, take_up_again
from activities.settle import settle
from activities.stopping import asked_to_stop
from activities.versions import adopt_version
from connectors.protocols import FetchRequest, Page
from core import failpoints
from core.errors import Transient
from core.records import PARENT_OF, Entity, Side
from store import errors, kinship, passes, staging, writes
from store.passes import Tally
from store.scope import Scope
from store.types import utc_now

SLICE_SECONDS = 20.0


async def fetch(engine: Engine, ref: PassRef) -> FetchResult:
    """Do the next part of a pass's reading; see `SyncSteps.fetch`."""
    if ref.dry_run:
        await rehearsal.prepare(engine, ref)
    context = await engine.open(ref)
    counted = calls_made(context)
    await settle(engine, context)
    async with engine.turn(context) as session:
        await staging.release_older(session, context.scope, ref.pass_id)
        await writes.supersede_older(session, context.scope, ref.pass_id)
        if (
            ref.direction is not None
            and ref.mode is not Mode.INBOX
            and not await passes.has_begun(session, ref.pass_id)
        ):
            # Nothing else remembers what an earlier pass took from the inbox, and this one may not carry it out.
            await staging.put_back(session, context.scope, utc_now())
    await adopt_version(engine, context)
    await take_up_again(engine, context)
    await look_again(engine, context)
    await _unpark(engine, context)
    await take_inbox(engine, context)
    more = ref.mode is not Mode.INBOX and await _read_sides(engine, context)
    waiting = 0 if more else await _prepare(engine, context)
    if not more and waiting == 0:
        await read_back(engine, context)
        if await _waiting(engine, context):
            waiting = await _prepare(engine, context)
    await count_calls(engine, context, counted)
    async with engine.db.session() as session:
        # A record that was merged away or came back is read again before the pass ends.
        more = more or (waiting == 0 and await staging.has_inbox(session, context.scope, ref.direction))
    if not more and waiting == 0:
        await _close(engine, context)
        return _result(engine, more=False, waiting=0, closed=True)
    return _result(engine, more=more, waiting=0 if more else waiting, closed=False)


def _result(engine: Engine, *, more: bool, waiting: int, closed: bool) -> FetchResult:
    options = engine.options
    return FetchResult(more=more, waiting=waiting, chunk_size=options.chunk_size, closed=closed, window=options.window)


async def _prepare(engine: Engine, context: PassContext) -> int:
    """Settle what deletions mean before any chunk is claimed; return how many records wait."""
    await look_for_absent(engine, context)
    while await follow_merges(engine, context):
        await take_inbox(engine, context)
    await hold_back(engine, context)
    await report(engine, context)
    return await _waiting(engine, context)


async def _waiting(engine: Engine, context: PassContext) -> int:
    async with engine.db.session() as session:
        return await staging.waiting(session, context.scope)


async def _unpark(engine: Engine, context: PassContext) -> None:
    parent = PARENT_OF.get(context.ref.entity)
    if parent is None:
        return
    parents = Scope(context.scope.integration_id, parent)
    # What this run could not bring over stays parked: nothing else remembers it.
    sides = [side for side in Side if context.reaches(side.other)]
    async with engine.turn(context) as session:
        await key_again(session, context, await staging.unpark(session, context.scope, parents, sides))
        if context.ref.direction is None:
            await kinship.wake(session, context.scope, parents, utc_now())


async def _read_sides(engine: Engine, context: PassContext) -> bool:
    """Read both sides further at once; return whether there is more to read."""
    async with engine.turn(context) as session:
        await _reuse_scan(session, context)
    # One side's failure waits for the other's page: an attempt that goes on after it has failed would meet the next.
    sides = await asyncio.gather(*(_read_side(engine, context, side) for side in Side), return_exceptions=True)
    raise_worst([item for item in sides if isinstance(item, BaseException)])
    return any(sides)


async def _reuse_scan(session: AsyncSession, context: PassContext) -> None:
    """Count the Alguna scan that the parent's pass of the same run has made for this entity too."""
    shared = await passes.shared_scan(session, context.ref.run_ids, context.ref.entity, Side.ALGUNA)
    if shared is None:
        return
    pass_id, at = context.ref.pass_id, utc_now()
    reading = await passes.reading(session, pass_id, Side.ALGUNA, full=context.full, at=at)
    if reading.complete:
        return
    await passes.advance(
        session,
        pass_id,
        Side.ALGUNA,
        was=reading.position,
        position=None,
        cursor=shared.cursor,
        complete=True,
        scan=shared.scan,
        alone=shared.alone,
    )
    tally = Tally()
    tally.add(Side.EXTERNAL, "unchanged", shared.unchanged)
    tally.add(Side.EXTERNAL, "skipped", shared.skipped)
    await passes.add_counts(session, pass_id, tally)


async def _read_side(engine: Engine, context: PassContext, side: Side) -> bool:
    """Read one side for one slice; pages are committed together with the position after them.

    Return whether more is left.
    """
    connector, entity = context.connectors[side], context.ref.entity
    async with engine.turn(context) as session:
        reading = await passes.reading(session, context.ref.pass_id, side, full=context.full, at=utc_now())
        cursor = await passes.cursor(session, context.scope, side)
    if reading.complete:
        return False
    along = [await engine.child(context, other) for other in await _pulled(engine, context, side)]
    fields = {item.scope.entity: item.plan.paths(side) for item in [context, *along]}
    request = FetchRequest(entity, fields, cursor, reading.full, reading.position)
    seen, started = 0, time.monotonic()
    ahead = Ahead.begin(connector, request)
    try:
        while True:
            at = ahead.at
            page, failure = await ahead.pages()
            failpoints.reach("page:read")
            seen += len(page.records)
            more = page.position is not None and failure is None and not asked_to_stop()
            more = more and seen < engine.options.fetch_size and time.monotonic() - started < SLICE_SECONDS
            was, request = request.position, replace(request, position=page.position)
            if more:
                # The vendor answers while this page is stored.
                ahead = Ahead.begin(connector, request)
            await _store_page(engine, context, along, side, page, was, at)
            if failure is not None:
                raise failure
            if not more:
                return page.position is not None
    finally:
        await ahead.let_go()


async def _pulled(engine: Engine, context: PassContext, side: Side) -> list[Entity]:
    return await engine.wanted_with(context, context.facts[side].pull_with)


async def _store_page(
    engine: Engine,
    context: PassContext,
    along: list[PassContext],
    side: Side,
    page: Page,
    was: str | None,
    at: datetime,
) -> None:
    """Store a page with the position after it. Raises Transient when another attempt has stored it."""
    pass_id, complete = context.ref.pass_id, page.position is None
    scan = pass_id if page.complete_scan else None
    async with engine.turn(context) as session:
        own = [record for record in page.records if record.entity is context.ref.entity]
        intake = await take_in(session, context, side, own, at=at, retry=context.full, scan=scan)
        await passes.add_counts(session, pass_id, intake.tally)
        for other in along:
            records = [record for record in page.records if record.entity is other.ref.entity]
            pulled = await take_in(session, other, side, records, at=at, count=False, retry=context.full, scan=scan)
            await passes.share_scan(
                session,
                context.ref.run_ids,
                other.ref.entity,
                side,
                unchanged=pulled.unchanged,
                skipped=pulled.skipped,
                cursor=page.cursor,
                complete=complete,
                scan=scan,
                alone=pulled.alone,
            )
        if not await passes.advance(
            session,
            pass_id,
            side,
            was=was,
            position=page.position,
            cursor=page.cursor,
            complete=complete,
            scan=scan,
            alone=intake.alone,
        ):
            raise Transient("a newer attempt has taken this read over")
        failpoints.reach("page:storing")
    failpoints.reach("page:stored")
    await wake_conflicts(engine, context, intake.closed)


async def _close(engine: Engine, context: PassContext) -> None:
    """End the pass: move the cursors, count what waits, start the workflows of new conflicts."""
    async with engine.turn(context) as session:
        at = utc_now()
        await show_resting(session, context, at)
        await errors.settle_retries(session, context.scope)
        # What may not flow now stays unread, so that the next pass in both directions finds it.
        read = [side for side in Side if context.reaches(side.other)]
        await passes.move_cursors(session, context.scope, context.ref.pass_id, read, at)
        if context.ref.dry_run:
            await rehearsal.finish(session, context)
        waiting = await staging.count_parked(session, context.scope)
        waiting += await kinship.count_awaiting(session, context.scope)
        await passes.close_pass(session, context.ref.pass_id, parked=waiting, at=at)
        failpoints.reach("cursor:advancing")
    failpoints.reach("cursor:advanced")
    await announce_conflicts(engine, context)
    await settle_kin(engine, context)
