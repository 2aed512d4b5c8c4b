"""`required`, `default`, `fillEmptyOnly`, `writeOnce` and blanks: both directions, when merging and when creating."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.compare import blank
from core.enums import Direction
from core.errors import ErrorType
from core.merge import FieldBase, SideView, create, merge
from core.plan import FieldPlan
from core.records import Side
from core.values import Value
from tests.core.merging import NOON, STEP, Pair, merge_one, plan_of

NAME = FieldPlan("name", "Name")
TO = {Side.EXTERNAL: Direction.ALGUNA_TO_EXTERNAL, Side.ALGUNA: Direction.EXTERNAL_TO_ALGUNA}
BLANKS: list[Value] = [None, "", "  ", [], {}]
VALUES = st.sampled_from([*BLANKS, "A", "B", "Beta", 0, False])
TARGETS = st.sampled_from(list(Side))
WAYS = st.booleans()


def towards(target: Side, two_way: bool, item: FieldPlan) -> FieldPlan:
    """The field, one-way to a target or both ways."""
    return item if two_way else replace(item, direction=TO[target])


def pair_of(item: FieldPlan, target: Side, source: Value, held: Value, base: FieldBase | None = None) -> Pair:
    """A pair whose source side holds `source` and whose target holds `held`."""
    ours, theirs = (source, held) if target is Side.EXTERNAL else (held, source)
    return Pair(plan_of(item), {"name": ours}, {"Name": theirs}, {} if base is None else {"name": base})


def value_on(pair: Pair, side: Side) -> Value:
    """What a side of the pair holds."""
    return pair.alguna["name"] if side is Side.ALGUNA else pair.external["Name"]


class TestRequired:
    @pytest.mark.parametrize("target", list(Side))
    @pytest.mark.parametrize("gone", BLANKS)
    def test_i3_a_cleared_source_is_an_error_naming_both_fields(self, target: Side, gone: Value) -> None:
        pair = pair_of(replace(NAME, required=True), target, gone, "A", FieldBase("A", "A"))
        (failure,) = pair.run().failures
        there, here = NAME.name(target), NAME.name(target.other)
        assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, there)
        assert failure.message == f"`{there}` is required, but `{here}` is blank"
        assert value_on(pair, target) == "A"

    @pytest.mark.parametrize("source", list(Side))
    @pytest.mark.parametrize("fields", [{}, {"name": None, "Name": None}, {"name": "", "Name": ""}])
    def test_i3_a_new_record_needs_it_whether_missing_null_or_empty(
        self, source: Side, fields: dict[str, Value]
    ) -> None:
        result = create(plan_of(replace(NAME, required=True)), source, SideView(fields, NOON))
        assert [failure.field for failure in result.failures] == [NAME.name(source.other)]

    @settings(max_examples=40, deadline=None)
    @given(TARGETS, WAYS, VALUES, VALUES)
    def test_i3_a_required_target_is_never_left_blank_in_silence(
        self, target: Side, two_way: bool, source: Value, held: Value
    ) -> None:
        pair = pair_of(towards(target, two_way, replace(NAME, required=True)), target, source, held)
        result = pair.run()
        assert result.failures or not blank(value_on(pair, target))
        assert bool(result.failures) == (blank(source) and blank(held))


class TestDefault:
    ITEM = replace(NAME, default="Beta")

    @settings(max_examples=60, deadline=None)
    @given(TARGETS, VALUES)
    def test_i5_a_default_never_travels_back_over_the_blank(self, target: Side, source: Value) -> None:
        made = create(plan_of(self.ITEM), target.other, SideView({"name": source, "Name": source}, NOON))
        assert not blank(made.values[NAME.name(target)])
        pair = pair_of(self.ITEM, target, source, made.values[NAME.name(target)], made.pending["name"])
        for _ in range(2):
            assert pair.run().writes == {}
        assert value_on(pair, target.other) == source

    @pytest.mark.parametrize("target", list(Side))
    def test_i3_a_cleared_source_gives_the_default(self, target: Side) -> None:
        pair = pair_of(self.ITEM, target, None, "A", FieldBase("A", "A"))
        pair.run()
        assert (value_on(pair, target), value_on(pair, target.other)) == ("Beta", None)
        assert pair.run().writes == {}

    @pytest.mark.parametrize("target", list(Side))
    @pytest.mark.parametrize("gone", BLANKS)
    def test_i3_a_first_link_of_two_blanks_fills_a_one_way_target(self, target: Side, gone: Value) -> None:
        pair = pair_of(towards(target, False, self.ITEM), target, gone, None)
        pair.run()
        assert (value_on(pair, target), value_on(pair, target.other)) == ("Beta", gone)
        assert pair.run().writes == {}
        both = pair_of(self.ITEM, target, gone, None)
        assert both.run().writes == {}


class TestFillEmptyOnly:
    @settings(max_examples=60, deadline=None)
    @given(TARGETS, WAYS, VALUES, VALUES, st.none() | st.just(FieldBase("old", "old")))
    def test_i3_what_is_there_is_never_overwritten(
        self, target: Side, two_way: bool, source: Value, held: Value, base: FieldBase | None
    ) -> None:
        pair = pair_of(towards(target, two_way, replace(NAME, fill_empty_only=True)), target, source, held, base)
        pair.run()
        assert blank(held) or value_on(pair, target) == held
        assert pair.run().writes == {}

    @pytest.mark.parametrize("target", list(Side))
    def test_a_blank_is_filled_each_time(self, target: Side) -> None:
        pair = pair_of(
            towards(target, False, replace(NAME, fill_empty_only=True)), target, "B", "", FieldBase("A", "A")
        )
        pair.run()
        assert value_on(pair, target) == "B"


class TestWriteOnce:
    @settings(max_examples=60, deadline=None)
    @given(TARGETS, WAYS, st.lists(VALUES, max_size=5), VALUES)
    def test_i3_a_target_is_written_at_most_once(
        self, target: Side, two_way: bool, edits: list[Value], held: Value
    ) -> None:
        pair = pair_of(towards(target, two_way, replace(NAME, write_once=True)), target, None, held)
        written = 0
        for edit in [None, *edits]:
            (pair.alguna if target is Side.EXTERNAL else pair.external)[NAME.name(target.other)] = edit
            written += target in pair.run().writes
        assert written <= (1 if blank(held) else 0)

    @pytest.mark.parametrize("two_way", [True, False])
    @pytest.mark.parametrize("target", list(Side))
    def test_i3_a_target_that_a_person_clears_stays_cleared(self, target: Side, two_way: bool) -> None:
        pair = pair_of(towards(target, two_way, replace(NAME, write_once=True)), target, "A", None)
        ours, theirs = (pair.alguna, pair.external) if target is Side.EXTERNAL else (pair.external, pair.alguna)
        assert target in pair.run().writes
        theirs[NAME.name(target)] = None
        pair.run()
        for edit in ("B", "C"):
            ours[NAME.name(target.other)] = edit
            assert pair.run().writes == {}
        assert value_on(pair, target) is None

    @pytest.mark.parametrize("target", list(Side))
    def test_a_new_record_gets_it(self, target: Side) -> None:
        item = replace(NAME, write_once=True)
        assert create(plan_of(item), target.other, SideView({"name": "A", "Name": "A"}, NOON)).values == {
            NAME.name(target): "A"
        }


class TestBlanks:
    @settings(max_examples=40, deadline=None)
    @given(TARGETS, WAYS, st.sampled_from(BLANKS))
    def test_i3_a_cleared_field_clears_the_other_side(self, target: Side, two_way: bool, gone: Value) -> None:
        pair = pair_of(towards(target, two_way, NAME), target, gone, "A", FieldBase("A", "A"))
        assert pair.run().writes == {target: {NAME.name(target): None}}
        assert pair.run().writes == {}

    def test_i3_a_missing_path_was_not_read_and_clears_nothing(self) -> None:
        base = {"name": FieldBase("A", "A")}
        for views in ((SideView({}, NOON), SideView({"Name": "A"}, NOON)), (SideView({"name": "A"}), SideView({}))):
            result = merge(plan_of(NAME), *views, base, step=STEP)
            assert (result.writes, result.decisions) == ({}, ())

    @pytest.mark.parametrize("value", [0, False])
    def test_i3_zero_and_false_are_no_blanks(self, value: Value) -> None:
        assert merge_one(NAME, value, "A", FieldBase("A", "A")).writes == {Side.EXTERNAL: {"Name": value}}
