"""What can be known before sending: which writes would fail for the cause that has just refused many others.

A cause stops writes by what they are, never by guessing at values: a right that lacks stops all writes of its kind (or
those that carry its field), a required field those that lack it, a rule those that carry its field, or the very same
fields. One success among such writes shows that the cause does not stop them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.compare import blank
from core.errors import ErrorType, RecordFailure
from core.records import Operation, OperationKind, Side
from core.values import dump_json, load_json

SUBJECT_PREFIX = "circuit:"
"""What the one error of an open circuit is about begins so, because it is about no record."""


class Need(StrEnum):
    """What a write has in common with those that failed, besides kind and target."""

    NOTHING = "nothing"
    HAS_FIELD = "has_field"
    LACKS_FIELD = "lacks_field"
    SAME_FIELDS = "same_fields"


@dataclass(frozen=True, slots=True)
class Pattern:
    """The writes that one cause stops. `fields` are those of `need`."""

    target: Side
    kind: OperationKind
    need: Need
    fields: tuple[str, ...] = ()

    def covers(self, operation: Operation) -> bool:
        """Say whether a write is of this pattern."""
        if operation.target is not self.target or operation.kind is not self.kind:
            return False
        match self.need:
            case Need.NOTHING:
                return True
            case Need.HAS_FIELD:
                return self.fields[0] in operation.values
            case Need.LACKS_FIELD:
                return blank(operation.values.get(self.fields[0]))
            case Need.SAME_FIELDS:
                return tuple(sorted(operation.values)) == self.fields

    def text(self) -> str:
        """Return the pattern as it is stored."""
        return dump_json([self.target.value, self.kind.value, self.need.value, list(self.fields)])


def pattern_from(text: str) -> Pattern:
    """Return the pattern that was stored."""
    target, kind, need, fields = load_json(text)
    return Pattern(Side(target), OperationKind(kind), Need(need), tuple(fields))


def pattern_of(operation: Operation, failure: RecordFailure) -> Pattern | None:
    """Return which writes a failure would stop; None where nothing can be known before sending."""
    target, kind, name = operation.target, operation.kind, failure.field
    if failure.type not in (ErrorType.PERMISSION, ErrorType.FIELD_VALIDATION):
        return None
    if name is not None and name in operation.values and not blank(operation.values[name]):
        return Pattern(target, kind, Need.HAS_FIELD, (name,))
    if failure.type is ErrorType.PERMISSION:
        return Pattern(target, kind, Need.NOTHING)
    if name is not None:
        return Pattern(target, kind, Need.LACKS_FIELD, (name,))
    return Pattern(target, kind, Need.SAME_FIELDS, tuple(sorted(operation.values)))
