"""Sending signed webhooks to people's URLs (Standard Webhooks), never into our own network.

A URL is checked when it is stored and again at every connection, by the addresses that its name resolves to then: a
name may come to mean another machine later. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpcore
from standardwebhooks import Webhook

from core.errors import FieldValidation, Permission, SyncError, Transient

TIMEOUT_SECONDS = 15.0
_ANSWER_LIMIT = 64 * 1024


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects only to public addresses, to the very address that was checked."""

    def __init__(self, allow_private: bool) -> None:
        self._plain = httpcore.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await resolve(host, port)
        if not self._allow_private:
            refuse_private(host, addresses)
        return await self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


async def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse a URL that events must not go to. Raises FieldValidation with the reason."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise FieldValidation("must be an absolute https:// URL")
    if parts.username or parts.password:
        raise FieldValidation("must not hold a user name or password; deliveries are signed instead")
    if allow_private:
        return
    if parts.scheme != "https":
        raise FieldValidation("must be https:// (http is for development: EXTERNAL_SYNC_WEBHOOK_ALLOW_PRIVATE)")
    try:
        refuse_private(parts.hostname, await resolve(parts.hostname, parts.port or 443))
    except (Permission, Transient) as error:
        raise FieldValidation(error.message) from None


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises Transient where the name is not known."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Transient(f"the name {host!r} is not known") from None
    return [str(address[0]) for *_, address in found]


def refuse_private(host: str, addresses: Sequence[str]) -> None:
    """Raise Permission when one of a host's addresses is not a public one."""
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not mapped.is_global or mapped.is_multicast:
            raise Permission(f"{host!r} leads to {text}, which is not a public address")


def signed_headers(delivery_id: str, at: datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a delivery: one signature per secret, so that both fit while one replaces the other."""
    signatures = [Webhook(secret).sign(delivery_id, at, body) for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": "External-Sync-Webhooks/1",
    }


async def send(url: str, headers: dict[str, str], body: str, *, allow_private: bool) -> int:
    """Make one attempt and return the HTTP status. Raises a SyncError where no answer came."""
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
    async with httpcore.AsyncConnectionPool(network_backend=_GuardedNetwork(allow_private)) as pool:
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                pool.stream(
                    "POST",
                    url,
                    headers=list(headers.items()),
                    content=body.encode(),
                    extensions={"timeout": timeouts},
                ) as reply,
            ):
                await _drain(reply)
                return int(reply.status)
        except SyncError:
            raise
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Transient(f"no answer: {type(error).__name__}") from None


async def _drain(reply: httpcore.Response) -> None:
    """Read what is said, up to a bound: the answer does not matter."""
    seen = 0
    async for piece in reply.aiter_stream():
        seen += len(piece)
        if seen > _ANSWER_LIMIT:
            return
