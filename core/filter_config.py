"""Record filters as people write them (`entityOptions.<entity>.filter`): their form, their check, their plan.

```json
{"alguna": {"all": [{"field": "status", "op": "eq", "value": "active"},
                    {"not": {"field": "mrr", "op": "lt", "value": 10}}]},
 "external": {"field": "Type", "op": "in", "value": ["Customer", "Partner"]},
 "onLeave": "keep"}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator
from pydantic.alias_generators import to_camel

from core.compare import blank
from core.enums import Direction
from core.filters import BLANKNESS, ORDERED, AllOf, AnyOf, Check, Clause, FilterOp, FilterPlan, Not, OnLeave, moment
from core.problems import did_you_mean
from core.records import OperationKind, Side
from core.schema import EntitySchema, FieldSchema, WriteFacts
from core.values import Value

DEEPEST: Final = 6
MOST_CHECKS: Final = 100
MOST_VALUES: Final = 1_000

_NUMBERS: Final = frozenset({"number", "currency"})
_TIMES: Final = frozenset({"date", "datetime"})
_SYSTEM: Final = {Side.ALGUNA: "Alguna", Side.EXTERNAL: "the external system"}


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Condition(_Model):
    """One of: `all` or `any` of a list of conditions, `not` one of them, or a look at one field (`field`, `op`)."""

    all_of: list[Condition] | None = Field(default=None, alias="all", min_length=1)
    any_of: list[Condition] | None = Field(default=None, alias="any", min_length=1)
    negated: Condition | None = Field(default=None, alias="not")
    field: str | None = Field(default=None, min_length=1)
    op: FilterOp | None = None
    value: Any = None

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        kinds = [name for name, part in self._parts().items() if part is not None]
        if len(kinds) != 1:
            raise ValueError("give exactly one of all, any, not, or field with op")
        if self.field is None:
            if self.op is not None or self.value is not None:
                raise ValueError("op and value belong to a field")
        elif self.op is None:
            raise ValueError("op is required with a field")
        elif problem := _value_problem(self.op, self.value):
            raise ValueError(problem)
        return self

    @model_serializer
    def _said(self) -> dict[str, Any]:
        """Only what was said, so that a stored filter reads as it was written."""
        if self.field is not None:
            looked = {"field": self.field, "op": self.op}
            return looked if self.op in BLANKNESS else {**looked, "value": self.value}
        return {name: part for name, part in self._parts().items() if part is not None}

    def _parts(self) -> dict[str, Any]:
        return {"all": self.all_of, "any": self.any_of, "not": self.negated, "field": self.field}


class RecordFilter(_Model):
    """Which records of each side take part (None: all), and what becomes of linked ones that leave."""

    alguna: Condition | None = None
    external: Condition | None = None
    on_leave: OnLeave = OnLeave.KEEP

    @field_validator("alguna", "external", mode="before")
    @classmethod
    def _bounded(cls, value: Any) -> Any:
        """Refuse what is too deep or too long before anything walks through it."""
        level, checks, depth = [value], 0, 0
        while level:
            depth += 1
            checks += len(level)
            if depth > DEEPEST or checks > MOST_CHECKS:
                raise ValueError(f"a filter has at most {DEEPEST} levels and {MOST_CHECKS} conditions")
            level = [part for one in level for part in _inner(one)]
        return value

    def of(self, side: Side) -> Condition | None:
        """The condition of a side."""
        return self.alguna if side is Side.ALGUNA else self.external


def _inner(value: Any) -> list[Any]:
    if not isinstance(value, Mapping):
        return []
    lists = [value[key] for key in ("all", "any") if isinstance(value.get(key), list)]
    return [part for one in lists for part in one] + ([value["not"]] if "not" in value else [])


def _value_problem(op: FilterOp, value: Any) -> str | None:
    if op in BLANKNESS:
        return None if value is None else f"{op.value} takes no value"
    if op in (FilterOp.IN, FilterOp.NOT_IN):
        if not isinstance(value, list) or not value or len(value) > MOST_VALUES:
            return f"{op.value} takes a list of 1 to {MOST_VALUES} values"
        values = value
    else:
        values = [value]
    if any(blank(one) or not isinstance(one, str | bool | int | float | Decimal) for one in values):
        return f"{op.value} takes a text, a number or a boolean; use is_blank for what is empty"
    if op in (FilterOp.CONTAINS, FilterOp.STARTS_WITH) and not isinstance(value, str):
        return f"{op.value} takes a text"
    return None


def filter_plan(given: RecordFilter | None) -> FilterPlan:
    """Compile a filter."""
    if given is None:
        return FilterPlan()
    clauses = {side: _clause(condition) for side in Side if (condition := given.of(side)) is not None}
    return FilterPlan(clauses, given.on_leave)


def _clause(condition: Condition) -> Clause:
    if condition.all_of is not None:
        return AllOf(tuple(map(_clause, condition.all_of)))
    if condition.any_of is not None:
        return AnyOf(tuple(map(_clause, condition.any_of)))
    if condition.negated is not None:
        return Not(_clause(condition.negated))
    assert condition.field is not None
    assert condition.op is not None
    return Check(condition.field, condition.op, _exact(condition.value))


def _exact(value: Any) -> Value:
    if isinstance(value, list):
        return [_exact(one) for one in value]
    exact: Value = Decimal(str(value)) if isinstance(value, float) else value
    return exact


def check_filter(
    given: RecordFilter,
    schemas: Mapping[Side, EntitySchema],
    facts: Mapping[Side, WriteFacts],
    direction: Direction,
) -> Iterator[tuple[str, str]]:
    """Yield (path below the filter, message) of everything wrong with it; a side without a schema is not checked."""
    for side in Side:
        condition = given.of(side)
        if condition is None:
            continue
        if side in schemas:
            yield from _check(condition, side.value, side, schemas[side])
        if given.on_leave is OnLeave.ARCHIVE and (problem := _archive_problem(side.other, facts, direction)):
            yield "onLeave", problem


def _archive_problem(target: Side, facts: Mapping[Side, WriteFacts], direction: Direction) -> str | None:
    known = facts.get(target)
    if known is not None and OperationKind.ARCHIVE not in known.kinds:
        return f"{_SYSTEM[target]} cannot archive these records; use keep or unlink"
    if not direction.allows(target):
        return f"the direction {direction.value} lets nothing be archived in {_SYSTEM[target]}; use keep or unlink"
    return None


def _check(condition: Condition, place: str, side: Side, schema: EntitySchema) -> Iterator[tuple[str, str]]:
    for key, parts in (("all", condition.all_of), ("any", condition.any_of)):
        for index, part in enumerate(parts or ()):
            yield from _check(part, f"{place}.{key}[{index}]", side, schema)
    if condition.negated is not None:
        yield from _check(condition.negated, f"{place}.not", side, schema)
    if condition.field is None or condition.op is None:
        return
    field = schema.fields.get(condition.field)
    if field is None:
        nearest = did_you_mean(condition.field, schema.fields)
        message = f"{_SYSTEM[side]} has no field `{condition.field}` on {schema.object_name}{nearest}"
        yield f"{place}.field", message
        return
    if problem := _op_problem(field, condition.op):
        yield f"{place}.op", problem
        return
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    for value in values if condition.op not in BLANKNESS else ():
        if problem := _type_problem(field, condition.op, value):
            yield f"{place}.value", problem


def _op_problem(field: FieldSchema, op: FilterOp) -> str | None:
    if op in ORDERED and field.type not in _NUMBERS | _TIMES:
        return f"`{field.name}` is of type {field.type}, which has no order; {op.value} needs a number or a date"
    if field.type == "list" and op not in BLANKNESS | {FilterOp.CONTAINS}:
        return f"`{field.name}` is a list; use contains, is_blank or is_not_blank"
    if op in (FilterOp.CONTAINS, FilterOp.STARTS_WITH) and field.type in _NUMBERS | _TIMES | {"boolean"}:
        return f"`{field.name}` is of type {field.type}; {op.value} needs a text"
    return None


def _type_problem(field: FieldSchema, op: FilterOp, value: Any) -> str | None:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if field.type in _NUMBERS:
        return None if number else f"`{field.name}` is a {field.type}; compare it with a number"
    if field.type == "boolean":
        return None if isinstance(value, bool) else f"`{field.name}` is a boolean; compare it with true or false"
    if field.type in _TIMES:
        known = moment(value) is not None
        return None if known else f"`{field.name}` is a {field.type}; compare it with text like 2026-01-31"
    if not isinstance(value, str):
        return f"`{field.name}` is of type {field.type}; compare it with a text"
    if field.options and op not in (FilterOp.CONTAINS, FilterOp.STARTS_WITH) and value not in field.options:
        near = did_you_mean(value, field.options)
        return f"`{field.name}` has no value `{value}`{near}"
    return None
