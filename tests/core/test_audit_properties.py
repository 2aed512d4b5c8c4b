"""Whatever a merge overwrites is on record with the rule and the values it replaced (I3); causes leave values out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.causes import cause_of, retry_after, texts_of
from core.compare import equal
from core.errors import ErrorType, RecordFailure
from core.merge import Action
from core.records import Side
from tests.core.merging import Pair
from tests.core.worlds import worlds

FLOWS = {Side.EXTERNAL: Action.TO_EXTERNAL, Side.ALGUNA: Action.TO_ALGUNA}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds())
def test_i3_nothing_is_overwritten_without_an_entry_that_holds_what_was_there(pair: Pair) -> None:
    before = {Side.ALGUNA: dict(pair.alguna), Side.EXTERNAL: dict(pair.external)}
    result = pair.run()
    decided = {(item.field, item.action): item for item in result.decisions}
    names = {(side, item.name(side)): item.alguna_field for item in pair.plan.fields for side in Side}
    for target, values in result.writes.items():
        for path in values:
            entry = decided[names[target, path], FLOWS[target]]
            kept = entry.alguna if target is Side.ALGUNA else entry.external
            assert equal(kept, before[target].get(path)), "the entry holds the value that was replaced"
            assert entry.rule


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text("abcXYZ '\"0123", min_size=3, max_size=30))
def test_a_cause_is_the_same_whatever_value_the_vendor_quotes(value: str) -> None:
    def cause(text: str) -> str:
        message = f"Account Name: data value too large: {text} (max length=255) on record 001xx0000{len(text)}"
        return cause_of(RecordFailure(ErrorType.FIELD_VALIDATION, message, "Name", "LONG"), texts_of({"Name": text}))

    assert cause(value) == cause("something else")


def test_failures_wait_longer_each_time_and_only_where_time_helps() -> None:
    waits = [retry_after(ErrorType.TRANSIENT, attempts) for attempts in (1, 2, 3, 100)]
    assert [wait.total_seconds() if wait else None for wait in waits] == [60, 120, 240, 21_600]
    assert retry_after(ErrorType.FIELD_VALIDATION, 1) is None
    assert retry_after(ErrorType.PERMISSION, 5) is None
