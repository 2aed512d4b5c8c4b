"""Clients, grants and sessions of one org: which tokens live, and what ends them (sheet 1.3, 1.4).

Every secret carries the sandbox account in its readable part, so that a call finds its org by its credentials.
"""

import base64
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from sandbox.kit import oauth
from sandbox.salesforce.setup import Setup

_CARRIED = re.compile(r"^(?:3MVG9|5Aep|aPrx|[0-9A-Za-z]{15}!)([A-Za-z0-9]{1,32})\.")
_CODE_SECONDS = 600
_MAX_REFRESH_TOKENS = 5


@dataclass
class Client:
    """A connected app. `approved` is False between `revoke_grant` and `restore`."""

    id: str
    secret: str
    approved: bool = True


@dataclass
class Grant:
    """One consent. With rotation `old` are the refresh tokens whose reuse ends it."""

    id: str
    client_id: str
    scope: str
    refresh_token: str | None
    alive: bool = True
    old: list[str] = field(default_factory=list)


@dataclass
class Session:
    """An access token. `expires_at` (epoch seconds) moves on with use."""

    token: str
    grant_id: str
    issued_at: float
    expires_at: float

    @property
    def expires(self) -> datetime:
        return datetime.fromtimestamp(self.expires_at, UTC)


@dataclass
class Code:
    """An authorization code, good for one exchange."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    method: str
    expires_at: float


class Tokens:
    def __init__(self, account: str, org_id: str, setup: Setup) -> None:
        self._account = account
        self._org = org_id[:15]
        self._setup = setup
        self.clients: dict[str, Client] = {}
        self.grants: dict[str, Grant] = {}
        self.sessions: dict[str, Session] = {}
        self.codes: dict[str, Code] = {}
        self._by_refresh: dict[str, str] = {}

    def new_client(self) -> Client:
        client = Client(self._secret("3MVG9", 24), secrets.token_hex(32).upper())
        self.clients[client.id] = client
        return client

    def new_grant(self, client_id: str, *, refreshable: bool) -> Grant:
        """A consent of its own. Without rotation a sixth one for an app ends the oldest (sheet 1.4)."""
        grant = Grant(secrets.token_hex(8), client_id, "api", None)
        if refreshable:
            grant.scope = "api refresh_token"
            grant.refresh_token = self._secret("5Aep", 40)
            self._by_refresh[grant.refresh_token] = grant.id
            living = [one for one in self.grants.values() if one.client_id == client_id and one.alive]
            living = [one for one in living if one.refresh_token]
            if len(living) >= _MAX_REFRESH_TOKENS:
                self.end_grant(living[0])
        self.grants[grant.id] = grant
        return grant

    def new_session(self, grant: Grant) -> Session:
        now = time.time()
        token = self._secret(f"{self._org}!", 48)
        session = Session(token, grant.id, now, now + self._setup.session_timeout_seconds)
        self.sessions[token] = session
        return session

    def new_code(self, client_id: str, redirect_uri: str, challenge: str | None, method: str) -> str:
        code = self._secret("aPrx", 24)
        self.codes[code] = Code(client_id, redirect_uri, challenge, method, time.time() + _CODE_SECONDS)
        return code

    def session(self, token: str) -> Session | None:
        """The living session of an access token; asking for it prolongs it."""
        session = self.sessions.get(token)
        if session is None:
            return None
        now = time.time()
        if session.expires_at <= now:
            del self.sessions[token]
            return None
        session.expires_at = max(session.expires_at, now + self._setup.session_timeout_seconds)
        return session

    def refresh(self, refresh_token: str, client_id: str) -> Grant | None:
        """The grant, rotated, of a good refresh token; None for a bad one. Reusing an old one ends its grant."""
        grant = self.grants.get(self._by_refresh.get(refresh_token, ""))
        if grant is None or not grant.alive or grant.client_id != client_id:
            return None
        if grant.refresh_token != refresh_token:
            self.end_grant(grant)
            return None
        if self._setup.refresh_token_rotation:
            grant.old.append(refresh_token)
            grant.refresh_token = self._secret("5Aep", 40)
            self._by_refresh[grant.refresh_token] = grant.id
            self.end_sessions(grant)
        return grant

    def revoke(self, token: str) -> bool:
        """End a session, or a grant by its refresh token. False for an unknown token."""
        if self.sessions.pop(token, None):
            return True
        grant = self.grants.get(self._by_refresh.get(token, ""))
        if grant is None:
            return False
        self.end_grant(grant)
        return True

    def end_grant(self, grant: Grant) -> None:
        grant.alive = False
        self.end_sessions(grant)

    def end_sessions(self, grant: Grant) -> None:
        self.sessions = {token: one for token, one in self.sessions.items() if one.grant_id != grant.id}

    def revoke_all(self) -> None:
        """Every consent is withdrawn: sessions end, refresh tokens die, the apps may not log in by themselves."""
        for grant in self.grants.values():
            grant.alive = False
        for client in self.clients.values():
            client.approved = False
        self.sessions.clear()
        self.codes.clear()

    def restore(self) -> None:
        """The apps may log in again (JWT, client credentials, new consents); dead refresh tokens stay dead."""
        for client in self.clients.values():
            client.approved = True

    def dump(self) -> dict[str, Any]:
        return {
            "clients": [asdict(one) for one in self.clients.values()],
            "grants": [asdict(one) for one in self.grants.values()],
            "sessions": [asdict(one) for one in self.sessions.values()],
        }

    def load(self, data: dict[str, Any]) -> None:
        self.clients = {one["id"]: Client(**one) for one in data["clients"]}
        self.grants = {one["id"]: Grant(**one) for one in data["grants"]}
        self.sessions = {one["token"]: Session(**one) for one in data["sessions"]}
        for grant in self.grants.values():
            self._by_refresh |= {token: grant.id for token in (*grant.old, grant.refresh_token) if token}

    def _secret(self, start: str, size: int) -> str:
        return f"{start}{self._account}.{secrets.token_urlsafe(size)}"


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    assertions: list[str] = []
    if request.url.path.startswith("/services/oauth2/"):
        for source in (parse_qs(body.decode("utf-8", "replace")), parse_qs(request.url.query)):
            assertions += source.get("assertion", [])
    return oauth.account_in(_CARRIED, request, body, map(jwt_issuer, assertions))


def jwt_issuer(assertion: str) -> str:
    """The `iss` of a JWT, unchecked; empty when there is none."""
    part = assertion.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part[0] + "=" * (-len(part[0]) % 4)))
        return str(claims["iss"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
