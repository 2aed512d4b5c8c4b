"""Looking for what is wrong with an installation, and saying how to mend each thing. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from connectors.protocols import Connector
from connectors.registry import ALGUNA
from core.config import IntegrationConfig
from core.errors import NotFound, SyncError
from core.records import Side
from runtime.temporal import missing_search_attributes
from starter.services.backend import Backend
from starter.services.refusals import Refused, Unavailable
from starter.services.systems import connected
from store.crypto import VaultError
from store.migrations.runner import UnknownSchema
from store.rekey import survey
from store.tables.connections import Integration

SKEW_SECONDS = 60.0
_SECONDS = 20.0
State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do, where something is to be done."""

    check: str
    state: State
    detail: str
    mend: str | None = None


async def examine(backend: Backend) -> dict[str, Any]:
    """Look at everything; return {"state", "findings"}, the state being the worst found."""
    findings = [one async for one in _all(backend)]
    worst = max((one.state for one in findings), key=["ok", "warning", "failed"].index)
    return {"state": worst, "findings": [asdict(one) for one in findings]}


async def _all(backend: Backend) -> AsyncIterator[Finding]:
    checks = await backend.readiness()
    fine = checks["database"] == "ok"
    yield Finding(
        "database",
        "ok" if fine else "failed",
        "answers" if fine else checks["database"],
        None if fine else "check EXTERNAL_SYNC_DATABASE_URL and that the database runs; then restart the API",
    )
    if not fine:
        return
    yield await _migrations(backend)
    yield await _keys(backend)
    yield await _temporal(backend, checks["temporal"])
    if checks["temporal"] == "ok":
        yield await _search_attributes(backend)
        yield await _workers(backend)
    yield await _address(backend)
    rows = await backend.connections.list_integrations()
    if not rows:
        yield Finding("integrations", "warning", "there is none yet", "external-sync connect PROVIDER")
    for row in rows:
        async for finding in _integration(backend, row):
            yield finding


async def _migrations(backend: Backend) -> Finding:
    try:
        behind = await backend.db.pending_migrations()
    except UnknownSchema as error:
        return Finding("migrations", "failed", str(error), "run the version that made it, in all processes")
    if not behind:
        return Finding("migrations", "ok", "the schema is the newest")
    return Finding("migrations", "failed", f"not applied: {', '.join(behind)}", "restart the API or a worker")


async def _keys(backend: Backend) -> Finding:
    found = await survey(backend.db, backend.vault)
    if found.lost:
        mend = "put the missing key back into EXTERNAL_SYNC_ENCRYPTION_KEYS, or reconnect what it was stored for"
        return Finding("encryption keys", "failed", f"{found.lost} secrets cannot be read by any key", mend)
    if found.old:
        detail = f"{found.old} of {found.old + found.newest} secrets are written with an old key"
        return Finding("encryption keys", "warning", detail, "restart the API: it writes them with the newest key")
    return Finding("encryption keys", "ok", f"{found.newest} secrets, all written with the newest key")


async def _temporal(backend: Backend, state: str) -> Finding:
    if state == "ok":
        return Finding("temporal", "ok", f"serves the namespace {backend.temporal.namespace}")
    mend = "start Temporal and check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; `external-sync dev` runs one"
    return Finding("temporal", "failed", state, mend)


async def _search_attributes(backend: Backend) -> Finding:
    try:
        missing = await missing_search_attributes(backend.temporal)
    except RPCError as error:
        return Finding("search attributes", "warning", f"cannot be listed: {error.status.name}")
    if not missing:
        return Finding("search attributes", "ok", "registered")
    mend = f"temporal operator search-attribute create --type Keyword --name {' --name '.join(missing)}"
    return Finding("search attributes", "failed", f"not registered: {', '.join(missing)}", mend)


