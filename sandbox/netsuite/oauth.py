"""OAuth 2.0 client credentials: the token endpoint and the check of its signed assertion (sheet 1)."""

import time
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import extract_compact
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.netsuite.setup import Setup
from sandbox.netsuite.tokens import Tokens

PATH = "/services/rest/auth/oauth2/v1/token"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ("PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_MOST_SECONDS = 3600
_LEAST_RSA_BITS = 2048


class _Refused(Exception):
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class OAuth:
    def __init__(self, tokens: Tokens, setup: Setup) -> None:
        self._tokens = tokens
        self._setup = setup

    async def handle(self, request: Request) -> Response:
        """`POST …/token`: a token without a refresh token, or a 400 with an OAuth error."""
        form = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        try:
            if form.get("grant_type") != "client_credentials":
                raise _Refused("unsupported_grant_type")
            if form.get("client_assertion_type") != _ASSERTION_TYPE:
                raise _Refused("invalid_request")
            self._check(form.get("client_assertion", ""), str(request.url))
        except _Refused as refused:
            return JSONResponse({"error": refused.error}, 400, {"Cache-Control": "no-store"})
        seconds = self._setup.access_token_seconds
        token = self._tokens.new_access(seconds)
        answer = {"access_token": token, "expires_in": str(int(seconds)), "token_type": "bearer"}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _check(self, assertion: str, url: str) -> None:
        """Raises _Refused: a key that is no mapping's, a wrong signature or algorithm, or claims that do not fit."""
        try:
            header = extract_compact(assertion.encode()).headers()
            key = self._key(str(header.get("kid")))
            claims = jwt.decode(assertion, key, algorithms=list(_ALGORITHMS)).claims
        except (JoseError, ValueError) as error:
            raise _Refused("invalid_grant") from error
        if claims.get("iss") != self._tokens.client_id:
            raise _Refused("invalid_client")
        begun, ends, now = _seconds(claims.get("iat")), _seconds(claims.get("exp")), time.time()
        if not begun - 300 <= now < ends or ends - begun > _MOST_SECONDS:
            raise _Refused("invalid_grant")
        if not _is_audience(claims.get("aud"), url) or "rest_webservices" not in _scopes(claims.get("scope")):
            raise _Refused("invalid_grant")

    def _key(self, key_id: str) -> ECKey | RSAKey:
        mapping = self._tokens.mappings.get(key_id)
        if mapping is not None and mapping.alive:
            return ECKey.import_key(mapping.public_key)
        for one in self._setup.certificates:
            if one.id == key_id:
                return _imported(one.public_key)
        raise _Refused("invalid_grant")


def _imported(pem: str) -> ECKey | RSAKey:
    """Raises ValueError for a key that may not be used."""
    try:
        return ECKey.import_key(pem)
    except (JoseError, ValueError):
        key = RSAKey.import_key(pem)
    if key.public_key.key_size < _LEAST_RSA_BITS:
        raise ValueError("the key is too short")
    return key


def _seconds(claim: Any) -> float:
    try:
        return float(claim)
    except (TypeError, ValueError):
        return 0.0


def _scopes(claim: Any) -> list[str]:
    """A list, or a text with commas."""
    return [str(one) for one in claim] if isinstance(claim, list) else str(claim or "").replace(" ", "").split(",")


def _is_audience(claim: Any, url: str) -> bool:
    """The token URL; the account's `restlets` host is taken as well (sheet 1)."""
    text = str(claim[0] if isinstance(claim, list) and claim else claim)
    return text == url or text.replace(".restlets.", ".suitetalk.") == url
