"""Asking a vendor's OAuth 2.0 token endpoint for tokens, and what its refusals mean.

`connectors.auth.Access` sees to it that one process asks at a time and that what came is stored before it is used. Here
is the call itself. A refresh whose answer was lost is made once more with the same token: where the vendor lets a
replaced token live on for a while, or where the first call never arrived, that saves the grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from connectors.auth import GrantDead
from connectors.failures import object_in
from connectors.http import VendorClient, excerpt
from connectors.values import iso, parse_json
from core.errors import Permission, RateLimit, Transient

_LIMITED_SECONDS = 10.0
_REFRESH = "refresh_token"


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """One vendor's token endpoint.

    `app_codes` are refusals of the app's own id or secret: a fault of configuration that leaves the grant as good as
    before. Every other refusal with a code ends the grant.
    """

    vendor: str
    app_codes: frozenset[str] = frozenset()

    async def ask(
        self, http: VendorClient, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the body of a token answer. Raises `GrantDead`, `Permission`, `RateLimit` or `Transient`."""
        http.allow(url)
        lost = False
        try:
            response = await http.post(url, data=dict(form), headers=headers)
        except Transient as error:
            if not error.outcome_unknown or form.get("grant_type") != _REFRESH:
                raise
            lost = True
            response = await http.post(url, data=dict(form), headers=headers)
        if response.is_success:
            return object_in(self.vendor, response)
        raise self._refusal(response, lost)

    def _refusal(self, response: httpx.Response, lost: bool) -> Exception:
        code, text = _told(response)
        if response.status_code == 429:
            return RateLimit(f"{self.vendor} limits logins: {text}", vendor_code=code, retry_after=_LIMITED_SECONDS)
        if response.status_code >= 500 or code is None:
            message = f"{self.vendor}'s token endpoint answered {response.status_code}: {text}"
            return Transient(message, vendor_code=code)
        if code in self.app_codes:
            return Permission(f"{self.vendor} refuses the app itself: {text}", vendor_code=code)
        message = f"{self.vendor} refuses the grant: {text}"
        return GrantDead(f"refresh outcome lost; {message}" if lost else message, code)


def refresh_form(vendor: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the form of a refresh with the app's id and secret in it. Raises `GrantDead` without a refresh token."""
    if not values.get("refreshToken"):
        raise GrantDead(f"{vendor} refuses the access token, and the credentials hold nothing to get another one with")
    secret = {"client_secret": values["clientSecret"]} if values.get("clientSecret") else {}
    return {
        "grant_type": _REFRESH,
        "refresh_token": values["refreshToken"],
        "client_id": values.get("clientId", ""),
        **secret,
    }


def tokens_in(vendor: str, body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a token answer is good for: `accessToken`, and where they are told `expiresAt`, `refreshToken`.

    Whichever refresh token comes is the one to keep. Raises `Transient` for an answer without an access token.
    """
    try:
        tokens = {"accessToken": str(body["access_token"])}
        if body.get("expires_in"):
            tokens["expiresAt"] = iso(datetime.now(UTC) + timedelta(seconds=float(body["expires_in"])))
    except (ValueError, KeyError, TypeError) as error:
        raise Transient(f"{vendor}'s token answer cannot be read") from error
    if body.get("refresh_token"):
        tokens["refreshToken"] = str(body["refresh_token"])
    return tokens


def _told(response: httpx.Response) -> tuple[str | None, str]:
    """The code and the text of a refusal; each vendor has its own names for them."""
    try:
        body = parse_json(response.content)
    except ValueError:
        body = None
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return None, excerpt(response.text)
    code = first.get("status") or first.get("error") or first.get("errorCode")
    text = first.get("error_description") or first.get("message") or code or "no text"
    return str(code) if code else None, excerpt(str(text))
