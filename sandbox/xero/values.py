"""Reads the values of request bodies and writes those of answers: dates in both JSON forms, decimals, ids (sheet 3)."""

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sandbox.xero.errors import RowError, unreadable

Row = dict[str, Any]
NO_ID = "00000000-0000-0000-0000-000000000000"
_MS_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(T00:00:00(\.0+)?Z?)?")
_CENT = Decimal("0.01")
# Beyond this no column of theirs could hold a number, and their parser gives up.
_MOST_DIGITS = 20


def wire_moment(at: datetime) -> str:
    """The vendor's own form of a point in time, to the millisecond."""
    return f"/Date({_milliseconds(at)}+0000)/"


def wire_day(text: str) -> str:
    """A calendar date as its midnight in UTC."""
    return wire_moment(datetime.fromisoformat(text).replace(tzinfo=UTC))


def day_twin(text: str) -> str:
    return f"{text}T00:00:00"


def moment_twin(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: Any) -> str | None:
    """A date of a body as ISO text; None where there is none. Raises XeroError for a form that is not taken."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = _MS_DATE.fullmatch(value)
        if found is not None:
            return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date().isoformat()
        plain = _DAY.fullmatch(value)
        if plain is not None:
            try:
                return date.fromisoformat(plain[1]).isoformat()
            except ValueError:
                raise unreadable(value) from None
    raise unreadable(value)


def number(value: Any) -> Decimal | None:
    """A JSON number, or text that is one. Raises XeroError."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value)) if not isinstance(value, (bool, dict, list)) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or found.adjusted() > _MOST_DIGITS:
        raise unreadable(value)
    return found


def boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise unreadable(value)


def text(element: Row, name: str, most: int) -> str | None:
    """A text of at most so many characters; None where the key is absent or null. Raises RowError, XeroError."""
    value = element.get(name)
    if value is None:
        return None
    if isinstance(value, (dict, list, bool)):
        raise unreadable(name)
    value = str(value)
    if len(value) > most:
        raise RowError(f"The {name} field cannot exceed {most} characters")
    return value


def rows_of(element: Row, name: str) -> list[Row] | None:
    """A list of objects; None where the key is absent. Raises XeroError."""
    value = element.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise unreadable(name)
    return value


def inner(element: Row, name: str) -> Row | None:
    """An object within; None where the key is absent. Raises XeroError."""
    value = element.get(name)
    if value is not None and not isinstance(value, dict):
        raise unreadable(name)
    return value


def guid(value: Any) -> str | None:
    """An id in its usual spelling; None for anything else."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        return None


def money(amount: Decimal) -> Decimal:
    """Two decimals for every currency, halves away from zero (sheet 8)."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
