"""Bearer keys: everything is closed except what must be open, so that a new route is closed by itself."""

from __future__ import annotations

import hmac
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from starter.api import answers

_OPEN = re.compile(r"/|/healthz|/readyz|/docs|/docs/oauth2-redirect|/openapi\.json|/webhooks/.+|/oauth/[^/]+/callback")


class BearerAuth:
    """ASGI middleware that answers 401 to calls without the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        """Take the key; an empty one fits nobody."""
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through, or refuse it."""
        if scope["type"] != "http" or _OPEN.fullmatch(scope["path"]) or self._fits(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = answers.error(
            401,
            "a valid key is required: Authorization: Bearer <key>",
            headers={"WWW-Authenticate": 'Bearer realm="external-sync"'},
        )
        await refusal(scope, receive, send)

    def _fits(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode("latin-1", errors="replace")
        # Compared in constant time, so that answers do not tell how much of a key is right.
        same = hmac.compare_digest(given, self._key)
        return scheme.lower() == "bearer" and bool(self._key) and same
