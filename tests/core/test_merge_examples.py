"""The merge, case by case, as a person would tell it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.enums import Direction, Strategy, Transform
from core.errors import ErrorType
from core.merge import Action, Custom, FieldBase, MergeResult, SideView, adopt, create, merge
from core.plan import FieldPlan
from core.records import Side
from core.values import Value
from tests.core.merging import NOON, STEP, Pair, merge_one, plan_of

NAME = FieldPlan("name", "Name")
TO_EXTERNAL = FieldPlan("name", "Name", Direction.ALGUNA_TO_EXTERNAL)
TO_ALGUNA = FieldPlan("name", "Name", Direction.EXTERNAL_TO_ALGUNA)
AGREED = FieldBase("Acme", "Acme")


def summary(result: MergeResult) -> list[tuple[str, str]]:
    """Return (action, rule) of each decision."""
    return [(decision.action.value, decision.rule) for decision in result.decisions]


def test_i5_unchanged_record_is_quiet_and_decides_nothing() -> None:
    result = merge_one(NAME, "Acme", "Acme", AGREED)
    assert result.quiet
    assert result.decisions == ()
    assert result.settled == {}


def test_change_on_one_side_flows_to_the_other() -> None:
    result = merge_one(NAME, "Acme Ltd", "Acme", AGREED)
    assert result.writes == {Side.EXTERNAL: {"Name": "Acme Ltd"}}
    assert result.pending[Side.EXTERNAL]["name"] == FieldBase("Acme Ltd", "Acme Ltd", NOON, unconfirmed=Side.EXTERNAL)
    assert summary(result) == [("to_external", "only_change")]
    assert merge_one(NAME, "Acme", "Acme Ltd", AGREED).writes == {Side.ALGUNA: {"name": "Acme Ltd"}}


def test_clearing_flows() -> None:
    assert merge_one(NAME, "Acme", None, AGREED).writes == {Side.ALGUNA: {"name": None}}
    assert merge_one(NAME, "", "Acme", AGREED).writes == {Side.EXTERNAL: {"Name": None}}


def test_different_fields_edited_on_both_sides_are_merged() -> None:
    pair = Pair(
        plan_of(NAME, FieldPlan("email", "Email__c")),
        {"name": "Acme Ltd", "email": "a@acme.example"},
        {"Name": "Acme", "Email__c": "b@acme.example"},
        {"name": AGREED, "email": FieldBase("a@acme.example", "a@acme.example")},
    )
    pair.run()
    assert pair.alguna == {"name": "Acme Ltd", "email": "b@acme.example"}
    assert pair.external == {"Name": "Acme Ltd", "Email__c": "b@acme.example"}


def test_both_changed_to_the_same_meaning_is_agreed_without_a_write() -> None:
    result = merge_one(NAME, "Acme Ltd", "Acme Ltd ", AGREED)
    assert result.quiet
    assert summary(result) == [("agreed", "same_meaning")]
    assert result.settled["name"] == FieldBase("Acme Ltd", "Acme Ltd ", NOON)


def test_an_agreement_is_as_old_as_its_later_edit() -> None:
    later = SideView({"Name": "New"}, NOON + timedelta(hours=1))
    result = merge(plan_of(NAME), SideView({"name": "New"}, NOON), later, {"name": AGREED}, step=STEP)
    assert result.settled["name"].edited_at == later.modified_at


@pytest.mark.parametrize(
    ("strategy", "written"),
    [
        (Strategy.ALGUNA_WINS, {Side.EXTERNAL: {"Name": "A"}}),
        (Strategy.EXTERNAL_WINS, {Side.ALGUNA: {"name": "E"}}),
    ],
)
def test_i3_both_changed_goes_by_the_strategy(strategy: Strategy, written: dict[Side, dict[str, Value]]) -> None:
    result = merge_one(replace(NAME, strategy=strategy), "A", "E", AGREED)
    assert result.writes == written
    assert result.decisions[0].rule == strategy.value
    assert (result.decisions[0].alguna, result.decisions[0].external, result.decisions[0].base) == ("A", "E", AGREED)


@pytest.mark.parametrize(
    ("lead_seconds", "winner"),
    [(-60, Side.ALGUNA), (0, Side.ALGUNA), (1, Side.ALGUNA), (1.5, Side.EXTERNAL), (60, Side.EXTERNAL)],
)
def test_latest_wins_and_a_tie_within_the_coarser_clock_goes_to_alguna(lead_seconds: float, winner: Side) -> None:
    latest = plan_of(replace(NAME, strategy=Strategy.LATEST_WINS))
    external = SideView({"Name": "E"}, NOON + timedelta(seconds=lead_seconds))
    result = merge(latest, SideView({"name": "A"}, NOON), external, {"name": AGREED}, step=STEP)
    assert list(result.writes) == [winner.other]


def test_latest_wins_uses_when_the_change_was_first_seen() -> None:
    """A later edit of another field moves the record's time, not the time of this field's change."""
    latest = plan_of(replace(NAME, strategy=Strategy.LATEST_WINS))
    external = SideView({"Name": "E"}, NOON + timedelta(hours=2), first_seen={"name": NOON - timedelta(hours=1)})
    result = merge(latest, SideView({"name": "A"}, NOON), external, {"name": AGREED}, step=STEP)
    assert result.writes == {Side.EXTERNAL: {"Name": "A"}}


def test_latest_wins_without_a_time_goes_to_alguna() -> None:
    latest = plan_of(replace(NAME, strategy=Strategy.LATEST_WINS))
    result = merge(latest, SideView({"name": "A"}), SideView({"Name": "E"}, NOON), {"name": AGREED}, step=STEP)
    assert result.writes == {Side.EXTERNAL: {"Name": "A"}}


class TestConflict:
    MANUAL = replace(NAME, strategy=Strategy.MANUAL)

    def test_i3_manual_waits_and_keeps_the_base(self) -> None:
        result = merge_one(self.MANUAL, "A", "E", AGREED)
        assert summary(result) == [("conflict", "manual")]
        assert not result.quiet
        assert (result.writes, result.settled) == ({}, {})
        assert result.waiting == {Side.ALGUNA: {"name": NOON}, Side.EXTERNAL: {"name": NOON}}

    def test_the_other_fields_of_the_record_go_on(self) -> None:
        email = FieldPlan("email", "Email__c")
        result = merge(
            plan_of(self.MANUAL, email),
            SideView({"name": "A", "email": "new@acme.example"}, NOON),
            SideView({"Name": "E", "Email__c": None}, NOON),
            {"name": AGREED, "email": FieldBase(None, None)},
            step=STEP,
        )
        assert result.writes == {Side.EXTERNAL: {"Email__c": "new@acme.example"}}
        assert [decision.field for decision in result.conflicts] == ["name"]

    def test_a_waiting_change_keeps_the_time_it_was_first_seen(self) -> None:
        seen = NOON - timedelta(days=1)
        result = merge(
            plan_of(self.MANUAL),
            SideView({"name": "A"}, NOON, first_seen={"name": seen}),
            SideView({"Name": "E"}, NOON),
            {"name": AGREED},
            step=STEP,
        )
        assert result.waiting[Side.ALGUNA] == {"name": seen}

    def test_a_person_chooses_a_side(self) -> None:
        result = merge_one(self.MANUAL, "A", "E", AGREED, choice=Side.EXTERNAL)
        assert result.writes == {Side.ALGUNA: {"name": "E"}}
        assert summary(result) == [("to_alguna", "resolution")]

    def test_a_persons_own_value_reaches_both_sides(self) -> None:
        pair = Pair(plan_of(self.MANUAL), {"name": "A"}, {"Name": "E"}, {"name": AGREED})
        result = pair.run(choices={"name": Custom("Third")})
        assert summary(result) == [("to_alguna", "resolution"), ("to_external", "resolution")]
        assert (pair.alguna, pair.external) == ({"name": "Third"}, {"Name": "Third"})
        assert pair.run().decisions == ()

    def test_a_persons_own_value_is_not_written_where_it_already_is(self) -> None:
        result = merge_one(self.MANUAL, "A", "E", AGREED, choice=Custom("A"))
        assert result.writes == {Side.EXTERNAL: {"Name": "A"}}

    def test_i3_a_choice_given_again_finishes_what_one_failed_write_left(self) -> None:
        """The external write was done, Alguna's failed: the old Alguna value must not win as a new change."""
        result = merge_one(self.MANUAL, "A", "Third", FieldBase("Third", "Third"), choice=Custom("Third"))
        assert result.writes == {Side.ALGUNA: {"name": "Third"}}


