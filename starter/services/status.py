"""Where an integration and its records stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from temporalio.service import RPCError

from core.config import IntegrationConfig
from core.errors import NotFound
from core.records import PARENT_OF, Entity, Side
from starter.services.backend import Backend
from starter.services.refusals import Missing, Unavailable
from store import listing, parked, views
from store.budgets import budget_state
from store.connections import ALGUNA
from store.overview import EntityOverview, entity_overview, record_overview
from store.scope import Scope
from store.tables.connections import Integration
from store.tables.runs import Run
from store.types import utc_now

log = structlog.get_logger(__name__)

JsonObject = dict[str, Any]


async def integration_state(backend: Backend, integration: Integration) -> JsonObject:
    """Return the body of `GET …/sync-state`; `nextSyncAt` is Temporal's own, None when it cannot be asked."""
    found = await backend.configs.current(integration.id)
    config = IntegrationConfig.model_validate(found[1]) if found else None
    enabled = config is not None and config.enabled
    overviews: dict[Entity, EntityOverview] = {}
    async with backend.db.session() as session:
        live = await listing.live_runs(session, integration.id)
        last = await listing.last_completed(session, integration.id)
        good = await listing.last_completed(session, integration.id, "completed")
        for entity in config.entities if config else []:
            overviews[entity] = await entity_overview(session, Scope(integration.id, entity))
    current = next((run for run in live if run.status != "queued"), next(iter(live), None))
    return {
        "integration": integration.id,
        "provider": integration.provider,
        "enabled": enabled,
        "status": _status(integration, enabled, current),
        "connection": {
            "alguna": await _connection(backend, ALGUNA),
            "external": await _connection(backend, integration.id),
        },
        "lastSyncAt": views.time(last),
        "lastSuccessfulSyncAt": views.time(good),
        "nextSyncAt": views.time(await _next_sync(backend, integration)) if enabled else None,
        "currentSyncId": current.id if current else None,
        "problem": current.problem if current else None,
        "openErrors": sum(one.open_errors for one in overviews.values()),
        "openConflicts": sum(one.open_conflicts for one in overviews.values()),
        "budget": {
            "alguna": await _budget(backend, ALGUNA),
            "external": await _budget(backend, integration.id),
        },
        "entities": {entity.value: _entity(one) for entity, one in overviews.items()},
    }


def _status(integration: Integration, enabled: bool, current: Run | None) -> str:
    if integration.paused or (current is not None and current.status == "paused"):
        return "paused"
    if current is not None:
        return "running"
    return "idle" if enabled else "disabled"


async def _connection(backend: Backend, connection_id: str) -> str:
    try:
        return (await backend.connections.state(connection_id)).value
    except NotFound:
        return "disconnected"


async def _next_sync(backend: Backend, integration: Integration) -> datetime | None:
    try:
        return await backend.schedules.next_run(integration.id)
    except (RPCError, Unavailable) as error:
        log.info("schedule_not_read", integration=integration.id, reason=str(error))
        return None


async def _budget(backend: Backend, connection_id: str) -> JsonObject | None:
    state = await budget_state(backend.db, connection_id)
    if state is None:
        return None
    return {
        "usedToday": state.used_today,
        "allowedPerDay": state.allowed_per_day,
        "blockedUntil": views.time(state.blocked_until),
    }


def _entity(one: EntityOverview) -> JsonObject:
    moved = [max(cursor.moved_at, one.polled.get(side, cursor.moved_at)) for side, cursor in one.cursors.items()]
    return {
        "linked": one.linked,
        "pending": one.pending,
        "parked": one.parked,
        "openErrors": one.open_errors,
        "openConflicts": one.open_conflicts,
        "drift": one.drift,
        # Writes that were sent, or may have been: each pass finds out about them before it does anything else (I6).
        "unknownOutcomes": {
            "requests": one.unknown.requests,
            "oldestSeconds": round((utc_now() - one.unknown.since).total_seconds(), 3) if one.unknown.since else None,
        },
        "heldDeletions": one.held,
        "restingFields": one.resting_fields,
        # Seconds since the side that was read longest ago was read to its end, by a pass or by a look between
        # schedules; None before both were.
        "maxLag": round((utc_now() - min(moved)).total_seconds(), 3) if len(moved) == len(Side) else None,
        "cursors": {side.value: one.cursors[side].cursor if side in one.cursors else None for side in Side},
    }


async def record_state(backend: Backend, integration: Integration, entity: Entity, record_id: str) -> JsonObject:
    """Return where one record stands, by its Alguna or external id, with its trail. Raises Missing."""
    config = await backend.configs.current(integration.id)
    async with backend.db.session() as session:
        found = await record_overview(session, Scope(integration.id, entity), record_id)
        parent = PARENT_OF.get(entity)
        waits: list[str] = []
        if parent is not None:
            synced = config is None or parent.value in config[1]["entities"]
            scope = Scope(integration.id, parent)
            waits = await parked.reasons_of(session, scope, found.staged, found.link, synced=synced)
    if not found.known:
        raise Missing(f"nothing is known of {entity.value} {record_id} in {integration.id}")
    link = found.link
    sides = {item.side: item.record_id for item in found.staged}
    return {
        "entity": entity.value,
        "algunaId": link.alguna_id if link else sides.get("alguna"),
        "externalId": link.external_id if link else sides.get("external"),
        "status": found.status,
        "lastSyncAt": views.time(link.synced_at) if link else None,
        "link": views.link(link) if link else None,
        "base": views.base(link) if link else {},
        "errors": [views.error(row) for row in found.errors],
        "conflicts": [views.conflict(row) for row in found.conflicts],
        "reason": found.reason or "; ".join(waits) or None,
        "audit": [views.audit(row) for row in found.audit],
    }
