"""Dates and points in time as text. A date is not a midnight: it stays a date unless the target wants a time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import FieldValidation
from core.values import Value

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# Milliseconds since 1970; the offset only says how the sender shows the moment (Xero sheet, dates).
_MILLISECONDS: Final = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises FieldValidation for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldValidation(f"`{name}` is not a time zone; use a name like Europe/Berlin") from None


def to_iso(value: Value, field_type: str, timezone: str) -> str:
    """Return the value for a field of type `date` (YYYY-MM-DD), `datetime` (…Z); other types keep the value's kind.

    Takes ISO dates and date-times, also vendors' forms `…+0000` and `/Date(1518685950940+0000)/`. `timezone` is used
    for a time without an offset, and where a date must become a point in time or the reverse. Raises FieldValidation
    for anything else.
    """
    if not isinstance(value, str):
        raise FieldValidation(f"{value!r:.80} is not a date")
    text = value.strip()
    try:
        parsed = date.fromisoformat(text) if _DATE.fullmatch(text) else _moment(text, timezone)
        return _render(parsed, field_type, timezone)
    except (ValueError, OverflowError):
        raise FieldValidation(f"{value!r:.80} is not a date or a date-time") from None


def _render(value: date | datetime, field_type: str, timezone: str) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone(timezone)).date().isoformat() if field_type == "date" else _utc_text(value)
    if field_type == "datetime":
        return _utc_text(datetime.combine(value, time(), zone(timezone)))
    return value.isoformat()


def _moment(text: str, timezone: str) -> datetime:
    if found := _MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    if len(text) <= len("YYYY-MM-DD"):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(timezone))


def _utc_text(moment: datetime) -> str:
    """Write whole seconds without a fraction, so that `.000` and nothing mean the same."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
