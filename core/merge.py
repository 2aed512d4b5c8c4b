"""The three-way merge of one linked record: pure, so the same input always gives the same decisions (I3, I5, I12).

Each side of a field is compared with its own base in its own representation, so a transform that cannot be undone
exactly never makes a field look changed. What each rule name in a `Decision` means:

| rule | the field |
|---|---|
| `first_link` | had no base yet: both sides agree, or the blank one is filled, or a one-way target is kept |
| `same_meaning` | changed, and now both sides say the same |
| `confirmed` | holds what the vendor made of our own write |
| `direction` | is one-way: its source's change overwrites the target; a change of the target alone is drift |
| `only_change` | changed on one side, and that change flows |
| `alguna_wins`, `external_wins`, `latest_wins`, `manual` | changed on both sides, and this strategy decided |
| `resolution` | was in conflict, and a person decided |
| `write_once`, `fill_empty` | may not be overwritten on the target any more: the difference is kept as drift |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.compare import blank, equal
from core.decisions import (
    Action,
    Choice,
    CreateResult,
    Custom,
    Decision,
    FieldBase,
    MergeResult,
    SideView,
)
from core.enums import Direction, Strategy
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.lost_update import LostUpdate, judge_lost_update
from core.mapping import same_meaning, value_to_write
from core.origins import Origins
from core.plan import EntityPlan, FieldPlan, Origin
from core.records import Side
from core.values import Value

__all__ = [
    "Action",
    "Choice",
    "CreateResult",
    "Custom",
    "Decision",
    "FieldBase",
    "LostUpdate",
    "MergeResult",
    "SideView",
    "adopt",
    "create",
    "judge_lost_update",
    "merge",
]

_NO_CHOICES: Mapping[str, Choice] = {}
_FLOW = {Side.EXTERNAL: Action.TO_EXTERNAL, Side.ALGUNA: Action.TO_ALGUNA}
_WINNER = {Strategy.ALGUNA_WINS: Side.ALGUNA, Strategy.EXTERNAL_WINS: Side.EXTERNAL}


def merge(
    plan: EntityPlan,
    alguna: SideView,
    external: SideView,
    base: Mapping[str, FieldBase],
    *,
    choices: Mapping[str, Choice] = _NO_CHOICES,
    step: Mapping[Side, float],
    frozen: Collection[str] = (),
) -> MergeResult:
    """Merge one linked record, field by field.

    `base` and `choices` are keyed by Alguna field. A choice applies to a two-way field whose sides disagree and of
    which at least one side changed; it must be given again until the record merges quietly, since one of two writes may
    fail. `step` is the grain of each side's modification times, in seconds: times no further apart than the coarser
    one are a tie, which goes to Alguna. `frozen` are Alguna fields to be left alone: nothing is decided of them.
    """
    origins = Origins(plan, {Side.ALGUNA: alguna, Side.EXTERNAL: external}, base)
    work = _Work(alguna, external, choices, max(step.values(), default=0.0), origins, plan.derives)
    alguna_fields, external_fields = alguna.fields, external.fields
    for item in plan.fields:
        if item.direction is None or item.alguna_field in frozen:
            continue
        known = base.get(item.alguna_field)
        if known is None:
            ours, theirs = alguna_fields.get(item.alguna_field), external_fields.get(item.external_field)
        else:
            ours = alguna_fields.get(item.alguna_field, known.alguna)
            theirs = external_fields.get(item.external_field, known.external)
            untouched = known.unconfirmed is None and equal(ours, known.alguna) and equal(theirs, known.external)
            if untouched and not (plan.derives and origins.derived(item, known)):
                continue
        work.merge_field(_Case(item, known, ours, theirs))
    decisions, failures = tuple(work.decisions), tuple(work.failures)
    return MergeResult(decisions, work.settled, work.writes, work.pending, failures, work.waiting, work.overruled)


def create(plan: EntityPlan, source_side: Side, source: SideView) -> CreateResult:
    """Return the values of a new record on the other side: mapped fields that may flow there and are not blank.

    A default stands for a blank; a required field that stays blank, or a value that cannot be carried, is a failure.
    """
    target = source_side.other
    values: dict[str, Value] = {}
    pending: dict[str, FieldBase] = {}
    failures: list[RecordFailure] = []
    origin = Origin(source.fields, source.modified_at)
    for item in plan.fields:
        if not item.flows_to(target):
            continue
        value = source.fields.get(item.name(source_side))
        try:
            carried = value_to_write(item, target, value, origin)
        except FieldValidation as error:
            failures.append(_failure(item, target, error))
            continue
        if not blank(carried):
            values[item.name(target)] = carried
            edited_at = source.first_seen.get(item.alguna_field, source.modified_at)
            pending[item.alguna_field] = _sent(target, value, carried, edited_at)
    return CreateResult(values, pending, tuple(failures))


def adopt(base: FieldBase, side: Side, stored: Value) -> FieldBase:
    """Return the base when a write's response, or our own read-back, shows what `side` stored."""
    unconfirmed = None if base.unconfirmed is side else base.unconfirmed
    if side is Side.ALGUNA:
        return FieldBase(stored, base.external, base.edited_at, base.drift, unconfirmed)
    return FieldBase(base.alguna, stored, base.edited_at, base.drift, unconfirmed)


