"""Whether a mapping's transform fits its options, its fields' types, and its direction: two ways need an inverse."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from core import money
from core.compare import blank, equal
from core.dates import zone
from core.enums import Transform
from core.errors import FieldValidation
from core.plan import FieldPlan
from core.problems import did_you_mean
from core.transforms import DEFAULT_LOCALE, NUMERIC_TYPES, TRANSFORMS, table, text_option, words
from core.values import Value

Finding = tuple[str, str]

_DATE_TYPES: Final = frozenset({"date", "datetime"})
_UNFIT: Final[dict[Transform, tuple[frozenset[str], str]]] = {
    Transform.NUMBER_TO_CURRENCY: (_DATE_TYPES | {"boolean", "list"}, "numbers"),
    Transform.DATE_TO_ISO: (NUMERIC_TYPES | {"boolean", "list"}, "dates"),
    Transform.BOOLEAN_TO_STRING: (NUMERIC_TYPES | _DATE_TYPES | {"list"}, "true and false"),
}
_SAMPLES: Final = (Decimal("1234567.89"), Decimal("-1234.5"), Decimal("0.07"), Decimal(0))


def check_transform(field: FieldPlan, *, two_way: bool) -> Iterator[Finding]:
    """Yield (key of the mapping, message) for everything wrong with the transform."""
    known = TRANSFORMS[field.transform].options
    for key in field.options:
        if key not in known:
            yield f"transformOptions.{key}", f"`{field.transform}` has no option `{key}`" + did_you_mean(key, known)
    unfit = list(_check_types(field))
    try:
        unfit += _check_options(field)
    except FieldValidation as error:
        unfit.append(("transformOptions", error.message))
    yield from unfit
    if two_way and not unfit and (reason := _no_inverse(field)):
        yield "transform", f"`{field.transform}` cannot be undone, so the mapping cannot be bidirectional: {reason}"


def _check_types(field: FieldPlan) -> Iterator[Finding]:
    unfit, what = _UNFIT.get(field.transform, (frozenset(), ""))
    for name, kind in ((field.alguna_field, field.alguna_type), (field.external_field, field.external_type)):
        if kind in unfit:
            yield "transform", f"`{field.transform}` carries {what}, but `{name}` is a {kind} field"


def _check_options(field: FieldPlan) -> Iterator[Finding]:
    options = field.options
    if field.transform is Transform.VALUE_MAP:
        yield from _check_table(field)
    elif field.transform is Transform.BOOLEAN_TO_STRING:
        words(options)
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


def _check_table(field: FieldPlan) -> Iterator[Finding]:
    for key, value in table(field.options).items():
        place = f"transformOptions.map.{key}"
        if isinstance(value, (list, dict)):
            yield place, "must be text, a number, true or false"
        if field.alguna_type == "boolean" and key not in ("true", "false"):
            yield place, f"`{field.alguna_field}` is true or false, never `{key}`"
        if field.alguna_type in NUMERIC_TYPES:
            try:
                money.to_decimal(key)
            except FieldValidation as error:
                yield place, error.message


def _no_inverse(field: FieldPlan) -> str | None:
    """Say why what was carried to the external side could not be carried back; None when it can."""
    if field.transform is Transform.VALUE_MAP:
        return _no_inverse_of_table(field)
    if field.transform is Transform.BOOLEAN_TO_STRING:
        yes, no = words(field.options)
        return "the words for true and false are the same" if yes.strip().casefold() == no.strip().casefold() else None
    if field.transform is Transform.DATE_TO_ISO:
        kinds = {field.alguna_type, field.external_type} & _DATE_TYPES
        return "a date has no time of day, which the other side holds" if len(kinds) > 1 else None
    if field.transform is Transform.NUMBER_TO_CURRENCY and field.external_type not in NUMERIC_TYPES:
        return _no_inverse_of_amounts(field)
    return None


def _no_inverse_of_table(field: FieldPlan) -> str | None:
    if "default" in field.options:
        return "the option `default` gives many values one counterpart"
    seen: list[Value] = []
    for key, value in table(field.options).items():
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
        text = pair.to_external(sample, field.options, field.external_type)
        try:
            back = pair.to_alguna(text, field.options, field.alguna_type)
        except FieldValidation:
            back = None
        if back != money.round_amount(sample, currency):
            return f"the text `{text}` cannot be read back"
    return None
