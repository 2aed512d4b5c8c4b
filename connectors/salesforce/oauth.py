"""Getting access tokens from Salesforce (Salesforce sheet 1).

JWT first, because it has nothing that can be lost; else the refresh token, whose every use may give a new one; else
client credentials.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from connectors.auth import GrantDead
from connectors.http import VendorClient, excerpt, origin
from connectors.salesforce.errors import failures_of
from connectors.salesforce.spec import TOKEN_PATH
from connectors.values import parse_json
from core.errors import FieldValidation, RateLimit, Transient
from core.ports import Credentials

_ASSERTION_SECONDS = 180
_DEAD = frozenset({"invalid_grant", "invalid_client", "invalid_client_id", "inactive_user", "inactive_org"})
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


async def exchange(http: VendorClient, credentials: Credentials) -> dict[str, str]:
    """Get new tokens: `accessToken`, `instanceUrl`, and where the vendor sends them `refreshToken`, `userId`,
    `organizationId`. Raises `GrantDead`, `Transient` or `RateLimit`.
    """
    values = credentials.values
    form = _form(values)
    renewing = form["grant_type"] == "refresh_token"
    http.allow(token_url(values))
    lost = False
    try:
        response = await http.post(token_url(values), data=form)
    except Transient as error:
        if not (renewing and error.outcome_unknown):
            raise
        # The answer may hold a refresh token that replaced ours. Nobody has it, so nothing more can be lost by
        # asking again with ours: where the first call never arrived, this saves the grant.
        lost = True
        response = await http.post(token_url(values), data=form)
    if response.is_success:
        return tokens_of(response, values)
    raise _refusal(response, lost)


def _form(values: Mapping[str, str]) -> dict[str, str]:
    client_id = values.get("clientId", "")
    if values.get("privateKey") and values.get("username"):
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _assertion(client_id, values),
        }
    secret = {"client_secret": values["clientSecret"]} if values.get("clientSecret") else {}
    if values.get("refreshToken"):
        return {
            "grant_type": "refresh_token",
            "refresh_token": values["refreshToken"],
            "client_id": client_id,
            **secret,
        }
    if secret:
        return {"grant_type": "client_credentials", "client_id": client_id, **secret}
    raise GrantDead("the access token has expired, and the credentials hold nothing to get another one with")


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


def tokens_of(response: httpx.Response, values: Mapping[str, str]) -> dict[str, str]:
    """Return what a token answer is good for. Raises `GrantDead` for an instance that is not the vendor's."""
    try:
        body = parse_json(response.content)
        tokens = {"accessToken": str(body["access_token"]), "instanceUrl": base_url(values)}
    except (ValueError, KeyError, TypeError) as error:
        raise Transient("Salesforce's token answer cannot be read") from error
    if body.get("refresh_token"):
        tokens["refreshToken"] = str(body["refresh_token"])
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


def _refusal(response: httpx.Response, lost: bool) -> Exception:
    failures = failures_of(response)
    code = failures[0].code if failures else None
    text = excerpt(failures[0].message if failures else response.text)
    if response.status_code in (400, 401, 403) and code in _DEAD:
        told = f"Salesforce refuses the grant: {text}"
        return GrantDead(f"refresh outcome lost; {told}" if lost else told, code)
    if response.status_code == 429:
        return RateLimit(f"Salesforce limits logins: {text}", vendor_code=code, retry_after=10.0)
    if response.status_code < 500 and code is not None:
        return GrantDead(f"Salesforce refuses the login: {text}", code)
    return Transient(f"Salesforce's token endpoint answered {response.status_code}", vendor_code=code)
