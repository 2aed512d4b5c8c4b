"""IntegrationSync: one run. It asks each entity's single writer for a pass, parents before children."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.contracts import PassFinished, PassRequest, RunEnd, RunPlan, RunRequest
    from activities.interfaces import RunSteps
    from activities.options import OUTCOME, bookkeeping
    from core import names
    from core.records import Entity

LIVENESS = timedelta(minutes=5)
"""How often a run asks again for a pass it has heard nothing of; asking again for the same run changes nothing."""


@workflow.defn(name=names.INTEGRATION_SYNC)
class IntegrationSync:
    """One run."""

    @workflow.init
    def __init__(self, request: RunRequest) -> None:
        """Begin with no entity finished."""
        self._finished: dict[Entity, bool] = {}
        self._details = "planning"
        self._options = bookkeeping(request.heartbeat_seconds)

    @workflow.signal(name=names.PASS_FINISHED)
    def pass_finished(self, done: PassFinished) -> None:
        """An entity's pass ended."""
        self._finished[done.entity] = done.failed

    @workflow.query(name="progress")
    def progress(self) -> str:
        """What the run is doing."""
        return self._details

    @workflow.run
    async def run(self, request: RunRequest) -> str:
        """Carry out the run; return its id."""
        plan: RunPlan | None = None
        try:
            plan = await workflow.execute_activity_method(
                RunSteps.plan_run, request, summary=f"{request.integration_id} {request.mode}", **self._options
            )
            if plan.problem is not None:
                self._show(plan.problem)
                return plan.run_id
            for entity in plan.entities:
                await self._pass(plan, entity)
        except (asyncio.CancelledError, ActivityError) as error:
            if not is_cancelled_exception(error):
                raise
            await asyncio.shield(self._stop(request, plan))
            raise
        await workflow.execute_activity_method(RunSteps.finish_run, RunEnd(run_id=plan.run_id), **self._options)
        outcome = "failed" if any(self._finished.values()) else "done"
        workflow.upsert_search_attributes([OUTCOME.value_set(outcome)])
        self._show(outcome)
        return plan.run_id

    async def _pass(self, plan: RunPlan, entity: Entity) -> None:
        """Ask for the entity's pass and wait for its end."""
        self._show(f"waiting for {entity}")
        request = PassRequest(
            integration_id=plan.integration_id,
            provider=plan.provider,
            entity=entity,
            mode=plan.mode,
            run_id=plan.run_id,
            requester=workflow.info().workflow_id,
            dry_run=plan.dry_run,
            direction=plan.direction,
        )
        while entity not in self._finished:
            await workflow.execute_activity_method(
                RunSteps.request_pass, request, summary=f"ask for {entity}", **self._options
            )
            try:
                await workflow.wait_condition(
                    lambda: entity in self._finished, timeout=LIVENESS, timeout_summary=f"is {entity} alive?"
                )
            except TimeoutError:
                continue

    async def _stop(self, request: RunRequest, plan: RunPlan | None) -> None:
        """Tell the writers to leave this run, and note that it was canceled."""
        run_id = plan.run_id if plan else request.run_id
        for entity in plan.entities if plan else []:
            handle = workflow.get_external_workflow_handle(names.entity_sync_id(request.integration_id, entity))
            try:
                await handle.signal(names.CANCEL_RUN, run_id)
            except FailureError:
                workflow.logger.info("no writer to tell")
        if run_id is not None:
            await workflow.execute_activity_method(
                RunSteps.finish_run, RunEnd(run_id=run_id, canceled=True), **self._options
            )

    def _show(self, details: str) -> None:
        self._details = details
        workflow.set_current_details(details)
