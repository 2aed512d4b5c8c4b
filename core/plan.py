"""The compiled form of a configuration for one entity: what mapping, merge and matching work with.

Plain frozen dataclasses, so that the hot path touches no pydantic model. `core.config.plan` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from core.enums import Direction, MatchType, Normalize, OnDelete, OnMultiple, OnNoMatch, OnNotFound, Strategy, Transform
from core.filters import FilterPlan
from core.records import Entity, Side
from core.values import Value


@dataclass(frozen=True, slots=True)
class Origin:
    """The record a value comes from, as custom functions see it: path -> value, and when it was modified."""

    fields: Mapping[str, Value] = field(default_factory=dict)
    modified_at: datetime | None = None

    def tree(self) -> dict[str, Value]:
        """Return the fields by path, and those with plain dotted paths nested as well: `billingAddress: {city: …}`."""
        found: dict[str, Value] = dict(self.fields)
        for path, value in self.fields.items():
            *parents, last = path.split(".")
            if not parents or "[" in path:
                continue
            place: Value = found
            for name in parents:
                place = place.setdefault(name, {}) if isinstance(place, dict) else None
            if isinstance(place, dict):
                place.setdefault(last, value)
        return found


NOWHERE: Final = Origin()


class CustomFunction(Protocol):
    """A person's own function that carries a value; `core.scripts.Script` is one."""

    @property
    def label(self) -> str:
        """Its key in the mapping."""
        ...

    @property
    def source(self) -> str:
        """Its text."""
        ...

    @property
    def reads_record(self) -> bool:
        """Whether it may look at more than the value."""
        ...

    def __call__(self, value: Value, origin: Origin) -> Value:
        """Carry a value that is not blank. Raises FieldValidation."""
        ...


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One mapped field. `alguna_field` is its key: no two mappings of an entity share it.

    `direction` is the effective one (the integration's intersected with the mapping's); None means inactive.
    `default` is in Alguna's form and stands for a blank source. `external_type` and `alguna_type` are the types of
    `core.schema.FieldSchema`, which decide the representation a transform writes. `functions` are those of the
    transform `custom`, by the side they carry to.
    """

    alguna_field: str
    external_field: str
    direction: Direction | None = Direction.BIDIRECTIONAL
    strategy: Strategy = Strategy.ALGUNA_WINS
    transform: Transform = Transform.NONE
    options: Mapping[str, Value] = field(default_factory=dict)
    required: bool = False
    default: Value = None
    write_once: bool = False
    fill_empty_only: bool = False
    external_type: str = "text"
    alguna_type: str = "text"
    functions: Mapping[Side, CustomFunction] = field(default_factory=dict)

    def name(self, side: Side) -> str:
        """Return the field's path in `side`'s own names."""
        return self.alguna_field if side is Side.ALGUNA else self.external_field

    def type_on(self, side: Side) -> str:
        """Return the field's type on that side."""
        return self.alguna_type if side is Side.ALGUNA else self.external_type

    def flows_to(self, target: Side) -> bool:
        """Say whether values of this field may be written to `target`."""
        return self.direction is not None and self.direction.allows(target)

    def derives(self, target: Side) -> bool:
        """Say whether what `target` shall hold may depend on other fields of the source record, too."""
        function = self.functions.get(target) if self.functions else None
        return function is not None and function.reads_record and self.flows_to(target)


@dataclass(frozen=True, slots=True)
class MatchRulePlan:
    """One match rule. For `external_id` the external field holds the Alguna id.

    `region` (ISO 3166 alpha-2) is the country of phone numbers and tax ids that do not name theirs.
    """

    type: MatchType
    alguna_field: str
    external_field: str
    normalize: Normalize = Normalize.NONE
    region: str | None = None


@dataclass(frozen=True, slots=True)
class MatchPlan:
    """The match rules in order, and what becomes of a record with no partner or with several candidates."""

    rules: tuple[MatchRulePlan, ...] = ()
    on_no_match: OnNoMatch = OnNoMatch.CREATE
    on_multiple: OnMultiple = OnMultiple.MANUAL


@dataclass(frozen=True, slots=True)
class DeleteGuard:
    """When a pass stops its deletions and asks: more than this share of the linked records, and this many at least."""

    share: float = 0.2
    at_least: int = 10

    def stops(self, deleted: int, linked: int) -> bool:
        """Say whether so many deletions among so many linked records need a person's word."""
        return deleted >= self.at_least and deleted > self.share * linked


@dataclass(frozen=True, slots=True)
class EntityPlan:
    """Everything the sync of one entity needs to know. `on_delete` and `can_create` are keyed by the target side.

    `can_create` holds the sides on which the direction and `onNoMatch` allow new records; whether the system can
    create them at all is for its connector's facts to say.
    """

    entity: Entity
    fields: tuple[FieldPlan, ...]
    matching: MatchPlan = MatchPlan()
    marker: str | None = None
    parent: str | None = None
    on_not_found: OnNotFound = OnNotFound.SKIP
    on_delete: Mapping[Side, OnDelete] = field(default_factory=dict)
    can_create: frozenset[Side] = frozenset()
    filters: FilterPlan = FilterPlan()
    delete_guard: DeleteGuard = DeleteGuard()
    derives: bool = field(init=False)

    def __post_init__(self) -> None:
        """Find out once whether some field depends on others of its record: the merge asks for every record."""
        object.__setattr__(self, "derives", any(item.derives(side) for item in self.fields for side in Side))

    def paths(self, side: Side) -> frozenset[str]:
        """Return every path needed on that side: active mappings, match rules and filters.

        The external marker and parent of match rules are left out: the connector reads them by itself.
        """
        mapped = {item.name(side) for item in self.fields if item.direction is not None}
        return frozenset(mapped | self._match_paths(side) | self.filters.paths(side))

    def _match_paths(self, side: Side) -> set[str]:
        if side is Side.ALGUNA:
            return {rule.alguna_field for rule in self.matching.rules if rule.type is MatchType.FIELD}
        return {rule.external_field for rule in self.matching.rules} - {self.marker, self.parent}
