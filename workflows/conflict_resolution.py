"""ConflictResolution: waits, for as long as it takes, for a person to decide; then hands the decision to the writer."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.contracts import ConflictRef
    from activities.interfaces import ConflictSteps
    from activities.options import OUTCOME, bookkeeping
    from core import names

REMINDER = timedelta(days=7)
"""How often an open conflict shows itself again."""

CARRIED_OUT = timedelta(minutes=2)
"""How often a decided conflict looks whether its decision is carried out; usually a signal says so."""

ENDED = ("resolved", "closed")


@workflow.defn(name=names.CONFLICT_RESOLUTION)
class ConflictResolution:
    """The wait for one decision. The store holds the conflict and the decision; the signals only wake."""

    @workflow.init
    def __init__(self, conflict: ConflictRef) -> None:
        """Begin unwoken."""
        self._options = bookkeeping(conflict.heartbeat_seconds)
        self._woken = 0
        self._seen = 0
        self._reminders = 0

    @workflow.signal(name=names.RESOLVE)
    def resolve(self) -> None:
        """A person's decision is stored."""
        self._woken += 1

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """The conflict may have ended by itself."""
        self._woken += 1

    @workflow.run
    async def run(self, conflict: ConflictRef) -> str:
        """Wait until the conflict is resolved or has closed itself; return how it ended."""
        while True:
            self._seen = self._woken
            known = await workflow.execute_activity_method(
                ConflictSteps.conflict_status, conflict, summary="where does it stand?", **self._options
            )
            workflow.upsert_search_attributes([OUTCOME.value_set(known.status)])
            if known.status in ENDED:
                workflow.set_current_details(f"conflict {conflict.conflict_id}: {known.status}")
                return known.status
            if known.status == "resolving":
                await workflow.execute_activity_method(
                    ConflictSteps.apply_resolution, conflict, summary="carry out the decision", **self._options
                )
            await self._wait(conflict, known.status)
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(conflict)

    async def _wait(self, conflict: ConflictRef, status: str) -> None:
        waits_for = "a person's decision" if status == "open" else "the decision to be carried out"
        workflow.set_current_details(
            f"conflict {conflict.conflict_id} waits for {waits_for}; reminders so far: {self._reminders}"
        )
        try:
            await workflow.wait_condition(
                lambda: self._woken != self._seen,
                timeout=REMINDER if status == "open" else CARRIED_OUT,
                timeout_summary="reminder",
            )
        except TimeoutError:
            self._reminders += int(status == "open")
