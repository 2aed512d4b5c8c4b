"""Checks one value of a write against its field and gives it in stored form (sheet 2.2, 6, 8)."""

import json
import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sandbox.salesforce.errors import SalesforceError, unparsable
from sandbox.salesforce.ids import normalise
from sandbox.salesforce.objects import SOBJECTS
from sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from sandbox.salesforce.soql.lexer import wire_time

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def stored(field: Field, raw: Any) -> Any:
    """The value to keep; None clears. Raises SalesforceError.

    Text is trimmed and "" becomes null; numbers are rounded to the field's scale.
    """
    if raw is None:
        return _null(field)
    if isinstance(raw, (dict, list)):
        token = "START_OBJECT" if isinstance(raw, dict) else "START_ARRAY"
        raise unparsable(field.type, token, "{" if isinstance(raw, dict) else "[")
    if field.type in TEXT_TYPES:
        return _text(field, raw)
    if field.type in NUMBER_TYPES:
        return _number(field, raw)
    if field.type == "boolean":
        return _boolean(raw)
    if field.type == "reference":
        return _reference(field, raw)
    return _time(field, raw)


def _null(field: Field) -> Any:
    if field.type == "boolean":
        raise unparsable("boolean", "VALUE_NULL", "null")
    return None


def _mistyped(field: Field, raw: Any) -> SalesforceError:
    if isinstance(raw, bool):
        token = f"VALUE_{str(raw).upper()}"
    elif isinstance(raw, (int, float)):
        token = "VALUE_NUMBER_INT" if isinstance(raw, int) else "VALUE_NUMBER_FLOAT"
    else:
        token = "VALUE_STRING"
    return unparsable(field.type, token, raw if isinstance(raw, str) else json.dumps(raw))


def _text(field: Field, raw: Any) -> str | None:
    if not isinstance(raw, str):
        raise _mistyped(field, raw)
    text = raw.strip()
    if not text:
        return None
    if len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", message, [field.name])
    if field.type == "email" and not _EMAIL.fullmatch(text):
        message = f"{field.label}: invalid email address: {text}"
        raise SalesforceError("INVALID_EMAIL_ADDRESS", message, [field.name])
    if field.restricted and text not in field.picklist:
        message = f"{field.label}: bad value for restricted picklist field: {text}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return text


def _number(field: Field, raw: Any) -> int | float:
    if isinstance(raw, bool):
        raise _mistyped(field, raw)
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        raise _mistyped(field, raw) from None
    if not number.is_finite() or (field.type == "int" and number != number.to_integral_value()):
        raise _mistyped(field, raw)
    if abs(number) >= Decimal(10) ** (field.precision - field.scale):
        message = f"{field.label}: value outside of valid range on numeric field: {raw}"
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    if field.type == "int":
        return int(number)
    return float(number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise unparsable("boolean", "VALUE_STRING", str(raw))


def _reference(field: Field, raw: Any) -> str:
    if not isinstance(raw, str) or not raw:
        raise _mistyped(field, raw)
    known = normalise(raw)
    target = SOBJECTS.get(field.reference_to or "")
    if known is None or (target is not None and not known.startswith(target.prefix)):
        message = f"{field.label}: id value of incorrect type: {raw}"
        raise SalesforceError("MALFORMED_ID", message, [field.name])
    return known


def _time(field: Field, raw: Any) -> str:
    """A date as `YYYY-MM-DD`, never with a time; a datetime in UTC, cut to the second."""
    if not isinstance(raw, str):
        raise _mistyped(field, raw)
    try:
        if field.type == "date":
            if not _DATE.fullmatch(raw):
                raise ValueError
            return date.fromisoformat(raw).isoformat()
        at = datetime.fromisoformat(raw)
        return wire_time((at if at.tzinfo else at.replace(tzinfo=UTC)).replace(microsecond=0))
    except ValueError:
        raise _mistyped(field, raw) from None
