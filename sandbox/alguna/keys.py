"""API keys of one account: `key_<account>_<id>.<secret>`, so that a key tells whose it is."""

import re
import secrets

_SHAPE = re.compile(r"Bearer key_([A-Za-z0-9]{1,32})_[0-9a-f]+\.[0-9a-f]+")


def account_of(authorization: str | None) -> str | None:
    """The account named in a bearer key, which may be dead or forged."""
    match = _SHAPE.fullmatch(authorization or "")
    return match[1] if match else None


class ApiKeys:
    """Issued keys. Alguna has no OAuth, so expiring and revoking are one thing: every key issued so far is dead.

    `restore` revives them; a key issued afterwards works anyway, as one made anew in the dashboard would.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._live: dict[str, bool] = {}

    def issue(self) -> str:
        key = f"key_{self._account}_{secrets.token_hex(4)}.{secrets.token_hex(16)}"
        self._live[key] = True
        return key

    def refusal(self, authorization: str | None) -> str | None:
        """Why this Authorization header is not good; None when it is."""
        if not authorization or not authorization.startswith("Bearer "):
            return "missing API key"
        if not self._live.get(authorization.removeprefix("Bearer "), False):
            return "invalid API key"
        return None

    def set_all(self, live: bool) -> None:
        self._live = dict.fromkeys(self._live, live)

    def dump(self) -> dict[str, bool]:
        return self._live

    def load(self, data: dict[str, bool]) -> None:
        self._live = dict(data)
