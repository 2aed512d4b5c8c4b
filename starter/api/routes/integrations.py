"""Integrations: connect, list, disconnect, reconnect, pause, resume; the schema of both sides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from starter.api import documents
from starter.api.answers import Json, listed
from starter.api.bodies import Erase, ListQuery, NewIntegration, Reconnect, SchemaQuery, WebhookSecret
from starter.api.needs import Named, Served
from starter.api.service_documents import ConsentAnswer, Erased, ReceiverAnswer
from starter.services import connecting, consenting, linking, receiving, running, systems
from starter.services.refusals import invalid

router = APIRouter(prefix="/integrations", tags=["integrations"])


@router.post("", status_code=201, response_model=documents.IntegrationAnswer)
async def connect(body: NewIntegration, backend: Served) -> Response:
    """Connect a provider account. The credentials are checked by a call before they are stored."""
    made = await connecting.create(backend, body.id, body.provider, body.credentials, body.webhook_secret)
    return Json(made, 201)


@router.get("", response_model=documents.Listed[documents.IntegrationAnswer])
async def list_integrations(query: Annotated[ListQuery, Query()], backend: Served) -> Response:
    """List the integrations."""
    rows, total = await connecting.show_all(backend, limit=query.limit, offset=query.offset)
    return listed(rows, total, query.limit)


@router.post("/alguna/reconnect", response_model=documents.Reconnected)
async def reconnect_alguna(body: Reconnect, backend: Served) -> Response:
    """Replace the credentials of Alguna's own connection; passes that wait for them go on."""
    if body.authorization_url:
        raise invalid("authorizationUrl", "Alguna is connected by an API key; send credentials")
    if body.credentials is None:
        raise invalid("credentials", "is required")
    return Json(await connecting.reconnect_alguna(backend, body.credentials))


@router.get("/{integration}", response_model=documents.IntegrationAnswer)
async def get_integration(integration: Named, backend: Served) -> Response:
    """Show one integration."""
    return Json(await connecting.show(backend, integration))


@router.delete("/{integration}", status_code=204)
async def disconnect(integration: Named, backend: Served) -> Response:
    """Disconnect: schedule and credentials are gone, links and history stay."""
    await connecting.disconnect(backend, integration)
    return Response(status_code=204)


@router.post("/{integration}/reconnect", response_model=documents.Reconnected | ConsentAnswer)
async def reconnect(body: Reconnect, integration: Named, backend: Served) -> Response:
    """Replace the credentials by others of the same account; passes that wait for them go on.

    With `authorizationUrl` true the answer says where a person allows the connection anew.
    """
    if body.authorization_url:
        return Json(await consenting.begin_again(backend, integration, body.credentials, body.redirect_uri))
    if body.credentials is None:
        raise invalid("credentials", "is required")
    return Json(await connecting.reconnect(backend, integration, body.credentials))


@router.post("/{integration}/erasure", response_model=Erased)
async def erase(body: Erase, integration: Named, backend: Served) -> Response:
    """Forget all values of one record here: its history, errors, conflicts and trail; the link becomes a tombstone.

    Delete the record in both systems first, or the next sync reads it again.
    """
    return Json(await linking.erase(backend, integration, body.entity, body.record_id))


@router.post("/{integration}/webhook-secret", response_model=ReceiverAnswer)
async def set_webhook_secret(body: WebhookSecret, integration: Named, backend: Served) -> Response:
    """Set the secret that checks the provider's events, and show the URL to give to the provider."""
    return Json(await receiving.set_secret(backend, integration, body.secret))


@router.post("/{integration}/pause", response_model=documents.IntegrationAnswer)
async def pause(integration: Named, backend: Served) -> Response:
    """Pause the schedule and the running passes, until `resume`."""
    await running.set_paused(backend, integration, True)
    return Json(await connecting.show(backend, await connecting.find(backend, integration.id)))


@router.post("/{integration}/resume", response_model=documents.IntegrationAnswer)
async def resume(integration: Named, backend: Served) -> Response:
    """Let a paused integration go on."""
    await running.set_paused(backend, integration, False)
    return Json(await connecting.show(backend, await connecting.find(backend, integration.id)))


@router.get("/{integration}/schema", response_model=documents.SchemaAnswer)
async def get_schema(query: Annotated[SchemaQuery, Query()], integration: Named, backend: Served) -> Response:
    """Show the fields of an entity as both systems have them now."""
    return Json(await systems.schema(backend, integration, query.entity, refresh=query.refresh))
