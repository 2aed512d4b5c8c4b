"""What the merge works on and what it answers: bases, views of a record, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.errors import RecordFailure
from core.records import Side
from core.values import Value


@dataclass(frozen=True, slots=True)
class FieldBase:
    """What both sides of one field held after the last agreement, each in its own representation.

    `edited_at` is the time of the edit the value came from. `drift` marks an accepted difference. `unconfirmed` is the
    side to which the value was sent without seeing yet what was stored.
    """

    alguna: Value
    external: Value
    edited_at: datetime | None = None
    drift: bool = False
    unconfirmed: Side | None = None

    def value(self, side: Side) -> Value:
        """Return the value the side is known to hold."""
        return self.alguna if side is Side.ALGUNA else self.external


@dataclass(frozen=True, slots=True)
class SideView:
    """One side's record as the merge sees it.

    `fields` is keyed by the side's own paths; an absent path was not read and counts as unchanged. `first_seen` says,
    per Alguna field, when a change that still waits was first seen.
    """

    fields: Mapping[str, Value]
    modified_at: datetime | None = None
    modified_by_us: bool | None = None
    first_seen: Mapping[str, datetime] = field(default_factory=dict)


class Action(StrEnum):
    """What the merge decided for a field."""

    KEEP = "keep"
    AGREED = "agreed"
    TO_EXTERNAL = "to_external"
    TO_ALGUNA = "to_alguna"
    DRIFT = "drift"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one field, with the rule that decided it and the values before it."""

    field: str
    action: Action
    rule: str
    base: FieldBase | None
    alguna: Value
    external: Value


@dataclass(frozen=True, slots=True)
class Custom:
    """A person's own value for a field in conflict, in Alguna's form."""

    value: Value


Choice = Side | Custom


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What the merge of one record decided.

    `decisions`: all but KEEP. `settled`: bases that move now, without a write. `writes`: target side -> its own path ->
    value; only sides with something to write are present, and so in `pending` (bases that move when that side's write
    is done, by Alguna field) and `waiting` (changed values not settled yet: Alguna field -> when first seen).
    `overruled` tells the same of changed values of a target until it is written: a refused write leaves them there.
    `failures`: fields whose value could not be carried over; they stay, the others go on.
    """

    decisions: tuple[Decision, ...]
    settled: dict[str, FieldBase]
    writes: dict[Side, dict[str, Value]]
    pending: dict[Side, dict[str, FieldBase]]
    failures: tuple[RecordFailure, ...]
    waiting: dict[Side, dict[str, datetime | None]]
    overruled: dict[Side, dict[str, datetime | None]]

    @property
    def conflicts(self) -> tuple[Decision, ...]:
        """The decisions that wait for a person."""
        return tuple(decision for decision in self.decisions if decision.action is Action.CONFLICT)

    @property
    def quiet(self) -> bool:
        """True when there is nothing to write, no conflict and no failure."""
        return not self.writes and not self.failures and not self.conflicts


@dataclass(frozen=True, slots=True)
class CreateResult:
    """A new record's values in the target's own paths, the bases once it exists, and why it cannot be made."""

    values: dict[str, Value]
    pending: dict[str, FieldBase]
    failures: tuple[RecordFailure, ...]
