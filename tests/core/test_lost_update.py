"""Judging an update whose reply was lost (I2, I3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.merge import LostUpdate, judge_lost_update
from core.values import Value

BEFORE: dict[str, Value] = {"Name": "Acme", "Phone": "1"}
SENT: dict[str, Value] = {"Name": "Acme Ltd", "Phone": "2"}


@pytest.mark.parametrize(
    ("now", "judgement"),
    [
        ({"Name": "Acme Ltd", "Phone": "2"}, LostUpdate.COMMITTED),
        ({"Name": "Acme", "Phone": "1"}, LostUpdate.NOT_COMMITTED),
        ({"Name": "Acme Ltd", "Phone": "person"}, LostUpdate.COMMITTED),
        ({"Name": "Acme", "Phone": "person"}, LostUpdate.NOT_COMMITTED),
        ({"Name": "person", "Phone": "person"}, LostUpdate.COMMITTED),
    ],
)
def test_i3_by_what_the_target_holds_now(now: dict[str, Value], judgement: LostUpdate) -> None:
    assert judge_lost_update(BEFORE, SENT, now) is judgement


@pytest.mark.parametrize(
    ("name_now", "judgement"),
    [("Acme", LostUpdate.NOT_COMMITTED), ("Acme Ltd", LostUpdate.COMMITTED), ("person", LostUpdate.COMMITTED)],
)
def test_a_field_sent_with_its_old_value_proves_nothing(name_now: str, judgement: LostUpdate) -> None:
    assert judge_lost_update(BEFORE, {"Name": "Acme Ltd", "Phone": "1"}, {"Name": name_now, "Phone": "1"}) is judgement


def test_nothing_new_was_sent() -> None:
    assert judge_lost_update(BEFORE, dict(BEFORE), dict(BEFORE)) is LostUpdate.NOT_COMMITTED


FIELDS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", None]), min_size=1)


@given(FIELDS, FIELDS, st.booleans(), st.data())
def test_i2_the_truth_is_found_unless_a_person_hid_it(
    before: dict[str, Value], sent: dict[str, Value], committed: bool, data: st.DataObject
) -> None:
    """A person edits at most all but one of the telling fields, to values of their own."""
    current = {**before, **sent} if committed else dict(before)
    telling = [path for path, value in sent.items() if (before.get(path) or None) != value]
    if not telling:
        return
    for path in data.draw(st.lists(st.sampled_from(telling), max_size=len(telling) - 1, unique=True)):
        current[path] = "person"
    expected = LostUpdate.COMMITTED if committed else LostUpdate.NOT_COMMITTED
    assert judge_lost_update(before, sent, current) is expected
