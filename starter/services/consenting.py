"""Connecting by a person's consent in the browser: sent to the vendor, taken back, checked by a call, stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors import consent
from connectors.consent import Consent
from connectors.registry import PROVIDERS, provider_spec
from core.errors import FieldValidation, NotFound
from starter.services import connecting
from starter.services.backend import Backend
from starter.services.probing import take_apart
from starter.services.refusals import Invalid, Missing, invalid
from store.consents import LIVES, PendingConsent
from store.tables.connections import Integration
from store.types import utc_now
from store.views import time

JsonObject = dict[str, Any]
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


async def begin(
    backend: Backend,
    provider: str,
    credentials: Mapping[str, object],
    *,
    integration_id: str | None = None,
    redirect_uri: str | None = None,
) -> JsonObject:
    """Return the page where a person allows a new connection. Raises Invalid."""
    values = take_apart(provider, credentials).values if provider in PROVIDERS else {}
    return await _begin(backend, provider, values, integration_id, redirect_uri, exists=False)


async def begin_again(
    backend: Backend, integration: Integration, credentials: Mapping[str, object] | None, redirect_uri: str | None
) -> JsonObject:
    """Return the page where a person allows an existing connection anew; its stored app is used. Raises Invalid."""
    values = await backend.connections.secrets(integration.id)
    app = {key: value for key, value in values.items() if key not in ("accessToken", "refreshToken", "expiresAt")}
    given = take_apart(integration.provider, credentials).values if credentials else {}
    return await _begin(backend, integration.provider, {**app, **given}, integration.id, redirect_uri, exists=True)


async def _begin(
    backend: Backend,
    provider: str,
    values: Mapping[str, str],
    integration_id: str | None,
    redirect_uri: str | None,
    *,
    exists: bool,
) -> JsonObject:
    back = redirect_uri or f"{backend.settings.public_url}/oauth/{provider}/callback"
    if redirect_uri is not None and urlsplit(redirect_uri).hostname not in _LOOPBACK:
        raise invalid("redirectUri", "must be on this machine (127.0.0.1), or absent for the hosted callback")
    state = secrets.token_urlsafe(32)
    try:
        url, verifier = consent.begin(_flow(provider), values, back, state)
    except FieldValidation as error:
        raise _invalid(error) from None
    await backend.consents.put(state, PendingConsent(provider, integration_id, exists, back, verifier, values))
    return {"authorizationUrl": url, "redirectUri": back, "expiresAt": time(utc_now() + LIVES)}


async def finish(backend: Backend, provider: str, state: str, code: str, returned: Mapping[str, str]) -> JsonObject:
    """Redeem the code that a person brought back, check the credentials by a call, and store the connection.

    `returned` are all parameters that came with the code: some vendors name the account there.
    Raises Missing for a state that is unknown, used or too old, Invalid where the vendor refuses.
    """
    try:
        pending = await backend.consents.take(state, provider)
    except NotFound as error:
        raise Missing(error.message) from None
    try:
        flow = _flow(provider)
        values = await consent.redeem(flow, pending.values, pending.redirect_uri, code, pending.verifier, returned)
    except FieldValidation as error:
        raise _invalid(error) from None
    if pending.exists and pending.integration_id is not None:
        integration = await connecting.find(backend, pending.integration_id)
        await connecting.reconnect(backend, integration, values)
        return await connecting.show(backend, await connecting.find(backend, integration.id))
    return await connecting.create(backend, pending.integration_id, provider, values, None)


def _flow(provider: str) -> Consent:
    flow = provider_spec(provider).consent() if provider in PROVIDERS else None
    if flow is None:
        raise invalid("provider", f"`{provider}` has no consent in the browser; send credentials")
    return flow


def _invalid(error: FieldValidation) -> Invalid:
    first, _, rest = error.message.partition(" ")
    return invalid(first, rest) if first.startswith("credentials.") else invalid("code", error.message)
