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


class Decided(Answer):
    """A decision of many conflicts. `left` are those that fit and are not decided yet: call again for them."""

    matched: int
    decided: int
    left: int
    moved_on: int
    dry_run: bool
    sync_id: str | None


class WaitingField(Answer):
    """Open conflicts of one field; of a match there is no field."""

    entity: str
    kind: Literal["fields", "match"]
    field: str | None
    count: int
    oldest_at: str


class DecidedField(Answer):
    """Fields that both sides had changed: how often a rule (or a person: `resolution`) let which side win."""

    entity: str
    field: str
    rule: str
    by: str | None
    count: int
    alguna_won: int
    external_won: int


class ConflictSummary(Answer):
    """What waits for people, and what was decided in the last days."""

    days: int
    open: list[WaitingField]
    decided: list[DecidedField]
