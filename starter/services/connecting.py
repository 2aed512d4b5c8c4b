"""Integrations: connecting, reconnecting, disconnecting. Credentials go in, and never come out again (I8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from temporalio.service import RPCError

from connectors import consent
from connectors.consent import Consent
from connectors.registry import ALGUNA, PROVIDERS, provider_spec
from core import names
from core.config import IntegrationConfig
from core.errors import Conflict, Duplicate, FieldValidation
from core.problems import did_you_mean
from starter.services.backend import Backend
from starter.services.configuring import document_of
from starter.services.probing import check, take_apart
from starter.services.receiving import kept
from starter.services.refusals import Clash, Missing, invalid
from starter.services.steering import cancel_workflow, signal_entities
from store import listing, views
from store.tables.connections import Integration
from store.types import utc_now

log = structlog.get_logger(__name__)

JsonObject = dict[str, Any]


async def create(
    backend: Backend,
    integration_id: str | None,
    provider: str,
    credentials: Mapping[str, object],
    webhook_secret: str | None,
) -> JsonObject:
    """Check the credentials by a call and store the integration; return it as `GET /integrations/{id}` shows it.

    Raises Invalid for what is wrong with the call or the credentials, Clash when the id or the provider account is
    taken.
    """
    if provider not in PROVIDERS:
        message = f"`{provider}` is not a provider; there are {', '.join(PROVIDERS)}" + did_you_mean(
            provider, PROVIDERS
        )
        raise invalid("provider", message)
    given = take_apart(provider, credentials)
    if integration_id in (ALGUNA, *PROVIDERS):
        raise invalid("id", f"`{integration_id}` names a system; choose another, say `int_{integration_id}`")
    if integration_id in {row.id for row in await backend.connections.list_integrations()}:
        raise Clash(f"the integration `{integration_id}` exists already; new credentials go to its `reconnect`")
    checked = await check(provider, integration_id or f"int_{provider}", given)
    chosen = integration_id or await _free_id(backend, provider, checked.account_id)
    try:
        row = await backend.connections.create_integration(
            chosen,
            provider,
            checked.values,
            checked.account_id,
            webhook_secret=kept(provider, webhook_secret) if webhook_secret else None,
            limits=checked.limits,
        )
    except Duplicate as error:
        raise Clash(error.message) from error
    except FieldValidation as error:
        raise invalid("id", error.message) from error
    return await show(backend, row)


async def _free_id(backend: Backend, provider: str, account_id: str) -> str:
    """The id of a deleted integration with this account, which is revived, else one that was never used."""
    rows = await backend.connections.list_integrations(deleted=True)
    for row in rows:
        if (row.provider, row.account_id) == (provider, account_id) and row.deleted_at is not None:
            return row.id
    taken, first = {row.id for row in rows}, f"int_{provider}"
    names_in_order = [first, *(f"{first}_{number}" for number in range(2, len(rows) + 2))]
    return next(name for name in names_in_order if name not in taken)


async def show(backend: Backend, integration: Integration) -> JsonObject:
    """Return one integration without secrets: connection state, whether it is enabled, its last run."""
    info = await backend.connections.describe(integration.id)
    found = await backend.configs.current(integration.id)
    async with backend.db.session() as session:
        last = (await listing.list_runs(session, integration.id, limit=1, offset=0)).rows
        passes = await listing.passes_of_runs(session, [run.id for run in last])
    return {
        "id": integration.id,
        "provider": integration.provider,
        "accountId": integration.account_id,
        "connection": info.state.value,
        "connectionReason": info.reason,
        "enabled": bool(found and found[1]["enabled"]),
        "paused": integration.paused,
        "lastRun": views.run(last[0], passes[last[0].id], backend.workflow_url) if last else None,
        "createdAt": views.time(integration.created_at),
    }


async def show_all(backend: Backend, *, limit: int, offset: int) -> tuple[Sequence[JsonObject], int]:
    """Return one page of the live integrations, and how many there are."""
    rows = await backend.connections.list_integrations()
    return [await show(backend, row) for row in rows[offset : offset + limit]], len(rows)


async def reconnect(backend: Backend, integration: Integration, credentials: Mapping[str, object]) -> JsonObject:
    """Check and store new credentials of the same account; then what waits for them goes on.

    Raises Invalid when they do not work, or are those of another account.
    """
    checked = await check(integration.provider, integration.id, take_apart(integration.provider, credentials))
    if integration.account_id not in (None, checked.account_id):
        raise _other_account(integration, checked.account_id)
    try:
        generation = await backend.connections.put_credentials(
            integration.id, integration.provider, checked.values, checked.account_id, limits=checked.limits
        )
    except Conflict as error:
        raise _other_account(integration, checked.account_id) from error
    except Duplicate as error:
        raise Clash(error.message) from error
    told = await _tell(backend, [integration.id])
    return {"id": integration.id, "connection": "connected", "generation": generation, "resumed": told}


async def reconnect_alguna(backend: Backend, credentials: Mapping[str, object]) -> JsonObject:
    """As `reconnect`, for Alguna's own connection, on which every integration may wait."""
    checked = await check(ALGUNA, ALGUNA, take_apart(ALGUNA, credentials))
    generation = await backend.connections.put_credentials(ALGUNA, ALGUNA, checked.values, None, limits=checked.limits)
    told = await _tell(backend, [row.id for row in await backend.connections.list_integrations()])
    return {"id": ALGUNA, "connection": "connected", "generation": generation, "resumed": told}


