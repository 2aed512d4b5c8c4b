"""Taking the inbox: the records that somebody asked to look at again are read, and staged for the merge.

What people ask for (a retry, a resolution, chosen records) is staged whether it changed or not, with its linked
partner. An event is only a hint: what is as it is known is counted and left, so that our own writes, which vendors
tell us of too, cost one read of many records and nothing else (I5, I10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from activities.announce import wake_conflicts
from activities.engine import Engine, PassContext
from activities.intake import take_in
from activities.reading import deleted, read_records
from activities.reconsider import close_for_gone
from activities.stopping import hand_over_if_asked
from core.documents import allocation_id, split_allocation
from core.records import Entity, Record, Side
from store import events, links, passes, staging
from store.staging import Asked
from store.types import utc_now

TAKEN_AT_ONCE = 500


async def take_inbox(engine: Engine, context: PassContext) -> None:
    """Take the inbox until it is empty or has given a slice's worth of work."""
    staged = 0
    while staged < engine.options.fetch_size:
        hand_over_if_asked()
        taken = await _take_some(engine, context)
        if taken is None:
            return
        staged += taken


async def _take_some(engine: Engine, context: PassContext) -> int | None:
    """Take some of the inbox; return how many records were staged, None when it was empty."""
    scope, pass_id = context.scope, context.ref.pass_id
    async with engine.turn(context) as session:
        # From now on an event nudges again: it may come after the rows that are taken here.
        await events.taken(session, scope)
        asked = await staging.take_inbox(session, scope, pass_id, TAKEN_AT_ONCE, context.ref.direction)
    if not asked:
        return None
    asked += await _allocations(engine, context, asked)
    wanted = {side: {item.record_id for item in asked if item.side is side and not item.hint} for side in Side}
    linked: dict[Side, set[str]] = {side: set() for side in Side}
    async with engine.db.session() as session:
        for side in Side:
            ids = [item.record_id for item in asked if item.side is side]
            for state in (await links.active(session, scope, side, ids)).values():
                linked[side].add(state.id_on(side))
                if state.id_on(side) in wanted[side]:
                    linked[side.other].add(state.id_on(side.other))
                    wanted[side.other].add(state.id_on(side.other))
    hints = {side: {item.record_id for item in asked if item.side is side} - wanted[side] for side in Side}
    found = {side: await read_records(context, side, sorted(wanted[side] | hints[side])) for side in Side}
    for side in Side:
        found[side] |= {gone: deleted(context, side, gone) for gone in linked[side] - found[side].keys()}
    at, staged, closed = utc_now(), 0, list[int]()
    async with engine.turn(context) as session:
        for side, records in found.items():
            chosen = [record for record in records.values() if _names(context, record) & wanted[side]]
            told = [record for record in records.values() if not _names(context, record) & wanted[side]]
            taken = await take_in(session, context, side, chosen, at=at, count=False, force=True)
            intake = await take_in(session, context, side, told, at=at)
            await passes.add_counts(session, pass_id, intake.tally)
            staged += taken.staged + intake.staged
            closed += taken.closed + intake.closed
            missing = sorted(item.record_id for item in asked if item.side is side and item.record_id not in records)
            closed += await close_for_gone(session, context, side, missing, at)
        await staging.done_inbox(session, scope, pass_id)
    await wake_conflicts(engine, context, closed)
    return staged


async def _allocations(engine: Engine, context: PassContext, asked: Sequence[Asked]) -> list[Asked]:
    """The linked allocations of payments that were named as a whole: those that a payment lost are read, too."""
    if context.ref.entity is not Entity.PAYMENTS:
        return []
    named = {(item.side, item.record_id): item for item in asked if split_allocation(item.record_id)[1] is None}
    found: list[Asked] = []
    async with engine.db.session() as session:
        for side in Side:
            payments = [record_id for owner, record_id in named if owner is side]
            for payment_id, record_id in await links.allocations(session, context.scope, side, payments):
                found.append(replace(named[side, payment_id], record_id=record_id))
    return found


def _names(context: PassContext, record: Record) -> set[str]:
    """What a record may have been asked for by: its id, or that of the payment that it is a part of."""
    if context.ref.entity is not Entity.PAYMENTS:
        return {record.id}
    return {record.id, allocation_id(split_allocation(record.id)[0], None)}
