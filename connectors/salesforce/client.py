"""Calls to Salesforce's REST API: session, limits and errors; no knowledge of records."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from connectors.failures import json_in, unreadable
from connectors.http import VendorClient, began, read_with_retries, retry_after
from connectors.protocols import ConnectorContext
from connectors.rest import RestClient
from connectors.salesforce.errors import failures_of, to_error, type_of_status
from connectors.salesforce.oauth import base_url, exchange, saves_duplicates
from connectors.salesforce.soql import query_path
from connectors.salesforce.spec import USERINFO_PATH, VENDOR
from core.errors import ErrorType, Permission, RateLimit, SyncError
from core.ports import Credentials

_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_QUOTA_SECONDS = 600.0
_USER_TOPIC = "salesforce.user"
# Change events of our own writes carry this name (sheet 7.5).
_OPTIONS = {"Sforce-Call-Options": "client=external-sync"}
_SAVE_DUPLICATES = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


@dataclass(frozen=True, slots=True)
class QueryPage:
    """One answer to a query. `started` is the server's time when it began to answer, or a little before."""

    rows: list[dict[str, Any]]
    done: bool
    started: datetime


class SalesforceClient(RestClient):
    """One connection's calls. Every method raises `SyncError`s."""

    vendor = VENDOR

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        super().__init__(context)
        self._user_id: tuple[int, str | None] | None = None

    async def get(self, path: str) -> Any:
        """Read a resource and return its JSON."""
        return await read_with_retries(lambda: self._json("GET", path))

    async def read_by_post(self, path: str, body: str) -> Any:
        """Read by a POST that changes nothing and return its JSON."""
        return await read_with_retries(lambda: self._json("POST", path, body))

    async def query(self, soql: str, *, deleted: bool = False) -> QueryPage:
        """Run a query and return its first page (up to 2,000 rows).

        Its locator is not used: it dies with the session (sheet 3.2), so callers go on after the last row instead.
        """

        async def once() -> QueryPage:
            response = await self.request("GET", query_path(soql, deleted=deleted))
            body = json_in(VENDOR, response)
            try:
                rows, done = list(body["records"]), bool(body["done"])
            except (KeyError, TypeError) as error:
                raise unreadable(VENDOR, response) from error
            return QueryPage(rows, done, began(response))

        return await read_with_retries(once)

    async def user_id(self) -> str | None:
        """Return the id of the user whom we write as; None where the vendor does not tell."""
        credentials = await self.access.credentials()
        if self._user_id is None or self._user_id[0] != credentials.generation:
            self._user_id = (credentials.generation, await self._find_user_id(credentials))
        return self._user_id[1]

    async def userinfo(self) -> dict[str, Any]:
        """Ask who we are: `user_id`, `organization_id` (sheet 1.2)."""
        body = await self.get(USERINFO_PATH)
        return body if isinstance(body, dict) else {}

    def base_url(self, values: Mapping[str, str]) -> str:
        """The org's own instance."""
        return base_url(values)

    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get a new session."""
        return await exchange(http, credentials)

    def headers(self, values: Mapping[str, str], method: str, url: str) -> dict[str, str]:
        """Our name, by which change events tell our own writes; with it what duplicate rules shall do."""
        duplicates = _SAVE_DUPLICATES if saves_duplicates(values) else {}
        return super().headers(values, method, url) | _OPTIONS | duplicates

    def refuses_token(self, response: httpx.Response) -> bool:
        """A 401, or the 403 that the identity service gives instead; not a session that policy forbids (sheet 1.5)."""
        if response.status_code == 401:
            failures = failures_of(response)
            return not (failures and failures[0].wrong_session)
        return response.status_code == 403 and "Bad_OAuth_Token" in response.text

    def usage(self, response: httpx.Response) -> tuple[int, int] | None:
        """What every answer tells of the day (sheet 5)."""
        found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        return (int(found[1]), int(found[2])) if found else None

    def of_record(self, response: httpx.Response) -> bool:
        """An empty 412 is about the record that the call names; else the body decides."""
        failures = failures_of(response)
        return not failures[0].of_connection if failures else response.status_code == 412

    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a failed call."""
        failures = failures_of(response)
        first = failures[0] if failures else None
        kind = first.type(response.status_code) if first else type_of_status(response.status_code)
        if kind is not ErrorType.RATE_LIMIT:
            return to_error(response)
        return self._rate_limit(response, first.message if first else "", first.code if first else None)

    async def _find_user_id(self, credentials: Credentials) -> str | None:
        if credentials.values.get("userId"):
            return credentials.values["userId"]
        notebook, key = self.context.notebook, str(credentials.generation)
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

    async def _json(self, method: str, path: str, body: str | None = None) -> Any:
        return json_in(VENDOR, await self.request(method, path, body, read_only=True))

    def _rate_limit(self, response: httpx.Response, message: str, code: str | None) -> RateLimit:
        """One code stands for a spent day and for too many calls at once (sheet 5), and no header says for how long.

        So the day counts as spent only when the usage header says so; else we come back soon, and later each time.
        """
        text = f"Salesforce limits us: {message or response.status_code}"
        usage = self.usage(response)
        if usage is not None and usage[0] >= usage[1]:
            return RateLimit(text, vendor_code=code, retry_after=_QUOTA_SECONDS, quota=True)
        told = retry_after(response.headers)
        if told is None:
            told = random.uniform(2.0, 5.0) if "Concurrent" in message else self.backoff.next()
        return RateLimit(text, vendor_code=code, retry_after=told)
