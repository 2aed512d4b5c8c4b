"""Calls to Alguna: the official SDK for reads (of pages of customers only its types), and stored bytes for writes,
over our own HTTP client.

Writes do not go through the SDK's typed methods, because a stored request must reach the vendor byte for byte as it
was stored, also when it is sent again by a newer SDK: Alguna answers 422 to the same key with another body (sheet
1.3). A test shows that the SDK's own methods produce the same bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
from alguna import AsyncAlguna
from alguna.client import DEFAULT_API_VERSION
from alguna.core.api_error import ApiError
from alguna.core.parse_error import ParsingError
from alguna.types.customer_list_response import CustomerListResponse

from connectors.alguna.customers import parse_customers
from connectors.alguna.errors import Remembered, detail_of, is_remembered, to_error
from connectors.alguna.spec import PAGE_ROWS
from connectors.auth import Access
from connectors.http import Backoff, VendorClient, read_with_retries, tell_budget
from connectors.protocols import ConnectorContext, WriteRequest
from connectors.values import parse_json
from core.errors import FieldValidation, RateLimit, SyncError, Transient
from core.ports import Credentials

T = TypeVar("T")
_TOKEN_KEY = "apiKey"


class AlgunaClient:
    """One connection's calls. Every method raises `SyncError`s."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services."""
        self._context = context
        self._access = Access(context.connection_id, context.tokens, _TOKEN_KEY)
        self._backoff = Backoff()
        self._http: VendorClient | None = None
        self._sdk: AsyncAlguna | None = None
        self._base_url = ""

    @property
    def calls(self) -> int:
        """How many calls this client has made."""
        return self._http.calls if self._http else 0

    async def host(self) -> str:
        """Return the host that the connection calls."""
        return httpx.URL(_base_url(await self._access.credentials())).host

    async def read(self, call: Callable[[AsyncAlguna], Awaitable[T]]) -> T:
        """Make a call that only reads, through the SDK; short blips are ridden out."""
        return await read_with_retries(lambda: self._read_once(call))

    async def customers(self, **query: str | int) -> CustomerListResponse:
        """Read a page of customers; short blips are ridden out."""
        return await self.read(lambda _sdk: self._customers(query))

    async def rows(self, page_of: Callable[[AsyncAlguna, int], Awaitable[Any]]) -> list[Any]:
        """Return all rows of a list; `page_of` calls it at an offset, with `PAGE_ROWS` as its limit."""
        found: list[Any] = []
        while True:
            offset = len(found)
            page = await self.read(lambda sdk, offset=offset: page_of(sdk, offset))  # type: ignore[misc]
            found += page.data or []
            if len(page.data or []) < PAGE_ROWS:
                return found

    async def write(self, request: WriteRequest) -> object:
        """Send exactly the stored bytes under their key and return the answer's JSON.

        Raises `Remembered` for a refusal that was given to an earlier request.
        """
        credentials = await self._access.credentials()
        response = await self._send(request, credentials)
        if response.status_code == 401:
            response = await self._send(request, await self._access.renew(credentials))
        if response.status_code == 401:
            raise await self._access.expire(await self._access.credentials(), "Alguna refuses the API key")
        body = _parsed(response)
        if response.is_success and isinstance(body, dict):
            self._backoff.reset()
            return body
        error = await self._failed(response.status_code, response.headers, body, read=False)
        passing = isinstance(error, Transient | RateLimit)
        raise Remembered(error) if is_remembered(response.headers) and not passing else error

    async def close(self) -> None:
        """Close the network connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _read_once(self, call: Callable[[AsyncAlguna], Awaitable[T]]) -> T:
        credentials = await self._access.credentials()
        try:
            result = await call(self._sdk_for(credentials))
        except ApiError as error:
            if error.status_code == 401:
                # Raises unless another key is stored by now; then the next try is right.
                await self._access.renew(credentials)
                raise Transient(f"Alguna refused a key that was replaced: {detail_of(error.body)}") from error
            raise await self._failed(error.status_code or 0, error.headers, error.body, read=True) from error
        except ParsingError as error:
            raise await self._failed(error.status_code or 0, error.headers, error.body, read=True) from error
        self._backoff.reset()
        return result

    async def _customers(self, query: Mapping[str, str | int]) -> CustomerListResponse:
        credentials = await self._access.credentials()
        url = f"{_base_url(credentials)}/customers"
        response = await self._http_for(credentials).get(url, params=query, headers=_headers(credentials))
        if response.is_success:
            with contextlib.suppress(ValueError):
                return parse_customers(response.content)
        raise ApiError(status_code=response.status_code, headers=dict(response.headers), body=_parsed(response))

    async def _failed(self, status: int, headers: object, body: object, *, read: bool) -> SyncError:
        known = dict(headers) if isinstance(headers, dict | httpx.Headers) else {}
        wait = self._backoff.next() if status == 429 else None
        error = to_error(status, known, body, read=read, wait=wait)
        await tell_budget(self._context.budget, error)
        return error

    async def _send(self, request: WriteRequest, credentials: Credentials) -> httpx.Response:
        headers = {**_headers(credentials), "Content-Type": "application/json", **request.headers}
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        url = f"{_base_url(credentials)}/{request.path}"
        http = self._http_for(credentials)
        return await http.request(request.method, url, content=request.body.encode(), headers=headers)

    def _http_for(self, credentials: Credentials) -> VendorClient:
        url = _base_url(credentials)
        if self._http is None:
            self._http = VendorClient(self._context.budget, url)
        self._http.allow(url)
        return self._http

    def _sdk_for(self, credentials: Credentials) -> AsyncAlguna:
        """The SDK on our HTTP client: no retries, no redirects of its own, and the key asked for at each call."""
        url = _base_url(credentials)
        if self._sdk is None or self._base_url != url:
            self._base_url = url
            self._sdk = AsyncAlguna(
                base_url=url,
                api_key=lambda: "",
                async_token=self._token,
                httpx_client=self._http_for(credentials),
                max_retries=0,
                follow_redirects=False,
            )
        return self._sdk

    async def _token(self) -> str:
        return (await self._access.credentials()).values[_TOKEN_KEY]


def _headers(credentials: Credentials) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {credentials.values[_TOKEN_KEY]}",
        "Alguna-Version": DEFAULT_API_VERSION,
    }


def _base_url(credentials: Credentials) -> str:
    url = credentials.values.get("baseUrl") or "https://api.alguna.io"
    if not url.startswith(("http://", "https://")):
        raise FieldValidation("credentials.baseUrl is not a URL")
    return url.rstrip("/")


def _parsed(response: httpx.Response) -> object:
    try:
        return parse_json(response.content)
    except ValueError:
        return response.text
