"""Checks one property value and gives it in stored form: always text, or none (sheet 2, 8)."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.hubspot.errors import Problem
from sandbox.hubspot.schema import Property

_EMAIL = re.compile(r"[^\s@,;<>()]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MULTIPLE = "checkbox"
MOST_CHARACTERS = 65_536
MILLISECOND = 1000


def wire_time(at: datetime) -> str:
    """ISO 8601 with milliseconds and Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // MILLISECOND:03d}Z"


def stored(one: Property, raw: Any, before: str | None) -> str | None | Problem:
    """The value to keep (None clears), or what is wrong with it. Numbers and booleans come in as JSON ones too."""
    text = _as_text(raw)
    if text is None:
        return Problem(one.name, "INVALID_VALUE", f"{raw!r} was not a valid value.")
    if one.read_only or one.calculated:
        message = f'"{one.name}" is a calculated property; its value cannot be set.'
        return Problem(one.name, "READ_ONLY_VALUE", message, text)
    if text == "":
        return None
    match one.type:
        case "number":
            return _number(one, text)
        case "datetime":
            return _moment(one, text)
        case "date":
            return _day(one, text)
        case "bool":
            return _truth(one, text)
        case "enumeration":
            return _choice(one, text, before)
    if one.name == "email":
        return _email(one, text)
    if len(text) > MOST_CHARACTERS:
        return Problem(
            one.name, "STRING_TOO_LONG", f"{one.label} is longer than {MOST_CHARACTERS} characters", text[:80]
        )
    return text


def _as_text(raw: Any) -> str | None:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (int, float)):
        return format(Decimal(repr(raw)), "f")
    return raw if isinstance(raw, str) else None


def _email(one: Property, text: str) -> str | Problem:
    """Kept in lower case (sheet 8)."""
    if not _EMAIL.fullmatch(text):
        return Problem(one.name, "INVALID_EMAIL", f"Email address {text} is invalid", text)
    return text.lower()


def _number(one: Property, text: str) -> str | Problem:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _not_long(one, text)
    return format(number, "f") if number.is_finite() else _not_long(one, text)


def _not_long(one: Property, text: str) -> Problem:
    """What the vendor says of bad numbers, and of bad datetimes too (sheet 6)."""
    return Problem(one.name, "INVALID_LONG", f"{text} was not a valid long.", text)


def _moment(one: Property, text: str) -> str | Problem:
    at = _from_epoch(text)
    if at is None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return _not_long(one, text)
    return wire_time(at if at.tzinfo else at.replace(tzinfo=UTC))


def _day(one: Property, text: str) -> str | Problem:
    at = _from_epoch(text)
    if at is not None:
        if (at.hour, at.minute, at.second, at.microsecond) != (0, 0, 0, 0):
            clock = f"{at:%H:%M:%S}.{at.microsecond // MILLISECOND:03d}"
            return Problem(one.name, "INVALID_DATE", f"{text} is at {clock} UTC, not midnight!", text)
        return at.date().isoformat()
    if not _DATE.fullmatch(text):
        return Problem(one.name, "INVALID_DATE", f"{text} was not a valid date", text)
    return text


def _from_epoch(text: str) -> datetime | None:
    digits = text.removeprefix("-")
    if not digits.isdecimal():
        return None
    try:
        return datetime.fromtimestamp(int(text) / MILLISECOND, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _truth(one: Property, text: str) -> str | Problem:
    if text.lower() not in ("true", "false"):
        return Problem(one.name, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]", text)
    return text.lower()


def _choice(one: Property, text: str, before: str | None) -> str | Problem:
    """An option's value, case and all; several by `;`, which at the start appends (sheet 8)."""
    several = one.field_type == _MULTIPLE
    chosen = [part for part in text.split(";") if part] if several else [text]
    allowed = [value for value, _ in one.options]
    wrong = next((part for part in chosen if part not in allowed), None)
    if wrong is not None:
        return Problem(one.name, "INVALID_OPTION", f"{wrong} was not one of the allowed options: {allowed}", wrong)
    if several and text.startswith(";") and before:
        chosen = list(dict.fromkeys([*before.split(";"), *chosen]))
    return ";".join(chosen)
