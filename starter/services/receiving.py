"""Taking the events of vendors: checked, stored, and their writers nudged, before they are answered (design 3.7)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.contracts import Mode, RunRequest
from connectors.events import Answer, BadSignatureError, Delivery, Event
from connectors.registry import ALGUNA, PROVIDERS, provider_spec
from core import names
from core.config import IntegrationConfig
from core.records import Entity, Side
from starter.labels import fair, search_attributes
from starter.services.backend import CALL_TIMEOUT, Backend
from starter.services.refusals import Missing, NotTrusted, Unavailable
from store import events
from store.scope import Scope
from store.tables.connections import Integration
from store.types import utc_now

log = structlog.get_logger(__name__)

_FORGOTTEN = timedelta(minutes=2)


async def receive(backend: Backend, name: str, delivery: Delivery) -> Answer:
    """Take a delivery for `alguna`, a provider or an integration; return what to answer to the vendor.

    Raises NotTrusted for what the vendor did not sign, Missing for a name that takes no events, Unavailable when the
    events cannot be kept or the writer cannot be told: the vendor will try again.
    """
    if name == ALGUNA:
        return await _from_alguna(backend, delivery)
    for_one = name not in PROVIDERS
    live = await backend.connections.list_integrations()
    wanted = [row for row in live if (row.id if for_one else row.provider) == name]
    if not wanted:
        raise Missing("nothing takes events here")
    return await _from_provider(backend, wanted, delivery)


async def _from_alguna(backend: Backend, delivery: Delivery) -> Answer:
    receiver = provider_spec(ALGUNA).receiver()
    secret = await backend.connections.secret(ALGUNA, "webhookSecret")
    if secret is None:
        raise Missing("Alguna's webhook secret is not stored; reconnect alguna with `webhookSecret`")
    _trust(lambda: receiver.check(delivery, secret, None, utc_now()))
    found = _trust(lambda: receiver.events(delivery, None))
    await _take(backend, ALGUNA, await backend.connections.list_integrations(), Side.ALGUNA, found)
    return receiver.answer(delivery, secret)


async def _from_provider(backend: Backend, wanted: Sequence[Integration], delivery: Delivery) -> Answer:
    """Take a delivery for every integration that it speaks of and whose own secret it is signed with.

    An app's key signs for all accounts that allowed the app, also for those that nobody syncs here (any more): a vendor
    whose deliveries of these are refused would end the subscription.
    """
    receiver = provider_spec(wanted[0].provider).receiver()
    accounts = _trust(lambda: receiver.account_ids(delivery))
    checked: list[tuple[Integration, str]] = []
    refused = "no integration here takes this delivery"
    for row in wanted:
        secret = await backend.connections.webhook_secret(row.id)
        if secret is None:
            continue
        try:
            receiver.check(delivery, secret, row.account_id, utc_now())
        except BadSignatureError as error:
            refused = f"the delivery is not trusted: {error}"
        else:
            checked.append((row, secret))
    if not checked:
        raise NotTrusted(refused)
    for row, _ in checked:
        if not accounts or row.account_id in accounts:
            found = _trust(lambda row=row: receiver.events(delivery, row.account_id))
            await _take(backend, row.id, [row], Side.EXTERNAL, found)
    return receiver.answer(delivery, checked[0][1])


def _trust(check: Any) -> Any:
    try:
        return check()
    except BadSignatureError as error:
        raise NotTrusted(f"the delivery is not trusted: {error}") from None


async def _take(
    backend: Backend, source: str, integrations: Iterable[Integration], side: Side, found: Sequence[Event]
) -> None:
    """Store new events in the inbox of everyone who syncs their records in real time, and nudge."""
    wanting = [(row, await _eager(backend, row)) for row in integrations]
    at = utc_now()
    due: list[tuple[Integration, Scope, int, float]] = []
    async with backend.db.transaction() as session:
        new = await events.fresh(session, source, [one.id for one in found], at)
        for row, coalesce in wanting:
            for entity in sorted({one.entity for one in found} & coalesce.keys()):
                scope = Scope(row.id, entity)
                ids = [one.record_id for one in found if one.entity is entity and one.id in new]
                await events.put(session, scope, side, ids, at)
                number = await events.nudge(session, scope, at)
                if number is not None:
                    due.append((row, scope, number, coalesce[entity]))
    for row, scope, number, seconds in due:
        await _nudge(backend, row, scope, number, seconds)


async def _eager(backend: Backend, integration: Integration) -> dict[Entity, float]:
    """The entities that an integration syncs in real time, with the seconds to wait for further events."""
    stored = await backend.configs.current(integration.id)
    config = IntegrationConfig.model_validate(stored[1]) if stored else None
    if config is None or not config.enabled:
        return {}
    return dict.fromkeys(config.realtime.covers(config.entities), config.realtime.coalesce_seconds)


async def _nudge(backend: Backend, integration: Integration, scope: Scope, number: int, seconds: float) -> None:
    """Start the run that takes the inbox; until then further events join it."""
    entity = scope.entity
    try:
        await backend.temporal.start_workflow(
            names.INTEGRATION_SYNC,
            RunRequest(integration_id=integration.id, trigger="realtime", mode=Mode.INBOX, entities=[entity]),
            id=names.run_workflow_id(f"realtime-{integration.id}-{entity.value}-{number}"),
            task_queue=backend.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_delay=timedelta(seconds=seconds) if seconds else None,
            search_attributes=search_attributes(integration.id, integration.provider, trigger="realtime"),
            priority=fair(integration.id),
            static_summary=f"events of {integration.id}: {entity.value}",
            rpc_timeout=CALL_TIMEOUT,
        )
    except (RPCError, Unavailable) as error:
        async with backend.db.transaction() as session:
            await events.not_nudged(session, scope, number)
        raise Unavailable("the sync cannot be told now; send this again") from error


async def remind(backend: Backend) -> None:
    """Nudge again where a nudge was lost: the API died between storing and giving it, or its run failed."""
    at = utc_now()
    async with backend.db.transaction() as session:
        await events.purge(session, at - events.KEEP)
        lost = await events.forgotten(session, at - _FORGOTTEN)
        due = [(scope, await events.nudge(session, scope, at)) for scope in lost]
    rows = {row.id: row for row in await backend.connections.list_integrations()}
    for scope, number in due:
        if number is not None and scope.integration_id in rows:
            await _nudge(backend, rows[scope.integration_id], scope, number, 0)


async def set_secret(backend: Backend, integration: Integration, given: str | None) -> dict[str, Any]:
    """Store what checks an integration's events, made here where none is given; return it, this once, with the URL."""
    secret = given or secrets.token_urlsafe(32)
    in_path = provider_spec(integration.provider).receiver().token_in_path
    await backend.connections.set_webhook_secret(integration.id, kept(integration.provider, secret))
    url = f"{backend.settings.public_url}/webhooks/{integration.id}"
    return {"id": integration.id, "url": f"{url}/{secret}" if in_path else url, "secret": secret}


def kept(provider: str, secret: str) -> str:
    """What is stored of a webhook secret: a hash alone, where the vendor sends the secret itself."""
    in_path = provider_spec(provider).receiver().token_in_path
    return hashlib.sha256(secret.encode()).hexdigest() if in_path else secret
