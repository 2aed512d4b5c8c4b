"""Keys of the API: made, listed, revoked. All of it needs the scope `admin`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.access import AccessScope
from starter.api import documents, service_documents
from starter.api.answers import Json, listed
from starter.api.bodies import ListQuery, NewKey
from starter.api.needs import Served
from starter.services import keys

router = APIRouter(prefix="/keys", tags=["keys"])


@router.post("", status_code=201, response_model=service_documents.NewKeyAnswer)
async def create_key(body: NewKey, backend: Served) -> Response:
    """Make a key. The answer is the only place where it ever shows."""
    return Json(await keys.create(backend, body.name, AccessScope.of(body.scope)), 201)


@router.get("", response_model=documents.Listed[service_documents.KeyAnswer])
async def list_keys(query: Annotated[ListQuery, Query()], backend: Served) -> Response:
    """List the keys, without their secrets; revoked ones stay in the list."""
    rows, total = await keys.some(backend, limit=query.limit, offset=query.offset)
    return listed(rows, total, query.limit)


@router.delete("/{key}", response_model=service_documents.KeyAnswer)
async def revoke_key(key: str, backend: Served) -> Response:
    """Revoke a key, by id or name. It stops working at once."""
    return Json(keys.view(await backend.api_keys.revoke(key)))
