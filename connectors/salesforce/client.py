"""Calls to Salesforce's REST API: session, budget, limits and errors; no knowledge of records."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.auth import Access
from connectors.http import READ_ONLY, Backoff, VendorClient, read_with_retries, retry_after, server_time, tell_budget
from connectors.protocols import ConnectorContext
from connectors.salesforce.errors import failures_of, to_error, type_of_status, unreadable
from connectors.salesforce.oauth import base_url, exchange
from connectors.salesforce.soql import query_path
from connectors.salesforce.spec import USERINFO_PATH
from connectors.values import parse_json
from core.errors import ErrorType, Permission, RateLimit, SyncError
from core.ports import Credentials

_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_QUOTA_SECONDS = 600.0
_TRIES = 3
_USER_TOPIC = "salesforce.user"
# Change events of our own writes carry this name (sheet 7.5).
_HEADERS = {"Sforce-Call-Options": "client=external-sync", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class QueryPage:
    """One answer to a query. `started` is the server's time when it began to answer, or a little before."""

    rows: list[dict[str, Any]]
    done: bool
    started: datetime


class SalesforceClient:
    """One connection's calls. Every method raises `SyncError`s."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        self._context = context
        self._access = Access(context.connection_id, context.tokens, "accessToken", self._exchange)
        self._http: VendorClient | None = None
        self._backoff = Backoff()
        self._user_id: tuple[int, str | None] | None = None

    @property
    def calls(self) -> int:
        """How many calls this client has made."""
        return self._http.calls if self._http else 0

    async def get(self, path: str) -> Any:
        """Read a resource and return its JSON."""
        return await read_with_retries(lambda: self._json("GET", path))

    async def read_by_post(self, path: str, body: str) -> Any:
        """Read by a POST that changes nothing and return its JSON."""
        return await read_with_retries(lambda: self._json("POST", path, body, read_only=True))

    async def query(self, soql: str, *, deleted: bool = False) -> QueryPage:
        """Run a query and return its first page (up to 2,000 rows).

        Its locator is not used: it dies with the session (sheet 3.2), so callers go on after the last row instead.
        """

        async def once() -> QueryPage:
            began = time.monotonic()
            response = await self.request("GET", query_path(soql, deleted=deleted))
            body = _json_of(response)
            try:
                rows, done = list(body["records"]), bool(body["done"])
            except (KeyError, TypeError) as error:
                raise unreadable(response) from error
            return QueryPage(rows, done, server_time(response) - timedelta(seconds=time.monotonic() - began))

        return await read_with_retries(once)

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
        """Make one call with a living session; return a success, raise all else.

        A status in `accept` is returned too, unless its body says that it is about the caller and not about a record.
        """
        credentials = await self._access.credentials()
        for _ in range(_TRIES):
            response = await self._send(credentials, method, path, body, headers, read_only)
            if not _refuses_session(response):
                break
            credentials = await self._access.renew(credentials)
        else:
            raise await self._access.expire(credentials, "Salesforce refuses sessions that it has just given")
        await self._note_usage(response)
        if response.is_success or (response.status_code in accept and _of_record(response)):
            self._backoff.reset()
            return response
        error = self._error(response)
        await tell_budget(self._context.budget, error)
        raise error

    async def user_id(self) -> str | None:
        """Return the id of the user whom we write as; None where the vendor does not tell."""
        credentials = await self._access.credentials()
        if self._user_id is None or self._user_id[0] != credentials.generation:
            self._user_id = (credentials.generation, await self._find_user_id(credentials))
        return self._user_id[1]

    async def userinfo(self) -> dict[str, Any]:
        """Ask who we are: `user_id`, `organization_id` (sheet 1.2)."""
        body = await self.get(USERINFO_PATH)
        return body if isinstance(body, dict) else {}

    async def close(self) -> None:
        """Close the network connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _find_user_id(self, credentials: Credentials) -> str | None:
        if credentials.values.get("userId"):
            return credentials.values["userId"]
        notebook, key = self._context.notebook, str(credentials.generation)
        known = (await notebook.get(_USER_TOPIC, [key])).get(key)
        if isinstance(known, str):
            return known
        try:
            found = (await self.userinfo()).get("user_id")
        except Permission:
            return None
        if not isinstance(found, str):
            return None
        await notebook.put(_USER_TOPIC, {key: found})
        return found

    async def _exchange(self, credentials: Credentials) -> Mapping[str, str]:
        return await exchange(self._client(credentials), credentials)

    def _client(self, credentials: Credentials) -> VendorClient:
        url = base_url(credentials.values)
        if self._http is None:
            self._http = VendorClient(self._context.budget, url)
        self._http.allow(url)
        return self._http

    async def _json(self, method: str, path: str, body: str | None = None, *, read_only: bool = False) -> Any:
        return _json_of(await self.request(method, path, body, read_only=read_only))

    async def _send(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        body: str | None,
        headers: Mapping[str, str] | None,
        read_only: bool,
    ) -> httpx.Response:
        sent = {**_HEADERS, **(headers or {}), "Authorization": f"Bearer {credentials.values['accessToken']}"}
        content = body.encode() if body else None
        if content is not None:
            sent["Content-Type"] = "application/json"
        url = base_url(credentials.values) + path
        extensions = dict(READ_ONLY) if read_only else {}
        client = self._client(credentials)
        return await client.request(method, url, content=content, headers=sent, extensions=extensions)

    async def _note_usage(self, response: httpx.Response) -> None:
        usage = _usage(response)
        if usage is not None:
            await self._context.budget.report(used=usage[0], allowed=usage[1])

    def _error(self, response: httpx.Response) -> SyncError:
        failures = failures_of(response)
        first = failures[0] if failures else None
        kind = first.type(response.status_code) if first else type_of_status(response.status_code)
        if kind is not ErrorType.RATE_LIMIT:
            return to_error(response)
        return self._rate_limit(response, first.message if first else "", first.code if first else None)

    def _rate_limit(self, response: httpx.Response, message: str, code: str | None) -> RateLimit:
        """One code stands for a spent day and for too many calls at once (sheet 5), and no header says for how long.

        So the day counts as spent only when the usage header says so; else we come back soon, and later each time.
        """
        text = f"Salesforce limits us: {message or response.status_code}"
        usage = _usage(response)
        if usage is not None and usage[0] >= usage[1]:
            return RateLimit(text, vendor_code=code, retry_after=_QUOTA_SECONDS, quota=True)
        told = retry_after(response.headers)
        if told is None:
            told = random.uniform(2.0, 5.0) if "Concurrent" in message else self._backoff.next()
        return RateLimit(text, vendor_code=code, retry_after=told)


def _usage(response: httpx.Response) -> tuple[int, int] | None:
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    return (int(found[1]), int(found[2])) if found else None


def _refuses_session(response: httpx.Response) -> bool:
    """A 401, or the 403 that the identity service gives instead; not a session that policy forbids (sheet 1.5)."""
    if response.status_code == 401:
        failures = failures_of(response)
        return not (failures and failures[0].wrong_session)
    return response.status_code == 403 and "Bad_OAuth_Token" in response.text


def _of_record(response: httpx.Response) -> bool:
    """An empty 412 is about the record that the call names; else the body decides."""
    failures = failures_of(response)
    return not failures[0].of_connection if failures else response.status_code == 412


def _json_of(response: httpx.Response) -> Any:
    try:
        return parse_json(response.content)
    except ValueError as error:
        raise unreadable(response) from error
