"""A span for each call of the API, where traces are on: its route, never its path, which may hold ids and tokens."""

from __future__ import annotations

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNWATCHED = ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


class Tracing:
    """ASGI middleware; what a call starts in Temporal becomes part of its trace."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        """Take the tracer."""
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the call out within a span."""
        if scope["type"] != "http" or scope["path"].startswith(_UNWATCHED):
            await self._app(scope, receive, send)
            return
        answered = 500

        async def noting(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = message["status"]
            await send(message)

        parent = extract(dict(Headers(scope=scope)))
        with self._tracer.start_as_current_span(scope["method"], parent, SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, noting)
            finally:
                route = getattr(scope.get("route"), "path_format", None)
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.response.status_code", answered)
                if route:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                if answered >= 500:
                    span.set_status(StatusCode.ERROR)
