"""Whether a field can hold what a mapping would write to it: kind, length, picklist.

Said when a mapping is saved, and of the values of a preview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from core.compare import blank
from core.enums import Transform
from core.plan import FieldPlan
from core.problems import did_you_mean
from core.records import Side
from core.schema import EntitySchema, FieldSchema
from core.values import Value

Finding = tuple[str, str]

_FAMILIES: Final = {
    "number": "numbers",
    "currency": "numbers",
    "date": "dates",
    "datetime": "dates",
    "boolean": "true and false",
    "list": "lists",
}


def value_problem(field: FieldSchema, value: Value) -> str | None:
    """Say why a field cannot hold a value, as far as its description tells; None: nothing speaks against it."""
    if blank(value):
        return None
    if field.options and isinstance(value, str) and value not in field.options:
        return f"`{field.name}` has no option `{value:.80}`" + did_you_mean(value, field.options)
    return length_problem(field, value)


def length_problem(field: FieldSchema, value: Value) -> str | None:
    """Say that a text is too long for a field; None where it is not, or the field does not tell its length."""
    if field.max_length is None or not isinstance(value, str) or len(value) <= field.max_length:
        return None
    return f"`{field.name}` holds {field.max_length} characters, `{value:.80}` has {len(value)}"


def check_fit(field: FieldPlan, schemas: Mapping[Side, EntitySchema | None]) -> Iterator[Finding]:
    """Yield (key of the mapping, message) where the two fields do not fit each other, or a fixed value does not fit.

    Text may hold anything, so only a field of another kind on both sides is refused without a transform.
    """
    ours, theirs = (_field(schemas[side], field.name(side)) for side in Side)
    if ours is None or theirs is None:
        return
    kinds = _FAMILIES.get(ours.type), _FAMILIES.get(theirs.type)
    if field.transform is Transform.NONE and None not in kinds and kinds[0] != kinds[1]:
        yield (
            "transform",
            f"`{ours.name}` holds {kinds[0]} and `{theirs.name}` holds {kinds[1]}: a transform is needed",
        )
    if field.transform is Transform.VALUE_MAP:
        yield from _check_map(field, ours, theirs)
    if field.transform is Transform.NONE and isinstance(field.default, str):
        for side, target in ((Side.ALGUNA, ours), (Side.EXTERNAL, theirs)):
            if field.flows_to(side) and (problem := value_problem(target, field.default)):
                yield "default", problem
                return


def _check_map(field: FieldPlan, ours: FieldSchema, theirs: FieldSchema) -> Iterator[Finding]:
    """The values of a map, against the options and lengths of the field that they are written to."""
    entries = field.options.get("map")
    for key, value in entries.items() if isinstance(entries, dict) else ():
        outward = value_problem(theirs, value) if field.flows_to(Side.EXTERNAL) else None
        inward = value_problem(ours, key) if field.flows_to(Side.ALGUNA) else None
        if problem := outward or inward:
            yield f"transformOptions.map.{key}", problem
    if field.flows_to(Side.EXTERNAL) and (problem := value_problem(theirs, field.options.get("default"))):
        yield "transformOptions.default", problem


def _field(schema: EntitySchema | None, path: str) -> FieldSchema | None:
    return schema.field(path) if schema else None
