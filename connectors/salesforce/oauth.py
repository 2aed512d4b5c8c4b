"""Getting access tokens from Salesforce (Salesforce sheet 1).

JWT first, because it has nothing that can be lost; else the refresh token, whose every use may give a new one; else
client credentials.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from connectors.auth import GrantDead
from connectors.grants import TokenEndpoint, refresh_form, tokens_in
from connectors.http import VendorClient, origin
from connectors.salesforce.spec import TOKEN_PATH, VENDOR
from core.errors import FieldValidation
from core.ports import Credentials

_ASSERTION_SECONDS = 180
_ENDPOINT = TokenEndpoint(VENDOR)
_VENDOR_HOSTS = (".salesforce.com", ".force.com", ".salesforce.mil", ".sfcrmproducts.cn")


def token_url(values: Mapping[str, str]) -> str:
    """Return the token endpoint of a connection: the given one, else that of its own instance."""
    return values.get("tokenUrl") or base_url(values) + TOKEN_PATH


def base_url(values: Mapping[str, str]) -> str:
    """Return where the connection's API calls go. Raises `FieldValidation` when the credentials do not say."""
    url = values.get("instanceUrl") or values.get("baseUrl") or ""
    if not url.startswith(("https://", "http://")):
        raise FieldValidation("credentials.instanceUrl must be a URL such as https://example.my.salesforce.com")
    if httpx.URL(url).host.endswith(".lightning.force.com"):
        raise FieldValidation("credentials.instanceUrl must be the org's My Domain URL, not its Lightning address")
    return url.rstrip("/")


def saves_duplicates(values: Mapping[str, str]) -> bool:
    """Whether duplicate rules that only alert people shall let our rows pass (sheet 4.6).

    Raises `FieldValidation` for a setting that is neither `block` (the default) nor `allow`.
    """
    setting = values.get("duplicateRules") or "block"
    if setting not in ("block", "allow"):
        raise FieldValidation("credentials.duplicateRules must be block or allow")
    return setting == "allow"


async def exchange(http: VendorClient, credentials: Credentials) -> dict[str, str]:
    """Get new tokens: `accessToken`, `instanceUrl`, and where the vendor sends them `refreshToken`, `userId`,
    `organizationId`. Raises `GrantDead`, `Transient` or `RateLimit`.
    """
    values = credentials.values
    return tokens_of(await _ENDPOINT.ask(http, token_url(values), _form(values)), values)


def _form(values: Mapping[str, str]) -> dict[str, str]:
    client_id = values.get("clientId", "")
    if values.get("privateKey") and values.get("username"):
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _assertion(client_id, values),
        }
    if values.get("clientSecret") and not values.get("refreshToken"):
        secret = values["clientSecret"]
        return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return refresh_form(VENDOR, values)


def _assertion(client_id: str, values: Mapping[str, str]) -> str:
    host = httpx.URL(base_url(values)).host
    testing = host.startswith("test.") or ".sandbox." in host
    audience = values.get("audience") or f"https://{'test' if testing else 'login'}.salesforce.com"
    claims = {
        "iss": client_id,
        "sub": values["username"],
        "aud": audience,
        "exp": int(time.time()) + _ASSERTION_SECONDS,
    }
    try:
        return jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(values["privateKey"]))
    except (ValueError, JoseError) as error:
        raise GrantDead("credentials.privateKey is not an RSA key in PEM form") from error


def tokens_of(body: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """Return what a token answer is good for. Raises `GrantDead` for an instance that is not the vendor's."""
    tokens = {**tokens_in(VENDOR, body), "instanceUrl": base_url(values)}
    if body.get("instance_url"):
        tokens["instanceUrl"] = trusted_instance(str(body["instance_url"]), values)
    identity = str(body.get("id") or "").rstrip("/").split("/")
    if len(identity) >= 2:
        tokens["organizationId"], tokens["userId"] = identity[-2], identity[-1]
    return tokens


def trusted_instance(instance_url: str, values: Mapping[str, str]) -> str:
    """Return where API calls go: the instance may move, but only to where the vendor is at home.

    Raises GrantDead for another host, where tokens would be led astray.
    """
    given = httpx.URL(instance_url)
    if origin(given) == origin(base_url(values)):
        return base_url(values)
    if given.scheme == "https" and given.host.endswith(_VENDOR_HOSTS):
        return instance_url.rstrip("/")
    raise GrantDead(f"the token answer names the instance {given.host}, which is not Salesforce's")
