"""Whether a mapping's transform fits its options, its fields' types, and its direction: two ways need an inverse."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from core import money
from core.compare import blank, equal
from core.countries import TABLES
from core.dates import zone
from core.enums import Direction, Transform
from core.errors import FieldValidation
from core.options import text_option
from core.plan import FieldPlan
from core.problems import did_you_mean
from core.records import Side
from core.scripts import script_problem
from core.transforms import DEFAULT_LOCALE, TRANSFORMS, words
from core.value_maps import UNMAPPED, table
from core.values import Value

Finding = tuple[str, str]

FUNCTION_LABELS: Final = {Side.EXTERNAL: "toExternal", Side.ALGUNA: "toAlguna"}
_DATE_TYPES: Final = frozenset({"date", "datetime"})
_UNFIT: Final[dict[Transform, tuple[frozenset[str], str]]] = {
    Transform.NUMBER_TO_CURRENCY: (_DATE_TYPES | {"boolean", "list"}, "numbers"),
    Transform.DATE_TO_ISO: (money.NUMERIC_TYPES | {"boolean", "list"}, "dates"),
    Transform.BOOLEAN_TO_STRING: (money.NUMERIC_TYPES | _DATE_TYPES | {"list"}, "true and false"),
    Transform.INVOICE_LINES: (money.NUMERIC_TYPES | _DATE_TYPES | {"boolean", "picklist", "id"}, "lists of lines"),
}
_SAMPLES: Final = (Decimal("1234567.89"), Decimal("-1234.5"), Decimal("0.07"), Decimal(0))


def check_transform(field: FieldPlan, *, direction: Direction) -> Iterator[Finding]:
    """Yield (key of the mapping, message) for everything wrong with the transform, for the mapping's own direction."""
    known = TRANSFORMS[field.transform].options
    for key in field.options:
        if key not in known:
            yield f"transformOptions.{key}", f"`{field.transform}` has no option `{key}`" + did_you_mean(key, known)
    yield from _check_functions(field, direction)
    unfit = list(_check_types(field))
    try:
        unfit += _check_options(field)
    except FieldValidation as error:
        unfit.append(("transformOptions", error.message))
    yield from unfit
    if direction is Direction.BIDIRECTIONAL and not unfit and (reason := _no_inverse(field)):
        yield "transform", f"`{field.transform}` cannot be undone, so the mapping cannot be bidirectional: {reason}"


def _check_functions(field: FieldPlan, direction: Direction) -> Iterator[Finding]:
    """A custom mapping needs a function for each way its values flow; texts are checked wherever they stand."""
    for side, label in FUNCTION_LABELS.items():
        function = field.functions.get(side)
        if function is None:
            if field.transform is Transform.CUSTOM and direction.allows(side):
                way = f"from `{field.name(side.other)}` to `{field.name(side)}`"
                yield label, f"is required: values flow {way}, and a custom mapping needs a function for it"
        elif field.transform is not Transform.CUSTOM:
            yield label, "is only for the transform `custom`"
        elif problem := script_problem(function.source):
            yield label, problem


def _check_types(field: FieldPlan) -> Iterator[Finding]:
    unfit, what = _UNFIT.get(field.transform, (frozenset(), ""))
    for name, kind in ((field.alguna_field, field.alguna_type), (field.external_field, field.external_type)):
        if kind in unfit:
            yield "transform", f"`{field.transform}` carries {what}, but `{name}` is a {kind} field"


def _check_options(field: FieldPlan) -> Iterator[Finding]:
    options = field.options
    if field.transform is Transform.VALUE_MAP:
        yield from _check_value_map(field)
    elif field.transform is Transform.BOOLEAN_TO_STRING:
        words(field)
    elif field.transform is Transform.DATE_TO_ISO:
        zone(text_option(options, "timezone") or "UTC")
    elif field.transform is Transform.NUMBER_TO_CURRENCY:
        currency, style = text_option(options, "currency"), text_option(options, "style")
        if currency is not None and not money.is_known_currency(currency):
            yield "transformOptions.currency", f"`{currency}` is not an ISO 4217 currency code"
        if not money.is_known_locale(text_option(options, "locale") or DEFAULT_LOCALE):
            yield "transformOptions.locale", f"`{options['locale']}` is not a known locale; use one like en_US"
        if style is not None and style not in money.STYLES:
            yield "transformOptions.style", f"`{style}` is not one of {', '.join(money.STYLES)}"


def _check_value_map(field: FieldPlan) -> Iterator[Finding]:
    options = field.options
    unmapped = text_option(options, "unmapped")
    if unmapped is not None and unmapped not in UNMAPPED:
        yield "transformOptions.unmapped", f"`{unmapped}` is not one of {', '.join(UNMAPPED)}"
    if unmapped is not None and "default" in options:
        yield "transformOptions.unmapped", "does not go with `default`, which replaces what is not mapped"
    for key in ("table", "algunaTable"):
        named = text_option(options, key)
        if named is not None and named not in TABLES:
            yield (
                f"transformOptions.{key}",
                f"`{named}` is not one of {', '.join(TABLES)}",
            )
    if "table" not in options:
        yield from _check_entries(field)
        if "algunaTable" in options:
            yield "transformOptions.algunaTable", "is only for a built-in `table`"
    elif "map" in options:
        yield "transformOptions.map", "does not go with `table`; give one of them"


def _check_entries(field: FieldPlan) -> Iterator[Finding]:
    for key, value in table(field).items():
        place = f"transformOptions.map.{key}"
        if key != key.strip():
            yield place, "has blanks around it, so nothing would ever be found under it"
        if isinstance(value, (list, dict)):
            yield place, "must be text, a number, true or false"
        if field.alguna_type == "boolean" and key not in ("true", "false"):
            yield place, f"`{field.alguna_field}` is true or false, never `{key}`"
        if field.alguna_type in money.NUMERIC_TYPES:
            try:
                money.to_decimal(key)
            except FieldValidation as error:
                yield place, error.message


def _no_inverse(field: FieldPlan) -> str | None:
    """Say why what was carried to the external side could not be carried back; None when it can."""
    if field.transform is Transform.VALUE_MAP:
        return _no_inverse_of_table(field)
    if field.transform is Transform.BOOLEAN_TO_STRING:
        yes, no = ({word.casefold() for word in spelled} for spelled in words(field))
        return f"`{min(yes & no)}` stands for both true and false" if yes & no else None
    if field.transform is Transform.DATE_TO_ISO:
        kinds = {field.alguna_type, field.external_type} & _DATE_TYPES
        return "a date has no time of day, which the other side holds" if len(kinds) > 1 else None
    if field.transform is Transform.NUMBER_TO_CURRENCY and field.external_type not in money.NUMERIC_TYPES:
        return _no_inverse_of_amounts(field)
    return None


def _no_inverse_of_table(field: FieldPlan) -> str | None:
    if "default" in field.options:
        return "the option `default` gives many values one counterpart"
    if "table" in field.options:
        return None
    seen: list[Value] = []
    for key, value in table(field).items():
        if blank(value):
            return f"`{key}` is mapped to a blank"
        if any(equal(value, other) for other in seen):
            return f"several values are mapped to `{value}`"
        seen.append(value)
    return None


def _no_inverse_of_amounts(field: FieldPlan) -> str | None:
    pair = TRANSFORMS[field.transform]
    currency = text_option(field.options, "currency")
    for sample in _SAMPLES:
        text = pair.to_external(sample, field)
        try:
            back = pair.to_alguna(text, field)
        except FieldValidation:
            back = None
        if back != money.round_amount(sample, currency):
            return f"the text `{text}` cannot be read back"
    return None