async def disconnect(backend: Backend, integration: Integration) -> None:
    """Stop the integration's runs and schedule and forget its secrets; its history stays."""
    await backend.schedules.delete(integration.id)
    found = await backend.configs.current(integration.id)
    if found is not None:
        config = IntegrationConfig.model_validate(found[1]).model_copy(update={"enabled": False})
        await backend.configs.save(integration.id, document_of(config))
    async with backend.db.session() as session:
        live = await listing.live_runs(session, integration.id)
    for run in live:
        await cancel_workflow(backend, run, utc_now())
    flow = provider_spec(integration.provider).consent()
    if flow is not None and not await _revoked(flow, await backend.connections.secrets(integration.id)):
        log.warning("grant_not_revoked", integration=integration.id, provider=integration.provider)
    await backend.connections.delete_integration(integration.id)


async def _revoked(flow: Consent, values: Mapping[str, str]) -> bool:
    """Tell the vendor that the grant is over. The secrets are forgotten here in any case."""
    try:
        return await consent.revoke(flow, values)
    except FieldValidation:
        return False


async def _tell(backend: Backend, integration_ids: Sequence[str]) -> bool:
    """Wake the waiting passes; return whether Temporal could be told.

    The credentials are stored, and a waiting pass looks for itself in time, so this may fail.
    """
    with suppress(RPCError):
        for integration_id in integration_ids:
            await signal_entities(backend, integration_id, names.RECONNECTED)
        return True
    return False


def _other_account(integration: Integration, account_id: str) -> Exception:
    return invalid(
        "credentials",
        f"they are of the {integration.provider} account {account_id}, but {integration.id} is connected to"
        f" {integration.account_id}, whose records its links name",
    )


async def find(backend: Backend, name: str, *, deleted: bool = False) -> Integration:
    """Return an integration by id or provider name; with `deleted` also a deleted one, by its id.

    Raises Missing, or Clash when a provider has several.
    """
    everything = await backend.connections.list_integrations(deleted=True)
    live = [row for row in everything if row.deleted_at is None]
    by_id = [row for row in (everything if deleted else live) if row.id == name]
    chosen = by_id or [row for row in live if row.provider == name]
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise Clash(f"there are several {name} integrations: use one of {', '.join(row.id for row in chosen)}")
    known = sorted({row.id for row in live} | {row.provider for row in live})
    there = f"; there are {', '.join(row.id for row in live)}" if live else "; there are none yet"
    raise Missing(f"there is no integration `{name}`" + (did_you_mean(name, known) or there))
