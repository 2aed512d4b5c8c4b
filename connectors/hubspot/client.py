"""Calls to HubSpot's API: token, version, limits and errors; no knowledge of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from connectors.failures import object_in
from connectors.http import VendorClient, began, read_with_retries, retry_after
from connectors.hubspot.errors import failure_in, to_error, type_of_status
from connectors.hubspot.oauth import base_url, exchange, version_of
from connectors.hubspot.spec import SEARCHES_PER_SECOND, VENDOR, versioned
from connectors.pace import Pace
from connectors.protocols import ConnectorContext
from connectors.rest import RestClient
from core.errors import ErrorType, RateLimit, SyncError
from core.ports import Credentials

# A token this near its end is renewed before it is used: HubSpot asks not to go by 401 (sheet 1).
_EARLY_SECONDS = 120.0
_MOST_WAIT_SECONDS = 10.0
# How long a spent day is left alone before it is looked at again; it ends at the portal's own midnight.
_DAY_PAUSE_SECONDS = 3_600.0
_SEARCH = "/search"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read gave. `began` is the server's time when it began to answer, or a little before."""

    body: dict[str, Any]
    began: datetime


class HubSpotClient(RestClient):
    """One connection's calls. Every method raises `SyncError`s. Paths are without their version."""

    vendor = VENDOR

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        super().__init__(context, early_seconds=_EARLY_SECONDS, most_wait=_MOST_WAIT_SECONDS)
        self._searches = Pace(context.limits.get("searchesPerSecond", SEARCHES_PER_SECOND), "HubSpot's searches")

    async def get(self, path: str, *, accept: frozenset[int] = frozenset()) -> Answer | None:
        """Read a resource; None for a status in `accept`."""

        async def once() -> Answer | None:
            response = await self.request("GET", path, accept=accept)
            return Answer(object_in(VENDOR, response), began(response)) if response.is_success else None

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
            response = await self.request("POST", path, body, read_only=True)
            return Answer(object_in(VENDOR, response), began(response))

        return await read_with_retries(once)

    def base_url(self, values: Mapping[str, str]) -> str:
        """One host for all portals."""
        return base_url(values)

    def url(self, values: Mapping[str, str], path: str) -> str:
        """The path gets the version that the connection uses."""
        return base_url(values) + versioned(path, version_of(values))

    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get new tokens."""
        return await exchange(http, credentials)

    def refuses_token(self, response: httpx.Response) -> bool:
        """Several statuses say so (sheet 6)."""
        return type_of_status(response.status_code) is ErrorType.AUTH_EXPIRED

    def usage(self, response: httpx.Response) -> tuple[int, int] | None:
        """Private apps are told what is left of their day (sheet 5)."""
        allowed = response.headers.get("x-hubspot-ratelimit-daily", "")
        left = response.headers.get("x-hubspot-ratelimit-daily-remaining", "")
        return (int(allowed) - int(left), int(allowed)) if allowed.isdecimal() and left.isdecimal() else None

    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a failed call; a limited search says nothing of how long, and means a second."""
        if response.status_code != 429:
            return to_error(response)
        failure = failure_in(response)
        text = f"HubSpot limits us: {failure.message}"
        code = failure.category or None
        if "daily" in failure.message.lower():
            return RateLimit(text, vendor_code=code, retry_after=_DAY_PAUSE_SECONDS, quota=True)
        told = retry_after(response.headers)
        if told is None:
            told = 1.0 if path.endswith(_SEARCH) else self.backoff.next()
        return RateLimit(text, vendor_code=code, retry_after=told)
