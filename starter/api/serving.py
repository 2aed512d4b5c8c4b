"""Serving the API as a process: it listens at once, says why it is not ready yet, and ends gracefully on a signal."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import structlog
import uvicorn
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from runtime.settings import Settings, require
from runtime.tracing import flush
from runtime.wiring import open_services
from starter.api.app import create_app
from starter.services.backend import Backend, StartFailedError
from starter.services.left_behind import start_queued, tell_decided
from starter.services.receiving import remind
from starter.services.refusals import Unavailable
from starter.services.sweeping import end_lost_runs
from store.migrations.runner import UnknownSchema
from store.retention import Retention, purge

log = structlog.get_logger(__name__)

WAIT_SECONDS = 120.0
"""How long Temporal is waited for at the start."""
_DRAIN_SECONDS = 20
_TIDY_SECONDS = 60.0
_PURGE_SECONDS = 3600.0


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which ends the process by the signal instead of by an exit code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, host: str, port: int, *, wait_seconds: float = WAIT_SECONDS) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code: 0, or 1 when what the API needs did not come in time.

    Raises MissingSettings for absent settings, OSError when the address cannot be listened on.
    """
    require(settings, "api_key", "encryption_keys")
    listener = _listen(host, port)
    backend = Backend(open_services(settings))
    config = uvicorn.Config(
        create_app(backend),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server)
    starting = asyncio.create_task(_start(backend, server, wait_seconds))
    log.info("api_listening", host=host, port=listener.getsockname()[1])
    try:
        await server.serve(sockets=[listener])
        return await _result(starting)
    finally:
        await asyncio.to_thread(flush, settings)
        await backend.services.close()


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


async def _start(backend: Backend, server: uvicorn.Server, wait_seconds: float) -> bool:
    """Make the backend ready, then tidy up once in a while; False when it could not be made ready."""
    try:
        await backend.prepare(wait_seconds)
    except Exception as error:
        if isinstance(error, (StartFailedError, UnknownSchema)):
            log.error("api_not_started", reason=str(error))
        else:
            log.exception("api_not_started")
        _stop(server)
        return False
    log.info("api_ready")
    await _tidy(tell_decided(backend))
    due = time.monotonic() + _TIDY_SECONDS
    while True:
        await _tidy(backend.idempotency.purge(), remind(backend), start_queued(backend), end_lost_runs(backend))
        if time.monotonic() >= due:
            due = time.monotonic() + _PURGE_SECONDS
            await _purge(backend)
        await asyncio.sleep(_TIDY_SECONDS)


async def _tidy(*chores: Awaitable[None]) -> None:
    """Forget what is old, and nudge where a nudge was lost. A failure is for the next round, and holds up no other."""
    for chore in chores:
        try:
            await chore
        except (SQLAlchemyError, Unavailable, RPCError):
            log.warning("tidying_failed", exc_info=True)


async def _purge(backend: Backend) -> None:
    """Forget what is older than the settings say. A failure is for the next hour."""
    days = {"history": backend.settings.history_days, "audit": backend.settings.audit_days}
    keep = Retention(**{name: timedelta(days=number) if number else None for name, number in days.items()})
    try:
        gone = await purge(backend.db, keep)
    except SQLAlchemyError:
        log.warning("purge_failed", exc_info=True)
    else:
        log.info("history_purged", syncs=gone)


async def _result(starting: asyncio.Task[bool]) -> int:
    if starting.done():
        return 0 if starting.result() else 1
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    return 0
