"""Mappings of the transform `custom`: configured, merged, created and previewed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.config import IntegrationConfig, plan
from core.errors import ErrorType, FieldValidation
from core.mapping import to_alguna
from core.merge import Custom, FieldBase, SideView, create, merge
from core.plan import EntityPlan
from core.preview import preview_record
from core.records import Entity, Side
from core.values import Value
from tests.core.merging import NOON, STEP, Pair
from tests.core.test_validate import MRR, check, only

CUSTOM = {"algunaField": "status", "externalField": "Status__c", "transform": "custom"}
UPPER, LOWER = "value => value.toUpperCase()", "value => value.toLowerCase()"
FULL_NAME = "(value, record) => [record.firstName, value].filter(Boolean).join(' ')"


def compiled(*mappings: dict[str, Any], direction: str = "bidirectional") -> EntityPlan:
    """The plan of accounts with these mappings."""
    config = IntegrationConfig.model_validate(
        {"entities": ["accounts"], "direction": direction, "mappings": {"accounts": list(mappings)}}
    )
    return plan(config, Entity.ACCOUNTS, marker=None, parent=None)


NAMES = compiled(
    {"algunaField": "firstName", "externalField": "First__c"},
    {
        "algunaField": "lastName",
        "externalField": "Full__c",
        "direction": "alguna_to_external",
        "transform": "custom",
        "toExternal": FULL_NAME,
    },
)
SHOUT = compiled({**CUSTOM, "toExternal": UPPER, "toAlguna": LOWER})


@pytest.mark.parametrize(
    ("mapping", "place", "message"),
    [
        (CUSTOM | {"toExternal": UPPER}, "toAlguna", "is required: values flow from `Status__c` to `status`"),
        (CUSTOM | {"toAlguna": LOWER}, "toExternal", "is required: values flow from `status` to `Status__c`"),
        (CUSTOM | {"direction": "alguna_to_external", "toAlguna": LOWER}, "toExternal", "is required"),
        (CUSTOM | {"direction": "external_to_alguna", "toExternal": UPPER}, "toAlguna", "is required"),
        (CUSTOM | {"toExternal": UPPER, "toAlguna": "value =>\n  value +"}, "toAlguna", "the text ends too early"),
        (CUSTOM | {"toExternal": "value => {\n  let = ;\n}", "toAlguna": LOWER}, "toExternal", "(line 2, column 7)"),
        ({**MRR, "toExternal": UPPER}, "toExternal", "is only for the transform `custom`"),
        (
            CUSTOM | {"toExternal": UPPER, "toAlguna": LOWER, "transformOptions": {"map": {}}},
            "transformOptions.map",
            "has no option `map`",
        ),
    ],
)
def test_i9_what_a_custom_mapping_needs(mapping: dict[str, Any], place: str, message: str) -> None:
    problem = only(check(mapping))
    assert problem.field == f"mappings[1].{place}"
    assert message in problem.message


@pytest.mark.parametrize(
    "mapping",
    [
        CUSTOM | {"toExternal": UPPER, "toAlguna": LOWER, "default": "new"},
        CUSTOM | {"toExternal": UPPER, "direction": "alguna_to_external"},
        CUSTOM | {"toAlguna": LOWER, "direction": "external_to_alguna"},
    ],
)
def test_what_is_enough(mapping: dict[str, Any]) -> None:
    assert check(mapping) == []


def test_i4_both_ways() -> None:
    pair = Pair(SHOUT, {"status": "active"}, {"Status__c": None})
    pair.run()
    assert pair.external == {"Status__c": "ACTIVE"}
    pair.external["Status__c"] = "PAUSED"
    pair.run()
    assert pair.alguna == {"status": "paused"}
    assert pair.run().decisions == ()
    pair.external["Status__c"] = "Paused"
    assert pair.run().writes == {}, "another spelling of the same is no change"


def test_i3_a_blank_is_never_handed_to_a_function_and_clears_the_other_side() -> None:
    pair = Pair(SHOUT, {"status": ""}, {"Status__c": "ACTIVE"}, {"status": FieldBase("active", "ACTIVE")})
    assert pair.run().writes == {Side.EXTERNAL: {"Status__c": None}}


def test_i3_a_runtime_error_fails_its_field_alone() -> None:
    plan_ = compiled(
        {"algunaField": "name", "externalField": "Name"},
        CUSTOM | {"toExternal": "value => value.code.short", "direction": "alguna_to_external"},
    )
    result = merge(
        plan_,
        SideView({"name": "New", "status": "active"}, NOON),
        SideView({"Name": "Old", "Status__c": "A"}, NOON),
        {"name": FieldBase("Old", "Old"), "status": FieldBase("old", "A")},
        step=STEP,
    )
    assert result.writes == {Side.EXTERNAL: {"Name": "New"}}
    (failure,) = result.failures
    assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, "Status__c")
    assert failure.message.endswith(
        "TypeError: cannot read property 'short' of undefined\n    at <anonymous> (line 1, column 10)"
    )
    made = create(plan_, Side.ALGUNA, SideView({"name": "New", "status": "active"}, NOON))
    assert [item.field for item in made.failures] == ["Status__c"]


def names_pair() -> Pair:
    """A linked pair in agreement."""
    first = {"firstName": "Ada", "lastName": "Byron"}
    pair = Pair(NAMES, dict(first), {"First__c": "Ada", "Full__c": None})
    pair.run()
    assert pair.external["Full__c"] == "Ada Byron"
    assert pair.run().decisions == ()
    return pair


def test_i4_a_change_of_another_field_of_the_record_is_carried_too() -> None:
    pair = names_pair()
    pair.alguna["firstName"] = "Augusta"
    pair.run()
    assert pair.external == {"First__c": "Augusta", "Full__c": "Augusta Byron"}
    assert pair.run().decisions == ()


def test_i5_a_change_that_gives_the_same_value_writes_nothing() -> None:
    pair = names_pair()
    pair.plan = compiled(
        {"algunaField": "firstName", "externalField": "First__c"},
        {
            "algunaField": "lastName",
            "externalField": "Full__c",
            "direction": "alguna_to_external",
            "transform": "custom",
            "toExternal": "(value, record) => record.firstName[0] + 'da ' + value",
        },
    )
    pair.alguna["firstName"] = "Augusta"
    assert pair.run().writes == {Side.EXTERNAL: {"First__c": "Augusta"}}


def test_i3_a_function_that_failed_is_tried_again_though_its_record_is_agreed_by_now() -> None:
    """Its record did not change since; that it still waits says that it has to be carried."""
    waits = {"lastName": NOON}
    bases = {"firstName": FieldBase("Augusta", "Augusta"), "lastName": FieldBase("Byron", "Ada Byron")}
    views = SideView({"firstName": "Augusta", "lastName": "Byron"}, NOON, first_seen=waits), SideView({}, NOON)
    assert merge(NAMES, *views, bases, step=STEP).writes == {Side.EXTERNAL: {"Full__c": "Augusta Byron"}}
    again = SideView({"firstName": "Augusta", "lastName": "Byron"}, NOON), SideView({}, NOON)
    assert merge(NAMES, *again, bases, step=STEP).decisions == ()


def test_i3_a_function_that_fails_for_another_field_is_an_error() -> None:
    plan_ = compiled(
        {"algunaField": "firstName", "externalField": "First__c"},
        {**CUSTOM, "direction": "alguna_to_external", "toExternal": "(value, record) => record.firstName.trim()"},
    )
    base = {"firstName": FieldBase("Ada", "Ada"), "status": FieldBase("x", "Ada")}
    result = merge(
        plan_, SideView({"firstName": None, "status": "x"}, NOON), SideView({"First__c": "Ada"}, NOON), base, step=STEP
    )
    assert [item.field for item in result.failures] == ["Status__c"]
    assert result.writes == {Side.EXTERNAL: {"First__c": None}}


def test_i12_the_clock_is_that_of_the_record() -> None:
    item = compiled(CUSTOM | {"toExternal": "() => new Date().toISOString()", "direction": "alguna_to_external"})
    made = create(item, Side.ALGUNA, SideView({"status": "x"}, datetime(2026, 3, 1, tzinfo=UTC)))
    assert made.values == {"Status__c": "2026-03-01T00:00:00.000Z"}


def test_a_persons_own_value_goes_through_the_function() -> None:
    pair = Pair(
        compiled(CUSTOM | {"toExternal": UPPER, "toAlguna": LOWER, "conflictResolution": "manual"}),
        {"status": "one"},
        {"Status__c": "TWO"},
    )
    assert pair.run().conflicts
    pair.run(choices={"status": Custom("three")})
    assert (pair.alguna["status"], pair.external["Status__c"]) == ("three", "THREE")


def test_i3_a_preview_shows_both_ways_and_the_stack() -> None:
    fields: dict[str, Value] = {"firstName": "Ada", "lastName": "Byron", "status": "active"}
    first, full = preview_record(NAMES, Side.ALGUNA, fields)
    assert (first.back, full.output, full.back) == ("Ada", "Ada Byron", None)
    (shout,) = preview_record(SHOUT, Side.EXTERNAL, {"Status__c": "ACTIVE"})
    assert (shout.output, shout.back, shout.undone) == ("active", "ACTIVE", True)
    (broken,) = preview_record(SHOUT, Side.ALGUNA, {"status": 5})
    assert broken.error is not None
    assert "toExternal failed: TypeError: not a function\n    at <anonymous> (line 1" in broken.error


def test_i9_an_object_fits_no_field() -> None:
    plan = compiled(CUSTOM | {"toExternal": "value => ({ text: value })", "toAlguna": LOWER})
    made = create(plan, Side.ALGUNA, SideView({"status": "x"}))
    assert [failure.field for failure in made.failures] == ["Status__c"]
    assert "`Status__c` returned an object; return text" in made.failures[0].message


def test_a_function_that_is_not_there_carries_nothing() -> None:
    with pytest.raises(FieldValidation, match="no custom function that gives `lastName`"):
        to_alguna(NAMES.fields[1], "x")
