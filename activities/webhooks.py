"""Sending events to webhook endpoints: written with what they tell of, started afterwards, tried for about three days.

An event goes into the outbox in the transaction of what it tells, so none is lost and none tells what did not happen.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, WorkflowAlreadyStartedError

from activities.contracts import DeliveryRef
from activities.engine import Engine
from connectors.webhook_sender import send, signed_headers
from core import names
from core.errors import Permission, SyncError
from store import errors, runs, views, webhooks
from store.tables.runs import ConflictRow, Run
from store.types import utc_now

log = structlog.get_logger(__name__)

COMPLETED, ERROR, CONFLICT = "sync.completed", "sync.error", "sync.conflict"
FIRST_ERRORS = 10
_STARTS_AT_ONCE = 50
GONE = 410


async def tell_of_end(engine: Engine, session: AsyncSession, run_id: str) -> None:
    """Put the end of a run into the outbox: `sync.completed` with its stats, `sync.error` with what went wrong."""
    run = await session.get(Run, run_id)
    if run is None:
        return
    shown = views.run(run, await runs.passes_of(session, run_id), engine.workflow_url)
    if run.status != "failed":
        await webhooks.post(session, run.integration_id, COMPLETED, f"{run_id}:completed", shown)
    if run.status in ("failed", "completed_with_errors"):
        await _tell_of_errors(session, run, run_id)


async def tell_of_pause(session: AsyncSession, run_ids: list[str], kind: str, occasion: str) -> None:
    """Put the pause of runs into the outbox; `occasion` tells one pause of a run from the next."""
    for run_id in run_ids:
        run = await session.get(Run, run_id)
        if run is not None and run.status == "paused":
            await _tell_of_errors(session, run, f"{run_id}:paused:{kind}:{occasion}")


async def _tell_of_errors(session: AsyncSession, run: Run, subject: str) -> None:
    left = await errors.of_run(session, run.id, limit=FIRST_ERRORS)
    data = {
        "syncId": run.id,
        "status": run.status,
        "problem": run.problem,
        "counts": await errors.counts_of_run(session, run.id),
        "errors": [views.error(row) for row in left],
        "resolve": f"POST /integrations/{run.integration_id}/sync-errors/retry",
    }
    await webhooks.post(session, run.integration_id, ERROR, subject, data)


async def tell_of_conflict(engine: Engine, session: AsyncSession, conflict: ConflictRow) -> None:
    """Put a conflict into the outbox, once per version."""
    url = f"{engine.options.public_url}/integrations/{conflict.integration_id}/conflicts/{conflict.id}/resolve"
    data = {"syncId": conflict.run_id, "conflict": views.conflict(conflict), "resolveUrl": url}
    subject = f"conflict:{conflict.id}:{conflict.version}"
    await webhooks.post(session, conflict.integration_id, CONFLICT, subject, data)


async def start_deliveries(engine: Engine) -> None:
    """Start the workflow of every delivery that has none."""
    while True:
        async with engine.db.session() as session:
            waiting = await webhooks.unstarted(session, _STARTS_AT_ONCE)
        if not waiting:
            return
        await asyncio.gather(*(_start(engine, delivery_id) for delivery_id in waiting))
        async with engine.db.transaction() as session:
            await webhooks.started(session, waiting)


async def _start(engine: Engine, delivery_id: str) -> None:
    try:
        await engine.temporal.start_workflow(
            names.WEBHOOK_DELIVERY,
            DeliveryRef(delivery_id=delivery_id),
            id=names.delivery_workflow_id(delivery_id),
            task_queue=engine.options.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"delivery {delivery_id}",
        )
    except WorkflowAlreadyStartedError:
        return


async def deliver(engine: Engine, ref: DeliveryRef) -> str:
    """Make one attempt at a delivery and return how it ended; raises to be called again after its next delay."""
    letter = await engine.webhooks.letter(ref.delivery_id)
    if letter is None:
        return "ended before"
    status, error, at_once = None, None, False
    headers = signed_headers(ref.delivery_id, utc_now(), letter.body, letter.secrets)
    try:
        status = await send(letter.url, headers, letter.body, allow_private=engine.options.webhook_allow_private)
    except SyncError as failure:
        error, at_once = failure.message, isinstance(failure, Permission)
    if status is not None and not 200 <= status < 300:
        error, at_once = f"answered {status}", status == GONE
    delays = engine.options.webhook_delays
    number = activity.info().attempt - 1
    delay = None if error is None or at_once or number >= len(delays) else timedelta(seconds=delays[number])
    at = utc_now() + delay if delay is not None else None
    await engine.webhooks.note_attempt(ref.delivery_id, status=status, error=error, next_attempt_at=at)
    if error is None:
        return "delivered"
    if delay is not None:
        raise ApplicationError(
            "not delivered: tried again later",
            type="delivery",
            next_retry_delay=delay,
            category=ApplicationErrorCategory.BENIGN,
        )
    reason = f"a delivery was given up after {number + 1} attempts: {error}"
    disabled = await engine.webhooks.disable_silent(ref.delivery_id, reason, at_once=at_once)
    if disabled is not None:
        log.error("webhook_endpoint_disabled", endpoint=disabled, delivery=ref.delivery_id, attempts=number + 1)
    return "failed"
