"""Where a process can die: every call to a vendor and every transaction of the store is a point that may be the last.

A crash is the death of the process: from that moment nothing of it reaches the store or a vendor, not even what its
`finally` blocks try, until the service is started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from connectors.http import is_read, origin
from sandbox.kit.server import Sandbox
from store.database import Database


class Crash(BaseException):
    """The process is dead. No `except Exception` survives it, as none survives SIGKILL."""


KINDS = ("begin", "commit", "committed", "read", "answer", "write", "reply")
"""Before, in and after a transaction of the store; before and after a call that reads, and one that writes."""


class Points:
    """Counts the points that the service passes and lets it die at the chosen one."""

    def __init__(self) -> None:
        self.dead = False
        self.deaths = 0
        self._kind: str | None = None
        self._left = 0

    def die_at(self, kind: str, number: int) -> None:
        """Let the service die at its n-th point of a kind from now (0: the next)."""
        self._kind, self._left = kind, number

    def reset(self) -> None:
        """The process is started again, or will not die after all."""
        self.dead, self._kind = False, None

    def at(self, name: str) -> None:
        """A place where the process may die."""
        if self.dead:
            raise Crash(name)
        if name != self._kind:
            return
        self._left -= 1
        if self._left < 0:
            self.dead = True
            self.deaths += 1
            raise Crash(name)


class MortalDatabase(Database):
    """The store's database; the process may die before, in and after each transaction."""

    def __init__(self, url: str, points: Points) -> None:
        super().__init__(url)
        self._points = points

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        if self._points.dead:
            raise Crash("session")
        async with super().session() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        # Where SQLite runs in this thread nothing else would let the other tasks of the process have their turn.
        await asyncio.sleep(0)
        self._points.at("begin")
        async with super().transaction() as session:
            yield session
            self._points.at("commit")
        self._points.at("committed")


class Loopback(httpx.AsyncBaseTransport):
    """Carries calls to the sandboxes of this process, without sockets; replies can be lost."""

    def __init__(self, sandboxes: Mapping[str, Sandbox], points: Points) -> None:
        """Take the sandboxes by the base URL that stands for them."""
        self._sandboxes = {origin(url): sandbox for url, sandbox in sandboxes.items()}
        self._points = points

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        reads = is_read(request)
        self._points.at("read" if reads else "write")
        exchange = _Exchange(await request.aread())
        await self._sandboxes[origin(request.url)](exchange.scope(request), exchange.receive, exchange.send)
        self._points.at("answer" if reads else "reply")
        if exchange.cut:
            raise httpx.ReadError("the connection was cut", request=request)
        # As a stream, which the client reads and closes as it does with one from the network.
        body = httpx.ByteStream(bytes(exchange.body))
        return httpx.Response(exchange.status, headers=exchange.headers, stream=body, request=request)


class _Exchange:
    """One call in ASGI's words. It is its own `transport`, so that a sandbox can cut the connection."""

    def __init__(self, content: bytes) -> None:
        self.transport = self
        self.cut = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self._content: bytes | None = content

    def scope(self, request: httpx.Request) -> dict[str, Any]:
        url = request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(key.lower(), value) for key, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": (url.host, url.port),
        }

    def abort(self) -> None:
        self.cut = True

    async def receive(self) -> dict[str, Any]:
        if self._content is None:
            await asyncio.sleep(0)
            return {"type": "http.disconnect"}
        content, self._content = self._content, None
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")
