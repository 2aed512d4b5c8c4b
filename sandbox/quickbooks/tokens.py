"""The app's grants for one company (sheet 1)."""

import re

from starlette.requests import Request

from sandbox.kit import oauth
from sandbox.kit.grants import Forms, Grant, Grants
from sandbox.quickbooks.setup import Setup

_FORMS = Forms(client="ABapp-", refresh="AB11-", access="eyJ-", code="XAB-")
_CARRIED = re.compile(r"(?:ABapp-|AB11-|eyJ-|XAB-)([A-Za-z0-9]{1,32})\.")
REFRESH_SECONDS = 8_726_400
HARD_SECONDS = 5 * 365 * 86_400


class Tokens(Grants):
    """One app, connected to one company any number of times."""

    def __init__(self, account: str, setup: Setup) -> None:
        super().__init__(account, _FORMS)
        self._setup = setup

    def refreshed(self, refresh_token: str) -> Grant | None:
        """The grant of a live refresh token, whose value changes when it has become old (sheet 1)."""
        grant = self.grant_of(refresh_token)
        if grant is None or refresh_token != grant.refresh_token:
            return grant
        if self.now() - grant.issued_at >= self._setup.refresh_rotation_seconds:
            self.rotate(grant, self._setup.old_refresh_token_seconds)
        return grant

    def holder(self, token: str) -> Grant | None:
        """The living grant of a refresh or an access token."""
        access = self.accesses.get(token)
        return self.grants[access.grant_id] if access else self.grant_of(token)


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    return oauth.account_in(_CARRIED, request, body)
