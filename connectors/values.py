"""Small conversions that every connector needs: exact JSON, canonical numbers, times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from core.values import Value

# Far beyond all that is counted; a number as text of any length would be a bomb (`1e999999999`).
_MOST_DIGITS = 300
DOUBLE_DIGITS = 15
_EXACT = Context(prec=2 * _MOST_DIGITS)


def canonical(number: Decimal) -> Decimal:
    """Return the number without trailing zeros or exponent, so that equal numbers have equal texts; never rounded."""
    plain = number.normalize(_EXACT)
    exponent = plain.as_tuple().exponent
    return plain.quantize(Decimal(1), context=_EXACT) if isinstance(exponent, int) and exponent > 0 else plain


def as_number(value: object) -> Decimal | None:
    """Return a number or numeric text as a canonical Decimal; None where it is none, or one that nobody can mean."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return canonical(number) if number.is_finite() and _is_sane(number) else None


def _is_sane(number: Decimal) -> bool:
    return abs(number.adjusted()) < _MOST_DIGITS and len(number.as_tuple().digits) < _MOST_DIGITS


def fits_double(number: Decimal) -> bool:
    """Whether a system that keeps or sends numbers as doubles can hold this one to its last digit."""
    return len(number.normalize(_EXACT).as_tuple().digits) <= DOUBLE_DIGITS


def json_text(value: object) -> str:
    """Return compact JSON with the keys in the given order; a Decimal becomes a JSON number with all its digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON with exact numbers. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def as_value(value: Any) -> Value:
    """Return parsed JSON as a field value: floats exact, numbers that nobody can mean as text, all else as it is."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return canonical(value) if value.is_finite() and _is_sane(value) else str(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {str(key): as_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_value(item) for item in value]
    return value  # type: ignore[no-any-return]


def iso(at: datetime) -> str:
    """Return RFC 3339 in UTC with `Z`; microseconds only where there are some."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.isoformat().replace("+00:00", "Z")
