"""Amounts, dates and times in stored form: decimal text, ISO dates, UTC to the minute (sheet 0, 2)."""

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

_MOST_DIGITS = 20
_FORMATS = {"MM/DD/YYYY": "%m/%d/%Y", "DD/MM/YYYY": "%d/%m/%Y", "DD.MM.YYYY": "%d.%m.%Y", "YYYY-MM-DD": "%Y-%m-%d"}


def minute(at: datetime) -> str:
    """A modification time as REST shows it: whole minutes (sheet 0)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def number(value: Any) -> Decimal:
    """Raises ValueError for anything that is no finite number, or one that no field could hold."""
    if isinstance(value, bool) or value is None:
        raise ValueError(value)
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(value) from error
    if not found.is_finite() or found.adjusted() > _MOST_DIGITS:
        raise ValueError(value)
    return found


def text_of(value: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    plain = format(value.normalize(), "f")
    return "0" if plain in ("-0", "") else plain


def rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def shown_date(day: date, form: str) -> str:
    """A day in the user's own format: without zeros in front, but for ISO."""
    text = day.strftime(_FORMATS[form])
    if form == "YYYY-MM-DD":
        return text
    mark = "." if "." in text else "/"
    return mark.join(part.lstrip("0") for part in text.split(mark))


def read_date(text: str, form: str) -> date:
    """A day in the user's own format. Raises ValueError with the vendor's text for any other."""
    try:
        return datetime.strptime(text, _FORMATS[form]).replace(tzinfo=UTC).date()
    except ValueError:
        raise ValueError(f'Unparseable date: "{text}"') from None


def local(text: str, zone: str) -> str:
    """A stored UTC time as SuiteQL's clock has it: `2026-11-01 10:15:00` in the account's zone."""
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
