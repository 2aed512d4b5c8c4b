"""Mappings that rest, because one side has no such field any more (renamed, removed, or hidden from us).

One such field must not stop the others, nor any read: it is left out of the plan, shown once, and comes back by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from core.errors import ErrorType, RecordFailure
from core.plan import EntityPlan
from core.problems import did_you_mean
from core.records import Side
from core.schema import EntitySchema

_SYSTEM = {Side.ALGUNA: "Alguna", Side.EXTERNAL: "the external system"}
SUBJECT_PREFIX = "mapping:"
MARKER = "(marker)"
"""Stands for the marker where fields are named by their Alguna field: no mapping has it."""


@dataclass(frozen=True, slots=True)
class Resting:
    """A mapping that rests. `side` is the one that has no such field, `near` the suggestion of a similar name."""

    side: Side
    alguna_field: str
    external_field: str
    object_name: str
    near: str = ""

    @property
    def subject(self) -> str:
        """What its one error is about: the mapping, not a record."""
        return subject_of(self.alguna_field, self.external_field)

    @property
    def failure(self) -> RecordFailure:
        """Why it rests and what to do."""
        name = self.alguna_field if self.side is Side.ALGUNA else self.external_field
        if self.alguna_field == MARKER:
            message = (
                f"{_SYSTEM[self.side]} has no field `{name}` on {self.object_name}: without it no new record is made"
                " there, because it could be made twice; linked records are synced. Make the field as the set-up says"
            )
            return RecordFailure(ErrorType.FIELD_VALIDATION, message, field=name)
        message = (
            f"{_SYSTEM[self.side]} has no field `{name}` on {self.object_name} any more{self.near}: the mapping"
            f" `{self.alguna_field}` / `{self.external_field}` rests, all other fields are synced. Bring the field"
            " back, or change the mapping"
        )
        return RecordFailure(ErrorType.FIELD_VALIDATION, message, field=name)


def subject_of(alguna_field: str, external_field: str) -> str:
    """Return the subject of a mapping's error."""
    return f"{SUBJECT_PREFIX}{alguna_field}/{external_field}"


def let_rest(plan: EntityPlan, schemas: Mapping[Side, EntitySchema]) -> tuple[EntityPlan, tuple[Resting, ...]]:
    """Return the plan with the mappings inactive whose field is not there, and what rests.

    Without its marker the external side gets no new records: a create that is repeated could not be recognised (I2).
    """
    resting: dict[str, Resting] = {}
    theirs = schemas[Side.EXTERNAL]
    if plan.marker is not None and theirs.field(plan.marker) is None:
        resting[MARKER] = Resting(Side.EXTERNAL, MARKER, plan.marker, theirs.object_name)
    for item in plan.fields:
        for side in Side:
            name, schema = item.name(side), schemas[side]
            if item.direction is not None and item.alguna_field not in resting and schema.field(name) is None:
                near = did_you_mean(name, schema.fields)
                resting[item.alguna_field] = Resting(
                    side, item.alguna_field, item.external_field, schema.object_name, near
                )
    return without(plan, resting), tuple(resting.values())


def without(plan: EntityPlan, names: Collection[str]) -> EntityPlan:
    """Return the plan with these Alguna fields inactive, and without its marker where that is among them."""
    if not names:
        return plan
    fields = tuple(replace(item, direction=None) if item.alguna_field in names else item for item in plan.fields)
    if MARKER in names:
        plan = replace(plan, marker=None, can_create=plan.can_create - {Side.EXTERNAL})
    return replace(plan, fields=fields)


def subjects_of(plan: EntityPlan, marker: str | None) -> dict[str, str]:
    """Return what could rest: subject -> Alguna field, of the mappings and of the external marker."""
    found = {subject_of(item.alguna_field, item.external_field): item.alguna_field for item in plan.fields}
    return found | ({subject_of(MARKER, marker): MARKER} if marker else {})
