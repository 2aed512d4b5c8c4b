"""EntitySync: the single writer of one entity of one integration (I1).

It serves requests for passes, one pass at a time, and returns when none is left. A pass reads until both sides are
staged, then works through chunks in a sliding window, reads again until nothing is left, and is closed by its last
fetch. What cannot go on without a person (dead credentials, a pause) or before a quota is renewed makes the pass wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, Field

    from activities.contracts import (
        ChunkRef,
        FetchResult,
        PassEnd,
        PassFinished,
        PassRef,
        PassRequest,
        Wait,
    )
    from activities.interfaces import RunSteps, SyncSteps
    from activities.options import OUTCOME, bookkeeping, step_options
    from core import names

RECHECK = timedelta(minutes=10)
"""How often a waiting pass looks by itself; a signal wakes it at once."""


class Inbox(BaseModel):
    """What crosses continue-as-new: the requests that wait, and the runs that a person has canceled."""

    waiting: list[PassRequest] = Field(default_factory=list)
    canceled: list[str] = Field(default_factory=list)


@workflow.defn(name=names.ENTITY_SYNC)
class EntitySync:
    """The single writer of one entity."""

    @workflow.init
    def __init__(self, inbox: Inbox | None) -> None:
        """Begin with what was carried over, if anything."""
        self._waiting: list[PassRequest] = list(inbox.waiting) if inbox else []
        self._serving: list[PassRequest] = []
        self._canceled: set[str] = set(inbox.canceled) if inbox else set()
        self._woken = 0
        self._details = "idle"

    @workflow.signal(name=names.PASS_REQUESTED)
    def pass_requested(self, request: PassRequest) -> None:
        """Ask for a pass. Asking again for the same run changes nothing."""
        if request not in self._waiting and request not in self._serving:
            self._waiting.append(request)

    @workflow.signal(name=names.WAKE)
    def wake(self) -> None:
        """Look again at what the pass waits for."""
        self._woken += 1

    @workflow.signal(name=names.RECONNECTED)
    def reconnected(self) -> None:
        """New credentials are stored."""
        self._woken += 1

    @workflow.signal(name=names.CANCEL_RUN)
    def cancel_run(self, run_id: str) -> None:
        """Stop serving a run: its pass ends after the chunks in work, or never begins."""
        self._canceled.add(run_id)
        self._woken += 1

    @workflow.query(name="progress")
    def progress(self) -> str:
        """What the writer is doing."""
        return self._details

    @workflow.run
    async def run(self, inbox: Inbox | None) -> None:
        """Serve requests until none is left."""
        while self._waiting:
            self._serving = self._take()
            await self._serve(self._serving)
            self._serving = []
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(Inbox(waiting=self._waiting, canceled=sorted(self._canceled)))

    def _take(self) -> list[PassRequest]:
        """The next request, with all that one pass can serve together with it. A dry run has its own pass."""
        first = self._waiting[0]
        taken = [item for item in self._waiting if _together(first, item)]
        self._waiting = [item for item in self._waiting if not _together(first, item)]
        return taken

    async def _serve(self, requests: list[PassRequest]) -> None:
        first = requests[0]
        of = PassRef(
            pass_id=f"pass_{workflow.uuid4().hex}",
            integration_id=first.integration_id,
            entity=first.entity,
            mode=first.mode,
            run_ids=sorted({item.run_id for item in requests if item.run_id}),
            heartbeat_seconds=first.heartbeat_seconds,
            dry_run=first.dry_run,
            direction=first.direction,
        )
        failed = await self._pass(of)
        for item in requests:
            if item.requester is None or item.run_id is None:
                continue
            handle = workflow.get_external_workflow_handle(item.requester)
            done = PassFinished(entity=item.entity, run_id=item.run_id, failed=failed)
            try:
                await handle.signal(names.PASS_FINISHED, done)
            except FailureError:
                workflow.logger.info("the requester of a pass is gone")

    async def _pass(self, of: PassRef) -> bool:
        """Carry out one pass; return whether it failed."""
        try:
            await self._work(of)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            cause = error.cause
            kind = cause.type if isinstance(cause, ApplicationError) and cause.type else "internal"
            end = PassEnd(of=of, state="failed", error_type=kind, message=str(cause)[:500])
            await self._end(end)
            self._show(f"{of.entity} failed: {kind}")
            return True
        return False

    async def _work(self, of: PassRef) -> None:
        number = 0
        while True:
            if self._is_canceled(of):
                end = PassEnd(of=of, state="canceled", error_type="canceled", message="canceled by a person")
                await self._end(end)
                return
            self._show(f"{of.entity}: reading")
            result = await self._fetch(of)
            if result.closed:
                self._show("idle")
                return
            if not result.more:
                number = await self._chunks(of, result, number)

    async def _end(self, end: PassEnd) -> None:
        """Close a pass that its last fetch does not close."""
        options = bookkeeping(end.of.heartbeat_seconds)
        await workflow.execute_activity_method(RunSteps.end_pass, end, summary=end.state, **options)

    def _is_canceled(self, of: PassRef) -> bool:
        return bool(of.run_ids) and all(run in self._canceled for run in of.run_ids)

    async def _fetch(self, of: PassRef) -> FetchResult:
        while True:
            woken = self._woken
            try:
                return await workflow.execute_activity_method(
                    SyncSteps.fetch, of, summary=f"{of.entity} {of.mode}", **step_options(of)
                )
            except ActivityError as error:
                await self._wait_or_raise(of, error, woken)

    async def _chunks(self, of: PassRef, result: FetchResult, number: int) -> int:
        """Work through the waiting records in chunks: matched one after the other, then written side by side."""
        left, running = result.waiting, list[asyncio.Task[None]]()
        while left > 0 and not self._is_canceled(of):
            number += 1
            chunk = ChunkRef(of=of, number=number)
            self._show(f"{of.entity}: chunk {number}, {left} records waiting")
            matched = await self._step("match", chunk)
            left -= result.chunk_size
            if matched:
                running = await self._window(running, result.window - 1)
                running.append(asyncio.create_task(self._finish(chunk)))
        await self._window(running, 0)
        return number

    async def _window(self, running: list[asyncio.Task[None]], size: int) -> list[asyncio.Task[None]]:
        """Wait until at most `size` chunks are in work."""
        while len(running) > size:
            done, _ = await workflow.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            running = [task for task in running if not task.done()]
        return running

    async def _finish(self, chunk: ChunkRef) -> None:
        if await self._step("transform", chunk):
            await self._step("write", chunk)

    async def _step(self, name: str, chunk: ChunkRef) -> bool:
        """Run one step of a chunk, waiting where a person is needed; return whether the next has anything to do."""
        steps = {"match": SyncSteps.match, "transform": SyncSteps.transform, "write": SyncSteps.write}
        while True:
            woken = self._woken
            try:
                result = await workflow.execute_activity_method(
                    steps[name],
                    chunk,
                    summary=f"{chunk.of.entity} chunk {chunk.number}",
                    **step_options(chunk.of),
                )
            except ActivityError as error:
                await self._wait_or_raise(chunk.of, error, woken)
            else:
                return result.proceed

    async def _wait_or_raise(self, of: PassRef, error: ActivityError, woken: int) -> None:
        """Wait for what the failed step needs, or raise what waiting cannot mend.

        `woken` counts from before the step: somebody who reconnects while the step is failing has answered already.
        """
        cause = error.cause
        kind = cause.type if isinstance(cause, ApplicationError) else None
        if (
            not isinstance(cause, ApplicationError)
            or kind not in {item.value for item in Wait}
            or self._is_canceled(of)
        ):
            raise error
        timeout = RECHECK
        if kind == Wait.QUOTA.value and cause.details:
            timeout = timedelta(seconds=min(float(cause.details[0]), 86_400.0))
        self._show(f"{of.entity}: paused ({kind}). {cause.message}")
        workflow.upsert_search_attributes([OUTCOME.value_set(f"paused_{kind}")])
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._woken != woken, timeout=timeout, timeout_summary=kind)
        # Not in a `finally`: that would run without a workflow when the waiting workflow is taken out of the cache.
        workflow.upsert_search_attributes([OUTCOME.value_unset()])

    def _show(self, details: str) -> None:
        self._details = details
        workflow.set_current_details(details)


def _together(first: PassRequest, other: PassRequest) -> bool:
    if first.dry_run or other.dry_run:
        return first == other
    return (first.mode, first.direction) == (other.mode, other.direction)
