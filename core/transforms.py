"""How values are carried between the two representations: one pair of functions per transform.

Each takes a value that is not blank and the field's plan; a value that cannot be carried raises FieldValidation, whose
message says why. The transform `custom` is the field's own functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core import dates, money
from core.enums import Transform
from core.errors import FieldValidation
from core.invoice_lines import LINE_OPTIONS, lines_to_alguna, lines_to_external
from core.options import text_option, words_option
from core.plan import FieldPlan
from core.records import Side
from core.value_maps import key_text, map_to_alguna, map_to_external
from core.values import Value

Carry = Callable[[Value, FieldPlan], Value]

DEFAULT_LOCALE: Final = "en_US"
# The first word of each is written, all are understood, in any case.
TRUE_WORDS: Final[tuple[str, ...]] = ("Yes", "Y", "true", "1")
FALSE_WORDS: Final[tuple[str, ...]] = ("No", "N", "false", "0")


@dataclass(frozen=True, slots=True)
class TransformPair:
    """A transform's two functions and the option keys it knows."""

    to_external: Carry
    to_alguna: Carry
    options: frozenset[str] = frozenset()


def words(field: FieldPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words for true and those for false; the first of each is written."""
    # Who names words of their own means these alone.
    spellings = 1 if "true" in field.options or "false" in field.options else len(TRUE_WORDS)
    return (
        words_option(field.options, "true", TRUE_WORDS[:spellings]),
        words_option(field.options, "false", FALSE_WORDS[:spellings]),
    )


def _same(value: Value, field: FieldPlan) -> Value:
    return value


def _number_to_external(value: Value, field: FieldPlan) -> Value:
    currency = text_option(field.options, "currency")
    amount = money.to_decimal(value)
    if field.external_type in money.NUMERIC_TYPES:
        return money.round_amount(amount, currency)
    locale = text_option(field.options, "locale") or DEFAULT_LOCALE
    return money.format_amount(amount, currency, locale, text_option(field.options, "style") or "symbol")


def _number_to_alguna(value: Value, field: FieldPlan) -> Value:
    currency = text_option(field.options, "currency")
    amount: Decimal
    if isinstance(value, str):
        amount = money.parse_amount(value, currency, text_option(field.options, "locale") or DEFAULT_LOCALE)
    else:
        amount = money.to_decimal(value)
    return money.round_amount(amount, currency)


def _date_to(target: Side) -> Carry:
    def carry(value: Value, field: FieldPlan) -> Value:
        return dates.to_iso(value, field.type_on(target), text_option(field.options, "timezone") or "UTC")

    return carry


def _boolean_to_external(value: Value, field: FieldPlan) -> Value:
    if not isinstance(value, bool):
        raise FieldValidation(f"{value!r:.80} is neither true nor false")
    yes, no = words(field)
    return yes[0] if value else no[0]


def _boolean_to_alguna(value: Value, field: FieldPlan) -> Value:
    if isinstance(value, bool):
        return value
    spelled = key_text(value).casefold()
    yes, no = words(field)
    if spelled in (word.casefold() for word in yes):
        return True
    if spelled in (word.casefold() for word in no):
        return False
    raise FieldValidation(f"{value!r:.80} is neither `{yes[0]}` nor `{no[0]}`")


TRANSFORMS: Final[dict[Transform, TransformPair]] = {
    Transform.NONE: TransformPair(_same, _same),
    Transform.NUMBER_TO_CURRENCY: TransformPair(
        _number_to_external, _number_to_alguna, frozenset({"currency", "locale", "style"})
    ),
    Transform.DATE_TO_ISO: TransformPair(_date_to(Side.EXTERNAL), _date_to(Side.ALGUNA), frozenset({"timezone"})),
    Transform.BOOLEAN_TO_STRING: TransformPair(_boolean_to_external, _boolean_to_alguna, frozenset({"true", "false"})),
    Transform.VALUE_MAP: TransformPair(
        map_to_external,
        map_to_alguna,
        frozenset({"map", "table", "algunaTable", "default", "unmapped"}),
    ),
    Transform.INVOICE_LINES: TransformPair(lines_to_external, lines_to_alguna, LINE_OPTIONS),
    # Carried by the field's own functions.
    Transform.CUSTOM: TransformPair(_same, _same),
}


def reshapes(field: FieldPlan) -> bool:
    """Whether a value can be spelled in several ways on one side (`$5`, `5.00 USD`).

    Going there and back then gives the canonical spelling, by which such values are compared.
    """
    if field.transform is Transform.CUSTOM:
        return len(field.functions) == len(Side)
    if field.transform is Transform.VALUE_MAP:
        return "table" in field.options and "default" not in field.options
    return field.transform is not Transform.NONE
