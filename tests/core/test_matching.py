"""Matching (I2): exactly one hit or a person decides, whatever the order of the records."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.enums import MatchType, Normalize
from core.matching import MARKER, Ambiguity, Keyed, keys_of, match
from core.plan import MatchPlan, MatchRulePlan
from core.records import Entity, Record, Side
from core.values import Value

A, E = Side.ALGUNA, Side.EXTERNAL


PLAN = MatchPlan(
    (
        MatchRulePlan(MatchType.EXTERNAL_ID, "id", "Alguna_Customer_ID__c"),
        MatchRulePlan(MatchType.FIELD, "email", "Email__c", Normalize.EMAIL),
        MatchRulePlan(MatchType.FIELD, "employees", "NumberOfEmployees"),
    )
)


def record(side: Side, **fields: Value) -> Record:
    """An unlinked account."""
    return Record(side, Entity.ACCOUNTS, "cus_1" if side is A else "001A", dict(fields))


def test_keys_of_each_side() -> None:
    assert keys_of(record(A, email="Ann@Acme.example", employees=5), PLAN) == {
        0: "cus_1",
        1: "ann@acme.example",
        2: "5",
    }
    assert keys_of(record(E, Alguna_Customer_ID__c="cus_9", Email__c=" ", NumberOfEmployees=None), PLAN) == {0: "cus_9"}


def test_the_marker_serves_an_external_id_rule() -> None:
    marked = Record(E, Entity.ACCOUNTS, "001A", {}, marker="cus_7")
    assert keys_of(marked, PLAN) == {0: "cus_7"}


def keyed(side: Side, record_id: str, *keys: str | None) -> Keyed:
    """A record with these keys, None for a blank."""
    return Keyed(side, record_id, {index: key for index, key in enumerate(keys) if key is not None})


def test_one_on_each_side_is_a_pair_and_rules_go_in_order() -> None:
    records = [
        keyed(A, "a1", "k1", "acme"),
        keyed(E, "e1", "k1", "other"),
        keyed(A, "a2", None, "acme"),
        keyed(E, "e2", None, "acme"),
        keyed(A, "a3", "k3", "lonely"),
    ]
    outcome = match(records, 2)
    assert outcome.pairs == [("a1", "e1", 0), ("a2", "e2", 1)]
    assert outcome.ambiguous == []


def test_i2_several_candidates_are_never_a_guess() -> None:
    outcome = match([keyed(A, "a1", "x"), keyed(E, "e2", "x"), keyed(E, "e1", "x")], 1)
    assert outcome.pairs == []
    assert outcome.ambiguous == [
        Ambiguity(A, "a1", ("e1", "e2"), 0),
        Ambiguity(E, "e1", ("a1",), 0),
        Ambiguity(E, "e2", ("a1",), 0),
    ]


def test_i2_several_sources_with_one_key_wait_too() -> None:
    outcome = match([keyed(A, "a1", "x"), keyed(A, "a2", "x"), keyed(E, "e1", "x")], 1)
    assert outcome.pairs == []
    assert {item.id for item in outcome.ambiguous} == {"a1", "a2", "e1"}


def marked(side: Side, record_id: str, marker: str, *keys: str | None) -> Keyed:
    """A record that says which one it belongs to."""
    return replace(keyed(side, record_id, *keys), marker=marker)


def test_a_marker_on_either_side_comes_before_all_rules() -> None:
    records = [
        keyed(A, "a1", "same"),
        marked(E, "e1", "a1", "other"),
        keyed(E, "e2", "same"),
        marked(A, "a2", "e3"),
        keyed(E, "e3"),
    ]
    outcome = match(records, 1)
    assert outcome.pairs == [("a1", "e1", MARKER), ("a2", "e3", MARKER)]
    assert outcome.ambiguous == []


def test_i2_a_copied_marker_is_never_a_guess() -> None:
    outcome = match([keyed(A, "a1", "x"), marked(E, "e1", "a1", "x"), marked(E, "e2", "a1")], 1)
    assert outcome.pairs == []
    assert outcome.ambiguous == [
        Ambiguity(A, "a1", ("e1", "e2"), MARKER),
        Ambiguity(E, "e1", ("a1",), MARKER),
        Ambiguity(E, "e2", ("a1",), MARKER),
    ]


def test_i2_markers_that_contradict_each_other_wait_for_a_person() -> None:
    outcome = match([marked(A, "a1", "e1"), keyed(E, "e1"), marked(E, "e2", "a1")], 1)
    assert outcome.pairs == []
    assert {item.id for item in outcome.ambiguous} == {"a1", "e1", "e2"}


def test_markers_that_name_each_other_are_one_claim_and_a_stale_one_says_nothing() -> None:
    records = [marked(A, "a1", "e1"), marked(E, "e1", "a1"), marked(E, "e2", "gone", "k"), keyed(A, "a2", "k")]
    assert match(records, 1).pairs == [("a1", "e1", MARKER), ("a2", "e2", 0)]


def test_doubles_on_one_side_alone_are_no_match() -> None:
    outcome = match([keyed(A, "a1", "x"), keyed(A, "a2", "x")], 1)
    assert (outcome.pairs, outcome.ambiguous) == ([], [])


def test_i2_a_record_that_could_be_one_of_the_ambiguous_is_not_created_on_a_guess() -> None:
    """By email e1 may be a1 or a2; by name a3 may be e1: whether a3 is new is for a person to say."""
    records = [
        keyed(A, "a1", "mail"),
        keyed(A, "a2", "mail"),
        keyed(E, "e1", "mail", "acme"),
        keyed(A, "a3", None, "acme"),
    ]
    outcome = match(records, 2)
    assert outcome.pairs == []
    assert Ambiguity(A, "a3", ("e1",), 1) in outcome.ambiguous
    assert Ambiguity(E, "e1", ("a1", "a2"), 0) in outcome.ambiguous


KEYS = st.one_of(st.none(), st.sampled_from("wxyz"))


def markers_of(side: Side) -> st.SearchStrategy[str | None]:
    """Mostly none, else the id of a record of the other side, there or not."""
    return st.one_of(st.none(), st.none(), st.integers(0, 9).map(lambda index: f"{side.other.value}{index}"))


@st.composite
def crowds(draw: st.DrawFn) -> list[Keyed]:
    """Up to eight records of each side with two keys each."""
    return [
        replace(keyed(side, f"{side.value}{index}", draw(KEYS), draw(KEYS)), marker=draw(markers_of(side)))
        for side in Side
        for index in range(draw(st.integers(0, 8)))
    ]


@settings(deadline=None)
@given(crowds(), st.randoms(use_true_random=False))
def test_i12_the_order_of_the_records_does_not_matter(records: list[Keyed], random: Random) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)
    assert match(shuffled, 2) == match(records, 2)


@settings(deadline=None)
@given(crowds())
def test_i2_a_pair_is_the_only_hit_of_its_rule(records: list[Keyed]) -> None:
    outcome = match(records, 2)
    by_id = {item.id: item for item in records}
    done = [record_id for pair in outcome.pairs if pair[2] == MARKER for record_id in pair[:2]]
    for ours, theirs, _ in (pair for pair in outcome.pairs if pair[2] == MARKER):
        claimants = {item.id for item in records if item.marker == ours} | {by_id[ours].marker or theirs}
        assert claimants & by_id.keys() == {theirs}
    for rule in range(2):
        pairs = [pair for pair in outcome.pairs if pair[2] == rule]
        for ours, theirs, _ in pairs:
            key = by_id[ours].keys[rule]
            assert by_id[theirs].keys[rule] == key
            rivals = [item.id for item in records if item.keys.get(rule) == key and item.id not in done]
            assert sorted(rivals) == sorted([ours, theirs])
        done += [record_id for pair in pairs for record_id in pair[:2]]
    assert len(done) == len(set(done))
    assert not {item.id for item in outcome.ambiguous} & set(done)


@settings(deadline=None)
@given(crowds())
def test_i6_what_is_neither_paired_nor_ambiguous_has_no_counterpart(records: list[Keyed]) -> None:
    """Creating it makes no double: whatever shares a key with it was paired by an earlier rule."""
    outcome = match(records, 2)
    paired = {record_id: rule for ours, theirs, rule in outcome.pairs for record_id in (ours, theirs)}
    waiting = {item.id for item in outcome.ambiguous}
    for item in records:
        if item.id in paired or item.id in waiting:
            continue
        for other in records:
            if other.side is not item.side:
                shared = [rule for rule, key in item.keys.items() if other.keys.get(rule) == key]
                assert all(other.id in paired and paired[other.id] < rule for rule in shared)