class TestOneWay:
    @pytest.mark.parametrize("target_value", ["Acme", "Edited there", None])
    def test_source_change_overwrites_the_target(self, target_value: Value) -> None:
        result = merge_one(TO_EXTERNAL, "New", target_value, AGREED)
        assert result.writes == {Side.EXTERNAL: {"Name": "New"}}
        assert summary(result) == [("to_external", "direction")]

    def test_i3_target_change_is_kept_as_drift_until_the_source_changes(self) -> None:
        pair = Pair(plan_of(TO_EXTERNAL), {"name": "Acme"}, {"Name": "Edited there"}, {"name": AGREED})
        assert summary(pair.run()) == [("drift", "direction")]
        assert pair.base["name"] == FieldBase("Acme", "Edited there", NOON, drift=True)
        assert pair.run().decisions == ()
        pair.alguna["name"] = "New"
        assert summary(pair.run()) == [("to_external", "direction")]
        assert pair.external == {"Name": "New"}
        assert pair.base["name"].drift is False

    def test_drift_ends_when_the_target_comes_back(self) -> None:
        result = merge_one(TO_EXTERNAL, "Acme", "Acme", FieldBase("Acme", "Edited there", drift=True))
        assert summary(result) == [("agreed", "same_meaning")]
        assert result.settled["name"].drift is False

    def test_to_alguna_is_the_mirror(self) -> None:
        assert merge_one(TO_ALGUNA, "Edited", "New", AGREED).writes == {Side.ALGUNA: {"name": "New"}}
        assert summary(merge_one(TO_ALGUNA, "Edited", "Acme", AGREED)) == [("drift", "direction")]

    def test_inactive_field_is_left_alone(self) -> None:
        result = merge_one(replace(NAME, direction=None), "A", "E", AGREED)
        assert (result.decisions, result.settled) == ((), {})


