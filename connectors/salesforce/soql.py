"""SOQL text: literals that cannot break out of their place, and IN lists that fit into a URI (sheet 3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from connectors.salesforce.spec import API
from connectors.values import as_number
from core.errors import FieldValidation

_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
_BARE = frozenset({"date", "datetime", "boolean"})


def text_literal(text: str) -> str:
    """Return a quoted SOQL string."""
    return "'" + "".join(_ESCAPES.get(char, char) for char in text) + "'"


def time_literal(at: datetime) -> str:
    """Return a SOQL date-time of whole seconds, the resolution of SystemModstamp (sheet 3.4)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def literal(value: str, field_type: str) -> str:
    """Return a value as a literal for a field of this describe type. Raises `FieldValidation` where it fits none."""
    if field_type in _NUMBERS:
        number = as_number(value)
        if number is None:
            raise FieldValidation(f"{value!r} is not a number")
        return format(number, "f")
    if field_type in _BARE:
        if not value or not all(char.isalnum() or char in "-:.+" for char in value):
            raise FieldValidation(f"{value!r} is not a {field_type}")
        return value
    return text_literal(value)


def query_path(soql: str, *, deleted: bool = False) -> str:
    """Return the path of a query; `deleted` also finds rows in the recycle bin."""
    return f"{API}/{'queryAll' if deleted else 'query'}?q={quote(soql, safe='')}"


def in_lists(literals: Iterable[str], room: int) -> Iterator[str]:
    """Yield `(…)` lists that carry all literals, each at most `room` bytes when it stands encoded in a URI."""
    part: list[str] = []
    size = 0
    for one in literals:
        cost = len(quote(one, safe="")) + len("%2C")
        if part and size + cost > room:
            yield f"({','.join(part)})"
            part, size = [], 0
        part.append(one)
        size += cost
    if part:
        yield f"({','.join(part)})"
