"""Polling: looks between schedules for what no event tells, for as long as the configuration wants it.

One workflow for each integration, so that one that waits for its vendor or for a person delays no other (I11). A look
costs two Temporal actions, the activity and the timer; what it finds is handed to the entities' writers.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.contracts import PollRef
    from activities.interfaces import PollSteps
    from activities.options import poll_options
    from core import names

AFTER_FAILURE = 600.0
"""Seconds until the next look after one that failed for good; a change of the configuration wakes it at once."""


@workflow.defn(name=names.POLLING)
class Polling:
    """The looks of one integration."""

    @workflow.init
    def __init__(self, poll: PollRef) -> None:
        """Begin unwoken."""
        self._woken = 0

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """The configuration or the credentials are new: look now."""
        self._woken += 1

    @workflow.run
    async def run(self, poll: PollRef) -> None:
        """Look, wait, look again; return when no look is wanted any more."""
        while True:
            woken = self._woken
            seconds = await self._look(poll)
            if seconds is None:
                if self._woken == woken:
                    return
                continue
            await self._wait(seconds, woken)
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(poll)

    async def _wait(self, seconds: float, woken: int) -> None:
        workflow.set_current_details(f"looks again in {seconds:.0f} s")
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._woken != woken, timeout=timedelta(seconds=seconds), timeout_summary="next look"
                )

    async def _look(self, poll: PollRef) -> float | None:
        try:
            result = await workflow.execute_activity_method(PollSteps.poll, poll, **poll_options())
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return AFTER_FAILURE
        return result.seconds
