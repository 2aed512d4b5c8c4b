"""Getting access tokens from HubSpot (HubSpot sheet 1): they last half an hour, refresh tokens until they are revoked.

A private app's token is a fixed key and never renewed.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.grants import TokenEndpoint, refresh_form, tokens_in
from connectors.http import VendorClient
from connectors.hubspot.spec import BASE_URL, DEFAULT_VERSION, VENDOR, VERSIONS, versioned
from core.errors import FieldValidation
from core.ports import Credentials

_ENDPOINT = TokenEndpoint(VENDOR, app_codes=frozenset({"BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "invalid_client"}))


def base_url(values: Mapping[str, str]) -> str:
    """Return where the connection's API calls go."""
    url = values.get("baseUrl") or BASE_URL
    if not url.startswith(("https://", "http://")):
        raise FieldValidation(f"credentials.baseUrl must be a URL such as {BASE_URL}")
    return url.rstrip("/")


def version_of(values: Mapping[str, str]) -> str:
    """Return the version of the API that the connection uses. Raises `FieldValidation` for an unknown one."""
    version = values.get("apiVersion") or DEFAULT_VERSION
    if version not in VERSIONS:
        raise FieldValidation(f"credentials.apiVersion must be one of {', '.join(VERSIONS)}")
    return version


def token_url(values: Mapping[str, str]) -> str:
    """Return the token endpoint of a connection."""
    return values.get("tokenUrl") or base_url(values) + versioned("/oauth/token", version_of(values))


async def exchange(http: VendorClient, credentials: Credentials) -> dict[str, str]:
    """Get new tokens: `accessToken`, `expiresAt`, and the `refreshToken` that came along.

    Raises `GrantDead`, `Permission` where the app's own id or secret is refused, `Transient` or `RateLimit`.
    """
    values = credentials.values
    return tokens_in(VENDOR, await _ENDPOINT.ask(http, token_url(values), refresh_form(VENDOR, values)))
