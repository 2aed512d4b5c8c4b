"""Previews: what a configuration would do, without storing anything."""

from __future__ import annotations

from fastapi import APIRouter, Response

from starter.api import documents
from starter.api.answers import Json
from starter.api.bodies import PreviewMappings
from starter.api.needs import Named, Served
from starter.services import previewing
from starter.services.configuring import exact

router = APIRouter(prefix="/integrations/{integration}", tags=["configuration"])


@router.post("/field-mappings/preview", response_model=documents.MappingPreview)
@router.post("/sync-config/field-mappings/preview", response_model=documents.MappingPreview, include_in_schema=False)
async def preview_field_mappings(body: PreviewMappings, integration: Named, backend: Served) -> Response:
    """Show what mappings make of sample or live records, in both directions; nothing is stored.

    A live record that is linked is shown together with its partner.
    """
    samples = [previewing.Sample(one.side, one.id, exact(one.values)) for one in body.records]
    return Json(await previewing.preview(backend, integration, body.entity, body.mappings, samples))
