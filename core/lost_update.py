"""Judging an update whose reply was lost, from what the target held before, what was sent and what it holds now."""

from __future__ import annotations

from enum import StrEnum

from core.compare import equal
from core.values import Fields


class LostUpdate(StrEnum):
    """What became of an update whose reply was lost."""

    COMMITTED = "committed"
    NOT_COMMITTED = "not_committed"


def judge_lost_update(expected: Fields, sent: Fields, current: Fields) -> LostUpdate:
    """Say whether the update happened. All three are in the target's own paths; `sent` is already normalised.

    One written field that took the sent value proves it did. Else one that still holds the value from before proves it
    did not. When every written field holds something third, a person edited on top of our write: it counts as
    committed, so that the base becomes what was sent and the edit survives as a newer change (I3). A field that was
    sent with the value it had before proves nothing, unless there is no other.
    """
    telling = [path for path, value in sent.items() if not equal(value, expected.get(path))]
    if any(equal(current.get(path), sent[path]) for path in telling):
        return LostUpdate.COMMITTED
    if any(equal(current.get(path), expected.get(path)) for path in telling or sent):
        return LostUpdate.NOT_COMMITTED
    return LostUpdate.COMMITTED
