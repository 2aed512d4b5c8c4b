"""Intuit's code flow (QuickBooks sheet 1). The person chooses the company, which comes back beside the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.consent import ConsentFacts
from connectors.grants import tokens_in
from connectors.quickbooks.oauth import realm_of
from connectors.quickbooks.spec import AUTHORIZE_URL, BASE_URL, REVOKE_URL, SCOPE, TOKEN_URL, VENDOR
from core.errors import FieldValidation

# Intuit's own sandbox companies sign in at the same pages.
_INTUIT = (BASE_URL, "https://sandbox-quickbooks.api.intuit.com")


class QuickBooksConsent:
    """See `connectors.consent.Consent`."""

    def facts(self, values: Mapping[str, str]) -> ConsentFacts:
        """Return the flow of an app."""
        for key in ("clientId", "clientSecret"):
            if not values.get(key):
                raise FieldValidation(f"credentials.{key} is on the Keys page of your Intuit app; give it")
        base = (values.get("baseUrl") or BASE_URL).rstrip("/")
        elsewhere = base not in _INTUIT
        return ConsentFacts(
            authorize_url=f"{base}/connect/oauth2" if elsewhere else AUTHORIZE_URL,
            token_url=values.get("tokenUrl") or (f"{base}/oauth2/v1/tokens/bearer" if elsewhere else TOKEN_URL),
            revoke_url=f"{base}/v2/oauth2/tokens/revoke" if elsewhere else REVOKE_URL,
            scope=SCOPE,
            pkce=False,
            basic=True,
            returns=("realmId",),
        )

    def values_of(self, token: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        """Return access token, its end, refresh token and company."""
        if not token.get("access_token") or not token.get("refresh_token"):
            raise FieldValidation("Intuit's token answer holds no tokens")
        return {**tokens_in(VENDOR, token), "realmId": realm_of(values)}
