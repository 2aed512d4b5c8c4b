"""Record filters: which records of a side take part in the sync. Pure, and decided on both sides by us.

An answer has three values. A record whose field was not read (the vendor hides it, or it was renamed) cannot be judged:
the answer is None, and whoever asks keeps what was known before, so that a lost permission never empties a sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum

from core.compare import blank, equal
from core.records import Record, Side
from core.values import Fields, Value


class FilterOp(StrEnum):
    """How a filter looks at one field. Text is compared exactly; a blank meets only `ne`, `not_in` and `is_blank`."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    IS_BLANK = "is_blank"
    IS_NOT_BLANK = "is_not_blank"


class OnLeave(StrEnum):
    """What becomes of a linked record that leaves the filter.

    `keep`: the link stays and rests. `unlink`: the pair is taken apart until the record enters again. `archive`: as
    `unlink`, and its partner is archived.
    """

    KEEP = "keep"
    UNLINK = "unlink"
    ARCHIVE = "archive"


ORDERED = frozenset({FilterOp.GT, FilterOp.GTE, FilterOp.LT, FilterOp.LTE})
BLANKNESS = frozenset({FilterOp.IS_BLANK, FilterOp.IS_NOT_BLANK})


@dataclass(frozen=True, slots=True)
class Check:
    """One field looked at. `value` is a list for `in` and `not_in`."""

    field: str
    op: FilterOp
    value: Value = None


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every part is."""

    parts: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when one part is."""

    parts: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false."""

    part: Clause


Clause = Check | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """The filters of one entity: a side without a clause takes all its records."""

    clauses: Mapping[Side, Clause] = field(default_factory=dict)
    on_leave: OnLeave = OnLeave.KEEP

    def paths(self, side: Side) -> frozenset[str]:
        """The fields of a side that must be read to judge its records."""
        clause = self.clauses.get(side)
        return frozenset() if clause is None else fields_of(clause)

    def judge(self, record: Record) -> bool | None:
        """Whether a record is inside its side's filter; None when it cannot be told."""
        clause = self.clauses.get(record.side)
        return True if clause is None else judge(clause, record.fields)

    def excludes(self, record: Record) -> bool:
        """Whether a record without a link stays out: outside, or impossible to judge."""
        return self.judge(record) is not True


def judge(clause: Clause, fields: Fields) -> bool | None:
    """Whether a record with these fields meets a clause; None when that hangs on a field that was not read."""
    match clause:
        case Check():
            return _check(clause, fields[clause.field]) if clause.field in fields else None
        case Not():
            answer = judge(clause.part, fields)
            return None if answer is None else not answer
        case AllOf():
            return _decided([judge(part, fields) for part in clause.parts], by=False)
        case AnyOf():
            return _decided([judge(part, fields) for part in clause.parts], by=True)


def fields_of(clause: Clause) -> frozenset[str]:
    """The fields that a clause looks at."""
    match clause:
        case Check():
            return frozenset({clause.field})
        case Not():
            return fields_of(clause.part)
        case AllOf() | AnyOf():
            return frozenset().union(*(fields_of(part) for part in clause.parts))


def _decided(answers: list[bool | None], *, by: bool) -> bool | None:
    """One answer `by` decides; without it, one unknown leaves all unknown."""
    if by in answers:
        return by
    return None if None in answers else not by


def _check(test: Check, value: Value) -> bool | None:
    wanted = test.value
    match test.op:
        case FilterOp.IS_BLANK:
            return blank(value)
        case FilterOp.IS_NOT_BLANK:
            return not blank(value)
        case FilterOp.EQ:
            return equal(value, wanted)
        case FilterOp.NE:
            return not equal(value, wanted)
        case FilterOp.IN:
            return _among(value, wanted)
        case FilterOp.NOT_IN:
            return not _among(value, wanted)
        case FilterOp.CONTAINS if isinstance(value, list):
            return _among(wanted, value)
        case FilterOp.CONTAINS:
            return isinstance(value, str) and isinstance(wanted, str) and wanted in value
        case FilterOp.STARTS_WITH:
            return isinstance(value, str) and isinstance(wanted, str) and value.startswith(wanted)
        case _:
            return _ordered(test.op, value, wanted)


def _among(value: Value, among: Value) -> bool:
    return isinstance(among, list) and any(equal(value, one) for one in among)


def _ordered(op: FilterOp, value: Value, wanted: Value) -> bool | None:
    """Compare amounts or points in time; what has no order with the wanted value cannot be judged."""
    if blank(value):
        return False
    order = _order(value, wanted)
    if order is None:
        return None
    return {
        FilterOp.GT: order > 0,
        FilterOp.GTE: order >= 0,
        FilterOp.LT: order < 0,
        FilterOp.LTE: order <= 0,
    }[op]


def _order(left: Value, right: Value) -> int | None:
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return (left > right) - (left < right)
    first, second = moment(left), moment(right)
    return None if first is None or second is None else (first > second) - (first < second)


def moment(value: Value) -> datetime | None:
    """A date (its midnight in UTC) or date-time as a point in time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) == len("YYYY-MM-DD"):
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
