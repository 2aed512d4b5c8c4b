"""The first pass under a new version of the configuration: what is known under the old one is kept only where it holds.

What failed under the old one is tried again, since a person may have changed the configuration because of it.
A mapping that now leads to another field has no common past there: compared with the old field's value, the new one
would look cleared or edited, and would be carried over (I3).
"""

from __future__ import annotations

from activities.engine import Engine, PassContext
from core.changes import remapped_fields
from core.config import IntegrationConfig
from core.enums import OnNotFound
from store import errors, passes, resting
from store.scope import Scope
from store.types import utc_now

BATCH = 1_000
_WHEN = {"enabled", "schedule", "timezone", "realtime"}
"""What says when records are synced, and nothing of how."""


async def adopt_version(engine: Engine, context: PassContext) -> None:
    """Before a pass reads: forget the bases of fields that are mapped to another field than at the last pass.

    Open errors become due: `reconsider.look_again` asks for their records.
    """
    of = context.ref
    async with engine.db.session() as session:
        if await passes.has_begun(session, of.pass_id):
            # What it has agreed on by now is the new mapping's own past.
            return
        last = await passes.last_adopted_version(session, Scope(of.integration_id, of.entity))
    if last is None or last == context.config_version:
        return
    stored = await engine.configs.at(of.integration_id, last)
    before = IntegrationConfig.model_validate(stored) if stored is not None else None
    if before is None or before.model_dump(exclude=_WHEN) != context.config.model_dump(exclude=_WHEN):
        async with engine.turn(context) as session:
            await errors.make_due(session, context.scope, utc_now())
            if context.plan.on_not_found is OnNotFound.CREATE:
                await errors.make_anew(session, context.scope.integration_id, [context.scope.entity])
    if before is None:
        return
    moved = remapped_fields(before, context.config, of.entity)
    last_id = 0
    while moved:
        async with engine.turn(context) as session:
            last_id = await resting.forget_bases(session, context.scope, moved, last_id, BATCH)
        if not last_id:
            return