def _sent(target: Side, source_value: Value, sent: Value, edited_at: datetime | None) -> FieldBase:
    if target is Side.EXTERNAL:
        return FieldBase(source_value, sent, edited_at, unconfirmed=target)
    return FieldBase(sent, source_value, edited_at, unconfirmed=target)


def _failure(item: FieldPlan, target: Side, error: FieldValidation) -> RecordFailure:
    return RecordFailure(ErrorType.FIELD_VALIDATION, error.message, field=item.name(target))


@dataclass(slots=True)
class _Case:
    """One field under decision, with the values of both sides (the base's, where a side was not read)."""

    item: FieldPlan
    base: FieldBase | None
    alguna: Value
    external: Value

    def value(self, side: Side) -> Value:
        return self.alguna if side is Side.ALGUNA else self.external

    def changed(self, side: Side) -> bool:
        """Without a base, what is not blank counts as changed."""
        value = self.value(side)
        return not blank(value) if self.base is None else not equal(value, self.base.value(side))

    def lacks_value(self) -> bool:
        """Whether both sides are blank where a one-way default fills the target, or where a required field is missed.

        A two-way default waits for a change: neither side is the source yet.
        """
        if not blank(self.alguna) or not blank(self.external):
            return False
        one_way = self.item.direction is not Direction.BIDIRECTIONAL
        return (self.item.default is not None and one_way) or (self.item.default is None and self.item.required)

    def may_overwrite(self, target: Side) -> str | None:
        """Return the rule that keeps the target's value, if one does."""
        if self.item.fill_empty_only and not blank(self.value(target)):
            return "fill_empty"
        written = not blank(self.value(target)) or (self.base is not None and _held(self.base, target))
        return "write_once" if self.item.write_once and written else None


def _held(base: FieldBase, target: Side) -> bool:
    """Whether the target held a value, as far as the base tells: a blank that drifts from a value was cleared."""
    return not blank(base.value(target)) or (base.drift and not blank(base.value(target.other)))


