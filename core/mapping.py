"""Carrying one field's value across, and saying when the two sides mean the same."""

from __future__ import annotations

from core.compare import alike, blank
from core.enums import Direction, Transform
from core.errors import FieldValidation
from core.plan import FieldPlan
from core.records import Side
from core.transforms import TRANSFORMS
from core.values import Value


def to_external(field: FieldPlan, value: Value) -> Value:
    """Return an Alguna value as the external side shall hold it; a blank becomes the default, else None.

    Raises FieldValidation for a value that the transform cannot carry.
    """
    if blank(value):
        if field.default is None:
            return None
        value = field.default
    if field.transform is Transform.NONE:
        return value
    return TRANSFORMS[field.transform].to_external(value, field.options, field.external_type)


def to_alguna(field: FieldPlan, value: Value) -> Value:
    """Return an external value as Alguna shall hold it; a blank becomes the default, else None. Raises as the other."""
    if blank(value):
        return field.default
    if field.transform is Transform.NONE:
        return value
    return TRANSFORMS[field.transform].to_alguna(value, field.options, field.alguna_type)


def carry(field: FieldPlan, target: Side, value: Value) -> Value:
    """Return a source's value as `target` shall hold it."""
    return to_external(field, value) if target is Side.EXTERNAL else to_alguna(field, value)


def value_to_write(field: FieldPlan, target: Side, value: Value) -> Value:
    """As `carry`, but a required field is never written blank: that raises FieldValidation."""
    carried = carry(field, target, value)
    if field.required and blank(carried):
        raise FieldValidation(f"`{field.name(target)}` is required, but `{field.name(target.other)}` is blank")
    return carried


def same_meaning(field: FieldPlan, alguna: Value, external: Value) -> bool:
    """True when both sides say the same under the mapping: blanks alike, a default like the blank it stands for.

    Two-way fields are compared in either direction, others only in theirs. A value that cannot be carried means
    nothing that the other side could say.
    """
    if field.transform is Transform.NONE and alike(alguna, external):
        return True
    if blank(alguna) and blank(external):
        return True
    if field.direction is not Direction.EXTERNAL_TO_ALGUNA and _matches(field, Side.EXTERNAL, alguna, external):
        return True
    return field.direction is not Direction.ALGUNA_TO_EXTERNAL and _matches(field, Side.ALGUNA, external, alguna)


def _matches(field: FieldPlan, target: Side, source_value: Value, target_value: Value) -> bool:
    try:
        carried = carry(field, target, source_value)
        if alike(carried, target_value):
            return True
        if not TRANSFORMS[field.transform].reshapes or blank(carried) or blank(target_value):
            return False
        return alike(carried, carry(field, target, carry(field, target.other, target_value)))
    except FieldValidation:
        return False
