"""HubSpot's code flow for an installed app (HubSpot sheet 1). Scopes are those that syncing needs, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.consent import ConsentFacts
from connectors.grants import tokens_in
from connectors.hubspot.oauth import token_url
from connectors.hubspot.spec import BASE_URL, FACTS, VENDOR
from core.errors import FieldValidation

_AUTHORIZE = "https://app.hubspot.com/oauth/authorize"
SCOPES = (
    "oauth",
    *(f"crm.objects.{facts.object_name}.{right}" for facts in FACTS.values() for right in ("read", "write")),
    *(f"crm.schemas.{facts.object_name}.{right}" for facts in FACTS.values() for right in ("read", "write")),
)


class HubSpotConsent:
    """See `connectors.consent.Consent`. The person chooses the portal on HubSpot's own page."""

    def facts(self, values: Mapping[str, str]) -> ConsentFacts:
        """Return the flow of an app."""
        for key in ("clientId", "clientSecret"):
            if not values.get(key):
                raise FieldValidation(f"credentials.{key} is on the Auth page of your HubSpot app; give it")
        base = values.get("baseUrl") or BASE_URL
        return ConsentFacts(
            authorize_url=_AUTHORIZE if base == BASE_URL else f"{base.rstrip('/')}/oauth/authorize",
            token_url=token_url(values),
            revoke_url=f"{token_url(values)}/revoke",
            scope=" ".join(SCOPES),
            pkce=False,
        )

    def values_of(self, token: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        """Return access token, its end, and refresh token."""
        if not token.get("access_token") or not token.get("refresh_token"):
            raise FieldValidation("HubSpot's token answer holds no tokens")
        return tokens_in(VENDOR, token)
