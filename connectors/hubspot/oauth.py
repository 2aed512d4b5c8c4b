"""Getting access tokens from HubSpot (HubSpot sheet 1): they last half an hour, refresh tokens until they are revoked.

A private app's token is a fixed key and never renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx

from connectors.auth import GrantDead
from connectors.http import VendorClient, excerpt
from connectors.hubspot.errors import failure_in
from connectors.hubspot.spec import BASE_URL, DEFAULT_VERSION, VERSIONS, versioned
from connectors.values import iso, parse_json
from core.errors import FieldValidation, Permission, RateLimit, Transient
from core.ports import Credentials

_CONFIGURATION = ("BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "invalid_client")


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
    if not values.get("refreshToken"):
        raise GrantDead("HubSpot refuses the access token, and the credentials hold nothing to get another one with")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": values["refreshToken"],
        "client_id": values.get("clientId", ""),
        "client_secret": values.get("clientSecret", ""),
    }
    http.allow(token_url(values))
    try:
        response = await http.post(token_url(values), data=form)
    except Transient as error:
        if not error.outcome_unknown:
            raise
        # A refresh does not end the token that it was made with, so a lost answer is asked for again.
        response = await http.post(token_url(values), data=form)
    if response.is_success:
        return tokens_of(response)
    raise _refusal(response)


def tokens_of(response: httpx.Response) -> dict[str, str]:
    """Return what a token answer is good for. Whichever refresh token comes is the one to keep."""
    try:
        body = parse_json(response.content)
        until = datetime.now(UTC) + timedelta(seconds=float(body["expires_in"]))
        tokens = {"accessToken": str(body["access_token"]), "expiresAt": iso(until)}
    except (ValueError, KeyError, TypeError) as error:
        raise Transient("HubSpot's token answer cannot be read") from error
    if body.get("refresh_token"):
        tokens["refreshToken"] = str(body["refresh_token"])
    return tokens


def _refusal(response: httpx.Response) -> Exception:
    """The token endpoint's codes stand in `status` (sheet 1)."""
    failure, text = failure_in(response), excerpt(response.text)
    try:
        body = parse_json(response.content)
        code = str(body.get("status") or body.get("error") or "") if isinstance(body, dict) else ""
    except ValueError:
        code = ""
    if response.status_code == 429:
        return RateLimit(f"HubSpot limits logins: {excerpt(failure.message)}", vendor_code=code, retry_after=10.0)
    if response.status_code >= 500 or not code:
        return Transient(f"HubSpot's token endpoint answered {response.status_code}: {text}", vendor_code=code or None)
    if code in _CONFIGURATION:
        # A fault of the app's configuration; the portal's consent is as good as before.
        return Permission(f"HubSpot refuses the app itself: {excerpt(failure.message)}", vendor_code=code)
    return GrantDead(f"HubSpot refuses the grant: {excerpt(failure.message)}", code)
