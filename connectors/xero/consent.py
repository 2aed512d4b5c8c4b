"""Xero's code flow for a web app (Xero sheet 1). The person chooses the organisations on Xero's own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.consent import ConsentFacts
from connectors.grants import tokens_in
from connectors.xero.oauth import base_url, token_url
from connectors.xero.spec import AUTHORIZE_URL, BASE_URL, SCOPES, VENDOR
from core.errors import FieldValidation


class XeroConsent:
    """See `connectors.consent.Consent`.

    Nothing is revoked at Xero when an integration is disconnected: that would take away the app's other organisations
    of the same person (sheet 1).
    """

    def facts(self, values: Mapping[str, str]) -> ConsentFacts:
        """Return the flow of an app."""
        for key in ("clientId", "clientSecret"):
            if not values.get(key):
                raise FieldValidation(f"credentials.{key} is on the Configuration page of your Xero app; give it")
        base = base_url(values)
        return ConsentFacts(
            authorize_url=AUTHORIZE_URL if base == BASE_URL else f"{base}/identity/connect/authorize",
            token_url=token_url(values),
            revoke_url=None,
            scope=" ".join(SCOPES),
            pkce=False,
        )

    def values_of(self, token: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        """Return access token, its end, and refresh token."""
        if not token.get("access_token") or not token.get("refresh_token"):
            raise FieldValidation("Xero's token answer holds no tokens; the scope offline_access is needed")
        return tokens_in(VENDOR, token)
