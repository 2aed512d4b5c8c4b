"""Calls to one company of QuickBooks: token, limits, faults; no knowledge of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from connectors.failures import object_in
from connectors.http import VendorClient, began, read_with_retries, retry_after
from connectors.pace import Pace
from connectors.protocols import ConnectorContext
from connectors.quickbooks.errors import USER_GONE, failure_in, fault_in, to_error
from connectors.quickbooks.oauth import base_url, exchange, realm_of
from connectors.quickbooks.spec import BATCHES_PER_MINUTE, MINOR_VERSION, THROTTLE_SECONDS, VENDOR
from connectors.rest import RestClient
from core.errors import ErrorType, RateLimit, SyncError
from core.ports import Credentials

_EARLY_SECONDS = 120.0
# So many batches at once, the rest at an even pace: never more than the minute's allowance in any minute.
_BURST_SHARE = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read gave. `began` is the server's time when it began to answer, or a little before."""

    body: dict[str, Any]
    began: datetime


class QuickBooksClient(RestClient):
    """One connection's calls. Every method raises `SyncError`s. Paths are below the company's."""

    vendor = VENDOR

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        super().__init__(context, early_seconds=_EARLY_SECONDS)
        a_minute = context.limits.get("batchesPerMinute", BATCHES_PER_MINUTE)
        burst = max(1, int(a_minute / _BURST_SHARE))
        self._batches = Pace((a_minute - burst + 1) / 60, f"{VENDOR}'s batches", burst=burst)
        self._throttle = context.limits.get("throttleSeconds", THROTTLE_SECONDS)

    async def read(self, path: str, **query: str) -> Answer:
        """Read a resource."""
        return await read_with_retries(lambda: self._read("GET", f"{path}?{_query(query)}", None))

    async def query(self, statement: str) -> Answer:
        """Ask a query, as the body of a POST that changes nothing, so that it may be of any length."""
        return await read_with_retries(lambda: self._read("POST", f"/query?{_query({})}", statement))

    async def write(self, path: str, body: str) -> dict[str, Any]:
        """Send a batch and return its answer. Raises what a refusal of the whole means."""
        await self._batches.turn()
        response = await self.request("POST", path, body)
        return self._body(response, path)

    def base_url(self, values: Mapping[str, str]) -> str:
        """One host for all companies."""
        return base_url(values)

    def url(self, values: Mapping[str, str], path: str) -> str:
        """Everything is below the company."""
        return f"{base_url(values)}/v3/company/{realm_of(values)}{path}"

    async def realm(self) -> str:
        """Return the company's id."""
        return realm_of((await self.access.credentials()).values)

    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get new tokens."""
        return await exchange(http, credentials)

    def refuses_token(self, response: httpx.Response) -> bool:
        """A 401 may also say that the person who connected has left the company (sheet 6)."""
        return response.status_code == 401 and failure_in(response).code != USER_GONE

    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a failed call. A throttled one says nothing of how long (sheet 5)."""
        failure = failure_in(response)
        if failure.type(response.status_code) is not ErrorType.RATE_LIMIT:
            return to_error(response, failure)
        told = retry_after(response.headers)
        wait = self._throttle if told is None else told
        return RateLimit(f"{VENDOR} limits us: {failure.message}", vendor_code=str(failure.code), retry_after=wait)

    async def _read(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Content-Type": "application/text"} if body is not None else None
        response = await self.request(method, path, body, headers=headers, read_only=True)
        return Answer(self._body(response, path), began(response))

    def _body(self, response: httpx.Response, path: str) -> dict[str, Any]:
        """A success, which may still hold a fault (sheet 6)."""
        body = object_in(VENDOR, response)
        if fault_in(body) is not None:
            raise self.error(response, path)
        return body


def _query(values: Mapping[str, str]) -> str:
    return urlencode({**values, "minorversion": str(MINOR_VERSION)})
