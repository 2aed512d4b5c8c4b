"""Token-based authentication: OAuth 1.0a headers with HMAC-SHA256, checked over whatever came (sheet 1)."""

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request

from sandbox.netsuite.tokens import Tokens

_SKEW_SECONDS = 300
_LEAST_NONCE = 6


def is_valid(request: Request, tokens: Tokens) -> bool:
    """Whether the call is signed by a living token of this account, with a fresh nonce and the time of today."""
    given = header_parts(request.headers.get("authorization", ""))
    pair = tokens.pairs.get(given.get("oauth_token", ""))
    if pair is None or not pair.alive or given.get("oauth_consumer_key") != pair.consumer_key:
        return False
    # The account as the pages show it: upper case, with an underscore (sheet 1).
    if given.get("realm") != tokens.netsuite_account or given.get("oauth_signature_method") != "HMAC-SHA256":
        return False
    if given.get("oauth_version", "1.0") != "1.0" or len(given.get("oauth_nonce", "")) < _LEAST_NONCE:
        return False
    stamp = given.get("oauth_timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > _SKEW_SECONDS:
        return False
    url, _, query = str(request.url).partition("?")
    expected = signature(request.method, url, query, given, pair.consumer_secret, pair.token_secret)
    if not hmac.compare_digest(expected, given.get("oauth_signature", "")):
        return False
    return tokens.is_fresh(given["oauth_nonce"], stamp)


def header_parts(header: str) -> dict[str, str]:
    """The parameters of an `OAuth …` header, decoded."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        return {}
    found: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        found[name] = unquote(value.strip('"'))
    return found


def signature(method: str, url: str, query: str, given: dict[str, str], consumer_secret: str, token_secret: str) -> str:
    """The signature over method, URL, query and every `oauth_*` parameter but itself; never over the body."""
    signed = [(name, value) for name, value in given.items() if name.startswith("oauth_") and name != "oauth_signature"]
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in [*signed, *parse_qsl(query, True)])
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join((method.upper(), _encoded(url), _encoded(joined)))
    key = f"{_encoded(consumer_secret)}&{_encoded(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
