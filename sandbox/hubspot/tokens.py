"""The portal's app, its grants and access tokens (sheet 1).

Every secret carries the sandbox account in its readable part, so that a call finds its portal by its credentials.
"""

import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request

from sandbox.hubspot.setup import Setup

_CARRIED = re.compile(r"(?:pat-na1-|na1-|CK-|app-|code-)([A-Za-z0-9]{1,32})\.")
_CODE_SECONDS = 600
SCOPES = (
    "oauth",
    *(
        f"crm.{area}.{name}.{right}"
        for area in ("objects", "schemas")
        for name in ("companies", "contacts", "deals")
        for right in ("read", "write")
    ),
    "crm.objects.owners.read",
)


@dataclass
class Grant:
    """One consent. `refresh_tokens` all work, the newest last: an answer that was lost costs nothing (sheet 1)."""

    id: str
    refresh_tokens: list[str] = field(default_factory=list)
    alive: bool = True


@dataclass
class Access:
    """An access token until `expires_at` (epoch seconds)."""

    token: str
    grant_id: str
    expires_at: float

    @property
    def expires(self) -> datetime:
        return datetime.fromtimestamp(self.expires_at, UTC)


class Tokens:
    """One app with any number of grants, and one private app whose token never expires by time."""

    def __init__(self, account: str, setup: Setup) -> None:
        self._account = account
        self._setup = setup
        self.client_id = f"app-{account}.{account}00000000"
        self.client_secret = secrets.token_hex(16)
        self.private_token = self._secret("pat-na1-")
        self.private_alive = True
        self.grants: dict[str, Grant] = {}
        self.accesses: dict[str, Access] = {}
        self._codes: dict[str, tuple[str, float]] = {}

    def new_grant(self) -> Grant:
        grant = Grant(secrets.token_hex(8), [self._secret("na1-")])
        self.grants[grant.id] = grant
        return grant

    def new_access(self, grant: Grant) -> Access:
        access = Access(self._secret("CK-"), grant.id, time.time() + self._setup.access_token_seconds)
        self.accesses[access.token] = access
        return access

    def new_code(self, redirect_uri: str) -> str:
        code = self._secret("code-")
        self._codes[code] = (redirect_uri, time.time() + _CODE_SECONDS)
        return code

    def take_code(self, code: str, redirect_uri: str) -> str | None:
        """Use up a code; None when it is good, else what is wrong with it."""
        held = self._codes.pop(code, None)
        if held is None or held[0] != redirect_uri:
            return "BAD_AUTH_CODE"
        return "EXPIRED_AUTH_CODE" if held[1] < time.time() else None

    def refresh(self, refresh_token: str) -> Grant | None:
        """The grant of a good refresh token; by default the token stays the same."""
        grant = self.grant_of(refresh_token)
        if grant is not None and self._setup.refresh_token_rotation:
            grant.refresh_tokens.append(self._secret("na1-"))
        return grant

    def grant_of(self, refresh_token: str) -> Grant | None:
        return next((one for one in self.grants.values() if one.alive and refresh_token in one.refresh_tokens), None)

    def end(self, grant: Grant) -> None:
        """Revoke a refresh token; access tokens that are out keep working until they expire (sheet 1)."""
        grant.alive = False

    def expire(self) -> None:
        """All access tokens expire now."""
        for access in self.accesses.values():
            access.expires_at = min(access.expires_at, time.time())

    def revoke_all(self) -> None:
        """The app is uninstalled: nothing works any more."""
        for grant in self.grants.values():
            grant.alive = False
        self.accesses.clear()
        self._codes.clear()
        self.private_alive = False

    def restore(self) -> None:
        """The app may be installed again; dead grants stay dead."""
        self.private_alive = True

    def dump(self) -> dict[str, Any]:
        return {
            "clientSecret": self.client_secret,
            "private": self.private_token,
            "grants": [asdict(one) for one in self.grants.values()],
            "accesses": [asdict(one) for one in self.accesses.values()],
        }

    def load(self, data: dict[str, Any]) -> None:
        self.client_secret, self.private_token = data["clientSecret"], data["private"]
        self.grants = {one["id"]: Grant(**one) for one in data["grants"]}
        self.accesses = {one["token"]: Access(**one) for one in data["accesses"]}

    def _secret(self, start: str) -> str:
        return f"{start}{self._account}.{secrets.token_urlsafe(24)}"


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    candidates = [request.headers.get("authorization", "").partition(" ")[2], unquote(request.url.path)]
    if request.url.path.startswith("/oauth/"):
        for source in (parse_qs(body.decode("utf-8", "replace")), parse_qs(request.url.query)):
            for name in ("client_id", "refresh_token", "token", "code"):
                candidates += source.get(name, [])
    for candidate in candidates:
        match = _CARRIED.search(candidate)
        if match:
            return match.group(1)
    return None