class TestFirstLink:
    def test_equal_meaning_is_agreed(self) -> None:
        result = merge_one(NAME, "Acme", "Acme")
        assert result.quiet
        assert result.settled == {"name": FieldBase("Acme", "Acme", NOON)}

    @pytest.mark.parametrize(
        ("alguna", "external", "written"),
        [("Acme", None, {Side.EXTERNAL: {"Name": "Acme"}}), ("", "Acme", {Side.ALGUNA: {"name": "Acme"}})],
    )
    def test_the_blank_side_is_filled(
        self, alguna: Value, external: Value, written: dict[Side, dict[str, Value]]
    ) -> None:
        result = merge_one(replace(NAME, strategy=Strategy.MANUAL), alguna, external)
        assert result.writes == written
        assert result.decisions[0].rule == "first_link"

    def test_both_set_and_different_goes_by_the_rule(self) -> None:
        assert merge_one(replace(NAME, strategy=Strategy.MANUAL), "A", "E").conflicts
        assert merge_one(replace(NAME, strategy=Strategy.EXTERNAL_WINS), "A", "E").writes == {
            Side.ALGUNA: {"name": "E"}
        }
        assert summary(merge_one(TO_EXTERNAL, "A", "E")) == [("to_external", "direction")]

    def test_i3_a_blank_one_way_source_never_clears_the_target(self) -> None:
        result = merge_one(TO_EXTERNAL, None, "E")
        assert summary(result) == [("drift", "first_link")]
        assert result.writes == {}


