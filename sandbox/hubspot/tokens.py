"""The portal's app, its grants and access tokens (sheet 1).

Every secret carries the sandbox account in its readable part, so that a call finds its portal by its credentials.
"""

import re
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from sandbox.kit import oauth
from sandbox.kit.grants import Forms, Grants

_CARRIED = re.compile(r"(?:pat-na1-|na1-|CK-|app-|code-)([A-Za-z0-9]{1,32})\.")
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


class Tokens(Grants):
    """One app with any number of grants, and one private app whose token never expires by time."""

    def __init__(self, account: str) -> None:
        super().__init__(account, Forms(client="app-", refresh="na1-", access="CK-", code="code-"))
        self.private_token = self._secret("pat-na1-")
        self.private_alive = True

    def revoke_all(self) -> None:
        """The app is uninstalled: nothing works any more."""
        super().revoke_all()
        self.private_alive = False

    def restore(self) -> None:
        """The app may be installed again; dead grants stay dead."""
        self.private_alive = True

    def dump(self) -> dict[str, Any]:
        return {**super().dump(), "private": self.private_token}

    def load(self, data: dict[str, Any]) -> None:
        super().load(data)
        self.private_token = data["private"]


def account_in(request: Request, body: bytes) -> str | None:
    """The sandbox account that the credentials of a call carry, unchecked; some stand in the path."""
    return oauth.account_in(_CARRIED, request, body, [unquote(request.url.path)])
