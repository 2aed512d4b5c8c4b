"""Links: which records belong together."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from core.records import Entity
from starter.api import documents
from starter.api.answers import Json, listed
from starter.api.bodies import LinksQuery, SetLink
from starter.api.needs import Caller, Named, Remembered, Served
from starter.services import linking
from store import listing, views
from store.scope import Scope

router = APIRouter(prefix="/integrations/{integration}/links/{entity}", tags=["links"])


@router.get("", response_model=documents.LinkAnswer | documents.Listed[documents.LinkAnswer])
async def get_links(
    entity: Entity, query: Annotated[LinksQuery, Query()], integration: Remembered, backend: Served
) -> Response:
    """Show the link of a record by either id (404 where there is none); without an id list all of the entity."""
    if query.alguna_id is not None or query.external_id is not None:
        found: dict[str, Any] = await linking.show(
            backend, integration, entity, alguna_id=query.alguna_id, external_id=query.external_id
        )
        return Json(found)
    async with backend.db.session() as session:
        part = await listing.list_links(
            session, Scope(integration.id, entity), limit=query.limit, offset=query.offset, status=query.status
        )
    return listed([views.link(row) for row in part.rows], part.total, query.limit)


@router.get("/{alguna_id:path}", response_model=documents.LinkAnswer)
async def get_link(entity: Entity, alguna_id: str, integration: Remembered, backend: Served) -> Response:
    """Show the link of an Alguna record."""
    return Json(await linking.show(backend, integration, entity, alguna_id=alguna_id))


@router.put("/{alguna_id:path}", response_model=documents.LinkAnswer)
async def put_link(
    entity: Entity, alguna_id: str, body: SetLink, integration: Named, backend: Served, caller: Caller
) -> Response:
    """Link an Alguna record with an external one; the next sync merges them."""
    return Json(await linking.put(backend, integration, entity, alguna_id, body.external_id, by=caller))


@router.delete("/{alguna_id:path}", status_code=204)
async def delete_link(entity: Entity, alguna_id: str, integration: Named, backend: Served, caller: Caller) -> Response:
    """Unlink: the two are neither matched nor created again until a person links them."""
    await linking.remove(backend, integration, entity, alguna_id, by=caller)
    return Response(status_code=204)
