"""Idempotency-Key: a mutating call with the same key is carried out once, and answered alike for 24 hours.

Refusals and failures free the key, because they did nothing: the corrected call may use it again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.problems import Problem
from starter.api import answers
from store.idempotency import Answer, IdempotencyKeys, InFlight, KeyReused

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LONGEST = 255
HEADER = "Idempotency-Key"


class Idempotency:
    """ASGI middleware around the calls that change something."""

    def __init__(self, app: ASGIApp, keys: IdempotencyKeys, finish: Callable[[], Awaitable[None]]) -> None:
        """Take where keys and answers are kept, and what finishes that which a dead process has stored."""
        self._app = app
        self._keys = keys
        self._finish = finish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the call out, or answer as before."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or scope["method"] not in METHODS or scope["path"].startswith("/webhooks/"):
            await self._app(scope, receive, send)
            return
        if not key.strip() or len(key) > LONGEST:
            message = f"must have 1 to {LONGEST} characters"
            await answers.error(422, f"{HEADER} {message}", [Problem(HEADER, message)])(scope, receive, send)
            return
        body = await _read(receive)
        place = f"{scope['method']} {scope['path']}"
        digest = hashlib.sha256(scope["query_string"] + b"\n" + body).hexdigest()
        try:
            known = await self._keys.begin(place, key, digest)
        except (InFlight, KeyReused) as refusal:
            status = 409 if isinstance(refusal, InFlight) else 422
            later = {"Retry-After": "1"} if status == 409 else None
            refused = answers.error(status, refusal.message, [Problem(HEADER, refusal.message)], later)
            await refused(scope, receive, send)
            return
        if known is not None:
            if known.left:
                await self._finish()
            replay = Response(
                known.body, known.status, {"Idempotency-Replayed": "true"}, "application/json" if known.body else None
            )
            await replay(scope, receive, send)
            return
        await self._carry_out(scope, body, send, place, key)

    async def _carry_out(self, scope: Scope, body: bytes, send: Send, place: str, key: str) -> None:
        answer = _Answer(send)
        try:
            async with self._keys.carrying_out(place, key):
                await self._app(scope, _once(body), answer.keep)
        except BaseException:
            await asyncio.shield(self._keys.forget(place, key))
            raise
        if 200 <= answer.status < 300:
            await self._keys.finish(place, key, answer.given())
        else:
            await self._keys.forget(place, key)
        await answer.flush()


class _Answer:
    """Holds an answer back until it is stored, so that nobody has seen an answer that a repetition would not get."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self.status = 500

    async def keep(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._messages.append(message)

    def given(self) -> Answer:
        return Answer(self.status, b"".join(message.get("body", b"") for message in self._messages).decode())

    async def flush(self) -> None:
        for message in self._messages:
            await self._send(message)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(parts)


def _once(body: bytes) -> Receive:
    """A `receive` that gives the body that was read, then waits as a client that stays would."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("never set")

    return receive
