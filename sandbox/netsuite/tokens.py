"""The account's integration: its OAuth 2.0 certificates and tokens, and its token-based (TBA) keys (sheet 1).

Every secret carries the sandbox account in its readable part, so that a call finds its account by its credentials.
"""

import base64
import json
import re
import secrets
import time
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import Request

_CARRIED = re.compile(r"(?:ci|ck|tk|at)-([A-Za-z0-9]{1,32})\.")


@dataclass
class Mapping:
    """A certificate of the integration: `private_key` is what the sandbox gives out, the public one checks."""

    id: str
    private_key: str
    public_key: str
    alive: bool = True


@dataclass
class TokenPair:
    """TBA: consumer and token, each with its secret."""

    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str
    alive: bool = True


class Tokens:
    """Any number of certificates and token pairs, each given out once; access tokens live an hour (sheet 1)."""

    def __init__(self, account: str) -> None:
        self._account = account
        self.netsuite_account = f"{1_000_000 + zlib.crc32(account.encode()) % 9_000_000}_SB1"
        self.client_id = self._secret("ci")
        self.mappings: dict[str, Mapping] = {}
        self.pairs: dict[str, TokenPair] = {}
        self.accesses: dict[str, float] = {}
        self.nonces: dict[tuple[str, str], float] = {}

    def new_mapping(self) -> Mapping:
        """A certificate with a key of its own (P-256, which is quick to make)."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        made = Mapping(secrets.token_urlsafe(24), private, public.decode())
        self.mappings[made.id] = made
        return made

    def new_pair(self) -> TokenPair:
        made = TokenPair(self._secret("ck"), secrets.token_hex(32), self._secret("tk"), secrets.token_hex(32))
        self.pairs[made.token_id] = made
        return made

    def new_access(self, seconds: float) -> str:
        token = self._secret("at")
        self.accesses[token] = time.time() + seconds
        return token

    def ends(self, token: str) -> datetime:
        """When an access token ends (UTC)."""
        return datetime.fromtimestamp(self.accesses[token], UTC)

    def is_fresh(self, nonce: str, timestamp: str) -> bool:
        """Whether this pair has not been used; it counts as used from now on."""
        now = time.time()
        if len(self.nonces) > 10_000:
            self.nonces = {pair: until for pair, until in self.nonces.items() if until > now}
        if (nonce, timestamp) in self.nonces:
            return False
        self.nonces[nonce, timestamp] = now + 600
        return True

    def expire(self) -> None:
        """All access tokens expire now; certificates and TBA tokens never expire by themselves."""
        self.accesses = dict.fromkeys(self.accesses, 0.0)

    def revoke_all(self) -> None:
        """The certificates and tokens are revoked: nothing works any more."""
        for mapping in self.mappings.values():
            mapping.alive = False
        for pair in self.pairs.values():
            pair.alive = False
        self.accesses.clear()

    def dump(self) -> dict[str, Any]:
        return {
            "clientId": self.client_id,
            "mappings": [asdict(one) for one in self.mappings.values()],
            "pairs": [asdict(one) for one in self.pairs.values()],
            "accesses": self.accesses,
        }

    def load(self, data: dict[str, Any]) -> None:
        self.client_id, self.accesses = data["clientId"], dict(data["accesses"])
        self.mappings = {one["id"]: Mapping(**one) for one in data["mappings"]}
        self.pairs = {one["token_id"]: TokenPair(**one) for one in data["pairs"]}

    def _secret(self, start: str) -> str:
        return f"{start}-{self._account}.{secrets.token_urlsafe(24)}"


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    candidates = [unquote(request.headers.get("authorization", ""))]
    for assertion in parse_qs(body.decode("utf-8", "replace")).get("client_assertion", []):
        candidates.append(_claims(assertion))
    for candidate in candidates:
        match = _CARRIED.search(candidate)
        if match:
            return match.group(1)
    return None


def _claims(assertion: str) -> str:
    """The issuer that an assertion names, not yet checked."""
    payload = assertion.split(".")[1] if assertion.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return ""
    return str(claims.get("iss")) if isinstance(claims, dict) else ""
