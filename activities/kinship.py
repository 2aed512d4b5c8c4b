"""Parents and children at the end of a pass: who is asked for, and who is woken (design 3.6).

A child whose parent has no link is parked. If nothing is known of the parent, it is asked for; once it is linked, the
children are woken although the run is not about them.
"""

from __future__ import annotations

from temporalio.common import WorkflowIDConflictPolicy

from activities.contracts import Mode, RunRequest
from activities.engine import Engine, PassContext
from activities.options import fair, search_attributes
from core import names
from core.records import PARENT_OF, Entity
from store import parked, staging
from store.scope import Scope
from store.types import utc_now

TRIGGER = "realtime"


async def settle_kin(engine: Engine, context: PassContext) -> None:
    """Wake the children of parents that got a link, and ask for unknown parents. Repeating it changes nothing."""
    if context.ref.dry_run:
        return
    entity = context.ref.entity
    children = [child for child, parent in PARENT_OF.items() if parent is entity and child in context.config.entities]
    coming = await engine.wanted_with(context, children)
    for child in children:
        if child in coming:
            continue
        async with engine.db.session() as session:
            free = await parked.released(session, _scope(context, child), context.scope)
        if free:
            await _start(engine, context, child)
    parent = PARENT_OF.get(entity)
    if parent is not None and parent in context.config.entities and await _ask_parents(engine, context, parent):
        await _start(engine, context, parent)


async def _ask_parents(engine: Engine, context: PassContext, parent: Entity) -> bool:
    scope = _scope(context, parent)
    async with engine.db.transaction() as session:
        unknown = await parked.unknown_parents(session, context.scope, scope)
        await staging.ask(session, scope, unknown, "parent", utc_now())
    return bool(unknown)


def _scope(context: PassContext, entity: Entity) -> Scope:
    return Scope(context.scope.integration_id, entity)


async def _start(engine: Engine, context: PassContext, entity: Entity) -> None:
    """Start a run about what waits in an entity's inbox, and its parked records."""
    of = context.ref
    await engine.temporal.start_workflow(
        names.INTEGRATION_SYNC,
        RunRequest(integration_id=of.integration_id, trigger=TRIGGER, mode=Mode.INBOX, entities=[entity]),
        id=names.run_workflow_id(f"kin-{of.pass_id}-{entity.value}"),
        task_queue=engine.options.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=search_attributes(of.integration_id, context.provider, entity.value, TRIGGER),
        priority=fair(of.integration_id),
    )
