"""The transform value_map: one value of Alguna for one of the external side, from an inline map or a built-in table.

Options: `map` (Alguna's value as text -> external value), or `table` (the external side's spelling of countries) with
`algunaTable` (Alguna's own, alpha-3). What is in neither is an error, with `unmapped: pass` carried as it is, with
`default` replaced.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from core import money
from core.compare import equal
from core.countries import country
from core.enums import Direction
from core.errors import FieldValidation
from core.options import text_option
from core.plan import FieldPlan
from core.values import Value

UNMAPPED: Final = ("error", "pass")
ALGUNA_TABLE: Final = "country_alpha3"


def table(field: FieldPlan) -> dict[str, Value]:
    """Return the inline map: Alguna's value as text -> external value. Raises FieldValidation when there is none."""
    entries = field.options.get("map")
    if not isinstance(entries, dict) or not entries:
        raise FieldValidation(
            "value_map needs the option `map`, an object of Alguna value to external value, or `table`, the name of a"
            " built-in table"
        )
    return entries


def map_to_external(value: Value, field: FieldPlan) -> Value:
    """Return the external counterpart of an Alguna value."""
    named = text_option(field.options, "table")
    if named is not None:
        return _country(value, named, field)
    entries, key = table(field), key_text(value)
    if key in entries:
        return entries[key]
    back = _keys(entries, value)
    return _unmapped(value, field, back[0] if back else None)


def map_to_alguna(value: Value, field: FieldPlan) -> Value:
    """Return the Alguna counterpart of an external value."""
    if text_option(field.options, "table") is not None:
        return _country(value, text_option(field.options, "algunaTable") or ALGUNA_TABLE, field)
    entries = table(field)
    keys = _keys(entries, value)
    if len(keys) > 1:
        raise FieldValidation(f"{value!r:.80} stands for several values: {', '.join(keys)}")
    if keys:
        return _from_key(keys[0], field.alguna_type)
    key = key_text(value)
    return _unmapped(value, field, entries.get(key))


def key_text(value: Value) -> str:
    """Return how a value is written as a key of a value map: `true`, `12.5`, text without outer blanks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return format(money.to_decimal(value).normalize(), "f")
    return str(value).strip()


def _keys(entries: dict[str, Value], value: Value) -> list[str]:
    wanted = value.strip() if isinstance(value, str) else value
    return [key for key, mapped in entries.items() if equal(mapped, wanted)]


def _country(value: Value, named: str, field: FieldPlan) -> Value:
    try:
        return country(value, named)
    except FieldValidation:
        if "default" not in field.options and field.options.get("unmapped") != "pass":
            raise
        return _unmapped(value, field, None)


def _unmapped(value: Value, field: FieldPlan, counterpart: Value) -> Value:
    """What becomes of a value that is not mapped; `counterpart` is what it would turn into on its way back."""
    if "default" in field.options:
        return field.options["default"]
    if field.options.get("unmapped") != "pass":
        raise FieldValidation(f"{value!r:.80} is not in the value map")
    if counterpart is not None and field.direction is Direction.BIDIRECTIONAL:
        raise FieldValidation(f"{value!r:.80} is not in the value map, and would come back as {counterpart!r:.80}")
    return value


def _from_key(key: str, field_type: str) -> Value:
    if field_type == "boolean":
        return key == "true"
    return money.to_decimal(key) if field_type in money.NUMERIC_TYPES else key
