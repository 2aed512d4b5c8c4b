"""One call of the Accounting API, free of HTTP: names of parameters and flags count without case (sheet 3)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sandbox.xero.errors import bad_parameter, no_data, unreadable
from sandbox.xero.values import Row, guid


@dataclass(frozen=True)
class Call:
    """`path` are the decoded segments after the resource. `broken` says that some rows shall fail (a fault)."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes
    modified_since: str | None = None
    broken: bool = False

    def one(self, name: str) -> str | None:
        return self.query.get(name.lower()) or None

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.query.get(name.lower())
        return default if value is None else value.lower() == "true"

    def many(self, name: str) -> list[str] | None:
        """A comma list; None when it is not there."""
        value = self.one(name)
        return None if value is None else [part.strip() for part in value.split(",") if part.strip()]

    def ids(self, name: str) -> list[str] | None:
        """A comma list of GUIDs. Raises XeroError."""
        found = self.many(name)
        if found is None:
            return None
        ids = [guid(one) for one in found]
        if None in ids:
            raise bad_parameter(name)
        return [one for one in ids if one is not None]

    def whole(self, name: str, default: int, most: int) -> int:
        """A number from 1 to `most`; what lies outside is brought inside (sheet 3). Raises XeroError."""
        value = self.one(name)
        if value is None:
            return default
        if not value.removeprefix("-").isdecimal():
            raise bad_parameter(name)
        return max(1, min(most, int(value)))

    def elements(self, plural: str) -> list[Row]:
        """The rows of the body: a bare object, or a list under the plural name. Raises XeroError."""
        try:
            body = json.loads(self.body) if self.body else None
        except ValueError:
            raise unreadable("body") from None
        if isinstance(body, dict) and plural in body:
            body = body[plural]
        elif isinstance(body, dict) and body:
            body = [body]
        if not isinstance(body, list) or not body or not all(isinstance(one, dict) for one in body):
            raise no_data()
        return body


def query_of(text: str) -> dict[str, str]:
    """The last value of each parameter wins (sheet 8: repeated parameters are not lists)."""
    return {name.lower(): value for name, value in parse_qsl(text, keep_blank_values=True)}
