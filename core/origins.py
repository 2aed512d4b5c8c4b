"""The two records of a merge as custom functions see them, and what changes because their other fields did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.compare import alike, equal
from core.decisions import FieldBase, SideView
from core.errors import FieldValidation
from core.mapping import carry
from core.plan import EntityPlan, FieldPlan, Origin
from core.records import Side


class Origins(Mapping[Side, Origin]):
    """Both sides' records, each made when it is first asked for: what was read, over what is known of the rest."""

    def __init__(self, plan: EntityPlan, views: Mapping[Side, SideView], base: Mapping[str, FieldBase]) -> None:
        """Take what the merge works on."""
        self._plan = plan
        self._views = views
        self._base = base
        self._made: dict[Side, Origin] = {}

    def __getitem__(self, side: Side) -> Origin:
        """Return one side's record."""
        if side not in self._made:
            view = self._views[side]
            known = {
                item.name(side): base.value(side)
                for item in self._plan.fields
                if (base := self._base.get(item.alguna_field)) is not None
            }
            self._made[side] = Origin({**known, **view.fields}, view.modified_at)
        return self._made[side]

    def __iter__(self) -> Iterator[Side]:
        """Go through the sides."""
        return iter(self._views)

    def __len__(self) -> int:
        """Count the sides."""
        return len(self._views)

    def derived(self, item: FieldPlan, base: FieldBase) -> list[Side]:
        """Return the sides whose other fields changed so that a function that reads the record gives a new value."""
        return [side for side in self._views if self._gives_anew(item, side, base)]

    def _gives_anew(self, item: FieldPlan, side: Side, base: FieldBase) -> bool:
        if not item.derives(side.other) or not self._stirred(side, item):
            return False
        value = self._views[side].fields.get(item.name(side), base.value(side))
        try:
            return not alike(carry(item, side.other, value, self[side]), base.value(side.other))
        except FieldValidation:
            return True

    def _stirred(self, side: Side, item: FieldPlan) -> bool:
        """Whether any field of the record changed, or this one did not get through before."""
        view = self._views[side]
        if item.alguna_field in view.first_seen:
            return True
        return any(
            other.name(side) in view.fields
            and (known := self._base.get(other.alguna_field)) is not None
            and not equal(view.fields[other.name(side)], known.value(side))
            for other in self._plan.fields
        )
