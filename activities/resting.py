"""Mappings whose field is gone, over the length of a pass: taken up again at its begin, shown at its end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import Engine, PassContext
from core.records import Side
from core.resting import subjects_of
from store import passes, resting

BATCH = 1_000


async def take_up_again(engine: Engine, context: PassContext) -> None:
    """Before a pass reads: let the fields that are back be merged as at a first link."""
    if not context.revived:
        return
    async with engine.db.session() as session:
        if await passes.has_read(session, context.ref.pass_id):
            return
    last = 0
    while True:
        async with engine.turn(context) as session:
            last = await resting.forget_bases(session, context.scope, context.revived, last, BATCH)
        if not last:
            return


async def show_resting(session: AsyncSession, context: PassContext, at: datetime) -> None:
    """At the end of a pass: one error for each mapping that rests; those taken up again or changed are resolved."""
    run_id = context.ref.run_id
    await resting.open_for(session, context.scope, run_id, context.resting, at)
    could = subjects_of(context.plan, context.facts[Side.EXTERNAL].marker)
    asleep = {item.subject for item in context.resting}
    known = await resting.subjects(session, context.scope)
    ended = [
        subject
        for subject in known
        if subject not in asleep and (subject not in could or could[subject] in context.revived)
    ]
    await resting.close(session, context.scope, ended)
