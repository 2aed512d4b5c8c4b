"""Calls to HubSpot's API: token, version, budget, limits and errors; no knowledge of records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.auth import Access
from connectors.http import READ_ONLY, Backoff, VendorClient, read_with_retries, retry_after, server_time, tell_budget
from connectors.hubspot.errors import failure_in, to_error, type_of_status, unreadable
from connectors.hubspot.oauth import base_url, exchange, version_of
from connectors.hubspot.spec import SEARCHES_PER_SECOND, versioned
from connectors.protocols import ConnectorContext
from connectors.values import parse_json
from core.errors import ErrorType, RateLimit, SyncError
from core.ports import Credentials

_TRIES = 2
# A token this near its end is renewed before it is used: HubSpot asks not to go by 401 (sheet 1).
_EARLY_SECONDS = 120.0
# How long a spent day is left alone before it is looked at again; it ends at the portal's own midnight.
_DAY_PAUSE_SECONDS = 3_600.0
_SEARCH = "/search"
_MOST_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read gave. `began` is the server's time when it began to answer, or a little before."""

    body: dict[str, Any]
    began: datetime


class Pace:
    """Lets calls through no more often than so many a second, in this process."""

    def __init__(self, per_second: float) -> None:
        """Take the rate."""
        self._step = 1.0 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn. Raises `RateLimit` when that is more than 2 s away."""
        now = time.monotonic()
        due = max(now, self._next)
        if due - now > _MOST_WAIT_SECONDS:
            raise RateLimit("HubSpot's searches are limited", retry_after=due - now)
        self._next = due + self._step
        await asyncio.sleep(due - now)


class HubSpotClient:
    """One connection's calls. Every method raises `SyncError`s. Paths are without their version."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        self._context = context
        self._access = Access(
            context.connection_id, context.tokens, "accessToken", self._exchange, early_seconds=_EARLY_SECONDS
        )
        self._http: VendorClient | None = None
        self._backoff = Backoff(most=10.0)
        self._searches = Pace(context.limits.get("searchesPerSecond", SEARCHES_PER_SECOND))

    @property
    def calls(self) -> int:
        """How many calls this client has made."""
        return self._http.calls if self._http else 0

    async def get(self, path: str, *, accept: frozenset[int] = frozenset()) -> Answer | None:
        """Read a resource; None for a status in `accept`."""

        async def once() -> Answer | None:
            began = time.monotonic()
            response = await self.request("GET", path, accept=accept)
            return _answer(response, began) if response.is_success else None

        return await read_with_retries(once)

    async def read(self, path: str) -> Answer:
        """Read a resource that there is."""
        answer = await self.get(path)
        assert answer is not None
        return answer

    async def read_by_post(self, path: str, body: str) -> Answer:
        """Read by a POST that changes nothing; searches keep to their own pace."""

        async def once() -> Answer:
            if path.endswith(_SEARCH):
                await self._searches.turn()
            began = time.monotonic()
            return _answer(await self.request("POST", path, body, read_only=True), began)

        return await read_with_retries(once)

    async def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        read_only: bool = False,
        accept: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """Make one call with a living token; return a success or a status in `accept`, raise all else."""
        credentials = await self._access.credentials()
        for _ in range(_TRIES):
            response = await self._send(credentials, method, path, body, read_only)
            if type_of_status(response.status_code) is not ErrorType.AUTH_EXPIRED:
                break
            credentials = await self._access.renew(credentials)
        else:
            raise await self._access.expire(credentials, "HubSpot refuses tokens that it has just given")
        await self._note_usage(response)
        if response.is_success or response.status_code in accept:
            self._backoff.reset()
            return response
        error = self._error(response, path)
        await tell_budget(self._context.budget, error)
        raise error

    async def close(self) -> None:
        """Close the network connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _exchange(self, credentials: Credentials) -> Mapping[str, str]:
        return await exchange(self._client(credentials), credentials)

    def _client(self, credentials: Credentials) -> VendorClient:
        url = base_url(credentials.values)
        if self._http is None:
            self._http = VendorClient(self._context.budget, url)
        self._http.allow(url)
        return self._http

    async def _send(
        self, credentials: Credentials, method: str, path: str, body: str | None, read_only: bool
    ) -> httpx.Response:
        values = credentials.values
        url = base_url(values) + versioned(path, version_of(values))
        headers = {"Authorization": f"Bearer {values['accessToken']}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = body.encode() if body is not None else None
        extensions = dict(READ_ONLY) if read_only else {}
        return await self._client(credentials).request(
            method, url, content=content, headers=headers, extensions=extensions
        )

    async def _note_usage(self, response: httpx.Response) -> None:
        """Private apps are told what is left of their day (sheet 5)."""
        allowed = response.headers.get("x-hubspot-ratelimit-daily", "")
        left = response.headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if allowed.isdecimal() and left.isdecimal():
            await self._context.budget.report(used=int(allowed) - int(left), allowed=int(allowed))

    def _error(self, response: httpx.Response, path: str) -> SyncError:
        if response.status_code != 429:
            return to_error(response)
        failure = failure_in(response)
        text = f"HubSpot limits us: {failure.message}"
        code = failure.category or None
        if "daily" in failure.message.lower():
            return RateLimit(text, vendor_code=code, retry_after=_DAY_PAUSE_SECONDS, quota=True)
        told = retry_after(response.headers)
        if told is None:
            told = 1.0 if path.endswith(_SEARCH) else self._backoff.next()
        return RateLimit(text, vendor_code=code, retry_after=told)


def _answer(response: httpx.Response, began: float) -> Answer:
    body = json_of(response)
    return Answer(body, server_time(response) - timedelta(seconds=time.monotonic() - began))


def json_of(response: httpx.Response) -> dict[str, Any]:
    """Return a body that is an object. Raises `Transient` for any other."""
    try:
        body = parse_json(response.content)
    except ValueError as error:
        raise unreadable(response) from error
    if not isinstance(body, dict):
        raise unreadable(response)
    return body
