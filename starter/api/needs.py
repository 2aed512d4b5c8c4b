"""What routes need: the backend, and the integration that the path names."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from starter.api.answers import ErrorBody
from starter.services import connecting
from starter.services.backend import Backend
from store.tables.connections import Integration

# Only tells the OpenAPI document; the check itself is `starter.api.auth`, which covers every path.
BEARER = HTTPBearer(auto_error=False, scheme_name="API key")

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": description}
    for status, description in {
        400: "Cannot be read",
        401: "Without a valid key",
        403: "The key's scope is too narrow",
        404: "No such thing",
        413: "The body is too large",
        409: "Does not fit where things stand",
        422: "Names what to put right",
        503: "Something needed cannot be reached now",
    }.items()
}


def backend_of(request: Request) -> Backend:
    """Return the backend of the app."""
    backend: Backend = request.app.state.backend
    return backend


Served = Annotated[Backend, Depends(backend_of)]


async def _named(integration: str, backend: Served) -> Integration:
    return await connecting.find(backend, integration)


async def _remembered(integration: str, backend: Served) -> Integration:
    return await connecting.find(backend, integration, deleted=True)


Named = Annotated[Integration, Depends(_named)]
"""A live integration, by id, or by provider name where it has only one."""

Remembered = Annotated[Integration, Depends(_remembered)]
"""As `Named`, but a deleted one is found by its id too, because its history stays."""


async def _caller(request: Request, backend: Served) -> str:
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    return await backend.api_keys.name_of(token) or "the settings' key"


Caller = Annotated[str, Depends(_caller)]
"""Who calls: the name of the key, for what must be remembered of a person's decision."""
