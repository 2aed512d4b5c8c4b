"""The app of one sandbox account, its grants and tokens (sheet 1)."""

import base64
import re
import secrets
from typing import Any

from starlette.requests import Request

from sandbox.kit import oauth
from sandbox.kit.clock import Clock
from sandbox.kit.grants import Forms, Grant, Grants

_CARRIED = re.compile(r"(?:xapp-|xrt-|xat-|xcode-)([A-Za-z0-9]{1,32})\.")
_CODE_SECONDS = 300
# A rotated refresh token may be retried for half an hour; an unused one dies after 60 days (sheet 1).
_GRACE_SECONDS = 1800
_REFRESH_SECONDS = 60 * 86_400
SCOPES = (
    *("offline_access", "accounting.contacts", "accounting.invoices", "accounting.payments"),
    *("accounting.settings", "accounting.settings.read", "accounting.contacts.read", "accounting.invoices.read"),
    "accounting.payments.read",
)
# Apps made since March 2026 cannot ask for them (sheet 1).
BROAD_SCOPES = frozenset({"accounting.transactions", "accounting.transactions.read"})


class Tokens(Grants):
    """One app with any number of grants, and the key that its webhooks are signed with."""

    def __init__(self, account: str, clock: Clock) -> None:
        forms = Forms(client="xapp-", refresh="xrt-", access="xat-", code="xcode-")
        super().__init__(account, forms, code_seconds=_CODE_SECONDS, now=lambda: clock.now().timestamp())
        self.webhook_key = base64.b64encode(secrets.token_bytes(32)).decode()

    def refresh(self, refresh_token: str) -> Grant | None:
        """The grant of a good refresh token, with a new one."""
        grant = self.grant_of(refresh_token)
        if grant is None or self.now() - grant.issued_at >= _REFRESH_SECONDS:
            return None
        self.rotate(grant, _GRACE_SECONDS)
        return grant

    def dump(self) -> dict[str, Any]:
        return {**super().dump(), "webhookKey": self.webhook_key}

    def load(self, data: dict[str, Any]) -> None:
        super().load(data)
        self.webhook_key = data["webhookKey"]


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked."""
    return oauth.account_in(_CARRIED, request, body)
