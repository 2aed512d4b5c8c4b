"""The one HTTP client of the connectors, and how transport failures become `SyncError`s.

Every call is bound to known origins (so a token never travels elsewhere), draws from the connection's budget, is
counted, and ends within `TOTAL_SECONDS`. Redirects are never followed. What happened to a write whose reply was lost
is said honestly: `Transient(outcome_unknown=True)`, unless not one byte can have been sent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from core import failpoints
from core.errors import Internal, RateLimit, SyncError, Transient
from core.ports import Budget

T = TypeVar("T")

# Below the 25 s that a write may take before its worker's heartbeat is missed.
TOTAL_SECONDS = 24.0
_TIMEOUT = httpx.Timeout(connect=5.0, read=22.0, write=10.0, pool=10.0)
_POOL = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=15.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EXCERPT = 300

# Marks a POST that only reads, as `httpx` carries extensions with a request.
READ_ONLY = {"read_only": True}


class VendorClient(httpx.AsyncClient):
    """An httpx client for one connection: HTTP/1.1 keep-alive, allowed origins only, budgeted and counted."""

    def __init__(self, budget: Budget, *base_urls: str) -> None:
        """Take the budget that every call draws from, and the base URLs whose origins may be called."""
        # Proxies of the environment are honoured, but nothing on this machine is reached through one.
        local = all(httpx.URL(url).host in _LOOPBACK for url in base_urls)
        super().__init__(timeout=_TIMEOUT, limits=_POOL, follow_redirects=False, http2=False, trust_env=not local)
        self._budget = budget
        self._origins = {origin(url) for url in base_urls}
        self.calls = 0

    def allow(self, base_url: str) -> None:
        """Let calls go to this base URL's origin too."""
        self._origins.add(origin(base_url))

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send one request within the budget; return any status but a redirect.

        Raises `Transient`, or what the budget raises.
        """
        if origin(request.url) not in self._origins:
            raise Internal(f"refused to call {request.url.host}: it is not a host of this connection")
        async with self._budget.slot():
            await self._budget.acquire()
            self.calls += 1
            return await self._send_now(request, **options)

    async def _send_now(self, request: httpx.Request, **options: Any) -> httpx.Response:
        _watch(request)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                reply = await super().send(request, **options)
        except _NOT_SENT as error:
            raise Transient(f"no connection to {request.url.host}: {_name(error)}") from error
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise Transient(
                f"no reply from {request.url.host}: {_name(error)}", outcome_unknown=not is_read(request)
            ) from error
        if not is_read(request):
            failpoints.reach("call:answered")
        if reply.has_redirect_location:
            # A moved host, or a gateway in between: the vendor has done nothing, and the token stays here.
            raise Transient(f"{request.url.host} redirects its calls; is the base URL still right?")
        return reply


def _watch(request: httpx.Request) -> None:
    """Say when the last byte of a write has left, to whom the fail points are armed for."""
    if not failpoints.armed() or is_read(request):
        return

    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_body.complete":
            failpoints.reach("call:sent")

    request.extensions["trace"] = trace
    failpoints.reach("call:sending")


def origin(url: str | httpx.URL) -> tuple[str, str, int | None]:
    """Return what identifies the server behind a URL: scheme, host, port."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def is_read(request: httpx.Request) -> bool:
    """Say whether a request changes nothing at the vendor."""
    return request.method in _READ_METHODS or bool(request.extensions.get("read_only"))


async def read_with_retries(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that only reads, again after a short blip: at most 3 tries, none begun after 5 s.

    Rate limits are never retried here. Raises what the last try raised.
    """
    tries = AsyncRetrying(
        stop=stop_after_attempt(3) | stop_after_delay(5.0),
        wait=wait_random_exponential(multiplier=0.2, max=1.0),
        retry=retry_if_exception(_is_blip),
        reraise=True,
    )

    async def once() -> T:
        return await call()

    return await tries(once)


def _is_blip(error: BaseException) -> bool:
    return isinstance(error, Transient) and not error.outcome_unknown and (error.retry_after or 0.0) <= 1.0


def retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds of a `Retry-After` header (seconds or an HTTP date); None where there is none."""
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (_date(text) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def server_time(response: httpx.Response) -> datetime:
    """Return the server's clock as its `Date` header tells it (UTC, whole seconds); ours where it tells nothing."""
    try:
        return _date(response.headers["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


def began(response: httpx.Response) -> datetime:
    """Return the server's time when it began to answer, or a little before: what was changed later may be missing."""
    return server_time(response) - response.elapsed


def _date(text: str) -> datetime:
    at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def excerpt(text: str) -> str:
    """Return at most 300 characters of a body, on one line, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"


class Backoff:
    """How long to wait when a vendor limits us without saying for how long: 2 s, 4 s, 8 s … up to a minute."""

    def __init__(self, first: float = 2.0, most: float = 60.0) -> None:
        """Take the first and the longest wait in seconds."""
        self._first = first
        self._most = most
        self._failures = 0

    def next(self) -> float:
        """Return the next wait, a little scattered so that workers do not come back at once."""
        wait = min(self._most, self._first * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return wait * random.uniform(0.9, 1.1)

    def reset(self) -> None:
        """Begin from the first wait again, because a call went through."""
        self._failures = 0


async def tell_budget(budget: Budget, error: SyncError) -> None:
    """Stop all workers of this connection for as long as the vendor's limit holds."""
    if isinstance(error, RateLimit) and error.retry_after:
        await budget.block(error.retry_after, quota=error.quota)


async def gather_bounded(calls: Iterable[Callable[[], Awaitable[T]]], at_once: int = 8) -> list[T]:
    """Make several independent calls, at most `at_once` in flight; the first failure cancels the rest."""
    gate = asyncio.Semaphore(at_once)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await call()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]


def _name(error: BaseException) -> str:
    return type(error).__name__
