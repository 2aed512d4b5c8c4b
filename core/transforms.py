"""How values are carried between the two representations: one pair of functions per transform.

Each takes a value that is not blank, the mapping's options and the type of the field it is written to; a value that
cannot be carried raises FieldValidation, whose message says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core import dates, money
from core.compare import equal
from core.enums import Transform
from core.errors import FieldValidation
from core.values import Value

Options = Mapping[str, Value]
Carry = Callable[[Value, Options, str], Value]

NUMERIC_TYPES: Final = frozenset({"number", "currency"})
DEFAULT_LOCALE: Final = "en_US"
DEFAULT_WORDS: Final = ("Yes", "No")


@dataclass(frozen=True, slots=True)
class TransformPair:
    """A transform's two functions and the option keys it knows.

    `reshapes` is True where a value can be spelled in several ways on one side (`$5`, `5.00 USD`): going there and
    back gives the canonical spelling, by which such values are compared.
    """

    to_external: Carry
    to_alguna: Carry
    options: frozenset[str] = frozenset()
    reshapes: bool = False


def text_option(options: Options, key: str) -> str | None:
    """Return an option that must be text; None when it is absent."""
    value = options.get(key)
    if value is None or isinstance(value, str):
        return value
    raise FieldValidation(f"the option `{key}` must be text")


def words(options: Options) -> tuple[str, str]:
    """Return the words for true and false."""
    return text_option(options, "true") or DEFAULT_WORDS[0], text_option(options, "false") or DEFAULT_WORDS[1]


def table(options: Options) -> dict[str, Value]:
    """Return a value map: Alguna's value as text -> external value."""
    entries = options.get("map")
    if not isinstance(entries, dict) or not entries:
        raise FieldValidation("value_map needs the option `map`, an object of Alguna value to external value")
    return entries


def _same(value: Value, options: Options, field_type: str) -> Value:
    return value


def _number_to_external(value: Value, options: Options, field_type: str) -> Value:
    currency = text_option(options, "currency")
    amount = money.to_decimal(value)
    if field_type in NUMERIC_TYPES:
        return money.round_amount(amount, currency)
    locale = text_option(options, "locale") or DEFAULT_LOCALE
    return money.format_amount(amount, currency, locale, text_option(options, "style") or "symbol")


def _number_to_alguna(value: Value, options: Options, field_type: str) -> Value:
    currency = text_option(options, "currency")
    if isinstance(value, str):
        amount = money.parse_amount(value, currency, text_option(options, "locale") or DEFAULT_LOCALE)
    else:
        amount = money.to_decimal(value)
    return money.round_amount(amount, currency)


def _date(value: Value, options: Options, field_type: str) -> Value:
    return dates.to_iso(value, field_type, text_option(options, "timezone") or "UTC")


def _boolean_to_external(value: Value, options: Options, field_type: str) -> Value:
    if not isinstance(value, bool):
        raise FieldValidation(f"{value!r:.80} is neither true nor false")
    yes, no = words(options)
    return yes if value else no


def _boolean_to_alguna(value: Value, options: Options, field_type: str) -> Value:
    if isinstance(value, bool):
        return value
    spelled = value.strip().casefold() if isinstance(value, str) else None
    yes, no = words(options)
    if spelled == yes.casefold():
        return True
    if spelled == no.casefold():
        return False
    raise FieldValidation(f"{value!r:.80} is neither `{yes}` nor `{no}`")


def _map_to_external(value: Value, options: Options, field_type: str) -> Value:
    entries, key = table(options), key_text(value)
    return entries[key] if key in entries else _unmapped(value, options)


def _map_to_alguna(value: Value, options: Options, field_type: str) -> Value:
    wanted = value.strip() if isinstance(value, str) else value
    keys = [key for key, mapped in table(options).items() if equal(mapped, wanted)]
    if len(keys) > 1:
        raise FieldValidation(f"{value!r:.80} stands for several values: {', '.join(keys)}")
    return _from_key(keys[0], field_type) if keys else _unmapped(value, options)


def key_text(value: Value) -> str:
    """Return how a value is written as a key of a value map: `true`, `12.5`, text without outer blanks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return format(money.to_decimal(value).normalize(), "f")
    return str(value).strip()


def _from_key(key: str, field_type: str) -> Value:
    if field_type == "boolean":
        return key == "true"
    return money.to_decimal(key) if field_type in NUMERIC_TYPES else key


def _unmapped(value: Value, options: Options) -> Value:
    if "default" in options:
        return options["default"]
    raise FieldValidation(f"{value!r:.80} is not in the value map")


TRANSFORMS: Final[dict[Transform, TransformPair]] = {
    Transform.NONE: TransformPair(_same, _same),
    Transform.NUMBER_TO_CURRENCY: TransformPair(
        _number_to_external, _number_to_alguna, frozenset({"currency", "locale", "style"}), reshapes=True
    ),
    Transform.DATE_TO_ISO: TransformPair(_date, _date, frozenset({"timezone"}), reshapes=True),
    Transform.BOOLEAN_TO_STRING: TransformPair(
        _boolean_to_external, _boolean_to_alguna, frozenset({"true", "false"}), reshapes=True
    ),
    Transform.VALUE_MAP: TransformPair(_map_to_external, _map_to_alguna, frozenset({"map", "default"})),
}
