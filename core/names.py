"""Names shared by those who start, signal and run workflows: workflow types, ids, signals."""

from __future__ import annotations

from urllib.parse import quote

from core.records import Entity

INTEGRATION_SYNC = "IntegrationSync"
ENTITY_SYNC = "EntitySync"
CONFLICT_RESOLUTION = "ConflictResolution"
WEBHOOK_DELIVERY = "WebhookDelivery"
POLLING = "Polling"

PASS_REQUESTED = "pass_requested"
PASS_FINISHED = "pass_finished"
WAKE = "wake"
CANCEL_RUN = "cancel_run"
RESOLVE = "resolve"
RECONNECTED = "reconnected"

SEARCH_INTEGRATION = "ExternalSyncIntegration"
SEARCH_PROVIDER = "ExternalSyncProvider"
SEARCH_ENTITY = "ExternalSyncEntity"
SEARCH_TRIGGER = "ExternalSyncTrigger"
SEARCH_OUTCOME = "ExternalSyncOutcome"


def entity_sync_id(integration_id: str, entity: Entity) -> str:
    """The id of an entity's single writer (I1)."""
    return f"sync/{integration_id}/{entity.value}"


def run_workflow_id(run_id: str) -> str:
    """The id of a run's workflow."""
    return f"run/{run_id}"


def conflict_workflow_id(integration_id: str, entity: Entity, conflict_id: int) -> str:
    """The id of the wait for a person's decision."""
    return f"conflict/{integration_id}/{entity.value}/{conflict_id}"


def delivery_workflow_id(delivery_id: str) -> str:
    """The id of a webhook delivery."""
    return f"webhook/{delivery_id}"


def workflow_url(ui_url: str, namespace: str, workflow_id: str) -> str:
    """The page of a workflow in Temporal Web."""
    return f"{ui_url}/namespaces/{quote(namespace, safe='')}/workflows/{quote(workflow_id, safe='')}"


def schedule_id(integration_id: str) -> str:
    """The id of an integration's Temporal Schedule."""
    return f"schedule/{integration_id}"


def polling_id(integration_id: str) -> str:
    """The id of the looks between an integration's schedules."""
    return f"poll/{integration_id}"
