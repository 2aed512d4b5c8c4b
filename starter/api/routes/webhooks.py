"""Endpoints of outgoing webhooks, and the log of what was delivered to them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from starter.api import documents
from starter.api.answers import Json, listed
from starter.api.bodies import ListQuery, NewWebhookEndpoint
from starter.api.needs import Served
from starter.api.service_documents import (
    DeliveryAnswer,
    NewSecretAnswer,
    NewWebhookEndpointAnswer,
    WebhookEndpointAnswer,
)
from starter.services import webhooks

router = APIRouter(prefix="/webhook-endpoints", tags=["webhooks"])


@router.post("", status_code=201, response_model=NewWebhookEndpointAnswer)
async def create_endpoint(body: NewWebhookEndpoint, backend: Served) -> Response:
    """Send events to a URL, signed as Standard Webhooks say. The secret shows in this answer only."""
    return Json(await webhooks.create(backend, body.url, body.events, body.integration), 201)


@router.get("", response_model=documents.Listed[WebhookEndpointAnswer])
async def list_endpoints(query: Annotated[ListQuery, Query()], backend: Served) -> Response:
    """List the endpoints, without their secrets."""
    rows, total = await backend.services.webhooks.list(limit=query.limit, offset=query.offset)
    return listed([webhooks.view(row) for row in rows], total, query.limit)


@router.get("/{endpoint}", response_model=WebhookEndpointAnswer)
async def get_endpoint(endpoint: str, backend: Served) -> Response:
    """Show an endpoint; a disabled one says why."""
    return Json(webhooks.view(await backend.services.webhooks.get(endpoint)))


@router.delete("/{endpoint}", status_code=204)
async def delete_endpoint(endpoint: str, backend: Served) -> Response:
    """Forget an endpoint with its deliveries."""
    await backend.services.webhooks.delete(endpoint)
    return Response(status_code=204)


@router.post("/{endpoint}/rotate-secret", response_model=NewSecretAnswer)
async def rotate_secret(endpoint: str, backend: Served) -> Response:
    """Give an endpoint a new secret; for 24 hours deliveries carry the signatures of both."""
    return Json({"id": endpoint, "secret": await backend.services.webhooks.rotate(endpoint)})


@router.post("/{endpoint}/enable", response_model=WebhookEndpointAnswer)
async def enable_endpoint(endpoint: str, backend: Served) -> Response:
    """Let an endpoint that was disabled after long failure have events again."""
    return Json(webhooks.view(await backend.services.webhooks.enable(endpoint)))


@router.get("/{endpoint}/deliveries", response_model=documents.Listed[DeliveryAnswer])
async def list_deliveries(endpoint: str, query: Annotated[ListQuery, Query()], backend: Served) -> Response:
    """List what was sent to an endpoint, newest first."""
    rows, total = await backend.services.webhooks.deliveries(endpoint, limit=query.limit, offset=query.offset)
    return listed([webhooks.delivery(row) for row in rows], total, query.limit)


@router.post("/{endpoint}/deliveries/{delivery}/redeliver", status_code=202, response_model=DeliveryAnswer)
async def redeliver(endpoint: str, delivery: str, backend: Served) -> Response:
    """Send a delivery again, under the same id."""
    return Json(await webhooks.redeliver(backend, endpoint, delivery), 202)
