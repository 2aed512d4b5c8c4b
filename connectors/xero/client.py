"""Calls to Xero's API: token, tenant, limits and errors; no knowledge of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from connectors.failures import json_in, object_in
from connectors.http import VendorClient, began, read_with_retries, retry_after
from connectors.protocols import ConnectorContext
from connectors.rest import RestClient
from connectors.xero.errors import TenantGone, lacks_scope, to_error
from connectors.xero.oauth import base_url, exchange
from connectors.xero.spec import API, CONNECTIONS, LIMITS, VENDOR
from core.errors import FieldValidation, Permission, RateLimit, SyncError, Transient
from core.ports import Credentials

# A token this near its end is renewed before it is used.
_EARLY_SECONDS = 90.0
_MOST_WAIT_SECONDS = 10.0
_TENANT = "tenantId"
_DAY = "day"
# How long a spent day is left alone when Xero does not say.
_DAY_PAUSE_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read gave. `began` is the server's time when it began to answer, or a little before."""

    body: dict[str, Any]
    began: datetime

    def rows(self, plural: str) -> list[dict[str, Any]]:
        """Return the records of an answer. Raises `Transient` where there are none to be read."""
        rows = self.body.get(plural)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Transient(f"{VENDOR}'s answer to a read of {plural} cannot be read")
        return rows

    @property
    def pages(self) -> int:
        """Return how many pages a list has; 1 where it was not told."""
        pages = (self.body.get("pagination") or {}).get("pageCount")
        return pages if isinstance(pages, int) else 1


class XeroClient(RestClient):
    """One connection's calls. Every method raises `SyncError`s. Paths are below the Accounting API."""

    vendor = VENDOR

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        super().__init__(context, early_seconds=_EARLY_SECONDS, most_wait=_MOST_WAIT_SECONDS)
        self._daily = int(context.limits.get("requestsPerDay", LIMITS["requestsPerDay"]))

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, since: str | None = None, missing_ok: bool = False
    ) -> Answer | None:
        """Read a resource; None for one that is not there, if that is accepted. `since` is If-Modified-Since."""
        whole = f"{path}?{urlencode(query)}" if query else path
        headers = {"If-Modified-Since": since} if since else {}
        accept = frozenset({404}) if missing_ok else frozenset()

        async def once() -> Answer | None:
            response = await self.request("GET", whole, headers=headers, accept=accept)
            return Answer(object_in(VENDOR, response), began(response)) if response.is_success else None

        return await read_with_retries(once)

    async def read(self, path: str, query: Mapping[str, str] | None = None, *, since: str | None = None) -> Answer:
        """Read a resource that there is."""
        answer = await self.get(path, query, since=since)
        assert answer is not None
        return answer

    async def tenant(self) -> str:
        """Return the organisation that the connection is for, among those that the consent covers.

        One that is not named is taken where there is no choice, and kept in the credentials. Raises `FieldValidation`
        that names the choice, `Permission` where the consent covers none.
        """
        response = await self.request("GET", CONNECTIONS)
        body = json_in(VENDOR, response)
        rows = [row for row in body if row.get("tenantType") == "ORGANISATION"] if isinstance(body, list) else []
        names = {str(row["tenantId"]): str(row.get("tenantName") or "") for row in rows}
        credentials = await self.access.credentials()
        wanted = credentials.values.get(_TENANT)
        listed = ", ".join(f"{tenant_id} ({name})" for tenant_id, name in names.items())
        if not names:
            raise Permission("the consent covers no organisation: connect again and choose one")
        if wanted and wanted not in names:
            raise FieldValidation(f"credentials.{_TENANT} is not among the connected organisations: {listed}")
        if not wanted and len(names) > 1:
            raise FieldValidation(f"credentials.{_TENANT} must say which of the connected organisations: {listed}")
        if not wanted:
            (wanted,) = names
            await self.context.tokens.save_tokens(credentials, {_TENANT: wanted})
        return wanted

    async def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        read_only: bool = False,
        accept: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """As `RestClient.request`; an organisation that was disconnected ends the grant."""
        try:
            return await super().request(method, path, body, headers=headers, read_only=read_only, accept=accept)
        except TenantGone as gone:
            raise await self.access.expire(await self.access.credentials(), gone.message) from gone

    def base_url(self, values: Mapping[str, str]) -> str:
        """One host for all organisations."""
        return base_url(values)

    def url(self, values: Mapping[str, str], path: str) -> str:
        """Connections are beside the Accounting API."""
        return base_url(values) + (path if path.startswith(CONNECTIONS) else API + path)

    def headers(self, values: Mapping[str, str], method: str, url: str) -> dict[str, str]:
        """The organisation is named in every call; without Accept the answer would be XML (sheet)."""
        sent = super().headers(values, method, url)
        if url.startswith(base_url(values) + CONNECTIONS):
            return sent
        if not values.get(_TENANT):
            raise FieldValidation(f"credentials.{_TENANT} is missing: connect again")
        return {**sent, "xero-tenant-id": values[_TENANT]}

    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get new tokens."""
        return await exchange(http, credentials)

    def refuses_token(self, response: httpx.Response) -> bool:
        """A token that lacks a scope is as good as any other."""
        return response.status_code == 401 and not lacks_scope(response)

    def usage(self, response: httpx.Response) -> tuple[int, int] | None:
        """What is left of the day is told in every answer; what the day allows depends on the tier (sheet 5)."""
        left = response.headers.get("x-daylimit-remaining", "")
        return (max(0, self._daily - int(left)), self._daily) if left.isdecimal() else None

    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a failed call; a 429 says which limit it is, and mostly for how long."""
        if response.status_code != 429:
            return to_error(response)
        problem = response.headers.get("x-rate-limit-problem", "").lower()
        told = retry_after(response.headers)
        text = f"Xero limits us: {problem or 'no reason told'}"
        # Older notes spell it `Daily` (sheet 5).
        if problem.startswith((_DAY, "dai")):
            pause = _DAY_PAUSE_SECONDS if told is None else told
            return RateLimit(text, vendor_code=problem, retry_after=pause, quota=True)
        return RateLimit(text, vendor_code=problem or None, retry_after=self.backoff.next() if told is None else told)
