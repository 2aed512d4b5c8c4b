"""Which writes a refusal would stop: those of its pattern, and no others."""

from __future__ import annotations

import pytest

from core.circuits import Need, Pattern, pattern_from, pattern_of
from core.errors import ErrorType, RecordFailure
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value


def write(values: dict[str, Value], *, kind: OperationKind = OperationKind.UPDATE) -> Operation:
    """A write towards the external side."""
    return Operation(
        id=1,
        key="k",
        kind=kind,
        entity=Entity.ACCOUNTS,
        target=Side.EXTERNAL,
        source_id="cus_1",
        target_id="001A",
        values=values,
    )


REFUSED = write({"Name": "Acme", "Phone": None})


@pytest.mark.parametrize(
    ("error", "field", "need", "fields"),
    [
        (ErrorType.PERMISSION, None, Need.NOTHING, ()),
        (ErrorType.PERMISSION, "Name", Need.HAS_FIELD, ("Name",)),
        (ErrorType.FIELD_VALIDATION, "Name", Need.HAS_FIELD, ("Name",)),
        (ErrorType.FIELD_VALIDATION, "Phone", Need.LACKS_FIELD, ("Phone",)),
        (ErrorType.FIELD_VALIDATION, None, Need.SAME_FIELDS, ("Name", "Phone")),
    ],
)
def test_a_cause_stops_what_has_its_mark_in_common(
    error: ErrorType, field: str | None, need: Need, fields: tuple[str, ...]
) -> None:
    pattern = pattern_of(REFUSED, RecordFailure(error, "no", field))
    assert pattern == Pattern(Side.EXTERNAL, OperationKind.UPDATE, need, fields)
    assert pattern.covers(REFUSED)
    assert not pattern.covers(write(dict(REFUSED.values), kind=OperationKind.CREATE)), "another kind of write"
    assert pattern_from(pattern.text()) == pattern


@pytest.mark.parametrize(
    ("need", "fields", "values", "covered"),
    [
        (Need.NOTHING, (), {"City": "Cork"}, True),
        (Need.HAS_FIELD, ("Name",), {"City": "Cork"}, False),
        (Need.LACKS_FIELD, ("Phone",), {"City": "Cork"}, True),
        (Need.LACKS_FIELD, ("Phone",), {"Phone": "1"}, False),
        (Need.SAME_FIELDS, ("City",), {"City": "Cork"}, True),
        (Need.SAME_FIELDS, ("City",), {"City": "Cork", "Name": "Acme"}, False),
    ],
)
def test_other_writes_are_stopped_only_where_they_share_it(
    need: Need, fields: tuple[str, ...], values: dict[str, Value], covered: bool
) -> None:
    assert Pattern(Side.EXTERNAL, OperationKind.UPDATE, need, fields).covers(write(values)) is covered


@pytest.mark.parametrize("error", [ErrorType.CONFLICT, ErrorType.TRANSIENT, ErrorType.DUPLICATE])
def test_of_other_failures_nothing_can_be_known_before_sending(error: ErrorType) -> None:
    assert pattern_of(REFUSED, RecordFailure(error, "no")) is None
