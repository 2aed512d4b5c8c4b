"""Starting and waking the workflows of conflicts. The store says which are needed, so a crash in between loses none."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import ConflictRef
from activities.engine import Engine, PassContext
from activities.options import fair, search_attributes
from activities.webhooks import start_deliveries, tell_of_conflict
from core import failpoints, names
from core.records import Entity
from store import conflicts
from store.database import chunked
from store.types import utc_now

STARTS_AT_ONCE = 50


async def announce_conflicts(engine: Engine, context: PassContext) -> None:
    """Start a workflow for each open conflict that has none, and end those of ended ones. A dry run asks nobody."""
    if context.ref.dry_run:
        return
    async with engine.db.session() as session:
        waiting = await conflicts.unannounced(session, context.scope)
        ended = await conflicts.ended(session, context.scope)
    await wake_conflicts(engine, context, ended)
    if not waiting:
        return
    ids = [row.id for row in waiting if row.id is not None]
    for some in chunked(ids, STARTS_AT_ONCE):
        await asyncio.gather(*(_start(engine, context, conflict_id) for conflict_id in some))
        failpoints.reach("conflict:started")
        async with engine.db.transaction() as session:
            await conflicts.announce(session, some)
            for row in waiting:
                if row.id in some:
                    await tell_of_conflict(engine, session, row)
        failpoints.reach("conflict:announced")
    await start_deliveries(engine)


async def _start(engine: Engine, context: PassContext, conflict_id: int) -> None:
    entity = context.ref.entity
    ref = ConflictRef(
        conflict_id=conflict_id,
        integration_id=context.ref.integration_id,
        provider=context.provider,
        entity=entity,
        heartbeat_seconds=engine.options.heartbeat_seconds,
    )
    try:
        await engine.temporal.start_workflow(
            names.CONFLICT_RESOLUTION,
            ref,
            id=names.conflict_workflow_id(context.ref.integration_id, entity, conflict_id),
            task_queue=engine.options.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(context.ref.integration_id, context.provider, entity.value),
            priority=fair(context.ref.integration_id),
            static_summary=f"{entity.value}: conflict {conflict_id} of {context.ref.integration_id} waits for a person",
        )
    except WorkflowAlreadyStartedError:
        return


async def wake_conflicts(engine: Engine, context: PassContext, conflict_ids: Collection[int]) -> None:
    """Tell the workflows of ended conflicts to look at the store. A dry run ends none."""
    if context.ref.dry_run:
        return
    await _wake_all(engine, context.ref.integration_id, [(context.ref.entity, one) for one in conflict_ids])


async def end_left(engine: Engine, integration_id: str, configured: Collection[Entity]) -> None:
    """End the conflicts of entities that are not configured any more, and their workflows."""
    async with engine.db.transaction() as session:
        ended = await conflicts.leave(session, integration_id, configured, utc_now())
    await _wake_all(engine, integration_id, ended)


async def _wake_all(engine: Engine, integration_id: str, ended: Sequence[tuple[Entity, int]]) -> None:
    for some in chunked(list(ended), STARTS_AT_ONCE):
        await asyncio.gather(*(_wake(engine, integration_id, *one) for one in some))
        async with engine.db.transaction() as session:
            await conflicts.told(session, [conflict_id for _, conflict_id in some])


async def _wake(engine: Engine, integration_id: str, entity: Entity, conflict_id: int) -> None:
    workflow_id = names.conflict_workflow_id(integration_id, entity, conflict_id)
    try:
        await engine.temporal.get_workflow_handle(workflow_id).signal(names.WAKE)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
