"""The sync-config and its parts. Each answer carries the version of the whole in `ETag`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from core.config import FieldMappings, FieldResolution, IntegrationConfig, Matching
from starter.api import configurations
from starter.api.answers import Json
from starter.api.bodies import EntityQuery, MatchPreviewQuery
from starter.api.match_documents import MatchPreviewAnswer
from starter.api.needs import Named, Served
from starter.services import configuring
from starter.services.match_preview import match_preview, refuse_other_entity

router = APIRouter(prefix="/integrations/{integration}/sync-config", tags=["configuration"])


Preview = Annotated[bool, Query(description="Check, and tell whom it would touch; store nothing.")]


def _versioned(saved: configuring.Saved) -> Response:
    """The stored part, with whom the change touches where it touches anybody."""
    document = {**saved.document, "affects": saved.affects} if saved.affects else saved.document
    return Json(document, headers={"ETag": f'"{saved.version}"'})


@router.post("", response_model=configurations.StoredConfig)
async def put_config(
    body: configurations.GivenConfig, integration: Named, backend: Served, preview: Preview = False
) -> Response:
    """Create or replace the configuration; the answer shows the mappings that it expands to.

    Mappings, rules and matching of an entity that are not given stay, or come from the provider's templates.
    """
    return _versioned(await configuring.replace(backend, integration, body.plain(), preview=preview))


@router.get("", response_model=IntegrationConfig)
async def get_config(integration: Named, backend: Served) -> Response:
    """Show the stored configuration, as `POST` takes it."""
    version, config = await configuring.stored(backend, integration)
    return _versioned(configuring.Saved(version, configuring.document_of(config), {}))


@router.patch("", response_model=configurations.StoredConfig)
async def patch_config(
    patch: Annotated[dict[str, Any], Body(description="JSON Merge Patch: null restores a default.")],
    integration: Named,
    backend: Served,
    preview: Preview = False,
) -> Response:
    """Change single keys."""
    changes = {key: value for key, value in patch.items() if key != configurations.AFFECTS}
    return _versioned(await configuring.change(backend, integration, changes, preview=preview))


@router.delete("", status_code=204)
async def delete_config(integration: Named, backend: Served) -> Response:
    """Disable the sync; the configuration is kept."""
    await configuring.disable(backend, integration)
    return Response(status_code=204)


@router.put("/field-mappings", response_model=configurations.StoredFieldMappings)
@router.post("/field-mappings", response_model=configurations.StoredFieldMappings)
async def put_field_mappings(
    body: configurations.GivenFieldMappings, integration: Named, backend: Served, preview: Preview = False
) -> Response:
    """Replace one entity's field mappings."""
    return _versioned(await configuring.replace_part(backend, integration, body.plain(), preview=preview))


@router.get("/field-mappings", response_model=FieldMappings)
async def get_field_mappings(query: Annotated[EntityQuery, Query()], integration: Named, backend: Served) -> Response:
    """Show one entity's field mappings, as `PUT` takes them."""
    return Json(await configuring.mappings(backend, integration, query.entity))


@router.put("/field-resolution", response_model=configurations.StoredFieldResolution)
@router.post("/field-resolution", response_model=configurations.StoredFieldResolution)
async def put_field_resolution(
    body: configurations.GivenFieldResolution, integration: Named, backend: Served, preview: Preview = False
) -> Response:
    """Replace one entity's field rules: who wins when a field changed on both sides."""
    return _versioned(await configuring.replace_part(backend, integration, body.plain(), preview=preview))


@router.get("/field-resolution", response_model=FieldResolution)
async def get_field_resolution(query: Annotated[EntityQuery, Query()], integration: Named, backend: Served) -> Response:
    """Show one entity's field rules, as `PUT` takes them."""
    return Json(await configuring.field_rules(backend, integration, query.entity))


@router.put("/matching", response_model=configurations.StoredMatching)
@router.post("/matching", response_model=configurations.StoredMatching)
async def put_matching(
    body: configurations.GivenMatching, integration: Named, backend: Served, preview: Preview = False
) -> Response:
    """Replace one entity's matching: how records without a link find each other."""
    return _versioned(await configuring.replace_part(backend, integration, body.plain(), preview=preview))


@router.get("/matching", response_model=Matching)
async def get_matching(query: Annotated[EntityQuery, Query()], integration: Named, backend: Served) -> Response:
    """Show one entity's matching, as `PUT` takes it."""
    return Json(await configuring.matching(backend, integration, query.entity))


@router.post("/matching/preview", response_model=MatchPreviewAnswer)
async def preview_matching(
    query: Annotated[MatchPreviewQuery, Query()],
    integration: Named,
    backend: Served,
    body: Annotated[Matching | None, Body()] = None,
) -> Response:
    """Try a matching, or the stored one, on both systems' records as they are now. Nothing is stored.

    Both sides are read at each call, up to `records` of each; `limit` and `offset` choose the part of every list.
    """
    entity = refuse_other_entity(query.entity, body)
    shown = {"most": query.records, "limit": query.limit, "offset": query.offset}
    return Json(await match_preview(backend, integration, entity, body, **shown))
