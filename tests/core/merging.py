"""What the merge tests share: building plans and views, and playing a write through as the engine does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.merge import Choice, FieldBase, MergeResult, SideView, adopt, merge
from core.plan import EntityPlan, FieldPlan
from core.records import Entity, Side
from core.values import Value

STEP = {Side.ALGUNA: 0.001, Side.EXTERNAL: 1.0}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def plan_of(*fields: FieldPlan) -> EntityPlan:
    """A plan of these fields alone."""
    return EntityPlan(Entity.ACCOUNTS, fields)


def merge_one(
    item: FieldPlan,
    alguna: Value,
    external: Value,
    base: FieldBase | None = None,
    *,
    choice: Choice | None = None,
) -> MergeResult:
    """Merge a record of one field, both sides modified at noon."""
    return merge(
        plan_of(item),
        SideView({item.alguna_field: alguna}, NOON),
        SideView({item.external_field: external}, NOON),
        {} if base is None else {item.alguna_field: base},
        choices={} if choice is None else {item.alguna_field: choice},
        step=STEP,
    )


def as_stored(value: Value) -> Value:
    """A vendor that stores exactly what it is sent."""
    return value


@dataclass(slots=True)
class Pair:
    """Two linked records and their bases, with the writes of each merge carried out."""

    plan: EntityPlan
    alguna: dict[str, Value]
    external: dict[str, Value]
    base: dict[str, FieldBase] = field(default_factory=dict)
    modified_at: Mapping[Side, datetime | None] = field(default_factory=lambda: dict.fromkeys(Side, NOON))
    written: dict[Side, bool] = field(default_factory=lambda: dict.fromkeys(Side, False))

    def run(
        self,
        *,
        choices: Mapping[str, Choice] | None = None,
        store: Callable[[Value], Value] = as_stored,
        confirms: bool = True,
        knows_author: bool = True,
    ) -> MergeResult:
        """Merge, write, move the bases. `store`: what the vendor makes of values; `confirms`: its response shows it."""
        author = {side: self.written[side] if knows_author else None for side in Side}
        result = merge(
            self.plan,
            SideView(dict(self.alguna), self.modified_at[Side.ALGUNA], author[Side.ALGUNA]),
            SideView(dict(self.external), self.modified_at[Side.EXTERNAL], author[Side.EXTERNAL]),
            self.base,
            choices=choices or {},
            step=STEP,
        )
        self.base.update(result.settled)
        for side, values in result.writes.items():
            self.written[side] = True
            stored = {path: store(value) for path, value in values.items()}
            (self.alguna if side is Side.ALGUNA else self.external).update(stored)
            for item in self.plan.fields:
                if item.alguna_field in result.pending[side] and item.name(side) in stored:
                    moved = result.pending[side][item.alguna_field]
                    self.base[item.alguna_field] = adopt(moved, side, stored[item.name(side)]) if confirms else moved
        return result
