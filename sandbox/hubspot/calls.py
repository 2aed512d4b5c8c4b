"""One call of the API, free of HTTP: which resource, in which version, asked how (sheet 0)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from sandbox.hubspot.errors import HubSpotError, unreadable
from sandbox.hubspot.objects import object_named
from sandbox.hubspot.schema import ObjectType

DATES = ("2026-03", "2026-09")
_LEGACY = ("v3", "v4")
# Versions that tell of a batch's failures in the ordinary reply, not with a 207 (sheet 0).
_FOLDS_ERRORS = frozenset({"2026-09"})


@dataclass(frozen=True)
class Call:
    """`area` is `objects`, `associations`, `properties`, …; `path` are the decoded segments after it.

    `broken` says that some rows of a batch shall fail (a fault).
    """

    method: str
    area: str
    version: str
    path: tuple[str, ...]
    query: Mapping[str, list[str]]
    body: bytes
    app_id: str
    broken: bool = False

    @property
    def folds_errors(self) -> bool:
        return self.version in _FOLDS_ERRORS

    def one(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else None

    def many(self, name: str) -> list[str] | None:
        """All values of a parameter, repeated or comma-joined; None when it is not there."""
        values = self.query.get(name)
        return None if values is None else [part for value in values for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """Official clients write `True` with a capital letter (sheet 9)."""
        return (self.one(name) or "").lower() == "true"

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises HubSpotError."""
        try:
            body = json.loads(self.body)
        except ValueError:
            raise unreadable("Unexpected end-of-input or character") from None
        if not isinstance(body, dict):
            raise unreadable("Cannot deserialize value of type `object` from Array value")
        return body


@dataclass(frozen=True)
class Reply:
    """`body` None means an empty one."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def located(raw_path: str) -> tuple[str, str, tuple[str, ...]] | None:
    """(area, version, rest) of a still encoded path: `/crm/v3/objects/…` and `/crm/objects/2026-03/…` alike."""
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if len(parts) >= 3 and parts[0] == "account-info" and parts[1] in ("v3", *DATES):
        return "account-info", parts[1], tuple(parts[2:])
    if len(parts) < 3 or parts[0] != "crm":
        return None
    if parts[1] in _LEGACY:
        return parts[2], parts[1], tuple(parts[3:])
    return (parts[1], parts[2], tuple(parts[3:])) if parts[2] in DATES else None


def query_of(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def kind_of(alias: str) -> ObjectType:
    """Raises HubSpotError for an object that the portal has not."""
    found = object_named(alias)
    if found is None:
        raise HubSpotError(400, f"Unable to infer object type from: {alias}")
    return found


def whole(text: str | None, name: str) -> int | None:
    """A number of the query. Raises HubSpotError for anything else."""
    if text is None:
        return None
    if not text.isdecimal():
        raise unreadable(f'Cannot deserialize value of type `int` from String "{text}" ({name})')
    return int(text)
