"""Lists: what changed since, `where`, `order`, and pages of up to a thousand (sheet 3)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from sandbox.xero.calls import Call
from sandbox.xero.errors import XeroError, bad_query
from sandbox.xero.values import Row
from sandbox.xero.where import parse_where

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
TEXT, NUMBER, DAY, MOMENT, FLAG = "text", "number", "day", "moment", "flag"


@dataclass(frozen=True)
class Kind:
    """`fields` are what `where` and `order` may name, with their types."""

    singular: str
    plural: str
    id_key: str
    fields: Mapping[str, str]
    value: Callable[[Row, str], Any] = lambda row, name: row.get(name)

    def read(self, row: Row, name: str) -> Any:
        """A field as `where` compares it."""
        value = self.value(row, name)
        if value is None:
            return None
        match self.fields[name]:
            case "number":
                return Decimal(str(value))
            case "day" | "moment":
                at = datetime.fromisoformat(value)
                return at if at.tzinfo else at.replace(tzinfo=UTC)
        return value


@dataclass(frozen=True)
class Page:
    """`pagination` is None for a call that did not ask for pages."""

    rows: list[Row]
    pagination: dict[str, int] | None


def listed(rows: Iterable[Row], call: Call, kind: Kind, *, always_paged: bool = False) -> Page:
    """The rows that a call asks for, in its order. Raises XeroError."""
    if call.modified_since is not None:
        since = _since(call.modified_since)
        rows = [row for row in rows if _second(row) >= since]
    where = call.one("where")
    if where is not None:
        test = parse_where(where, kind.singular, frozenset(kind.fields))
        rows = [row for row in rows if test(lambda name, row=row: kind.read(row, name))]  # type: ignore[misc]
    found = _ordered(list(rows), call.one("order"), kind)
    if call.one("page") is None and call.one("pageSize") is None and not always_paged:
        return Page(found, None)
    page, size = call.whole("page", 1, 10**9), call.whole("pageSize", DEFAULT_PAGE, LARGEST_PAGE)
    pages = max(1, -(-len(found) // size))
    pagination = {"page": page, "pageSize": size, "pageCount": pages, "itemCount": len(found)}
    return Page(found[(page - 1) * size : page * size], pagination)


def _ordered(rows: list[Row], order: str | None, kind: Kind) -> list[Row]:
    """By default in order of change, and of id within one moment."""
    rows.sort(key=lambda row: (row["UpdatedDateUTC"], row[kind.id_key]))
    for part in reversed((order or "").split(",")):
        if not part.strip():
            continue
        name, _, direction = part.strip().partition(" ")
        known = next((one for one in kind.fields if one.lower() == name.lower()), None)
        if known is None:
            raise bad_query(f"No property or field '{name}' exists in type '{kind.singular}'")
        down = direction.strip().upper().startswith("DESC")
        rows.sort(key=lambda row, known=known: _sortable(kind.read(row, known)), reverse=down)  # type: ignore[misc]
    return rows


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.casefold() if isinstance(value, str) else value)


def _second(row: Row) -> datetime:
    return datetime.fromisoformat(row["UpdatedDateUTC"]).replace(microsecond=0)


def _since(header: str) -> datetime:
    """The three forms that clients send; second accuracy, milliseconds are not taken (sheet 3). Raises XeroError."""
    try:
        at = datetime.fromisoformat(header.strip().replace("Z", "+00:00"))
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            raise XeroError(412, "If-Modified-Since cannot be parsed") from None
    if at.microsecond:
        raise XeroError(412, "If-Modified-Since takes whole seconds")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
