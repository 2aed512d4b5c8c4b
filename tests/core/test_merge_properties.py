"""The laws of the merge, on random records: no echo, convergence, no lost edit, one way is one way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.compare import alike, blank, equal
from core.enums import Direction, Strategy
from core.mapping import same_meaning
from core.merge import Action, Choice, Custom, FieldBase, MergeResult, SideView, merge
from core.plan import EntityPlan, FieldPlan
from core.records import Side
from core.values import Value
from tests.core.merging import NOON, STEP, Pair, as_stored, plan_of
from tests.core.worlds import TEXTS, worlds

RULES = {
    *("first_link", "same_meaning", "confirmed", "direction", "only_change", "manual", "resolution"),
    *("alguna_wins", "external_wins", "latest_wins", "write_once", "fill_empty"),
}
FLOWS = {Side.EXTERNAL: Action.TO_EXTERNAL, Side.ALGUNA: Action.TO_ALGUNA}
Law = TypeVar("Law", bound=Callable[..., None])


def law(function: Law) -> Law:
    """Check a law on a modest number of random worlds."""
    checked: Law = settings(max_examples=100, deadline=None, derandomize=True)(function)
    return checked


def trimmed(value: Value) -> Value:
    """A vendor that trims text and stores empty text as null."""
    return (value.strip() or None) if isinstance(value, str) else value


def lowered(value: Value) -> Value:
    """A vendor that changes more than blanks."""
    return value.lower() if isinstance(value, str) else value


def undisputed(plan: EntityPlan, result: MergeResult) -> list[FieldPlan]:
    """Return the active fields without conflict and failure."""
    stuck = {name for names in result.waiting.values() for name in names}
    return [item for item in plan.fields if item.direction is not None and item.alguna_field not in stuck]


@law
@given(worlds(), st.sampled_from([as_stored, trimmed]), st.booleans(), st.booleans())
def test_i5_no_echo_after_the_writes_nothing_is_written(
    pair: Pair, store: Callable[[Value], Value], confirms: bool, knows_author: bool
) -> None:
    first = pair.run(store=store, confirms=confirms, knows_author=knows_author)
    second = pair.run(store=store, confirms=confirms, knows_author=knows_author)
    assert second.writes == {}
    assert second.quiet or first.failures or first.conflicts
    third = pair.run(store=store, confirms=confirms, knows_author=knows_author)
    assert third.settled == {}


@law
@given(worlds(), st.booleans())
def test_i5_no_echo_when_the_vendor_rewrites_what_it_is_sent(pair: Pair, confirms: bool) -> None:
    """Either the response shows what was stored, or the next read says that we were the last to write."""
    pair.modified_at = dict.fromkeys(Side, NOON)
    pair.run(store=lowered, confirms=confirms)
    assert pair.run(store=lowered, confirms=confirms).writes == {}


@law
@given(worlds())
def test_i4_convergence_one_pass_makes_both_sides_mean_the_same(pair: Pair) -> None:
    result = pair.run()
    for item in undisputed(pair.plan, result):
        base = pair.base[item.alguna_field]
        ours, theirs = pair.alguna[item.alguna_field], pair.external[item.external_field]
        assert base.drift or same_meaning(item, ours, theirs)
        assert equal(base.alguna, ours)
        assert equal(base.external, theirs)


@law
@given(worlds())
def test_i3_neither_side_changes_without_a_decision_that_names_a_rule(pair: Pair) -> None:
    before = copy.deepcopy(pair)
    result = pair.run()
    decided = {(item.field, item.action): item for item in result.decisions}
    assert {item.rule for item in result.decisions} <= RULES
    for item in pair.plan.fields:
        for side in Side:
            old, new = _value(before, item, side), _value(pair, item, side)
            written = item.name(side) in result.writes.get(side, {})
            assert written or old == new
            if not written:
                continue
            assert item.flows_to(side)
            decision = decided[item.alguna_field, FLOWS[side]]
            assert (decision.alguna, decision.external) == (
                _value(before, item, Side.ALGUNA),
                _value(before, item, Side.EXTERNAL),
            )


@law
@given(worlds())
def test_i3_an_edit_is_overwritten_only_by_a_rule_that_may(pair: Pair) -> None:
    before = copy.deepcopy(pair)
    result = pair.run()
    for decision in result.decisions:
        item = next(item for item in pair.plan.fields if item.alguna_field == decision.field)
        for side, flow in FLOWS.items():
            if decision.action is not flow:
                continue
            base = before.base.get(decision.field)
            edited = not equal(_value(before, item, side), base.value(side) if base else None)
            assert not edited or decision.rule in {"direction", item.strategy.value}
            assert not (edited and item.strategy is Strategy.MANUAL and item.direction is Direction.BIDIRECTIONAL)


@law
@given(worlds())
def test_i3_untouched_fields_are_never_written(pair: Pair) -> None:
    untouched = {
        item.alguna_field
        for item in pair.plan.fields
        if (base := pair.base.get(item.alguna_field))
        and all(equal(base.value(side), _value(pair, item, side)) for side in Side)
    }
    result = pair.run()
    assert untouched.isdisjoint(decision.field for decision in result.decisions)
    assert untouched.isdisjoint(name for names in result.pending.values() for name in names)


@law
@given(worlds(), st.randoms(use_true_random=False))
def test_i12_the_order_of_fields_and_repetition_do_not_matter(pair: Pair, random: Random) -> None:
    shuffled = list(pair.plan.fields)
    random.shuffle(shuffled)
    other = replace(copy.deepcopy(pair), plan=plan_of(*shuffled))
    again = copy.deepcopy(pair)
    first, second, third = pair.run(), again.run(), other.run()
    assert first == second
    assert sorted(first.decisions, key=lambda item: (item.field, item.action)) == sorted(
        third.decisions, key=lambda item: (item.field, item.action)
    )
    assert (first.settled, first.writes, first.pending) == (third.settled, third.writes, third.pending)


@law
@given(worlds(disputed=True), st.data())
def test_choices_settle_every_conflict(pair: Pair, data: st.DataObject) -> None:
    conflicts = copy.deepcopy(pair).run().conflicts
    assume(conflicts)
    sides: st.SearchStrategy[Choice] = st.sampled_from(list(Side))
    choices = {item.field: data.draw(sides | st.builds(Custom, st.just(item.alguna))) for item in conflicts}
    result = pair.run(choices=choices)
    assert result.conflicts == ()
    assert pair.run().writes == {}
    stuck = {name for names in result.waiting.values() for name in names}
    assert {item.field for item in result.decisions if item.rule == "resolution"} == set(choices) - stuck


@pytest.mark.parametrize("written", list(Side))
@law
@given(worlds())
def test_i7_one_of_two_writes_may_fail_and_the_next_pass_finishes(written: Side, pair: Pair) -> None:
    """Only one side's write was carried out: its bases move, the other side's do not."""
    whole = copy.deepcopy(pair)
    result = copy.deepcopy(pair).run()
    whole.run()
    pair.base.update(result.settled)
    for path, value in result.writes.get(written, {}).items():
        (pair.alguna if written is Side.ALGUNA else pair.external)[path] = value
    pair.base.update(result.pending.get(written, {}))
    assert written not in pair.run().writes
    assert (pair.alguna, pair.external) == (whole.alguna, whole.external)


@law
@given(st.sampled_from(TEXTS), st.sampled_from(TEXTS), st.integers(-40, 40))
def test_latest_wins_is_symmetric(ours: Value, theirs: Value, tenths: int) -> None:
    """Swapping the sides swaps the winner, except in a tie."""
    base = FieldBase("base", "base")
    assume(not alike(ours, theirs))
    item = FieldPlan("name", "Name", strategy=Strategy.LATEST_WINS)
    later = NOON + timedelta(seconds=tenths / 10)

    def writes(alguna: SideView, external: SideView) -> set[Side]:
        return set(merge(plan_of(item), alguna, external, {"name": base}, step=STEP).writes)

    straight = writes(SideView({"name": ours}, NOON), SideView({"Name": theirs}, later))
    swapped = writes(SideView({"name": theirs}, later), SideView({"Name": ours}, NOON))
    tie = abs(tenths) <= 10
    assert straight == ({Side.EXTERNAL} if tie else {side.other for side in swapped})


@law
@given(worlds(), st.data())
def test_i3_an_unread_path_is_never_overwritten_by_its_own_absence(pair: Pair, data: st.DataObject) -> None:
    """Leaving out what equals its base changes nothing."""
    views = []
    for side in Side:
        read = {}
        for item in pair.plan.fields:
            value, base = _value(pair, item, side), pair.base.get(item.alguna_field)
            known = equal(value, base.value(side)) if base else blank(value)
            if not known or data.draw(st.booleans()):
                read[item.name(side)] = value
        views.append(SideView(read, NOON))
    partly = merge(pair.plan, views[0], views[1], pair.base, step=STEP)
    pair.modified_at = dict.fromkeys(Side, NOON)
    wholly = pair.run()
    assert partly.writes == wholly.writes
    assert [(item.field, item.action, item.rule) for item in partly.decisions] == [
        (item.field, item.action, item.rule) for item in wholly.decisions
    ]


def _value(pair: Pair, item: FieldPlan, side: Side) -> Value:
    return (pair.alguna if side is Side.ALGUNA else pair.external)[item.name(side)]