class TestEcho:
    SENT = FieldBase("Acme Ltd", "Acme Ltd", unconfirmed=Side.EXTERNAL)

    def merge_external(self, value: Value, by_us: bool | None) -> list[tuple[str, str]]:
        """Merge after a write to the external side that is not confirmed yet."""
        result = merge(
            plan_of(NAME),
            SideView({"name": "Acme Ltd"}, NOON),
            SideView({"Name": value}, NOON, by_us),
            {"name": self.SENT},
            step=STEP,
        )
        return summary(result)

    def test_i5_what_the_vendor_made_of_our_write_is_no_change(self) -> None:
        assert self.merge_external("ACME LTD", True) == [("agreed", "confirmed")]

    @pytest.mark.parametrize("by_us", [False, None])
    def test_i3_a_persons_edit_after_our_write_is_a_change(self, by_us: bool | None) -> None:
        assert self.merge_external("Acme Group", by_us) == [("to_alguna", "only_change")]

    @pytest.mark.parametrize("by_us", [True, False, None])
    def test_an_equal_value_confirms_the_write(self, by_us: bool | None) -> None:
        result = merge(
            plan_of(NAME),
            SideView({}),
            SideView({"Name": "Acme Ltd"}, NOON, by_us),
            {"name": self.SENT},
            step=STEP,
        )
        assert result.settled == {"name": FieldBase("Acme Ltd", "Acme Ltd")}
        assert result.decisions == ()

    def test_an_unread_side_stays_unconfirmed(self) -> None:
        result = merge(plan_of(NAME), SideView({"name": "Acme Ltd"}), SideView({}), {"name": self.SENT}, step=STEP)
        assert result.settled == {}

    def test_an_unread_side_stays_unconfirmed_when_the_other_settles(self) -> None:
        view = SideView({"name": " Acme Ltd"}, NOON)
        result = merge(plan_of(NAME), view, SideView({}), {"name": self.SENT}, step=STEP)
        assert result.settled == {"name": FieldBase(" Acme Ltd", "Acme Ltd", NOON, unconfirmed=Side.EXTERNAL)}

    def test_adopted_value_is_the_base_of_that_side_alone(self) -> None:
        assert adopt(self.SENT, Side.EXTERNAL, "ACME LTD") == FieldBase("Acme Ltd", "ACME LTD")


def test_i3_an_unread_path_counts_as_unchanged() -> None:
    result = merge(plan_of(NAME), SideView({}), SideView({"Name": "E"}, NOON), {"name": AGREED}, step=STEP)
    assert result.writes == {Side.ALGUNA: {"name": "E"}}


def test_a_value_we_write_keeps_the_time_of_its_edit() -> None:
    edited = NOON - timedelta(days=3)
    view = SideView({"name": "A"}, NOON, first_seen={"name": edited})
    result = merge(plan_of(NAME), view, SideView({"Name": "Acme"}, NOON), {"name": AGREED}, step=STEP)
    assert result.pending[Side.EXTERNAL]["name"].edited_at == edited


class TestGuards:
    def test_write_once_fills_a_blank_and_never_writes_again(self) -> None:
        once = replace(NAME, write_once=True)
        assert merge_one(once, "A", None).writes == {Side.EXTERNAL: {"Name": "A"}}
        assert summary(merge_one(once, "New", "Acme", AGREED)) == [("drift", "write_once")]
        assert summary(merge_one(once, "New", None, AGREED)) == [("drift", "write_once")]

    def test_fill_empty_only_writes_whenever_the_target_is_blank(self) -> None:
        fill = replace(TO_EXTERNAL, fill_empty_only=True)
        assert summary(merge_one(fill, "New", "Acme", AGREED)) == [("drift", "fill_empty")]
        assert merge_one(fill, "New", None, AGREED).writes == {Side.EXTERNAL: {"Name": "New"}}

    def test_kept_fields_are_settled(self) -> None:
        pair = Pair(plan_of(replace(NAME, write_once=True)), {"name": "New"}, {"Name": "Acme"}, {"name": AGREED})
        assert pair.run().quiet
        assert pair.run().decisions == ()


class TestDefault:
    STAGE = FieldPlan("stage", "StageName", default="Prospecting")

    def test_a_default_stands_for_a_blank_source(self) -> None:
        result = merge_one(self.STAGE, None, "Won", FieldBase("Won", "Won"))
        assert result.writes == {Side.EXTERNAL: {"StageName": "Prospecting"}}

    def test_i5_a_default_never_travels_back_over_the_blank(self) -> None:
        pair = Pair(plan_of(self.STAGE), {"stage": None}, {"StageName": "Won"}, {"stage": FieldBase("Won", "Won")})
        pair.run()
        assert pair.run().decisions == ()
        assert merge_one(self.STAGE, None, "Prospecting").writes == {}
        assert pair.alguna == {"stage": None}

    def test_one_way_source_equal_to_the_default_still_fills_a_blank_target(self) -> None:
        one_way = replace(self.STAGE, direction=Direction.ALGUNA_TO_EXTERNAL)
        assert merge_one(one_way, "Prospecting", None).writes == {Side.EXTERNAL: {"StageName": "Prospecting"}}


