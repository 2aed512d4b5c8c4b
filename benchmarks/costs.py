"""What a run costs: Temporal actions (the unit that Temporal Cloud bills), activities, events, and vendor calls."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import httpx
from temporalio.client import Client

SETTLE_SECONDS = 1.5
_ACTION = re.compile(r'^action\{.*namespace="default".*\} (\d+(?:\.\d+)?(?:e\+\d+)?)$', re.MULTILINE)


async def actions(http: httpx.AsyncClient, metrics_url: str) -> int:
    """The actions that the server has counted in the `default` namespace since it started (its metric `action`).

    The server shows its counters about once a second, so this waits until two looks that far apart agree.
    """
    seen = -1
    while True:
        reply = await http.get(metrics_url)
        reply.raise_for_status()
        known, seen = seen, round(sum(float(value) for value in _ACTION.findall(reply.text)))
        if seen == known:
            return seen
        await asyncio.sleep(SETTLE_SECONDS)


@dataclass(frozen=True, slots=True)
class HistoryCost:
    """What workflows left in Temporal: activities by name, events, and the size of the largest history in bytes."""

    activities: Counter[str]
    events: int
    largest_bytes: int


async def histories(client: Client, workflow_ids: Collection[tuple[str, str | None]]) -> HistoryCost:
    """Add up the histories of workflow runs, given as (workflow id, run id; None: the newest)."""
    started: Counter[str] = Counter()
    events, largest = 0, 0
    for workflow_id, run_id in workflow_ids:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        events += len(history.events)
        largest = max(largest, sum(event.ByteSize() for event in history.events))
        for event in history.events:
            if event.HasField("activity_task_scheduled_event_attributes"):
                started[event.activity_task_scheduled_event_attributes.activity_type.name] += 1
    return HistoryCost(started, events, largest)


def calls_by_kind(calls: Collection[dict[str, Any]]) -> Counter[str]:
    """Vendor calls by method and path, ids left out."""
    return Counter(f"{call['method']} {call['path'].split('?')[0]}" for call in calls)
