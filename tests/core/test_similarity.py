"""Likeness: proposals with reasons for a person, bounded, and never a link (I2, I10)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.enums import MatchType, Normalize
from core.matching import Keyed, match
from core.plan import MatchPlan, MatchRulePlan
from core.records import Side
from core.similarity import likeness, proposals, ranked

PLAN = MatchPlan(
    (
        MatchRulePlan(MatchType.EXTERNAL_ID, "id", "Alguna_Customer_ID__c"),
        MatchRulePlan(MatchType.FIELD, "email", "Email__c", Normalize.EMAIL),
        MatchRulePlan(MatchType.FIELD, "name", "Name", Normalize.NAME),
    )
)


def ours(record_id: str, email: str, name: str) -> Keyed:
    return Keyed(Side.ALGUNA, record_id, {0: record_id, 1: email, 2: name})


def theirs(record_id: str, email: str, name: str) -> Keyed:
    return Keyed(Side.EXTERNAL, record_id, {1: email, 2: name})


def test_reasons_say_what_is_alike_the_strongest_first() -> None:
    one = likeness(
        ours("a1", "ap@borealis.example", "borealis freight"),
        theirs("e1", "it@borealis.example", "borealis fright"),
        PLAN,
    )
    assert one.reasons == ("name 96 % similar", "same domain")
    assert 0.8 < one.score < 1
    assert likeness(ours("a1", "ap@x.example", "acme"), theirs("e1", "ap@x.example", "zenith"), PLAN).reasons == (
        "same email",
    )


def test_a_marker_is_a_reason() -> None:
    marked = Keyed(Side.EXTERNAL, "e1", {}, marker="a1")
    assert likeness(Keyed(Side.ALGUNA, "a1", {}), marked, PLAN).reasons == ("carries this record's id",)
    assert likeness(marked, Keyed(Side.ALGUNA, "a1", {}), PLAN).reasons == ("named by this record's marker",)


def test_an_address_at_a_free_mail_host_says_nothing() -> None:
    assert likeness(ours("a1", "ann@gmail.com", "a"), theirs("e1", "bob@gmail.com", "b"), PLAN).score == 0


def test_proposals_are_the_most_alike_best_first() -> None:
    found = proposals(
        [ours("a1", "ap@borealis.example", "borealis freight")],
        [
            theirs("e1", "x@other.example", "borealis fright"),
            theirs("e2", "it@borealis.example", "borealis freight lines"),
            theirs("e3", "z@third.example", "quite something else"),
        ],
        PLAN,
    )
    assert [one.id for one in found["a1"]] == ["e2", "e1"]


def test_i10_a_word_that_everybody_has_is_no_reason_to_compare() -> None:
    crowd = [theirs(f"e{number}", f"x@h{number}.example", f"global trading {number}") for number in range(200)]
    assert proposals([ours("a1", "y@mine.example", "global trading")], crowd, PLAN) == {}


NAMES = st.sampled_from(["acme", "acme works", "acme work", "zenith", "zenit"])


@settings(deadline=None)
@given(st.lists(NAMES, max_size=6), st.lists(NAMES, max_size=6))
def test_i2_likeness_alone_never_links(first: list[str], second: list[str]) -> None:
    """Whatever is proposed, only an equal key makes a pair."""
    mine = [ours(f"a{index}", f"a@h{index}.example", name) for index, name in enumerate(first)]
    others = [theirs(f"e{index}", f"b@g{index}.example", name) for index, name in enumerate(second)]
    keys = {record.id: record.keys for record in [*mine, *others]}
    for a, e, rule in match([*mine, *others], len(PLAN.rules)).pairs:
        assert keys[a][rule] == keys[e][rule]
    for record_id, found in proposals(mine, others, PLAN).items():
        assert len(found) <= 3
        assert all(0 <= one.likeness.score <= 1 and one.likeness.reasons for one in found)
        scores = [one.likeness.score for one in found]
        assert scores == sorted(scores, reverse=True), record_id


def test_candidates_of_an_ambiguity_are_ranked_whatever_their_score() -> None:
    record = ours("a1", "ap@x.example", "acme")
    found = ranked(record, [theirs("e2", "b@z.example", "other"), theirs("e1", "ap@x.example", "acme")], PLAN, least=0)
    assert [(one.id, one.likeness.score) for one in found] == [("e1", 0.99), ("e2", 0.0)]
