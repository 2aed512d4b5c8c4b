"""QuickBooks' query language: statements with safely escaped values (QuickBooks sheet 3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from connectors.quickbooks.spec import LOOK_UP_CHARACTERS, LOOK_UP_VALUES, QUERY_ROWS

# Typographic dashes and quotes in a literal are lexical errors to the vendor's parser (sheet 3).
_UNREADABLE = re.compile("[\u2013-\u201f]")
MODIFIED, CREATED = "Metadata.LastUpdatedTime", "Metadata.CreateTime"


def literal(text: str) -> str:
    """Return a text as a literal: a quote is escaped by a backslash, never doubled."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def select(name: str, *conditions: str, order: str = "", start: int = 1, most: int = QUERY_ROWS) -> str:
    """Return a statement for one page of an object's rows."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    ordered = f" ORDERBY {order}" if order else ""
    return f"SELECT * FROM {name}{where}{ordered} STARTPOSITION {start} MAXRESULTS {most}"


def among(name: str, values: Collection[str]) -> str:
    """Return the condition that a property has one of these values."""
    return f"{name} IN ({', '.join(literal(one) for one in values)})"


def equalling(name: str, values: Collection[str]) -> Iterator[str]:
    """Yield conditions that together find all of the values, and perhaps a few others.

    A value that the parser cannot read is asked for with a wildcard in its place; the caller compares what it gets.
    """
    plain = sorted(one for one in set(values) if not _UNREADABLE.search(one))
    for part in _parts(plain):
        yield among(name, part)
    for one in sorted(set(values) - set(plain)):
        yield f"{name} LIKE {literal(_UNREADABLE.sub('%', one))}"


def _parts(values: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for one in values:
        if part and (size + len(one) > LOOK_UP_CHARACTERS or len(part) == LOOK_UP_VALUES):
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one)
    if part:
        yield part
