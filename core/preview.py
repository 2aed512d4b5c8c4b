"""What a mapping makes of one record, field by field and there and back, without storing or sending anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.compare import blank
from core.enums import Direction
from core.errors import FieldValidation
from core.mapping import carry, same_meaning, value_to_write
from core.plan import EntityPlan, FieldPlan
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


def preview_record(plan: EntityPlan, side: Side, fields: Mapping[str, Value]) -> list[FieldPreview]:
    """Carry a record of `side` (path -> value) to the other side and back; one entry per mapping, in their order."""
    return [_preview(item, side, fields) for item in plan.fields]


def _preview(item: FieldPlan, side: Side, fields: Mapping[str, Value]) -> FieldPreview:
    name, target = item.name(side), side.other
    value, flows = fields.get(name), item.flows_to(target)
    output: Value = None
    back: Value = None
    error = back_error = undone = None
    if flows:
        try:
            output = value_to_write(item, target, value)
        except FieldValidation as failed:
            error = failed.message
    if error is None and flows and item.flows_to(side) and not blank(output):
        try:
            back = carry(item, side, output)
        except FieldValidation as failed:
            back_error = failed.message
        ours, theirs = (value, output) if side is Side.ALGUNA else (output, value)
        undone = same_meaning(item, ours, theirs)
    return FieldPreview(
        alguna_field=item.alguna_field,
        external_field=item.external_field,
        direction=item.direction,
        source=side,
        present=name in fields,
        value=value,
        flows=flows,
        output=output,
        error=error,
        back=back,
        back_error=back_error,
        undone=undone,
    )
