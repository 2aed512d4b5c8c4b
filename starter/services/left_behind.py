"""What an API process that died has left half done: stored, but Temporal was never told (I7).

A run that is queued without a workflow is started; a decision that nobody was told of is told. Both may be done any
number of times, so that it does not matter who else is doing it at the same time.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from temporalio.service import RPCError

from starter.services.backend import Backend
from starter.services.refusals import Unavailable
from starter.services.steering import start_run, tell_decision
from store import conflicts, runs
from store.types import utc_now

log = structlog.get_logger(__name__)

ITS_TURN = timedelta(seconds=15)
"""Longer than the call that stored it would take to tell Temporal itself."""


async def start_queued(backend: Backend, older_than: timedelta = ITS_TURN) -> None:
    """Start the runs that were stored and not started. Raises Unavailable when Temporal cannot be reached."""
    async with backend.db.session() as session:
        queued = await runs.queued_before(session, utc_now() - older_than)
    known = {row.id: row for row in await backend.connections.list_integrations()}
    try:
        for run in queued:
            if run.integration_id in known:
                await start_run(backend, known[run.integration_id], run)
    except RPCError as error:
        raise Unavailable("Temporal cannot be reached now") from error


async def start_left(backend: Backend) -> None:
    """Start at once the run that a repeated call is told of; without Temporal it is for the next round of tidying."""
    try:
        await start_queued(backend, timedelta(0))
    except Unavailable as error:
        log.info("left_for_later", reason=str(error))


async def tell_decided(backend: Backend) -> None:
    """Tell the decisions that no writes carry out yet. Raises Unavailable when Temporal cannot be reached."""
    async with backend.db.session() as session:
        decided = await conflicts.decided(session)
    known = {row.id: row for row in await backend.connections.list_integrations()}
    try:
        for conflict in decided:
            if conflict.integration_id in known:
                await tell_decision(backend, known[conflict.integration_id], conflict)
    except RPCError as error:
        raise Unavailable("Temporal cannot be reached now") from error
