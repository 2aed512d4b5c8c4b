"""Calls to NetSuite: SuiteQL, single records, writes; tokens, concurrency and errors, no knowledge of records."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from connectors.failures import object_in, unreadable
from connectors.http import VendorClient, began, read_with_retries, retry_after
from connectors.netsuite.errors import failure_in, to_error
from connectors.netsuite.oauth import account_of, base_url, exchange, signed_header, signs
from connectors.netsuite.spec import QUERY, ROWS, VENDOR
from connectors.netsuite.statements import Statement
from connectors.protocols import ConnectorContext
from connectors.rest import RestClient
from connectors.values import json_text
from core.errors import ErrorType, RateLimit, SyncError
from core.ports import Credentials

_TRANSIENT = {"Prefer": "transient"}
# Names that NetSuite does not know would else be dropped in silence (sheet 4).
_STRICT = {"X-NetSuite-PropertyNameValidation": "error"}
_ABOUT_THE_CALLER = frozenset({ErrorType.RATE_LIMIT, ErrorType.AUTH_EXPIRED, ErrorType.TRANSIENT})
_LANGUAGE = "en-US"


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a query: rows by lower-case column, blanks absent, all values text; `began` is the server's time."""

    rows: list[dict[str, str]]
    more: bool
    began: datetime


class NetSuiteClient(RestClient):
    """One connection's calls. Every method raises `SyncError`s."""

    vendor = VENDOR

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        super().__init__(context, most_wait=30.0)

    async def query(self, statement: Statement) -> Rows:
        """Read one page, up to 1,000 rows."""
        body = json_text({"q": statement.text, "params": list(statement.params)})

        async def once() -> Rows:
            path = f"{QUERY}?limit={ROWS}&offset=0"
            response = await self.request("POST", path, body, headers=_TRANSIENT, read_only=True)
            answer = object_in(VENDOR, response)
            items = answer.get("items")
            if not isinstance(items, list):
                raise unreadable(VENDOR, response)
            rows = [{name: str(value) for name, value in item.items() if name != "links"} for item in items]
            return Rows(rows, bool(answer.get("hasMore")), began(response))

        return await read_with_retries(once)

    async def record(self, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Read one resource; None where there is none."""

        async def once() -> dict[str, Any] | None:
            response = await self.request("GET", path, headers=headers, accept=frozenset({400, 404}))
            if response.is_success:
                return object_in(VENDOR, response)
            if failure_in(response).type is ErrorType.NOT_FOUND:
                return None
            raise to_error(response)

        return await read_with_retries(once)

    async def write(self, method: str, path: str, body: str) -> httpx.Response:
        """Send one write; a refusal that is about the record comes back as it is."""
        return await self.request(method, path, body, headers=_STRICT, accept=frozenset({400, 404}))

    async def account(self) -> str:
        """Return the account id of the credentials in use."""
        return account_of((await self.access.credentials()).values)

    def base_url(self, values: Mapping[str, str]) -> str:
        """Every account has a host of its own."""
        return base_url(values)

    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get a new token; there are no refresh tokens."""
        return await exchange(http, credentials)

    def headers(self, values: Mapping[str, str], method: str, url: str) -> dict[str, str]:
        """A token or a signature; error texts are only understood in English, where the account has it (sheet 8)."""
        more = {"Accept": "application/json", "Accept-Language": values.get("language") or _LANGUAGE}
        if not signs(values):
            return {"Authorization": f"Bearer {values['accessToken']}", **more}
        return {"Authorization": signed_header(values, method, url, secrets.token_hex(12), int(time.time())), **more}

    def of_record(self, response: httpx.Response) -> bool:
        """Limits come as 400 as well (sheet 5)."""
        return failure_in(response).type not in _ABOUT_THE_CALLER

    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a failed call; NetSuite does not say how long its slots stay taken."""
        failure = failure_in(response)
        if failure.type is not ErrorType.RATE_LIMIT:
            return to_error(response)
        told = retry_after(response.headers)
        wait = self.backoff.next() if told is None else told
        return RateLimit(f"{VENDOR} limits us: {failure.detail}", vendor_code=failure.code, retry_after=wait)
