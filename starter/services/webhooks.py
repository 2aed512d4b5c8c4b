"""Webhook endpoints as calls see them: checked, made, rotated; deliveries sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.contracts import DeliveryRef
from connectors.webhook_sender import check_url
from core import names
from core.errors import FieldValidation
from starter.services import connecting
from starter.services.backend import Backend
from starter.services.refusals import Clash, invalid
from store.tables.webhooks import WebhookDelivery, WebhookEndpoint
from store.views import time


async def create(backend: Backend, url: str, events: Sequence[str], integration: str | None) -> dict[str, Any]:
    """Store an endpoint and return it with its secret, this once. Raises Invalid, NotFound."""
    try:
        await check_url(url, allow_private=backend.settings.webhook_allow_private)
    except FieldValidation as error:
        raise invalid("url", error.message) from None
    found = await connecting.find(backend, integration) if integration is not None else None
    row, secret = await backend.services.webhooks.create(url, sorted(set(events)), found.id if found else None)
    return {**view(row), "secret": secret}


async def redeliver(backend: Backend, endpoint_id: str, delivery_id: str) -> dict[str, Any]:
    """Send a delivery again, under its own id. Raises NotFound, Clash for a disabled endpoint, Unavailable."""
    backend.require_temporal()
    endpoint = await backend.services.webhooks.get(endpoint_id)
    if endpoint.disabled_at is not None:
        raise Clash(f"{endpoint_id} is disabled; POST /webhook-endpoints/{endpoint_id}/enable first")
    row = await backend.services.webhooks.again(endpoint_id, delivery_id)
    await backend.temporal.start_workflow(
        names.WEBHOOK_DELIVERY,
        DeliveryRef(delivery_id=delivery_id),
        id=names.delivery_workflow_id(delivery_id),
        task_queue=backend.settings.task_queue,
        # One that waits for its next attempt starts anew at once.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        static_summary=f"delivery {delivery_id}, again",
    )
    return delivery(row)


def view(row: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint as it may be shown."""
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events,
        "integration": row.integration_id,
        "enabled": row.disabled_at is None,
        "disabledAt": time(row.disabled_at),
        "disabledReason": row.disabled_reason,
        "lastDeliveredAt": time(row.delivered_at),
        "createdAt": time(row.created_at),
    }


def delivery(row: WebhookDelivery) -> dict[str, Any]:
    """A delivery as it may be shown; its body is what was sent."""
    return {
        "id": row.id,
        "event": row.event,
        "status": row.status,
        "attempts": row.attempts,
        "responseStatus": row.response_status,
        "error": row.error,
        "createdAt": time(row.created_at),
        "attemptedAt": time(row.attempted_at),
        "nextAttemptAt": time(row.next_attempt_at),
        "body": row.body,
    }
