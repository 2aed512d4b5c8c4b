"""Runs whose workflow is gone without a word: terminated from outside, or lost with Temporal's data (I6).

Nothing else would end them: they would be shown as running for ever, and a dry run's copy of the state would stay.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from starter.services.backend import CALL_TIMEOUT, Backend
from store import rehearsal, runs
from store.tables.runs import Run
from store.types import utc_now

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=2)
"""A run's row may be there a moment before its workflow, and its end a moment after that of the workflow."""


async def end_lost_runs(backend: Backend, grace: timedelta = GRACE) -> None:
    """End the begun runs whose workflow is not running any more, and take away what ended dry runs have left.

    Raises Unavailable, or what Temporal says when it cannot be asked.
    """
    backend.require_temporal()
    now = utc_now()
    async with backend.db.session() as session:
        waiting = await runs.begun_before(session, now - grace)
        left = await rehearsal.left(session)
    lost = [run for run in waiting if not await _works(backend, run)]
    async with backend.db.transaction() as session:
        for run in lost:
            problem = {"type": "internal", "message": "its workflow was ended from outside; start the sync again"}
            await runs.end_run(session, run.id, "failed", problem, now)
    left += [(run.integration_id, run.id) for run in lost if run.dry_run]
    for integration_id, run_id in left:
        await rehearsal.remove(backend.db, integration_id, run_id)
    for run in lost:
        log.warning("run_was_lost", integration=run.integration_id, run=run.id)


async def _works(backend: Backend, run: Run) -> bool:
    try:
        found = await backend.temporal.get_workflow_handle(run.workflow_id).describe(rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return found.status is WorkflowExecutionStatus.RUNNING
