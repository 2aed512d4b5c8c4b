"""Salesforce's code flow for a connected app or External Client App (Salesforce sheet 1.1, 1.2; PKCE: 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.consent import ConsentFacts
from connectors.grants import tokens_in
from connectors.salesforce.oauth import base_url, trusted_instance
from connectors.salesforce.spec import VENDOR
from core.errors import FieldValidation

_LOGIN = "https://login.salesforce.com"


class SalesforceConsent:
    """See `connectors.consent.Consent`. Without an instance the person logs in at the login host."""

    def facts(self, values: Mapping[str, str]) -> ConsentFacts:
        """Return the flow of the app's org."""
        if not values.get("clientId"):
            raise FieldValidation("credentials.clientId is the consumer key of your connected app; give it")
        host = base_url(_placed(values))
        return ConsentFacts(
            authorize_url=f"{host}/services/oauth2/authorize",
            token_url=values.get("tokenUrl") or f"{host}/services/oauth2/token",
            revoke_url=f"{host}/services/oauth2/revoke",
            scope="api refresh_token",
            pkce=True,
        )

    def values_of(self, token: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        """Return access token, refresh token and instance."""
        if not token.get("access_token") or not token.get("instance_url"):
            raise FieldValidation("Salesforce's token answer names no instance")
        instance = trusted_instance(str(token["instance_url"]), _placed(values))
        return {**tokens_in(VENDOR, token), "instanceUrl": instance}


def _placed(values: Mapping[str, str]) -> dict[str, str]:
    return {"baseUrl": _LOGIN, **values}
