"""The read-back of design 3.3: what the vendor made of our writes, a whole page of rows a call."""

from __future__ import annotations

from dataclasses import replace

from activities.ahead import Ahead
from activities.engine import Engine, PassContext
from activities.intake import take_in
from connectors.protocols import FetchRequest
from core.records import Side
from store import passes
from store.tables.runs import Pass
from store.types import utc_now


async def read_back(engine: Engine, context: PassContext) -> None:
    """After writes, read the external side's newest changes: they confirm our writes and show edits made meanwhile.

    It also moves the cursor past our own writes, so that the next pass does not read them again.
    """
    cursor = await _newest(engine, context)
    if cursor is None:
        return
    connector, fields = context.connectors[Side.EXTERNAL], {context.ref.entity: context.plan.paths(Side.EXTERNAL)}
    request = FetchRequest(context.ref.entity, fields, cursor, False, None)
    ahead = Ahead.begin(connector, request)
    try:
        while True:
            at = ahead.at
            page, failure = await ahead.pages()
            if failure is not None:
                raise failure
            if page.position is not None:
                request = replace(request, position=page.position)
                ahead = Ahead.begin(connector, request)
            async with engine.turn(context) as session:
                await take_in(session, context, Side.EXTERNAL, page.records, at=at, count=False)
            if page.position is None:
                break
    finally:
        await ahead.let_go()
    async with engine.turn(context) as session:
        await passes.looked_again(session, context.ref.pass_id, page.cursor)


async def _newest(engine: Engine, context: PassContext) -> str | None:
    """The cursor from which to read back; None where nothing was written that needs it, or often enough."""
    facts, pass_id = context.facts[Side.EXTERNAL], context.ref.pass_id
    if context.ref.dry_run or facts.returns_values:
        return None
    async with engine.turn(context) as session:
        known = await session.get(Pass, pass_id)
        if known is None or not known.written or known.rounds >= engine.options.max_rounds:
            return None
        reading = await passes.reading(session, pass_id, Side.EXTERNAL, full=False, at=utc_now())
        return reading.cursor or await passes.cursor(session, context.scope, Side.EXTERNAL)
