"""Starting, waking and stopping workflows. The store always says first what is wanted; these calls make it happen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import structlog
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import ConflictRef, Mode, RunRequest
from core import names
from core.enums import Direction
from core.records import Entity
from starter.labels import fair, search_attributes
from starter.services.backend import CALL_TIMEOUT, Backend
from starter.services.refusals import Unavailable
from store import runs
from store.tables.connections import Integration
from store.tables.runs import ConflictRow, Run

log = structlog.get_logger(__name__)


async def start_run(backend: Backend, integration: Integration, run: Run) -> None:
    """Start the workflow of a stored run, if it was never started. Raises RPCError when Temporal cannot be reached."""
    request = RunRequest(
        integration_id=integration.id,
        trigger=run.trigger,
        mode=Mode(run.mode),
        entities=[Entity(entity) for entity in run.entities],
        run_id=run.id,
        dry_run=run.dry_run,
        direction=Direction(run.direction) if run.direction else None,
    )
    # A run has one workflow for ever: who comes second, say after a lost reply, starts none.
    with suppress(WorkflowAlreadyStartedError):
        await backend.temporal.start_workflow(
            names.INTEGRATION_SYNC,
            request,
            id=run.workflow_id,
            task_queue=backend.settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            search_attributes=search_attributes(integration.id, integration.provider, trigger=run.trigger),
            priority=fair(integration.id),
            static_summary=f"{run.trigger} sync of {integration.id}: {', '.join(run.entities)}",
            rpc_timeout=CALL_TIMEOUT,
        )


async def signal_entities(backend: Backend, integration_id: str, signal: str) -> None:
    """Signal every entity's writer that runs, and wake the looks; those that do not run have nothing to be told."""
    writers = [_signal(backend, names.entity_sync_id(integration_id, entity), signal) for entity in Entity]
    await asyncio.gather(*writers, _signal(backend, names.polling_id(integration_id), names.WAKE))


async def _signal(backend: Backend, workflow_id: str, signal: str) -> None:
    try:
        await backend.temporal.get_workflow_handle(workflow_id).signal(signal, rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def tell_decision(backend: Backend, integration: Integration, conflict: ConflictRow) -> None:
    """Tell the conflict's workflow that a decision is stored; it is started if it does not run."""
    assert conflict.id is not None
    entity = Entity(conflict.entity)
    await backend.temporal.start_workflow(
        names.CONFLICT_RESOLUTION,
        ConflictRef(
            conflict_id=conflict.id, integration_id=integration.id, provider=integration.provider, entity=entity
        ),
        id=names.conflict_workflow_id(integration.id, entity, conflict.id),
        task_queue=backend.settings.task_queue,
        start_signal=names.RESOLVE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=search_attributes(integration.id, integration.provider, entity=entity.value),
        priority=fair(integration.id),
        static_summary=f"{entity.value}: conflict {conflict.id} of {integration.id} is decided",
        rpc_timeout=CALL_TIMEOUT,
    )


async def tell_ended(backend: Backend, integration_id: str, entity: Entity, conflict_ids: Sequence[int]) -> None:
    """Let the workflows of ended conflicts look at the store, where Temporal can be reached; else a pass does it."""
    for conflict_id in conflict_ids:
        try:
            await _signal(backend, names.conflict_workflow_id(integration_id, entity, conflict_id), names.WAKE)
        except (RPCError, Unavailable) as error:
            log.info("conflict_not_woken", integration=integration_id, conflict=conflict_id, reason=str(error))
            return


async def cancel_workflow(backend: Backend, run: Run, at: datetime) -> None:
    """Ask a run's workflow to stop. A run that has not begun, or whose workflow is gone, ends in the history now."""
    there = True
    try:
        await backend.temporal.get_workflow_handle(run.workflow_id).cancel(rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        there = False
    # A workflow that is canceled before it has planned anything leaves no trace of its end in the store.
    if not there or run.status == "queued":
        async with backend.db.transaction() as session:
            await runs.end_run(session, run.id, "canceled", None, at)


def run_entities(configured: Sequence[Entity], wanted: Sequence[Entity]) -> list[str]:
    """Return the wanted entities that are configured, parents before children."""
    return [entity.value for entity in Entity if entity in wanted and entity in configured]
