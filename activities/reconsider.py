"""What a pass looks at again by itself, although nobody edited it; and what is over because its record is gone.

Failures that time may have mended are tried again when they are due (a full pass tries all of them: `intake`). A
conflict whose fields are not for a person to decide any more is merged anew, and so closes itself or asks for less.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.circuits import ask_probes
from activities.contracts import Mode
from activities.engine import Engine, PassContext
from activities.intake import forget
from core.enums import Direction, Strategy
from core.records import Side
from store import conflicts, errors, passes, staging
from store.types import utc_now

AT_ONCE = 1_000
"""Failures that one pass tries again at most; those that have waited longest come first."""


async def look_again(engine: Engine, context: PassContext) -> None:
    """Before a pass reads: ask for what it is to look at again. Asking twice changes nothing but a few calls."""
    if context.ref.mode is Mode.INBOX or context.ref.direction is not None:
        # A run of one direction could not carry all of it out; the next one without a limit does.
        return
    async with engine.db.session() as session:
        if await passes.has_read(session, context.ref.pass_id):
            return
    askable = {
        item.alguna_field
        for item in context.plan.fields
        if item.direction is Direction.BIDIRECTIONAL and item.strategy is Strategy.MANUAL
    }
    at = utc_now()
    async with engine.db.transaction() as session:
        asked: set[tuple[Side, str]] = set()
        due = await errors.due(session, context.scope, at, AT_ONCE)
        for row in due:
            asked.add((Side(row.target).other, row.source_id))
            asked |= _ids(row.alguna_id, row.external_id)
        await errors.postpone(session, due, at)
        for conflict in await conflicts.moot(session, context.scope, askable):
            asked |= _ids(conflict.alguna_id, conflict.external_id)
        await staging.ask(session, context.scope, sorted(asked), "again", at)
        await ask_probes(session, context)


def _ids(alguna_id: str | None, external_id: str | None) -> set[tuple[Side, str]]:
    known = ((Side.ALGUNA, alguna_id), (Side.EXTERNAL, external_id))
    return {(side, record_id) for side, record_id in known if record_id}


async def close_for_gone(
    session: AsyncSession, context: PassContext, side: Side, ids: Sequence[str], at: datetime
) -> list[int]:
    """End all that is kept of records without a link that were asked for by id and are not there.

    Returns their conflicts.
    """
    await errors.close_errors(session, context.scope, side.other, ids, context.ref.run_id)
    return await forget(session, context, side, ids, at) if ids else []
