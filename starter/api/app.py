"""The FastAPI application: routes, keys, idempotency, one shape of errors."""

from __future__ import annotations

from functools import partial
from importlib import metadata

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware

from runtime.tracing import tracer
from starter.api import errors, openapi, pages
from starter.api.auth import BearerAuth
from starter.api.idempotency import Idempotency
from starter.api.limits import BodyLimit
from starter.api.needs import BEARER, REFUSALS
from starter.api.routes import (
    codec,
    configuration,
    inbox,
    integrations,
    keys,
    links,
    oauth,
    previews,
    receivers,
    schedules,
    syncs,
    system,
    webhooks,
)
from starter.api.tracing import Tracing
from starter.services.backend import Backend
from starter.services.left_behind import start_left

_MODULES = (integrations, configuration, previews, schedules, syncs, inbox, links, keys, oauth, webhooks, codec)
ROUTERS = tuple(module.router for module in _MODULES)
"""The routes that need a key, one router per resource."""

_ABOUT = """Two-way sync between Alguna and external systems.

Every call needs `Authorization: Bearer <key>`. A key has a scope: `read`, `operate` (runs, retries, decisions) or
`admin` (connections, configuration, keys). Mutating calls honour `Idempotency-Key` for 24 hours. Errors are
`{"status", "detail", "errors": [{"field", "message"}]}`; lists are `{"data", "pagination"}` with `limit` and `offset`.
`{integration}` is an integration's id, or its provider's name where there is only one of it.
"""


def create_app(backend: Backend) -> FastAPI:
    """Make the application around a backend; until that is ready, calls that need Temporal answer 503."""
    key, traces = backend.settings.api_key, backend.settings.traces_endpoint
    app = FastAPI(
        title="External Sync",
        version=_version(),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        middleware=[
            *([Middleware(Tracing, tracer=tracer(traces))] if traces else []),
            Middleware(BodyLimit),
            Middleware(BearerAuth, key=key.get_secret_value() if key else "", lookup=backend.api_keys.scope_of),
            Middleware(Idempotency, keys=backend.idempotency, finish=partial(start_left, backend)),
        ],
    )
    app.state.backend = backend
    errors.install(app)
    app.mount(pages.ASSETS, pages.assets())
    app.include_router(system.router)
    app.include_router(system.keyed_router, dependencies=[Depends(BEARER)], responses=REFUSALS)
    app.include_router(oauth.callback_router)
    app.include_router(receivers.router, responses=REFUSALS)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(BEARER)], responses=REFUSALS)
    openapi.install(app)
    return app


def _version() -> str:
    try:
        return metadata.version("external-sync")
    except metadata.PackageNotFoundError:
        return "source"