async def _workers(backend: Backend) -> Finding:
    queue = backend.settings.task_queue
    request = DescribeTaskQueueRequest(
        namespace=backend.temporal.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        described = await backend.temporal.workflow_service.describe_task_queue(request)
    except RPCError as error:
        return Finding("workers", "warning", f"cannot be counted: {error.status.name}")
    number = len({one.identity for one in described.pollers})
    if number:
        return Finding("workers", "ok", f"{number} on the task queue {queue}")
    return Finding("workers", "failed", f"none on the task queue {queue}", "external-sync worker")


async def _address(backend: Backend) -> Finding:
    url = backend.settings.public_url
    if urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1"):
        mend = "set EXTERNAL_SYNC_PUBLIC_URL to the address that vendors reach (events and consent need it)"
        return Finding("public address", "warning", f"{url} is this machine only", mend)
    mend = "let EXTERNAL_SYNC_PUBLIC_URL be the address of this API from outside, through proxy and firewall"
    try:
        async with httpx.AsyncClient(timeout=5.0, follow_redirects=False) as client:
            answered = await client.get(f"{url}/healthz")
    except httpx.HTTPError as error:
        return Finding("public address", "warning", f"{url} does not answer: {type(error).__name__}", mend)
    if answered.status_code != 200 or "ok" not in answered.text:
        return Finding("public address", "warning", f"{url}/healthz answers {answered.status_code}", mend)
    return Finding("public address", "ok", f"{url} answers")


async def _integration(backend: Backend, row: Integration) -> AsyncIterator[Finding]:
    stored = await backend.configs.current(row.id)
    config = IntegrationConfig.model_validate(stored[1]) if stored else None
    if config is None:
        mend = "external-sync config apply -f FILE (see examples/)"
        yield Finding(f"{row.id}: configuration", "warning", "there is none", mend)
    elif config.enabled and config.realtime.enabled:
        yield await _events(backend, row, config)
    try:
        async with connected(backend, row) as sides, asyncio.timeout(_SECONDS):
            for side, connector in sides.items():
                name = ALGUNA if side is Side.ALGUNA else row.id
                yield await _connection(backend, name, connector)
            async for finding in _markers(row, sides[Side.EXTERNAL], config):
                yield finding
    except VaultError as error:
        mend = "put the old key behind the new one in EXTERNAL_SYNC_ENCRYPTION_KEYS"
        yield Finding(f"{row.id}: credentials", "failed", str(error), mend)
    except (Refused, SyncError, TimeoutError, NotFound) as error:
        yield Finding(f"{row.id}: connection", "failed", _said(error), f"external-sync reconnect {row.id}")


async def _events(backend: Backend, row: Integration, config: IntegrationConfig) -> Finding:
    """Whether what is synced in real time is told by events, or only looked for."""
    silent = []
    if await backend.connections.webhook_secret(row.id) is None:
        silent.append(f"{row.provider} (POST /integrations/{row.id}/webhook-secret tells the URL to give to it)")
    if await backend.connections.secret(ALGUNA, "webhookSecret") is None:
        silent.append("Alguna (reconnect alguna with `webhookSecret`)")
    name = f"{row.id}: events"
    if not silent:
        return Finding(name, "ok", "both systems' webhooks are taken")
    looks = f"its changes are looked for every {config.realtime.interval:g} s"
    if not config.realtime.interval:
        looks = "and nothing looks for its changes between schedules (realtime.pollSeconds is 0)"
    return Finding(name, "warning", f"no webhook secret is stored for {' and '.join(silent)}; {looks}")


async def _connection(backend: Backend, name: str, connector: Connector) -> Finding:
    try:
        account = await connector.check()
    except SyncError as error:
        return Finding(f"{name}: connection", "failed", error.message, f"external-sync reconnect {name}")
    values = await backend.connections.secrets(name)
    skew = await clock_skew(values.get("instanceUrl") or values.get("baseUrl") or "")
    if skew is not None and abs(skew) > SKEW_SECONDS:
        mend = "set this machine's clock by NTP: signatures and token times depend on it"
        return Finding(f"{name}: clock", "warning", f"{skew:+.0f} s beside the vendor's", mend)
    return Finding(f"{name}: connection", "ok", f"account {account}")


async def clock_skew(url: str) -> float | None:
    """Return by how many seconds our clock is ahead of a server's; None where it does not say."""
    if not url:
        return None
    try:
        async with httpx.AsyncClient(timeout=5.0, follow_redirects=False) as client:
            said = (await client.head(url)).headers.get("date", "")
        return (datetime.now(UTC) - parsedate_to_datetime(said)) / timedelta(seconds=1)
    except (httpx.HTTPError, ValueError, TypeError):
        return None


async def _markers(row: Integration, external: Connector, config: IntegrationConfig | None) -> AsyncIterator[Finding]:
    for entity in config.entities if config else []:
        marker = external.facts(entity).marker
        if marker is None:
            continue
        schema = await external.describe(entity)
        there = marker in schema.fields
        made = f"create {marker} on {schema.object_name}: a unique, case-sensitive external id of text"
        yield Finding(
            f"{row.id}: marker of {entity.value}",
            "ok" if there else "failed",
            f"{schema.object_name}.{marker} {'is there' if there else 'is missing'}",
            None if there else f"{made} (docs/providers/{row.provider}.md)",
        )


def _said(error: Exception) -> str:
    if isinstance(error, Unavailable | Refused):
        return error.detail
    return str(error) or type(error).__name__
