"""A bound on what a call may send, before anything reads it into memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from starter.api import answers

MAX_BODY_BYTES = 1024 * 1024
"""A configuration of all entities takes some 10 KiB; vendors send events in bodies below 1 MiB."""


class _TooLargeError(HTTPException):
    """An HTTPException, because FastAPI takes any other failure of reading a body for a malformed one."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `limit` bytes, whatever its Content-Length says."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        """Take the limit in bytes."""
        self._app = app
        self._limit = limit
        self._detail = f"the body is larger than {limit} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdigit() or int(told) > self._limit:
            await self._refuse(scope, receive, send)
            return
        seen, answered = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise _TooLargeError(413, self._detail)
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLargeError:
            if not answered:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answers.error(413, self._detail, headers={"Connection": "close"})(scope, receive, send)
