"""An integration's Schedule as calls see and steer it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.config import IntegrationConfig
from starter.services.backend import Backend
from starter.services.refusals import Missing
from store.tables.connections import Integration
from store.views import time

_NEXT = 5


async def show(backend: Backend, integration: Integration) -> dict[str, Any]:
    """Return the Schedule. Raises Missing where there is none, Unavailable."""
    described = await backend.schedules.describe(integration.id)
    found = await backend.configs.current(integration.id)
    if described is None or found is None:
        raise _none(integration)
    config, state = IntegrationConfig.model_validate(found[1]), described.schedule.state
    return {
        "cron": config.schedule,
        "timezone": config.timezone,
        "paused": state.paused,
        "note": state.note if state.paused else None,
        "nextRuns": [] if state.paused else [time(at) for at in described.info.next_action_times[:_NEXT]],
        "recentRuns": [time(one.started_at) for one in described.info.recent_actions],
        "skipped": described.info.num_actions_skipped_overlap,
        "missed": described.info.num_actions_missed_catchup_window,
    }


async def pause(backend: Backend, integration: Integration, note: str) -> dict[str, Any]:
    """Rest the Schedule alone, with a note; running passes go on. Raises Missing."""
    return await _steered(backend, integration, await backend.schedules.pause(integration.id, note))


async def resume(backend: Backend, integration: Integration) -> dict[str, Any]:
    """Let the Schedule go on. Raises Missing."""
    return await _steered(backend, integration, await backend.schedules.resume(integration.id))


async def trigger(backend: Backend, integration: Integration) -> dict[str, Any]:
    """Start its run now. Raises Missing."""
    return await _steered(backend, integration, await backend.schedules.trigger(integration.id))


async def backfill(backend: Backend, integration: Integration, begin: datetime, end: datetime) -> dict[str, Any]:
    """Start the runs of a time that has passed. Raises Missing."""
    return await _steered(backend, integration, await backend.schedules.backfill(integration.id, begin, end))


async def _steered(backend: Backend, integration: Integration, there: bool) -> dict[str, Any]:
    if not there:
        raise _none(integration)
    return await show(backend, integration)


def _none(integration: Integration) -> Missing:
    return Missing(f"{integration.id} has no schedule; set `schedule` in its sync-config")
