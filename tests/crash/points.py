"""The named fail points (`core.failpoints`): before and after every step that has an effect, in the order of a run."""

from __future__ import annotations

from collections.abc import Collection

RUN = [
    "plan_run:begin",
    "plan_run:end",
    "request_pass:begin",
    "writer:signalled",
    "request_pass:end",
]
READ = ["fetch:begin", "page:read", "page:storing", "page:stored", "fetch:end"]
TOKEN = ["token:renewing", "token:renewed", "token:stored"]
MATCH = ["match:begin", "links:storing", "links:stored", "match:end"]
TRANSFORM = ["transform:begin", "operations:storing", "operations:stored", "transform:end"]
WRITE = [
    "write:begin",
    "lease:taken",
    "request:storing",
    "request:stored",
    "call:sending",
    "call:sent",
    "settle:looked",
    "call:answered",
    "settle:storing",
    "settle:stored",
    "outcome:storing",
    "outcome:stored",
    "lease:returned",
    "write:end",
]
"""What is looked up first went out with its sender's last breath, and was often dropped; then what was carried out."""
CLOSE = ["cursor:advancing", "cursor:advanced"]
END = ["finish_run:begin", "finish_run:end"]
STORE = ["store:commit", "store:committed"]
CONFLICT_ASKED = ["conflict:started", "conflict:announced"]
CONFLICT_LOOKED = ["conflict_status:begin", "conflict_status:end"]
CONFLICT_ANSWERED = ["apply_resolution:begin", "apply_resolution:end"]

OF_A_RUN = [*RUN, *READ, *MATCH, *TRANSFORM, *WRITE, *CLOSE, *END]
"""All that a run with something to write in both directions passes."""

SOME = [
    "plan_run:end",
    "writer:signalled",
    "page:read",
    "page:stored",
    "links:storing",
    "operations:stored",
    "request:stored",
    "call:sent",
    "settle:looked",
    "call:answered",
    "settle:stored",
    "outcome:storing",
    "outcome:stored",
    "cursor:advancing",
    "finish_run:end",
]
"""Those where a defect would cost most, for the tests that everybody runs."""


def _of_pass(entity: str, left_out: Collection[str] = ()) -> list[str]:
    """All points of this entity's pass but these, in the order of the pass."""
    steps = [*READ, *MATCH, *TRANSFORM, *WRITE, *CLOSE]
    return [f"{point}@{entity}" for point in steps if point not in left_out]


_AS_LONG_AS_THE_KEY_LIVES = ("settle:looked",)
"""What Alguna was sent is not looked for: its key tells what became of it."""

_OF_NEW_RECORDS = ("links:storing", "links:stored")
"""What is linked already is not matched."""

OF_MONEY = {
    "issue": _of_pass("invoices"),
    "bill": _of_pass("invoices", _AS_LONG_AS_THE_KEY_LIVES),
    "pay": _of_pass("payments"),
    "receive": _of_pass("payments", _AS_LONG_AS_THE_KEY_LIVES),
    "take_back": _of_pass("payments", _OF_NEW_RECORDS),
    "amend": _of_pass("invoices", _OF_NEW_RECORDS),
    "void": _of_pass("invoices", _OF_NEW_RECORDS),
}
"""All that a pass goes through after each of the things that people do with money (`tests.crash.money`)."""
