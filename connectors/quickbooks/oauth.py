"""Getting access tokens from Intuit (QuickBooks sheet 1): they last an hour; the refresh token changes once a day.

A refresh whose answer was lost is made again with the same token: within a day that gives the same tokens, and after a
change the one before works on for a while. Serialised per connection by `connectors.auth.Access`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from connectors.grants import TokenEndpoint, refresh_form, tokens_in
from connectors.http import VendorClient
from connectors.quickbooks.spec import BASE_URL, TOKEN_URL, VENDOR
from core.errors import FieldValidation
from core.ports import Credentials

_ENDPOINT = TokenEndpoint(VENDOR, app_codes=frozenset({"invalid_client", "unauthorized_client"}))


def base_url(values: Mapping[str, str]) -> str:
    """Return where the connection's API calls go. Raises `FieldValidation` for what is no URL."""
    url = values.get("baseUrl") or BASE_URL
    if not url.startswith(("https://", "http://")):
        raise FieldValidation(f"credentials.baseUrl must be a URL such as {BASE_URL}")
    return url.rstrip("/")


def realm_of(values: Mapping[str, str]) -> str:
    """Return the company that the grant is for. Raises `FieldValidation` where it is missing."""
    realm = values.get("realmId") or ""
    if not realm.isdecimal():
        raise FieldValidation("credentials.realmId is the company's id, digits only; Intuit gives it beside the code")
    return realm


def basic(values: Mapping[str, str]) -> dict[str, str]:
    """Return the header by which the app names itself at the token endpoint."""
    pair = f"{values.get('clientId', '')}:{values.get('clientSecret', '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode(), "Accept": "application/json"}


async def exchange(http: VendorClient, credentials: Credentials) -> dict[str, str]:
    """Get new tokens: `accessToken`, `expiresAt`, and the `refreshToken` that came along.

    Raises `GrantDead`, `Permission` where the app's own id or secret is refused, `Transient` or `RateLimit`.
    """
    values = credentials.values
    form = {name: one for name, one in refresh_form(VENDOR, values).items() if not name.startswith("client_")}
    return tokens_in(VENDOR, await _ENDPOINT.ask(http, values.get("tokenUrl") or TOKEN_URL, form, basic(values)))
