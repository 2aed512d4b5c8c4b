"""Checks of single properties, and how numbers, dates and times look on the wire (sheet 2, 3)."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.schema import Field, Kind, Type

PACIFIC = ZoneInfo("America/Los_Angeles")
_CENT = Decimal("0.01")
_EMAIL = re.compile(r"[^\s@,;<>()]+@[^\s@,;]+\.[^\s@,;]+")
_NOT_IN_NAMES = re.compile(r"[:\t\n]")
_MOST_DIGITS = 15


def wire_time(at: datetime) -> str:
    """Pacific time in whole seconds, with its offset."""
    return at.astimezone(PACIFIC).isoformat(timespec="seconds")


def envelope_time(at: datetime) -> str:
    """The `time` of an answer: Pacific, in milliseconds."""
    return at.astimezone(PACIFIC).isoformat(timespec="milliseconds")


def moment(text: str) -> datetime:
    """A time of a query or of `changedSince`; without an offset it is the company's. Raises ValueError."""
    at = datetime.fromisoformat(text.strip())
    return (at if at.tzinfo else at.replace(tzinfo=PACIFIC)).astimezone(UTC)


def cents(amount: Decimal) -> Decimal:
    """Rounded to two decimals, half up: QuickBooks has two for every currency."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def number(amount: Decimal) -> float:
    """As a JSON number."""
    return float(amount)


def decimal(raw: Any, element: str) -> Decimal | None:
    """A number that came as JSON number or text; None where it is blank. Raises QuickBooksError 2080."""
    if raw is None or raw == "" or isinstance(raw, bool):
        return None
    try:
        found = Decimal(str(raw))
    except InvalidOperation:
        raise _not_a_number(raw, element) from None
    if not found.is_finite() or max(len(found.as_tuple().digits), found.adjusted() + 1) > _MOST_DIGITS:
        raise _not_a_number(raw, element)
    return found


def day(raw: Any, element: str) -> str | None:
    """A date, of which a time part is dropped. Raises QuickBooksError 2040."""
    if raw is None or raw == "":
        return None
    try:
        return date.fromisoformat(str(raw)[:10]).isoformat()
    except ValueError:
        raise QuickBooksError("2040", "Invalid Date Format", f"Invalid date : {raw}", element=element) from None


def reference(raw: Any, element: str) -> dict[str, str] | None:
    """A reference by id; None where it has no value. Raises QuickBooksError 2040."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, dict):
        raise QuickBooksError("2040", "Invalid Reference", f"{element} is no reference", element=element)
    value = str(raw.get("value") or "")
    return {"value": value} if value else None


def cleaned(kind: Kind, body: Mapping[str, Any], *, trusted: bool = False) -> dict[str, Any]:
    """The sent properties that are kept, checked; None where one is blank. `trusted` skips the address check.

    Raises QuickBooksError for the first property that is unknown or wrong.
    """
    values: dict[str, Any] = {}
    for name, raw in body.items():
        field = kind.fields.get(name)
        if field is None:
            message = "Request has invalid or unsupported property"
            raise QuickBooksError("2010", message, f"Property Name:{name} specified is unsupported or invalid",
                                  element=name)  # fmt: skip
        if field.type is not Type.DROPPED:
            values[name] = _value(field, name, raw, trusted=trusted)
    return values


def _value(field: Field, name: str, raw: Any, *, trusted: bool) -> Any:
    match field.type:
        case Type.BOOL:
            return _truth(raw)
        case Type.NUMBER:
            found = decimal(raw, name)
            return None if found is None else number(found)
        case Type.DATE:
            return day(raw, name)
        case Type.REF:
            return reference(raw, name)
        case Type.EMAIL:
            return _email(field, name, raw, trusted=trusted)
        case Type.PARTS:
            return _parts(field.parts or {}, name, raw)
        case Type.RAW:
            return raw
    return _text(raw, name, field.most, plain=field.type is Type.NAME)


def _text(raw: Any, name: str, most: int, *, plain: bool = False) -> str | None:
    """Text without space around it."""
    if raw is None:
        return None
    text = str(raw).strip()
    if plain and _NOT_IN_NAMES.search(text):
        detail = "The String contains invalid characters : colon, tab or new line"
        raise QuickBooksError("2040", "Invalid String", detail, element=name)
    if most and len(text) > most:
        message = "String length is either shorter or longer than supported by specification"
        detail = f"String length specified does not match the supported length. Min:0 Max:{most} supported. "
        detail += f"Supplied length:{len(text)}"
        raise QuickBooksError("2050", message, detail, element=name)
    return text or None


def _truth(raw: Any) -> bool | None:
    if isinstance(raw, str):
        return None if not raw else raw.lower() == "true"
    return None if raw is None else bool(raw)


def _email(field: Field, name: str, raw: Any, *, trusted: bool) -> dict[str, str] | None:
    address = _text((raw or {}).get("Address") if isinstance(raw, dict) else raw, f"{name}.Address", field.most)
    if address is None:
        return None
    if not trusted and not valid_email(address):
        detail = f"Email Address does not conform to the syntax rules : {address}"
        raise QuickBooksError("2210", "Invalid Email Address format", detail, element=name)
    return {"Address": address}


def valid_email(address: str) -> bool:
    return _EMAIL.fullmatch(address) is not None


def _parts(parts: Mapping[str, int], name: str, raw: Any) -> dict[str, str] | None:
    """A structure of texts; what is only output is dropped."""
    if not isinstance(raw, dict):
        return None
    kept = {}
    for part, most in parts.items():
        text = _text(raw.get(part), f"{name}.{part}", most) if most else None
        if text is not None:
            kept[part] = text
    return kept or None


def _not_a_number(raw: Any, element: str) -> QuickBooksError:
    return QuickBooksError("2080", "Invalid Number", f"{raw} is not a valid number", element=element)