@dataclass(slots=True)
class _Work:
    """The merge of one record under way."""

    alguna: SideView
    external: SideView
    choices: Mapping[str, Choice]
    grain: float
    origins: Origins
    derives: bool
    decisions: list[Decision] = field(default_factory=list)
    settled: dict[str, FieldBase] = field(default_factory=dict)
    writes: dict[Side, dict[str, Value]] = field(default_factory=dict)
    pending: dict[Side, dict[str, FieldBase]] = field(default_factory=dict)
    failures: list[RecordFailure] = field(default_factory=list)
    waiting: dict[Side, dict[str, datetime | None]] = field(default_factory=dict)
    overruled: dict[Side, dict[str, datetime | None]] = field(default_factory=dict)

    def merge_field(self, case: _Case) -> None:
        self._confirm(case)
        changed = [side for side in Side if case.changed(side)]
        if case.base is not None:
            if self.derives:
                changed += [side for side in self.origins.derived(case.item, case.base) if side not in changed]
            if not changed:
                return
        elif case.lacks_value():
            target = Side.EXTERNAL if case.item.flows_to(Side.EXTERNAL) else Side.ALGUNA
            self._flow(case, target, "first_link", [target.other])
            return
        if same_meaning(case.item, case.alguna, case.external, self.origins):
            self._settle(case, Action.AGREED, "first_link" if case.base is None else "same_meaning")
        elif case.item.direction is Direction.BIDIRECTIONAL:
            self._merge_two_way(case, changed)
        else:
            self._merge_one_way(case, changed)

    def _confirm(self, case: _Case) -> None:
        """Take what a vendor made of our own write as the base; a person's edit since then stays a change."""
        base = case.base
        if base is None or base.unconfirmed is None:
            return
        side = base.unconfirmed
        if case.item.name(side) not in self._view(side).fields:
            return
        if case.changed(side):
            if self._view(side).modified_by_us is not True:
                return
            self._decide(case, Action.AGREED, "confirmed")
        case.base = self.settled[case.item.alguna_field] = adopt(base, side, case.value(side))

    def _merge_one_way(self, case: _Case, changed: list[Side]) -> None:
        target = Side.EXTERNAL if case.item.flows_to(Side.EXTERNAL) else Side.ALGUNA
        rule = "first_link" if case.base is None and len(changed) == 1 else "direction"
        if target.other in changed:
            self._flow(case, target, rule, changed)
        else:
            self._settle(case, Action.DRIFT, rule)

    def _merge_two_way(self, case: _Case, changed: list[Side]) -> None:
        choice = self.choices.get(case.item.alguna_field)
        if isinstance(choice, Custom):
            self._write_both(case, choice.value, changed)
        elif choice is not None:
            self._flow(case, choice.other, "resolution", changed)
        elif len(changed) == 1:
            rule = "first_link" if case.base is None else "only_change"
            self._flow(case, changed[0].other, rule, changed)
        elif case.item.strategy is Strategy.MANUAL:
            self._decide(case, Action.CONFLICT, Strategy.MANUAL.value)
            self._wait(case, changed)
        else:
            winner = _WINNER.get(case.item.strategy) or self._latest(case)
            self._flow(case, winner.other, case.item.strategy.value, changed)

    def _flow(self, case: _Case, target: Side, rule: str, changed: list[Side]) -> None:
        """Write the other side's value to `target`, unless the field may not be overwritten there."""
        kept_by = None if rule == "resolution" else case.may_overwrite(target)
        if kept_by:
            self._settle(case, Action.DRIFT, kept_by)
            return
        source_value = case.value(target.other)
        try:
            carried = value_to_write(case.item, target, source_value, self.origins[target.other])
        except FieldValidation as error:
            self._fail(case, target, error, changed)
            return
        self._decide(case, _FLOW[target], rule)
        self._write(case, target, carried, _sent(target, source_value, carried, self._time(case, target.other)))
        if target in changed:
            self.overruled.setdefault(target, {})[case.item.alguna_field] = self._time(case, target)

    def _write_both(self, case: _Case, value: Value, changed: list[Side]) -> None:
        """Bring both sides to a person's own value; a side that already holds it is left alone."""
        try:
            carried = value_to_write(case.item, Side.EXTERNAL, value, self.origins[Side.ALGUNA])
        except FieldValidation as error:
            self._fail(case, Side.EXTERNAL, error, changed)
            return
        wanted = {Side.ALGUNA: value, Side.EXTERNAL: carried}
        for side, new in wanted.items():
            if not equal(new, case.value(side)):
                self._decide(case, _FLOW[side], "resolution")
                self._write(case, side, new, FieldBase(value, carried, unconfirmed=side))

    def _write(self, case: _Case, target: Side, value: Value, base: FieldBase) -> None:
        self.writes.setdefault(target, {})[case.item.name(target)] = value
        self.pending.setdefault(target, {})[case.item.alguna_field] = base

    def _settle(self, case: _Case, action: Action, rule: str) -> None:
        times = [time for side in Side if case.changed(side) and (time := self._time(case, side))]
        edited_at = max(times, default=case.base.edited_at if case.base else None)
        self._decide(case, action, rule)
        self.settled[case.item.alguna_field] = FieldBase(
            case.alguna,
            case.external,
            edited_at,
            drift=action is Action.DRIFT,
            unconfirmed=self._unread(case),
        )

    def _unread(self, case: _Case) -> Side | None:
        """Return the side whose stored value is still unknown."""
        side = case.base.unconfirmed if case.base else None
        return side if side and case.item.name(side) not in self._view(side).fields else None

    def _decide(self, case: _Case, action: Action, rule: str) -> None:
        self.decisions.append(Decision(case.item.alguna_field, action, rule, case.base, case.alguna, case.external))

    def _fail(self, case: _Case, target: Side, error: FieldValidation, changed: list[Side]) -> None:
        self.failures.append(_failure(case.item, target, error))
        self._wait(case, changed)

    def _wait(self, case: _Case, changed: list[Side]) -> None:
        for side in changed:
            self.waiting.setdefault(side, {})[case.item.alguna_field] = self._time(case, side)

    def _latest(self, case: _Case) -> Side:
        ours, theirs = self._time(case, Side.ALGUNA), self._time(case, Side.EXTERNAL)
        if ours is None or theirs is None:
            return Side.ALGUNA
        lead = (theirs - ours).total_seconds()
        return Side.EXTERNAL if lead > self.grain else Side.ALGUNA

    def _time(self, case: _Case, side: Side) -> datetime | None:
        view = self._view(side)
        return view.first_seen.get(case.item.alguna_field, view.modified_at)

    def _view(self, side: Side) -> SideView:
        return self.alguna if side is Side.ALGUNA else self.external
