"""Bearer keys: everything is closed except what must be open, and a new route needs the widest scope by itself."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.access import AccessScope
from starter.api import answers

_OPEN = re.compile(r"/|/healthz|/readyz|/docs|/docs/assets/[a-z.-]+|/openapi\.json|/webhooks/.+|/oauth/[^/]+/callback")
_ADMIN_READS = re.compile(r"/keys")
_READS = re.compile(r"/codec/decode|/integrations/[^/]+/(sync-config/)?[^/]+/preview")
_OPERATES = re.compile(
    r"/webhook-endpoints/[^/]+/deliveries/[^/]+/redeliver"
    r"|/integrations/[^/]+/(sync|schedule/[a-z]+|pause|resume|links/.+|sync-history/[^/]+/cancel"
    r"|(sync-errors|conflicts|deletions)(/[^/]+)?/[a-z]+)"
)

KeyLookup = Callable[[str], Awaitable[AccessScope | None]]


def needed(method: str, path: str) -> AccessScope:
    """Return the scope that a call needs."""
    if method in ("GET", "HEAD") and not _ADMIN_READS.fullmatch(path):
        return AccessScope.READ
    if method == "POST" and _READS.fullmatch(path):
        return AccessScope.READ
    return AccessScope.OPERATE if _OPERATES.fullmatch(path) else AccessScope.ADMIN


class BearerAuth:
    """ASGI middleware that answers 401 to calls without a key and 403 to those whose key may not do this."""

    def __init__(self, app: ASGIApp, key: str, lookup: KeyLookup) -> None:
        """Take the settings' admin key (an empty one fits nobody) and what finds the scope of the others."""
        self._app = app
        self._key = key.encode()
        self._lookup = lookup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through, or refuse it."""
        if scope["type"] != "http" or _OPEN.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        granted = await self._granted(Headers(scope=scope))
        wanted = needed(scope["method"], scope["path"])
        if granted is None:
            refusal = answers.error(
                401,
                "a valid key is required: Authorization: Bearer <key>",
                headers={"WWW-Authenticate": 'Bearer realm="external-sync"'},
            )
            await refusal(scope, receive, send)
        elif granted < wanted:
            detail = f"this needs a key with the scope `{wanted.word}`; the one given has `{granted.word}`"
            await answers.error(403, detail)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _granted(self, headers: Headers) -> AccessScope | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        # Compared in constant time, so that answers do not tell how much of a key is right.
        if self._key and hmac.compare_digest(token.encode("latin-1", errors="replace"), self._key):
            return AccessScope.ADMIN
        return await self._lookup(token)
