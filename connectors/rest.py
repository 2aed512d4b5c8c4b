"""Calls to a vendor's REST API: a living token, the budget, limits and errors, the same for every vendor.

A connector package derives its client from `RestClient` and says what is the vendor's own: where calls go, what they
carry, how new tokens are got, and what a refusal means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import httpx

from connectors.auth import Access
from connectors.http import READ_ONLY, Backoff, VendorClient, tell_budget
from connectors.protocols import ConnectorContext
from core.errors import SyncError
from core.ports import Credentials


class RestClient(ABC):
    """One connection's calls. Every method raises `SyncError`s.

    `vendor` is its name in messages. A call whose token is refused is made again with a new one, `tries` times in all:
    a dead grant says so by itself, since no new token is given, and new tokens may be refused for a while (one that was
    taken back by another login; NetSuite's calls beyond the account's slots).
    """

    vendor: ClassVar[str]
    tries: ClassVar[int] = 5

    def __init__(
        self,
        context: ConnectorContext,
        *,
        early_seconds: float = 0.0,
        most_wait: float = 60.0,
    ) -> None:
        """Take the connection and its services, how early a token is renewed (0: only when it is refused), and the
        longest wait after a limit that says nothing of its length.
        """
        self.context = context
        self.access = Access(
            context.connection_id, context.tokens, "accessToken", self._exchange, early_seconds=early_seconds
        )
        self.backoff = Backoff(most=most_wait)
        self._http: VendorClient | None = None

    @abstractmethod
    def base_url(self, values: Mapping[str, str]) -> str:
        """Return where calls go, without a slash at the end. Raises `FieldValidation` where that is not told."""

    @abstractmethod
    async def exchange(self, http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
        """Get new tokens, as `connectors.grants` does. Raises `GrantDead` or a `SyncError`."""

    @abstractmethod
    def error(self, response: httpx.Response, path: str) -> SyncError:
        """Return the error of a call that was refused or failed; a spent limit says for how long."""

    def url(self, values: Mapping[str, str], path: str) -> str:
        """Return the whole address of a path."""
        return self.base_url(values) + path

    def headers(self, values: Mapping[str, str], method: str, url: str) -> dict[str, str]:
        """Return what every call carries."""
        return {"Authorization": f"Bearer {values['accessToken']}", "Accept": "application/json"}

    def refuses_token(self, response: httpx.Response) -> bool:
        """Whether the token was refused, so that another one may help."""
        return response.status_code == 401

    def usage(self, response: httpx.Response) -> tuple[int, int] | None:
        """Return how many calls of how many are spent today, where the vendor tells."""
        return None

    def of_record(self, response: httpx.Response) -> bool:
        """Whether a refusal that the caller accepts is about its record, and not about the caller."""
        return True

    @property
    def calls(self) -> int:
        """How many calls this client has made."""
        return self._http.calls if self._http else 0

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
        """Make one call with a living token; return a success, or a status in `accept`; raise all else.

        `read_only` marks a POST that changes nothing.
        """
        credentials = await self.access.credentials()
        for _ in range(self.tries):
            response = await self._send(credentials, method, path, body, headers, read_only)
            if not self.refuses_token(response):
                break
            credentials = await self.access.renew(credentials)
        else:
            raise await self.access.expire(credentials, f"{self.vendor} refuses tokens that it has just given")
        usage = self.usage(response)
        if usage is not None:
            await self.context.budget.report(used=usage[0], allowed=usage[1])
        if response.is_success or (response.status_code in accept and self.of_record(response)):
            self.backoff.reset()
            return response
        error = self.error(response, path)
        await tell_budget(self.context.budget, error)
        raise error

    async def close(self) -> None:
        """Close the network connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _exchange(self, credentials: Credentials) -> Mapping[str, str]:
        return await self.exchange(self._client(credentials), credentials)

    def _client(self, credentials: Credentials) -> VendorClient:
        url = self.base_url(credentials.values)
        if self._http is None:
            self._http = VendorClient(self.context.budget, url)
        self._http.allow(url)
        return self._http

    async def _send(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        body: str | None,
        headers: Mapping[str, str] | None,
        read_only: bool,
    ) -> httpx.Response:
        url = self.url(credentials.values, path)
        sent = {**self.headers(credentials.values, method, url), **(headers or {})}
        content = body.encode() if body else None
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        extensions = dict(READ_ONLY) if read_only else {}
        client = self._client(credentials)
        return await client.request(method, url, content=content, headers=sent, extensions=extensions)
