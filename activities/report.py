"""What a full pass found before it changed anything: matched, different, missing and extra, per entity and side.

A pair counts as matched when both records are there and agree under the mapping, as different when a mapped field
differs (a change not carried yet, a drift, a conflict or an error that waits). A record without a partner is extra on
its own side; one whose partner has it and whose side has not is missing there. Pairs that the pass links by a rule
count as matched or different, not as extra. `store.views` adds the numbers up.
"""

from __future__ import annotations

from activities.engine import Engine, PassContext
from activities.intake import fields_differ
from core.records import Side
from core.values import is_blank
from store import deletions, found, links, passes, staging
from store.links import LinkState
from store.passes import Tally
from store.tables.runs import Pass
from store.tables.sync import Reading


async def report(engine: Engine, context: PassContext) -> None:
    """Count what a full pass has found, once, when both sides are read and nothing is written yet."""
    if not context.full:
        return
    async with engine.db.session() as session:
        known = await session.get(Pass, context.ref.pass_id)
        if known is None or found.FULL in known.counts:
            return
        linked = await links.count_active(session, context.scope)
        readings = {side: await session.get(Reading, (context.ref.pass_id, side.value)) for side in Side}
        gone = {side: await deletions.count(session, context.scope, side) for side in Side}
    different = await _different(engine, context)
    tally = Tally()
    tally.note(found.FULL)
    tally.note(found.DIFFERENT, different)
    tally.note(found.MATCHED, linked - sum(gone.values()) - different)
    for side in Side:
        reading = readings[side]
        tally.note(found.gone(side), gone[side])
        tally.note(found.alone(side), reading.alone if reading else 0)
    async with engine.db.transaction() as session:
        await passes.add_counts(session, context.ref.pass_id, tally)


async def _different(engine: Engine, context: PassContext) -> int:
    """How many linked pairs with both records there differ in a mapped field."""
    last = number = 0
    while True:
        async with engine.db.session() as session:
            ids = await found.suspects(session, context.scope, last, staging.PAGE)
            states = await links.by_ids(session, ids)
            read = await staging.of_links(session, context.scope, ids)
        for item in read:
            state = states.get(item.link_id or 0)
            if state is not None and fields_differ(context, item.record.side, state, item.record):
                number += 1
                del states[state.id]
        number += sum(_waits(state) for state in states.values())
        if len(ids) < staging.PAGE:
            return number
        last = ids[-1]


def _waits(state: LinkState) -> bool:
    """Whether something is known of a pair that is not agreed: a conflict, an error, a drift."""
    drifts = (
        base for base in state.base.values() if base.drift and not (is_blank(base.alguna) and is_blank(base.external))
    )
    return any(state.ahead.values()) or any(drifts)