class TestFailures:
    MRR = FieldPlan(
        "mrr",
        "MRR__c",
        Direction.ALGUNA_TO_EXTERNAL,
        transform=Transform.NUMBER_TO_CURRENCY,
        options={"currency": "USD"},
        external_type="currency",
    )

    def test_a_value_that_cannot_be_carried_stays_and_the_others_go_on(self) -> None:
        result = merge(
            plan_of(self.MRR, NAME),
            SideView({"mrr": "many", "name": "New"}, NOON),
            SideView({"MRR__c": Decimal(5), "Name": "Acme"}, NOON),
            {"mrr": FieldBase(Decimal(5), Decimal(5)), "name": AGREED},
            step=STEP,
        )
        assert result.writes == {Side.EXTERNAL: {"Name": "New"}}
        (failure,) = result.failures
        assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, "MRR__c")
        assert "'many' is not a number" in failure.message
        assert result.waiting == {Side.ALGUNA: {"mrr": NOON}}
        assert "mrr" not in result.settled
        assert not result.quiet

    def test_a_required_field_is_never_cleared(self) -> None:
        result = merge_one(replace(NAME, required=True), None, "Acme", AGREED)
        assert result.writes == {}
        assert "`Name` is required" in result.failures[0].message

    def test_i5_rounding_by_the_transform_is_no_change(self) -> None:
        pair = Pair(plan_of(self.MRR), {"mrr": Decimal("10.005")}, {"MRR__c": None})
        pair.run()
        assert pair.external == {"MRR__c": Decimal("10.01")}
        assert pair.run().decisions == ()


class TestCreate:
    def test_new_record_gets_what_may_flow_and_is_not_blank(self) -> None:
        plan = plan_of(
            NAME,
            FieldPlan("phone", "Phone"),
            FieldPlan("owner", "OwnerName", Direction.EXTERNAL_TO_ALGUNA),
            FieldPlan("stage", "StageName", default="Prospecting"),
            replace(TestFailures.MRR),
        )
        source = SideView({"name": "Acme", "phone": "", "owner": "X", "mrr": Decimal("9.999")}, NOON)
        result = create(plan, Side.ALGUNA, source)
        assert result.values == {"Name": "Acme", "StageName": "Prospecting", "MRR__c": Decimal("10.00")}
        assert result.pending["stage"] == FieldBase(None, "Prospecting", NOON, unconfirmed=Side.EXTERNAL)
        assert set(result.pending) == {"name", "stage", "mrr"}
        assert result.failures == ()

    def test_i5_a_created_record_merges_quietly(self) -> None:
        plan = plan_of(NAME, FieldPlan("stage", "StageName", default="Prospecting"))
        made = create(plan, Side.ALGUNA, SideView({"name": "Acme", "stage": None}, NOON))
        pair = Pair(plan, {"name": "Acme", "stage": None}, dict(made.values), dict(made.pending))
        assert pair.run().writes == {}

    def test_into_alguna(self) -> None:
        result = create(plan_of(NAME), Side.EXTERNAL, SideView({"Name": "Acme"}, NOON))
        assert result.values == {"name": "Acme"}
        assert result.pending["name"].unconfirmed is Side.ALGUNA

    def test_a_required_blank_is_a_failure(self) -> None:
        result = create(plan_of(replace(NAME, required=True)), Side.ALGUNA, SideView({"name": " "}, NOON))
        assert [failure.field for failure in result.failures] == ["Name"]
        assert result.values == {}


def test_actions_are_the_documented_words() -> None:
    assert [action.value for action in Action] == ["keep", "agreed", "to_external", "to_alguna", "drift", "conflict"]
