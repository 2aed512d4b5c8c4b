"""Getting access tokens from Xero (Xero sheet 1): they last half an hour, and each refresh gives a new refresh token.

A refresh whose answer was lost is made again with the token before: Xero takes it for half an hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.grants import TokenEndpoint, refresh_form, tokens_in
from connectors.http import VendorClient
from connectors.xero.spec import BASE_URL, TOKEN_URL, VENDOR
from core.errors import FieldValidation
from core.ports import Credentials

_ENDPOINT = TokenEndpoint(VENDOR, app_codes=frozenset({"invalid_client", "unauthorized_client"}))


def base_url(values: Mapping[str, str]) -> str:
    """Return where the connection's calls go, without the path of the API."""
    url = values.get("baseUrl") or BASE_URL
    if not url.startswith(("https://", "http://")):
        raise FieldValidation(f"credentials.baseUrl must be a URL such as {BASE_URL}")
    return url.rstrip("/")


def token_url(values: Mapping[str, str]) -> str:
    """Return the token endpoint, which has a host of its own."""
    return values.get("tokenUrl") or TOKEN_URL


async def exchange(http: VendorClient, credentials: Credentials) -> dict[str, str]:
    """Get new tokens: `accessToken`, `expiresAt`, `refreshToken`.

    Raises `GrantDead`, `Permission` where the app's own id or secret is refused, `Transient` or `RateLimit`.
    """
    values = credentials.values
    return tokens_in(VENDOR, await _ENDPOINT.ask(http, token_url(values), refresh_form(VENDOR, values)))
