"""The activities that the worker registers: the named steps, joined to the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from temporalio import activity
from temporalio.common import WorkflowIDConflictPolicy

from activities.announce import end_left
from activities.contracts import (
    ChunkRef,
    ChunkResult,
    ConflictRef,
    ConflictStatus,
    DeliveryRef,
    FetchResult,
    Mode,
    PassEnd,
    PassRef,
    PassRequest,
    PollRef,
    PollResult,
    RunEnd,
    RunPlan,
    RunRequest,
)
from activities.deletions import judge_deletions
from activities.engine import Engine
from activities.fetch import fetch
from activities.interfaces import ConflictSteps, DeliverySteps, PollSteps, RunSteps, SyncSteps
from activities.match import match
from activities.options import fair, search_attributes
from activities.polling import poll
from activities.transform import transform
from activities.webhooks import deliver, start_deliveries, tell_of_end
from activities.write import write
from core import failpoints, names
from core.config import IntegrationConfig
from core.errors import FieldValidation
from core.records import Entity, Side
from store import errors, passes, rehearsal, runs, staging
from store.scope import Scope
from store.tables.runs import ConflictRow, Run
from store.types import utc_now

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Steps(SyncSteps, RunSteps, ConflictSteps, DeliverySteps, PollSteps):
    """All activities of External Sync on one engine."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine."""
        self._engine = engine

    @activity.defn(name="fetch")
    async def fetch(self, of: PassRef) -> FetchResult:
        """See `SyncSteps.fetch`."""
        return await self._knowing_fields(of, lambda: fetch(self._engine, of))

    @activity.defn(name="match")
    async def match(self, chunk: ChunkRef) -> ChunkResult:
        """See `SyncSteps.match`."""
        return await self._knowing_fields(chunk.of, lambda: match(self._engine, chunk))

    @activity.defn(name="transform")
    async def transform(self, chunk: ChunkRef) -> ChunkResult:
        """See `SyncSteps.transform`."""
        return await transform(self._engine, chunk)

    @activity.defn(name="write")
    async def write(self, chunk: ChunkRef) -> ChunkResult:
        """See `SyncSteps.write`."""
        return await self._knowing_fields(chunk.of, lambda: write(self._engine, chunk))

    async def _knowing_fields(self, ref: PassRef, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step; if a field is refused, take it again without the fields that are gone by now."""
        try:
            return await step()
        except FieldValidation:
            await self._engine.redescribe(ref)
            return await step()

    @activity.defn(name="plan_run")
    async def plan_run(self, request: RunRequest) -> RunPlan:
        """See `RunSteps.plan_run`. A disabled integration's run ends at once, with the reason."""
        engine = self._engine
        info = activity.info()
        run_id = request.run_id or f"sync_{(info.workflow_run_id or info.activity_id).replace('-', '')}"
        integration = await engine.connections.get_integration(request.integration_id)
        found = await engine.configs.current(integration.id)
        config = IntegrationConfig.model_validate(found[1]) if found else None
        wanted = request.entities or (config.entities if config else [])
        entities = [entity for entity in Entity if entity in wanted and config and entity in config.entities]
        problem = None
        if config is None:
            problem = "there is no sync-config"
        elif not config.enabled and request.trigger == "schedule":
            problem = "the sync is disabled"
        if config is not None and not request.dry_run:
            await end_left(engine, integration.id, config.entities)
        async with engine.db.transaction() as session:
            run = await runs.add_run(
                session,
                run_id,
                integration.id,
                trigger=request.trigger,
                mode=request.mode.value,
                entities=[entity.value for entity in entities],
                workflow_id=info.workflow_id or "",
                at=utc_now(),
                dry_run=request.dry_run,
                direction=request.direction,
            )
            if problem is not None:
                await runs.end_run(session, run_id, "failed", {"type": "internal", "message": problem}, utc_now())
        return RunPlan(
            run_id=run_id,
            integration_id=integration.id,
            provider=integration.provider,
            entities=entities,
            mode=request.mode,
            problem=problem,
            dry_run=run.dry_run,
            direction=request.direction,
        )

    @activity.defn(name="request_pass")
    async def request_pass(self, request: PassRequest) -> None:
        """See `RunSteps.request_pass`."""
        await self._request(request)

    async def _request(self, request: PassRequest) -> None:
        entity = request.entity.value
        request = request.model_copy(update={"heartbeat_seconds": self._engine.options.heartbeat_seconds})
        await self._engine.temporal.start_workflow(
            names.ENTITY_SYNC,
            id=names.entity_sync_id(request.integration_id, request.entity),
            args=[None],
            task_queue=self._engine.options.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=names.PASS_REQUESTED,
            start_signal_args=[request],
            search_attributes=search_attributes(request.integration_id, request.provider, entity),
            priority=fair(request.integration_id),
            static_summary=f"{request.integration_id}: {entity}, the only writer",
        )
        failpoints.reach("writer:signalled")

    @activity.defn(name="end_pass")
    async def end_pass(self, end: PassEnd) -> None:
        """See `RunSteps.end_pass`."""
        problem: dict[str, Any] = {"type": end.error_type, "message": end.message}
        async with self._engine.db.transaction() as session:
            await passes.end_pass(session, end.of.pass_id, end.state, problem, utc_now())
            of_run = await session.get(Run, end.of.run_ids[0]) if end.of.dry_run else None
        if of_run is not None and of_run.status in runs.ENDED:
            # The run was canceled while this pass still worked.
            await rehearsal.remove(self._engine.db, of_run.integration_id, of_run.id)

    @activity.defn(name="finish_run")
    async def finish_run(self, end: RunEnd) -> None:
        """See `RunSteps.finish_run`. The status is the sum of what the passes say."""
        async with self._engine.db.transaction() as session:
            made = await runs.passes_of(session, end.run_id)
            failed = next((item for item in made if item.state == "failed"), None)
            status, problem = "completed", None
            if end.canceled or any(item.state == "canceled" for item in made):
                status = "canceled"
            elif failed is not None:
                status, problem = "failed", failed.problem
            elif await errors.count_of_run(session, end.run_id) or any(_has_failures(item.counts) for item in made):
                status = "completed_with_errors"
            await runs.end_run(session, end.run_id, status, problem, utc_now())
            run = await session.get(Run, end.run_id)
            if run is not None and not run.dry_run:
                await tell_of_end(self._engine, session, end.run_id)
        if run is not None and run.dry_run:
            await rehearsal.remove(self._engine.db, run.integration_id, run.id)
        await start_deliveries(self._engine)
        log.info("run_finished", run=end.run_id, status=status)

    @activity.defn(name="apply_resolution")
    async def apply_resolution(self, conflict: ConflictRef) -> None:
        """See `ConflictSteps.apply_resolution`."""
        scope = Scope(conflict.integration_id, conflict.entity)
        async with self._engine.db.transaction() as session:
            row = await session.get(ConflictRow, conflict.conflict_id)
            if row is None or row.status != "resolving":
                return
            if row.kind == "deletions" and row.decision is not None:
                await judge_deletions(session, scope, Side(row.subject), row.decision["resolution"] == "approve")
            ids = ((Side.ALGUNA, row.alguna_id), (Side.EXTERNAL, row.external_id))
            await staging.ask(
                session, scope, [(side, record) for side, record in ids if record], "resolution", utc_now()
            )
        await self._engine.temporal.start_workflow(
            names.INTEGRATION_SYNC,
            RunRequest(
                integration_id=conflict.integration_id,
                trigger="resolution",
                mode=Mode.INBOX,
                entities=[conflict.entity],
            ),
            id=names.run_workflow_id(f"resolution-{activity.info().workflow_run_id}-{row.version}"),
            task_queue=self._engine.options.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(
                conflict.integration_id, conflict.provider, conflict.entity.value, "resolution"
            ),
            priority=fair(conflict.integration_id),
        )

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, delivery: DeliveryRef) -> str:
        """See `DeliverySteps.deliver_webhook`."""
        return await deliver(self._engine, delivery)

    @activity.defn(name="poll")
    async def poll(self, poll_of: PollRef) -> PollResult:
        """See `PollSteps.poll`."""
        return PollResult(seconds=await poll(self._engine, poll_of.integration_id))

    @activity.defn(name="conflict_status")
    async def conflict_status(self, conflict: ConflictRef) -> ConflictStatus:
        """See `ConflictSteps.conflict_status`."""
        async with self._engine.db.session() as session:
            row = await session.get(ConflictRow, conflict.conflict_id)
        return (
            ConflictStatus(status=row.status, version=row.version)
            if row
            else ConflictStatus(status="closed", version=0)
        )


def _has_failures(counts: dict[str, Any]) -> bool:
    return any(isinstance(side, dict) and side.get("failed") for side in counts.values())
