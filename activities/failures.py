"""The one place where failures become Temporal's: SyncError -> ApplicationError with its type, delay and retry rule.

Texts of vendors stay in the store (I8): what reaches a workflow's history is the error type and our own words.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError
from temporalio.service import RPCError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.contracts import ChunkRef, PassRef, Wait
from activities.engine import Engine, Paused
from activities.webhooks import start_deliveries, tell_of_pause
from core import failpoints
from core.errors import HINTS, AuthExpired, ErrorType, RateLimit, SyncError, Transient
from store import runs
from store.database import is_taken
from store.types import utc_now

log = structlog.get_logger(__name__)

LONG_WAIT_SECONDS = 600.0
"""A rate limit that lasts longer is waited for by the workflow, with the run shown as paused."""


class FailureInterceptor(Interceptor):
    """Gives every activity heartbeats and translated failures."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine, in whose store pauses are noted."""
        self._engine = engine

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the next interceptor."""
        return _Inbound(next, self._engine)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, engine: Engine) -> None:
        super().__init__(next)
        self._engine = engine

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        reference = _pass_of(input.args[0]) if input.args else None
        fields = {"activity": activity.info().activity_type, "attempt": activity.info().attempt}
        if reference is not None:
            fields |= {"integration": reference.integration_id, "entity": reference.entity.value}
        with structlog.contextvars.bound_contextvars(**fields):
            try:
                async with _heartbeats():
                    failpoints.reach(f"{fields['activity']}:begin")
                    result = await super().execute_activity(input)
                    failpoints.reach(f"{fields['activity']}:end")
                    return result
            except (OperationalError, InterfaceError, PoolTimeout, RPCError, OSError) as error:
                # The database or Temporal is not there for the moment. Their texts may quote values (I8).
                log.warning("activity_interrupted", exc_info=True)
                raise translate(Transient(type(error).__name__)) from None
            except IntegrityError as error:
                if not is_taken(error):
                    raise self._fault() from None
                # Another writer was there first, in the very moment between our look and our write: look again.
                log.info("activity_overtaken")
                raise translate(Transient("another writer was first")) from None
            except (SyncError, Paused) as error:
                translated = translate(error)
                log.info("activity_stopped", type=translated.type, retry_in=str(translated.next_retry_delay))
                if reference is not None:
                    await self._note_pause(reference, error, translated)
                raise translated from None
            except (ApplicationError, CancelledError):
                raise
            except Exception:
                raise self._fault() from None

    def _fault(self) -> ApplicationError:
        """A fault of ours. What it says stays in our log: a history must not quote values (I8)."""
        log.exception("activity_failed")
        return _stop(ErrorType.INTERNAL.value, HINTS[ErrorType.INTERNAL])

    async def _note_pause(self, reference: PassRef, error: Exception, translated: ApplicationError) -> None:
        """Show the runs of a waiting pass as paused, with what they wait for."""
        if translated.type not in {item.value for item in Wait}:
            return
        problem: dict[str, Any] = {"type": translated.type, "message": str(error)}
        if isinstance(error, RateLimit) and error.retry_after is not None:
            problem["retryAfterSeconds"] = round(error.retry_after)
        if isinstance(error, AuthExpired):
            await self._engine.connections.mark_expired(error.connection_id, error.generation, error.message)
        async with self._engine.db.transaction() as session:
            await runs.pause_runs_of(session, reference.pass_id, problem)
            if not isinstance(error, Paused):
                # One occasion is one expired grant, or one day's allowance.
                occasion = str(error.generation) if isinstance(error, AuthExpired) else utc_now().date().isoformat()
                told = await runs.runs_of(session, reference.pass_id)
                await tell_of_pause(session, told, str(translated.type), occasion)
        await start_deliveries(self._engine)


def _pass_of(argument: object) -> PassRef | None:
    if isinstance(argument, ChunkRef):
        return argument.of
    return argument if isinstance(argument, PassRef) else None


@contextlib.asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Show life while the activity works; a third of the time-out leaves room for two lost beats."""
    timeout = activity.info().heartbeat_timeout
    if timeout is None:
        yield
        return

    async def beat() -> None:
        while True:
            await asyncio.sleep(timeout.total_seconds() / 3)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def translate(error: SyncError | Paused) -> ApplicationError:
    """Return the Temporal failure for an error: what waits or cannot be mended by trying again is not retryable."""
    if isinstance(error, Paused):
        return _stop(Wait.PAUSED.value, "paused by a person")
    match error:
        case AuthExpired():
            return _stop(Wait.AUTH_EXPIRED.value, f"connection {error.connection_id}: {HINTS[error.type]}", error)
        case RateLimit():
            delay = error.retry_after or 1.0
            if error.quota or delay > LONG_WAIT_SECONDS:
                return _stop(Wait.QUOTA.value, "the daily allowance of calls is spent", error)
            return ApplicationError(
                "the vendor's rate limit: tried again when it allows",
                type=error.type.value,
                next_retry_delay=timedelta(seconds=delay),
                category=ApplicationErrorCategory.BENIGN,
            )
        case Transient():
            delay_of = timedelta(seconds=error.retry_after) if error.retry_after else None
            return ApplicationError(
                "a passing failure: tried again",
                type=error.type.value,
                next_retry_delay=delay_of,
                category=ApplicationErrorCategory.BENIGN,
            )
        case _:
            return _stop(error.type.value, HINTS.get(error.type, HINTS[ErrorType.INTERNAL]))


def _stop(kind: str, message: str, error: SyncError | None = None) -> ApplicationError:
    details: list[Any] = []
    if isinstance(error, AuthExpired):
        details = [error.connection_id, error.generation]
    elif isinstance(error, RateLimit):
        details = [error.retry_after or 3600.0]
    return ApplicationError(message, *details, type=kind, non_retryable=True, category=ApplicationErrorCategory.BENIGN)


def raise_worst(errors: list[BaseException]) -> None:
    """Of the errors of things done at once, raise the one that decides: cancellation, what needs a person, the rest."""
    if not errors:
        return
    order = (asyncio.CancelledError, AuthExpired, RateLimit, Transient, SyncError)
    rank = {kind: number for number, kind in enumerate(order)}
    raise min(errors, key=lambda item: next((rank[kind] for kind in order if isinstance(item, kind)), len(order)))
