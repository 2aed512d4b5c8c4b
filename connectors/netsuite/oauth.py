"""How calls are authorised: OAuth 2.0 with a certificate (M2M), or token-based authentication, TBA (sheet 1).

M2M comes first: NetSuite takes no new TBA integrations from 2027.1 on. A TBA token never expires and signs each call
anew; `accessToken` then only counts the tries.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from connectors.auth import GrantDead
from connectors.grants import TokenEndpoint, tokens_in
from connectors.http import VendorClient
from connectors.netsuite.spec import HOST, TOKEN, VENDOR
from core.errors import FieldValidation
from core.ports import Credentials

_ACCOUNT = re.compile(r"[0-9A-Za-z]+([_-][0-9A-Za-z]+)?")
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 600
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA_ALGORITHM = "PS256"
_TBA_KEYS = ("consumerKey", "consumerSecret", "tokenId", "tokenSecret")
_ENDPOINT = TokenEndpoint(VENDOR)


def account_of(values: Mapping[str, str]) -> str:
    """Return the account id as the pages show it: upper case, `_`. Raises `FieldValidation` for what is none.

    It becomes part of a host name, so anything else could send signed calls elsewhere (sheet 1).
    """
    account = values.get("account") or ""
    if not _ACCOUNT.fullmatch(account):
        raise FieldValidation("credentials.account must be the account id, such as 1234567 or 1234567_SB1")
    return account.upper().replace("-", "_")


def base_url(values: Mapping[str, str]) -> str:
    """Return where the connection's calls go."""
    url = values.get("baseUrl") or HOST.format(account=account_of(values).lower().replace("_", "-"))
    if not url.startswith(("https://", "http://")):
        raise FieldValidation("credentials.baseUrl must be a URL")
    return url.rstrip("/")


def signs(values: Mapping[str, str]) -> bool:
    """Whether calls are signed (TBA): only where there is no certificate."""
    return not values.get("certificateId") and all(values.get(name) for name in _TBA_KEYS)


async def exchange(http: VendorClient, credentials: Credentials) -> Mapping[str, str]:
    """Get a new access token; with TBA there is nothing to get but another try.

    Raises `GrantDead`, also for a key that cannot sign, or what `TokenEndpoint.ask` raises.
    """
    values = credentials.values
    if signs(values):
        return {"accessToken": f"tba-{secrets.token_hex(4)}"}
    for name in ("clientId", "certificateId", "privateKey"):
        if not values.get(name):
            raise GrantDead(f"{VENDOR}'s credentials hold neither a certificate ({name} is missing) nor a TBA token")
    url = values.get("tokenUrl") or base_url(values) + TOKEN
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION_TYPE,
        "client_assertion": assertion(values, url, int(time.time())),
    }
    return tokens_in(VENDOR, await _ENDPOINT.ask(http, url, form))


def assertion(values: Mapping[str, str], url: str, now: int) -> str:
    """Return the signed JWT that asks for a token. Raises `GrantDead` for a private key that is none."""
    key = _key(values["privateKey"])
    algorithm = _CURVES[str(key.curve_name)] if isinstance(key, ECKey) else _RSA_ALGORITHM
    header = {"typ": "JWT", "alg": algorithm, "kid": values["certificateId"]}
    claims = {
        "iss": values["clientId"],
        "scope": ["rest_webservices"],
        "aud": url,
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
    }
    return jwt.encode(header, claims, key, algorithms=[algorithm])


def _key(pem: str) -> ECKey | RSAKey:
    pem = pem.replace("\\n", "\n")  # as it comes from a variable of one line
    for kind in (ECKey, RSAKey):
        try:
            return kind.import_key(pem)
        except (JoseError, ValueError):
            continue
    raise GrantDead(f"credentials.privateKey is no private key in PEM that {VENDOR} takes: elliptic, or RSA")


def signed_header(values: Mapping[str, str], method: str, url: str, nonce: str, now: int) -> str:
    """Return the Authorization header of one TBA call: OAuth 1.0a, HMAC-SHA256; the body is not signed (sheet 1)."""
    given = {
        "oauth_consumer_key": values["consumerKey"],
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now),
        "oauth_token": values["tokenId"],
        "oauth_version": "1.0",
    }
    parsed = urlsplit(url)
    pairs = sorted(
        (_encoded(name), _encoded(value)) for name, value in [*given.items(), *parse_qsl(parsed.query, True)]
    )
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    place = f"{parsed.scheme}://{parsed.netloc}{parsed.path}"
    base = "&".join((method, _encoded(place), _encoded(joined)))
    key = f"{_encoded(values['consumerSecret'])}&{_encoded(values['tokenSecret'])}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
    shown = {"realm": account_of(values), **given, "oauth_signature": base64.b64encode(digest).decode()}
    return "OAuth " + ", ".join(f'{name}="{_encoded(value)}"' for name, value in shown.items())


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
