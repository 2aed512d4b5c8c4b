"""The app's grants for one company (sheet 1): tokens that carry the sandbox account in their readable part."""

import base64
import binascii
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from sandbox.quickbooks.setup import Setup

_CARRIED = re.compile(r"(?:AB11-|eyJ-|ABapp-|XAB-)([A-Za-z0-9]{1,32})\.")
_CODE_SECONDS = 600
REFRESH_SECONDS = 8_726_400
HARD_SECONDS = 5 * 365 * 86_400


@dataclass
class Grant:
    """One consent: the newest refresh token, and for each one before it until when it still works (epoch)."""

    id: str
    refresh_token: str
    issued_at: float
    consented_at: float
    old: dict[str, float] = field(default_factory=dict)
    alive: bool = True


@dataclass
class Access:
    token: str
    grant_id: str
    expires_at: float

    @property
    def expires(self) -> datetime:
        return datetime.fromtimestamp(self.expires_at, UTC)


class Tokens:
    """One app, connected to one company any number of times."""

    def __init__(self, account: str, setup: Setup) -> None:
        self._account = account
        self._setup = setup
        self.client_id = f"ABapp-{account}.{account}00000000"
        self.client_secret = secrets.token_hex(20)
        self.grants: dict[str, Grant] = {}
        self.accesses: dict[str, Access] = {}
        self._codes: dict[str, tuple[str, float]] = {}

    def new_grant(self) -> Grant:
        now = time.time()
        grant = Grant(secrets.token_hex(8), self._secret("AB11-"), now, now)
        self.grants[grant.id] = grant
        return grant

    def new_access(self, grant: Grant) -> Access:
        access = Access(self._secret("eyJ-"), grant.id, time.time() + self._setup.access_token_seconds)
        self.accesses[access.token] = access
        return access

    def new_code(self, redirect_uri: str) -> str:
        code = self._secret("XAB-")
        self._codes[code] = (redirect_uri, time.time() + _CODE_SECONDS)
        return code

    def take_code(self, code: str, redirect_uri: str) -> bool:
        """Use up a code; whether it was good."""
        held = self._codes.pop(code, None)
        return held is not None and held[0] == redirect_uri and held[1] >= time.time()

    def refresh(self, refresh_token: str) -> Grant | None:
        """The grant of a live refresh token, whose value changes when it has become old (sheet 1)."""
        grant, now = self.grant_of(refresh_token), time.time()
        if grant is None or refresh_token != grant.refresh_token:
            return grant
        if now - grant.issued_at >= self._setup.refresh_rotation_seconds:
            grant.old[grant.refresh_token] = now + self._setup.old_refresh_token_seconds
            grant.refresh_token, grant.issued_at = self._secret("AB11-"), now
        return grant

    def grant_of(self, refresh_token: str) -> Grant | None:
        now = time.time()
        for grant in self.grants.values():
            if grant.alive and (refresh_token == grant.refresh_token or grant.old.get(refresh_token, 0) > now):
                return grant
        return None

    def revoke(self, token: str) -> bool:
        """End the grant of a refresh or access token, with all access tokens of it."""
        access = self.accesses.get(token)
        grant = self.grants.get(access.grant_id) if access else self.grant_of(token)
        if grant is None:
            return False
        self._end(grant)
        return True

    def expire(self) -> None:
        """All access tokens expire now."""
        for access in self.accesses.values():
            access.expires_at = min(access.expires_at, time.time())

    def revoke_all(self) -> None:
        """The company disconnects the app."""
        for grant in self.grants.values():
            self._end(grant)
        self._codes.clear()

    def dump(self) -> dict[str, Any]:
        return {
            "clientSecret": self.client_secret,
            "grants": [asdict(one) for one in self.grants.values()],
            "accesses": [asdict(one) for one in self.accesses.values()],
        }

    def load(self, data: dict[str, Any]) -> None:
        self.client_secret = data["clientSecret"]
        self.grants = {one["id"]: Grant(**one) for one in data["grants"]}
        self.accesses = {one["token"]: Access(**one) for one in data["accesses"]}

    def _end(self, grant: Grant) -> None:
        grant.alive = False
        self.accesses = {token: one for token, one in self.accesses.items() if one.grant_id != grant.id}

    def _secret(self, start: str) -> str:
        return f"{start}{self._account}.{secrets.token_urlsafe(24)}"


def basic_credentials(request: Request) -> tuple[str, str]:
    """Client id and secret of the Authorization header; empty where there are none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    candidates = [request.headers.get("authorization", "").partition(" ")[2], basic_credentials(request)[0]]
    candidates += parse_qs(request.url.query).get("client_id", [])
    if "/oauth2/" in request.url.path or request.url.path.startswith("/connect/"):
        candidates.append(body.decode("utf-8", "replace"))
    for candidate in candidates:
        match = _CARRIED.search(candidate)
        if match:
            return match.group(1)
    return None
