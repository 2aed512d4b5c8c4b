"""Carrying one field's value across, and saying when the two sides mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from core.compare import alike, blank
from core.documents import same_money
from core.enums import Direction, Transform
from core.errors import FieldValidation
from core.plan import NOWHERE, FieldPlan, Origin
from core.records import Side
from core.transforms import TRANSFORMS, reshapes
from core.values import Value

_NO_ORIGINS: Final[Mapping[Side, Origin]] = {}


def to_external(field: FieldPlan, value: Value, origin: Origin = NOWHERE) -> Value:
    """Return an Alguna value as the external side shall hold it; a blank becomes the default, else None.

    `origin` is the record the value comes from, for custom functions. Raises FieldValidation for a value that the
    transform cannot carry.
    """
    if blank(value):
        if field.default is None:
            return None
        value = field.default
    return _transformed(field, Side.EXTERNAL, value, origin)


def to_alguna(field: FieldPlan, value: Value, origin: Origin = NOWHERE) -> Value:
    """Return an external value as Alguna shall hold it; a blank becomes the default, else None. Raises as the other."""
    return field.default if blank(value) else _transformed(field, Side.ALGUNA, value, origin)


def carry(field: FieldPlan, target: Side, value: Value, origin: Origin = NOWHERE) -> Value:
    """Return a source's value as `target` shall hold it."""
    return to_external(field, value, origin) if target is Side.EXTERNAL else to_alguna(field, value, origin)


def value_to_write(field: FieldPlan, target: Side, value: Value, origin: Origin = NOWHERE) -> Value:
    """As `carry`, but a required field is never written blank: that raises FieldValidation."""
    carried = carry(field, target, value, origin)
    if field.required and blank(carried):
        raise FieldValidation(f"`{field.name(target)}` is required, but `{field.name(target.other)}` is blank")
    return carried


def same_meaning(
    field: FieldPlan, alguna: Value, external: Value, origins: Mapping[Side, Origin] = _NO_ORIGINS
) -> bool:
    """True when both sides say the same under the mapping: blanks alike, a default like the blank it stands for.

    Two-way fields are compared in either direction, others only in theirs. A value that cannot be carried means
    nothing that the other side could say. `origins` are both sides' records, for custom functions.
    """
    if field.transform is Transform.NONE and alike(alguna, external):
        return True
    if blank(alguna) and blank(external):
        return True
    if field.direction is not Direction.EXTERNAL_TO_ALGUNA and _matches(
        field, Side.EXTERNAL, alguna, external, origins
    ):
        return True
    return field.direction is not Direction.ALGUNA_TO_EXTERNAL and _matches(
        field, Side.ALGUNA, external, alguna, origins
    )


def _transformed(field: FieldPlan, target: Side, value: Value, origin: Origin) -> Value:
    if field.transform is Transform.NONE:
        return value
    if field.transform is not Transform.CUSTOM:
        pair = TRANSFORMS[field.transform]
        carry_over = pair.to_external if target is Side.EXTERNAL else pair.to_alguna
        return carry_over(value, field)
    function = field.functions.get(target)
    if function is None:
        raise FieldValidation(f"there is no custom function that gives `{field.name(target)}`")
    given = function(value, origin)
    if isinstance(given, dict):
        told = "returned an object; return text, a number, true or false, a list, or null"
        raise FieldValidation(f"the custom function that gives `{field.name(target)}` {told}")
    return given


def _matches(
    field: FieldPlan, target: Side, source_value: Value, target_value: Value, origins: Mapping[Side, Origin]
) -> bool:
    source, there = origins.get(target.other, NOWHERE), origins.get(target, NOWHERE)
    try:
        carried = carry(field, target, source_value, source)
        if alike(carried, target_value):
            return True
        if field.transform is Transform.INVOICE_LINES:
            return same_money(carried, target_value)
        if not reshapes(field) or blank(carried) or blank(target_value):
            return False
        return alike(carried, carry(field, target, carry(field, target.other, target_value, there), source))
    except FieldValidation:
        return False
