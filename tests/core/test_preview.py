"""A mapping tried on one record shows both directions' output and errors, and changes nothing."""

from __future__ import annotations

from decimal import Decimal

from core.enums import Direction, Transform
from core.plan import FieldPlan
from core.preview import preview_record
from core.records import Side
from tests.core.merging import plan_of

STAGES = FieldPlan("status", "Stage", transform=Transform.VALUE_MAP, options={"map": {"active": "Won"}})
REVENUE = FieldPlan(
    "mrr",
    "MRR__c",
    direction=Direction.ALGUNA_TO_EXTERNAL,
    transform=Transform.NUMBER_TO_CURRENCY,
    options={"currency": "USD"},
)
EMAIL = FieldPlan("email", "Email__c", required=True)
REGION = FieldPlan("region", "Region__c", default="EMEA")


def test_i3_a_record_of_alguna_there_and_back() -> None:
    stage, revenue, email, region = preview_record(
        plan_of(STAGES, REVENUE, EMAIL, REGION),
        Side.ALGUNA,
        {"status": "active", "mrr": Decimal("1234.5"), "email": ""},
    )
    assert (stage.output, stage.back, stage.undone, stage.error) == ("Won", "active", True, None)
    assert (revenue.output, revenue.back, revenue.undone) == ("$1,234.50", None, None)
    assert email.present
    assert email.error == "`Email__c` is required, but `email` is blank"
    assert email.undone is None
    assert not region.present
    assert (region.output, region.undone) == ("EMEA", True)


def test_i3_a_record_of_the_external_side() -> None:
    stage, revenue = preview_record(plan_of(STAGES, REVENUE), Side.EXTERNAL, {"Stage": "Lost", "MRR__c": "$5"})
    assert stage.error == "'Lost' is not in the value map"
    assert (revenue.flows, revenue.output, revenue.error) == (False, None, None)


def test_i3_what_cannot_come_back_is_shown() -> None:
    lossy = FieldPlan("status", "Stage", transform=Transform.VALUE_MAP, options={"map": {"a": "X", "b": "X"}})
    (shown,) = preview_record(plan_of(lossy), Side.ALGUNA, {"status": "a"})
    assert shown.output == "X"
    assert shown.back_error == "'X' stands for several values: a, b"


def test_an_inactive_mapping_carries_nothing() -> None:
    (shown,) = preview_record(plan_of(FieldPlan("a", "E", direction=None)), Side.ALGUNA, {"a": "text"})
    assert (shown.flows, shown.value, shown.output) == (False, "text", None)
