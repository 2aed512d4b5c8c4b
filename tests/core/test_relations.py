"""Which side a relation follows, and that it settles: decisions about moved children (I3, I4, I5, I12)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from core.enums import Strategy
from core.records import Side
from core.relations import Kinship, Outcome, Parents, Powers, Relation, relate

PAIRS = {"A1": "E1", "A2": "E2", "A3": "E3"}
BACK = {external: alguna for alguna, external in PAIRS.items()}
BOTH = frozenset(Side)
FREE = Powers(BOTH, BOTH, BOTH, Strategy.ALGUNA_WINS, Side.ALGUNA)
ON_SALESFORCE = replace(FREE, moves={Side.EXTERNAL})


def known(alguna: str | None, external: str | None) -> Kinship:
    return Kinship().written(Side.ALGUNA, alguna).written(Side.EXTERNAL, external)


def decide(before: Kinship, alguna: str | None, external: str | None, powers: Powers = ON_SALESFORCE) -> Relation:
    """Read both sides and decide. A4 and E4 are parents without a link."""
    partners = Parents(BACK.get(external or ""), PAIRS.get(alguna or ""))
    return relate(before, {Side.ALGUNA: alguna, Side.EXTERNAL: external}, partners, powers)


def test_a_move_in_alguna_is_carried_over() -> None:
    found = decide(known("A1", "E1"), "A2", "E1")
    assert (found.outcome, found.target, found.parent, found.rule) == (
        Outcome.MOVE,
        Side.EXTERNAL,
        "E2",
        "only_change",
    )


def test_a_move_that_alguna_cannot_take_stays_until_both_agree() -> None:
    first = decide(known("A1", "E1"), "A1", "E2")
    assert (first.outcome, first.target) == (Outcome.CANNOT, Side.ALGUNA)
    assert not first.kinship.shows_news(Side.EXTERNAL, "E2"), "it is known, and not looked at again for it"
    assert decide(first.kinship, "A1", "E2").outcome is Outcome.CANNOT
    assert first.kinship.shows_news(Side.EXTERNAL, "E1")
    assert decide(first.kinship, "A1", "E1").quiet
    assert decide(first.kinship, "A2", "E2").outcome is Outcome.AGREED


def test_i3_two_moves_are_decided_by_the_strategy() -> None:
    before = known("A1", "E1")
    assert decide(before, "A2", "E3").parent == "E2"
    manual = decide(before, "A2", "E3", replace(FREE, strategy=Strategy.MANUAL, winner=None))
    assert (manual.outcome, manual.rule) == (Outcome.CONFLICT, "manual")
    theirs = decide(before, "A2", "E3", replace(FREE, strategy=Strategy.EXTERNAL_WINS, winner=Side.EXTERNAL))
    assert (theirs.target, theirs.parent) == (Side.ALGUNA, "A3")


def test_a_one_way_relation_keeps_a_move_on_its_target_as_drift() -> None:
    one_way = replace(FREE, flows=[Side.EXTERNAL])
    drift = decide(known("A1", "E1"), "A1", "E2", one_way)
    assert (drift.outcome, drift.rule) == (Outcome.DRIFT, "direction")
    assert decide(drift.kinship, "A1", "E2", one_way).outcome is Outcome.KEEP
    assert decide(drift.kinship, "A3", "E2", one_way).parent == "E3", "the source's next move overwrites it"


def test_a_new_parent_without_a_link_is_waited_for() -> None:
    found = decide(known("A1", "E1"), "A4", "E1")
    assert (found.outcome, found.kinship.awaits) == (Outcome.WAITS, (Side.ALGUNA, "A4"))
    assert decide(found.kinship, "A2", "E1").kinship.awaits is None


def test_a_run_that_may_not_write_there_holds_the_move() -> None:
    held = decide(known("A1", "E1"), "A2", "E1", replace(FREE, reaches=[Side.ALGUNA]))
    assert (held.outcome, held.kinship.held) == (Outcome.HELD, Side.EXTERNAL)
    assert decide(held.kinship, "A2", "E1").outcome is Outcome.MOVE


def test_a_first_link_fills_a_blank_and_never_guesses() -> None:
    assert decide(Kinship(), "A1", "E1").rule == "first_link"
    assert decide(Kinship(), "A1", None).parent == "E1"
    assert decide(Kinship(), "A2", "E1").parent == "E2"
    assert decide(Kinship(), "A4", "E1").outcome is Outcome.KEEP, "nobody knows whether A4 and E1 are the same"
    half = relate(Kinship(), {Side.EXTERNAL: "E1"}, Parents("A1", None), FREE)
    assert (half.outcome, half.kinship.base) == (Outcome.KEEP, None)


SIDES = st.sets(st.sampled_from(list(Side)), min_size=1)
OURS, THEIRS = st.sampled_from([None, *PAIRS, "A4"]), st.sampled_from([None, *BACK, "E4"])
KNOWN = st.one_of(st.just(Kinship()), st.builds(known, OURS, THEIRS))
POWERS = st.builds(
    lambda flows, reaches, moves, winner: Powers(
        flows, reaches, moves, Strategy.MANUAL if winner is None else Strategy.ALGUNA_WINS, winner
    ),
    SIDES,
    SIDES,
    st.sets(st.sampled_from(list(Side))),
    st.sampled_from([None, *Side]),
)


@given(KNOWN, OURS, THEIRS, POWERS)
def test_i4_i5_a_decision_settles_in_one_step(
    before: Kinship, alguna: str | None, external: str | None, powers: Powers
) -> None:
    """What was decided, carried out and read again, is quiet; what could not be carried out is told the same again."""
    found = decide(before, alguna, external, powers)
    assert all(not found.kinship.shows_news(side, parent) for side, parent in found.kinship.seen.items())
    if found.outcome is not Outcome.MOVE:
        again = decide(found.kinship, alguna, external, powers)
        assert again.outcome is (Outcome.KEEP if found.quiet else found.outcome)
        assert again.kinship == found.kinship
        return
    assert found.target is not None
    assert all(found.target in able for able in (powers.flows, powers.reaches, powers.moves))
    after = {Side.ALGUNA: alguna, Side.EXTERNAL: external, found.target: found.parent}
    moved = found.kinship.written(found.target, found.parent)
    again = decide(moved, after[Side.ALGUNA], after[Side.EXTERNAL], powers)
    assert (again.outcome, again.kinship) == (Outcome.KEEP, moved)


@given(KNOWN, OURS, THEIRS, POWERS)
def test_i3_a_side_that_alone_moved_is_never_moved_back(
    before: Kinship, alguna: str | None, external: str | None, powers: Powers
) -> None:
    found = decide(before, alguna, external, powers)
    present = {Side.ALGUNA: alguna, Side.EXTERNAL: external}
    moved = [side for side in Side if before.base is not None and present[side] != before.base.on(side)]
    if len(moved) == 1 and found.outcome is Outcome.MOVE:
        assert found.target is moved[0].other
