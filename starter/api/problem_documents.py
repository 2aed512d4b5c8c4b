"""What the calls about errors and conflicts as a whole answer: root causes, summaries, bulk decisions."""

from __future__ import annotations

from typing import Literal

from starter.api.documents import Answer


class ErrorSample(Answer):
    """One error of a group."""

    id: str
    alguna_id: str | None
    external_id: str | None
    message: str


class ErrorGroup(Answer):
    """Errors with one root cause."""

    group: str
    type: str
    entity: str
    direction: Literal["toExternal", "toAlguna"]
    field: str | None
    vendor_code: str | None
    count: int
    first_seen_at: str
    last_seen_at: str
    sample: ErrorSample
    hint: str


class Ignored(Answer):
    """How many errors are ignored now."""

    ignored: int
