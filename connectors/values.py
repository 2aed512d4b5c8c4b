"""Small conversions that every connector needs: exact JSON, canonical numbers, times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from core.values import Value


def canonical(number: Decimal) -> Decimal:
    """Return the number without trailing zeros or exponent, so that equal numbers have equal texts."""
    plain = number.normalize()
    exponent = plain.as_tuple().exponent
    return plain.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else plain


def as_number(value: object) -> Decimal | None:
    """Return a number or numeric text as a canonical Decimal; None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return canonical(number) if number.is_finite() else None


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
    """Return parsed JSON as a field value: floats exact, everything else as it is."""
    if isinstance(value, float):
        return canonical(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return canonical(value)
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
