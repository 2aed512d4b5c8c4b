"""Our numbers in Prometheus' text form. Temporal's own are served by the worker (EXTERNAL_SYNC_METRICS_ADDRESS)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from starter.services.backend import Backend
from store.measures import Measures, measure
from store.types import utc_now

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ENTITY = ("integration", "entity")


async def text(backend: Backend) -> bytes:
    """Return the page that Prometheus scrapes: no ids of records, no values."""
    async with backend.db.session() as session:
        found = await measure(session)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(found))
    return generate_latest(registry)


class _Found(Collector):
    def __init__(self, found: Measures) -> None:
        self._found = found

    def collect(self) -> Iterable[GaugeMetricFamily]:
        found = self._found
        yield _gauge("runs", "Syncs in the history", ("integration", "trigger", "status"), found.runs)
        yield _gauge("links", "Linked pairs of records", _ENTITY, found.links)
        yield _gauge("open_errors", "Records that could not be synced", (*_ENTITY, "type"), found.errors)
        yield _gauge("open_conflicts", "Conflicts that wait for a person", _ENTITY, found.conflicts)
        yield _gauge("staged_records", "Records read that wait for their turn", (*_ENTITY, "state"), found.staged)
        yield _gauge("inbox", "Records that are to be looked at again", _ENTITY, found.inbox)
        open_requests = found.open_requests
        yield _gauge("open_requests", "Writes without a known outcome", (*_ENTITY, "side"), open_requests)
        yield _gauge("webhook_deliveries", "Outgoing webhooks", ("event", "status"), found.deliveries)
        calls = found.calls_today
        yield _gauge("api_calls_today", "Calls to a system since midnight UTC", ("connection",), calls)
        up = {labels: int(state == "connected") for labels, state in found.connections.items()}
        yield _gauge("connected", "Whether a connection's credentials work", ("connection",), up)
        yield _gauge("read_age_seconds", "Since a side was read to its end", (*_ENTITY, "side"), _ages(found.read_at))
        yield _gauge(
            "success_age_seconds", "Since a sync completed without errors", ("integration",), _ages(found.completed_at)
        )


def _gauge(
    name: str, help_text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"external_sync_{name}", help_text, labels=labels)
    for given, value in sorted(values.items()):
        family.add_metric(list(given), value)
    return family


def _ages(times: Mapping[tuple[str, ...], datetime]) -> dict[tuple[str, ...], float]:
    now = utc_now()
    return {labels: round((now - at).total_seconds(), 3) for labels, at in times.items()}
