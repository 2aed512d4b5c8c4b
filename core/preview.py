"""What a mapping makes of one record, field by field and there and back, without storing or sending anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from core.compare import blank
from core.enums import Direction
from core.errors import FieldValidation
from core.mapping import carry, same_meaning, value_to_write
from core.plan import EntityPlan, FieldPlan, Origin
from core.records import Side
from core.values import Value


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """One field of a sample record: what it holds, what the other side would get, and what would come back.

    `present` is False where the record says nothing of the field. `flows` is False where the field's direction, or an
    inactive mapping, keeps the value from going to the other side; then `output` is None. `back` is what this side
    would read back of `output`, for two-way fields alone; `undone` says whether that means the same as `value`.
    Messages name the field and what to do; None: it works.
    """

    alguna_field: str
    external_field: str
    direction: Direction | None
    source: Side
    present: bool
    value: Value
    flows: bool
    output: Value = None
    error: str | None = None
    back: Value = None
    back_error: str | None = None
    undone: bool | None = None


def preview_record(
    plan: EntityPlan, side: Side, fields: Mapping[str, Value], modified_at: datetime | None = None
) -> list[FieldPreview]:
    """Carry a record of `side` (path -> value) to the other side and back; one entry per mapping, in their order.

    On its way back a custom function sees the record that the other side would hold. `modified_at` is its clock.
    """
    there: dict[str, Value] = {}
    shown = [_out(item, side, Origin(fields, modified_at), there) for item in plan.fields]
    return [_back(item, one, Origin(there, modified_at)) for item, one in zip(plan.fields, shown, strict=True)]


def _out(item: FieldPlan, side: Side, origin: Origin, there: dict[str, Value]) -> FieldPreview:
    """Carry one field over, and note in `there` what the other side would hold."""
    name, target = item.name(side), side.other
    value, flows = origin.fields.get(name), item.flows_to(target)
    output: Value = None
    error = None
    if flows:
        try:
            output = there[item.name(target)] = value_to_write(item, target, value, origin)
        except FieldValidation as failed:
            error = failed.message
    return FieldPreview(
        alguna_field=item.alguna_field,
        external_field=item.external_field,
        direction=item.direction,
        source=side,
        present=name in origin.fields,
        value=value,
        flows=flows,
        output=output,
        error=error,
    )


def _back(item: FieldPlan, one: FieldPreview, there: Origin) -> FieldPreview:
    if one.direction is not Direction.BIDIRECTIONAL or one.error is not None or blank(one.output):
        return one
    try:
        back = carry(item, one.source, one.output, there)
    except FieldValidation as failed:
        return replace(one, back_error=failed.message, undone=False)
    # A default stands for the blank it replaced: it never travels back over it.
    return replace(one, back=back, undone=blank(one.value) or same_meaning(item, *_in_order(one)))


def _in_order(one: FieldPreview) -> tuple[Value, Value]:
    return (one.value, one.output) if one.source is Side.ALGUNA else (one.output, one.value)
