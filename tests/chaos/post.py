"""A post office between vendors and service: it keeps their events, loses some, doubles others, and shuffles."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from starter.api.app import create_app
from starter.services.backend import Backend
from tests.ports import free_port

_TAKEN = "<Ack>true</Ack>"
_NOT_PASSED_ON = frozenset({"host", "content-length"})


@dataclass
class PostOffice:
    """`kept` are deliveries that the vendors believe to have been taken: path, headers and body of each."""

    url: str
    api: httpx.AsyncClient
    keeps: bool = False
    kept: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    lost: int = 0
    delivered: int = 0

    async def take(self, request: Request) -> Response:
        """Take a vendor's delivery: pass it on at once, or keep it."""
        headers = {key: value for key, value in request.headers.items() if key not in _NOT_PASSED_ON}
        letter = (request.url.path, headers, await request.body())
        if self.keeps:
            self.kept.append(letter)
            return Response(_TAKEN)
        reply = await self._pass_on(letter)
        return Response(reply.content, reply.status_code, media_type=reply.headers.get("content-type"))

    async def deliver(self, chance: random.Random) -> None:
        """Deliver what was kept: every fifth is lost, every other comes twice, in any order and several at once."""
        letters, self.kept = self.kept, []
        stays = [letter for letter in letters if chance.random() > 0.2]
        self.lost += len(letters) - len(stays)
        doubled = stays + [letter for letter in stays if chance.random() > 0.5]
        chance.shuffle(doubled)
        for start in range(0, len(doubled), 4):
            replies = await asyncio.gather(*(self._pass_on(letter) for letter in doubled[start : start + 4]))
            assert all(reply.is_success for reply in replies), [reply.text for reply in replies]
        self.delivered += len(doubled)

    async def _pass_on(self, letter: tuple[str, dict[str, str], bytes]) -> httpx.Response:
        path, headers, body = letter
        return await self.api.post(path, headers=headers, content=body)


@asynccontextmanager
async def post_office(backend: Backend) -> AsyncIterator[PostOffice]:
    """The receivers of a service, behind a post office at the service's public address."""
    transport = httpx.ASGITransport(create_app(backend))
    url = backend.settings.public_url
    async with httpx.AsyncClient(transport=transport, base_url=url, timeout=30) as api:
        office = PostOffice(url, api)
        app = Starlette(routes=[Route("/{path:path}", office.take, methods=["POST"])])
        port = httpx.URL(url).port or 80
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve())
        try:
            yield office
        finally:
            server.should_exit = True
            await serving


def public_url() -> str:
    """An address for a post office."""
    return f"http://127.0.0.1:{free_port()}"
