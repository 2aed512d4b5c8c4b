"""One app's OAuth 2.0 grants and tokens, for vendors whose refresh tokens change now and then.

Every secret carries the sandbox account in its readable part, so that a call finds its account by its credentials.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

_FOR_EVER = float("inf")


@dataclass(frozen=True)
class Forms:
    """How a vendor's secrets begin, each before the account and a dot."""

    client: str
    refresh: str
    access: str
    code: str


@dataclass
class Grant:
    """One consent. `retired` are the refresh tokens before the newest one, with the time until which each still works.

    Times are epoch seconds by the vendor's clock.
    """

    id: str
    refresh_token: str
    issued_at: float
    consented_at: float
    scopes: list[str] = field(default_factory=list)
    retired: dict[str, float] = field(default_factory=dict)
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


@dataclass(frozen=True)
class Code:
    """An authorization code, good for one exchange until `expires_at`."""

    redirect_uri: str
    scopes: list[str]
    expires_at: float


class Grants:
    """One app with any number of grants. `now` is the vendor's clock (epoch seconds)."""

    def __init__(
        self, account: str, forms: Forms, *, code_seconds: float = 600, now: Callable[[], float] = time.time
    ) -> None:
        self._account = account
        self._forms = forms
        self._code_seconds = code_seconds
        self.now = now
        self.client_id = f"{forms.client}{account}.{account}00000000"
        self.client_secret = secrets.token_hex(20)
        self.grants: dict[str, Grant] = {}
        self.accesses: dict[str, Access] = {}
        self._codes: dict[str, Code] = {}

    def new_grant(self, scopes: list[str] | None = None) -> Grant:
        now = self.now()
        grant = Grant(secrets.token_hex(8), self._secret(self._forms.refresh), now, now, scopes or [])
        self.grants[grant.id] = grant
        return grant

    def new_access(self, grant: Grant, seconds: float) -> Access:
        access = Access(self._secret(self._forms.access), grant.id, self.now() + seconds)
        self.accesses[access.token] = access
        return access

    def live_access(self, token: str) -> Access | None:
        access = self.accesses.get(token)
        return access if access is not None and access.expires_at > self.now() else None

    def new_code(self, redirect_uri: str, scopes: list[str] | None = None) -> str:
        code = self._secret(self._forms.code)
        self._codes[code] = Code(redirect_uri, scopes or [], self.now() + self._code_seconds)
        return code

    def take_code(self, code: str, redirect_uri: str) -> Code | None:
        """Use up a code, which may have expired; None for one that never was, or was given for another URI."""
        held = self._codes.pop(code, None)
        return held if held is not None and held.redirect_uri == redirect_uri else None

    def grant_of(self, refresh_token: str) -> Grant | None:
        """The living grant of a refresh token that works."""
        for grant in self.grants.values():
            current = refresh_token == grant.refresh_token
            if grant.alive and (current or grant.retired.get(refresh_token, 0) > self.now()):
                return grant
        return None

    def rotate(self, grant: Grant, grace_seconds: float = _FOR_EVER) -> None:
        """Give a grant a new refresh token; the one before works on for so long."""
        grant.retired[grant.refresh_token] = self.now() + grace_seconds
        grant.refresh_token, grant.issued_at = self._secret(self._forms.refresh), self.now()

    def revoke(self, grant: Grant, *, access: bool = True) -> None:
        """End a grant; without `access`, access tokens that are out keep working until they expire."""
        grant.alive = False
        if access:
            self.accesses = {token: one for token, one in self.accesses.items() if one.grant_id != grant.id}

    def expire(self) -> None:
        """All access tokens expire now."""
        for access in self.accesses.values():
            access.expires_at = min(access.expires_at, self.now())

    def revoke_all(self) -> None:
        """The app is disconnected: no token works any more."""
        for grant in self.grants.values():
            grant.alive = False
        self.accesses.clear()
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

    def _secret(self, start: str) -> str:
        return f"{start}{self._account}.{secrets.token_urlsafe(24)}"
