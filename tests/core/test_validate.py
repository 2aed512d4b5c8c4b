"""What a bad configuration is told, before anything is stored (I9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from core.config import IntegrationConfig
from core.problems import Problem
from core.records import Entity, OperationKind, Side
from core.schedule import cron_problem, timezone_problem
from core.schema import EntitySchema, FieldSchema
from core.validate import check_config

ENTITIES = (Entity.ACCOUNTS, Entity.CONTACTS)


@dataclass(frozen=True)
class Facts:
    """The facts of a system that can do everything."""

    marker: str | None
    parent: str | None = None
    kinds: frozenset[OperationKind] = frozenset(OperationKind)
    option_fields: Mapping[str, str] = dataclasses.field(default_factory=dict)


def schema(side: Side, entity: Entity, name: str, *fields: FieldSchema) -> EntitySchema:
    """A schema of these fields."""
    return EntitySchema(side, entity, name, {field.name: field for field in fields})


def field(name: str, kind: str = "text", **more: Any) -> FieldSchema:
    """A field labelled with its name."""
    return FieldSchema(name, name, kind, **more)


SCHEMAS = {
    (Side.ALGUNA, Entity.ACCOUNTS): schema(
        Side.ALGUNA,
        Entity.ACCOUNTS,
        "customer",
        *(field(name) for name in ("name", "email", "status")),
        field("mrr", "currency", read_only=True),
        field("vip", "boolean"),
        field("renewedAt", "datetime"),
        field("currency", create_only=True),
        field("contacts[].email", read_only=True),
        field("contacts[].isPrimary", "boolean", read_only=True),
    ),
    (Side.EXTERNAL, Entity.ACCOUNTS): schema(
        Side.EXTERNAL,
        Entity.ACCOUNTS,
        "Account",
        field("Name", required=True),
        *(field(name) for name in ("Email__c", "Status__c", "Vip__c", "Text__c")),
        field("MRR__c", "currency"),
        field("Renewal__c", "date"),
        field("Score__c", "number", read_only=True),
        field("CurrencyIsoCode"),
        field("Alguna_Customer_ID__c", required=True),
    ),
}
FACTS = {
    (Side.EXTERNAL, Entity.ACCOUNTS): Facts("Alguna_Customer_ID__c"),
    (Side.ALGUNA, Entity.ACCOUNTS): Facts("aliases"),
}
NAME = {"algunaField": "name", "externalField": "Name"}
MRR = {"algunaField": "mrr", "externalField": "MRR__c", "direction": "alguna_to_external"}


def check(*mappings: dict[str, Any], **changes: Any) -> list[Problem]:
    """Check a good configuration of accounts with these mappings and changes."""
    document = {
        "entities": ["accounts"],
        "schedule": "*/15 * * * *",
        "mappings": {"accounts": [NAME, *mappings]},
        "matching": {
            "accounts": {
                "entity": "accounts",
                "rules": [
                    {"type": "external_id", "externalField": "Alguna_Customer_ID__c"},
                    {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"},
                ],
            }
        },
        **changes,
    }
    return check_config(IntegrationConfig.model_validate(document), ENTITIES, SCHEMAS, FACTS)


def only(problems: list[Problem]) -> Problem:
    """Return the one problem there must be."""
    assert len(problems) == 1, problems
    return problems[0]


def test_a_good_configuration_has_no_problem() -> None:
    mappings: list[dict[str, Any]] = [
        {**MRR, "transform": "number_to_currency"},
        {"algunaField": "vip", "externalField": "Vip__c", "transform": "boolean_to_string"},
        {
            "algunaField": "renewedAt",
            "externalField": "Renewal__c",
            "transform": "date_to_iso",
            "direction": "alguna_to_external",
        },
        {"algunaField": "currency", "externalField": "CurrencyIsoCode", "writeOnce": True},
        {
            "algunaField": "status",
            "externalField": "Status__c",
            "transform": "value_map",
            "transformOptions": {"map": {"active": "Live", "draft": "New"}},
            "default": "draft",
        },
    ]
    rules = {"accounts": [{"algunaField": "name", "strategy": "manual"}]}
    assert check(*mappings, fieldRules=rules, entityOptions={"accounts": {"defaultCurrency": "EUR"}}) == []


@pytest.mark.parametrize(
    ("mapping", "place", "message"),
    [
        ({"algunaField": "emial", "externalField": "Email__c"}, "algunaField", "did you mean `email`?"),
        ({"algunaField": "email", "externalField": "email__c"}, "externalField", "did you mean `Email__c`?"),
        ({"algunaField": "email", "externalField": "Qqq"}, "externalField", "no field `Qqq` on Account"),
        ({**MRR, "direction": "bidirectional"}, "algunaField", "use the direction alguna_to_external"),
        (
            {"algunaField": "email", "externalField": "Score__c"},
            "externalField",
            "use the direction external_to_alguna",
        ),
        (
            {"algunaField": "contacts[isPrimary=true].email", "externalField": "Email__c"},
            "algunaField",
            "use the direction alguna_to_external, or map `email`, which can be written",
        ),
        ({"algunaField": "currency", "externalField": "CurrencyIsoCode"}, "algunaField", "add writeOnce: true"),
        ({"algunaField": "email", "externalField": "Name"}, "externalField", "written twice, see mappings[0]"),
        ({"algunaField": "name", "externalField": "Email__c"}, "algunaField", "mapped twice, see mappings[0]"),
    ],
)
def test_i9_mapping_of_a_field_that_will_not_do(mapping: dict[str, Any], place: str, message: str) -> None:
    problem = only(check(mapping))
    assert problem.field == f"mappings[1].{place}"
    assert problem.path == f"mappings.accounts[1].{place}"
    assert message in problem.message


def status(**options: Any) -> dict[str, Any]:
    """A two-way value map."""
    return {
        "algunaField": "status",
        "externalField": "Status__c",
        "transform": "value_map",
        "transformOptions": options,
    }


@pytest.mark.parametrize(
    ("mapping", "place", "message"),
    [
        (status(map={"active": "Open", "draft": "Open"}), "transform", "several values are mapped to `Open`"),
        (status(map={"active": "Open"}, default="Other"), "transform", "`default` gives many values one counterpart"),
        (status(map={"active": "Open", "draft": None}), "transform", "`draft` is mapped to a blank"),
        (status(), "transformOptions", "value_map needs the option `map`"),
        (status(map={"a": "b"}, defualt="x"), "transformOptions.defualt", "did you mean `default`?"),
        (status(map={"a": {"b": 1}}), "transformOptions.map.a", "must be text, a number, true or false"),
        ({**status(map={"a": "b"}), "default": "c"}, "default", "a default is in Alguna's form"),
        (
            {
                "algunaField": "vip",
                "externalField": "Vip__c",
                "transform": "boolean_to_string",
                "transformOptions": {"true": "X", "false": "x "},
            },
            "transform",
            "`x` stands for both true and false",
        ),
        (
            {"algunaField": "renewedAt", "externalField": "Renewal__c", "transform": "date_to_iso"},
            "transform",
            "a date has no time of day",
        ),
        (
            {"algunaField": "vip", "externalField": "Text__c", "transform": "number_to_currency"},
            "transform",
            "`vip` is a boolean field",
        ),
        (
            {**MRR, "transform": "number_to_currency", "transformOptions": {"currency": "EURO"}},
            "transformOptions.currency",
            "`EURO` is not an ISO 4217 currency code",
        ),
        (
            {**MRR, "transform": "number_to_currency", "transformOptions": {"locale": "xx_YY"}},
            "transformOptions.locale",
            "not a known locale",
        ),
        (
            {**MRR, "transform": "number_to_currency", "transformOptions": {"style": "words"}},
            "transformOptions.style",
            "not one of symbol, code",
        ),
        (
            {
                "algunaField": "renewedAt",
                "externalField": "Renewal__c",
                "direction": "alguna_to_external",
                "transform": "date_to_iso",
                "transformOptions": {"timezone": "Mars/Olympus"},
            },
            "transformOptions",
            "`Mars/Olympus` is not a time zone",
        ),
    ],
)
def test_i9_transform_that_does_not_fit(mapping: dict[str, Any], place: str, message: str) -> None:
    problem = only(check(mapping))
    assert problem.field == f"mappings[1].{place}"
    assert message in problem.message


def test_a_transform_without_inverse_is_fine_one_way() -> None:
    one_way = {"direction": "alguna_to_external"}
    assert check({**status(map={"active": "Open", "draft": "Open"}, default="Other"), **one_way}) == []


def test_two_way_amounts_as_text_are_fine_because_they_can_be_read_back() -> None:
    mapping = {"algunaField": "email", "externalField": "Text__c", "transform": "number_to_currency"}
    for locale in ("en_US", "de_CH", "fr_FR", "hi_IN"):
        assert check({**mapping, "transformOptions": {"currency": "CHF", "locale": locale}}) == []


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"schedule": "* * * *"}, "schedule", "has 4 fields; a schedule has five"),
        ({"schedule": "61 * * * *"}, "schedule", "is not a cron expression"),
        ({"timezone": "Europe/Berln"}, "timezone", "did you mean `Europe/Berlin`?"),
        ({"onDelete": {"toAlguna": "archive"}}, "onDelete.toAlguna", "nothing can be archived in Alguna"),
        (
            {"entityOptions": {"accounts": {"onDelete": {"toAlguna": "archive"}}}},
            "entityOptions.accounts.onDelete.toAlguna",
            "accounts cannot be archived in Alguna",
        ),
        ({"entities": ["accounts", "payments"]}, "entities[1]", "only accounts, contacts"),
        ({"entities": ["accounts", "accounts"]}, "entities[1]", "named twice"),
        ({"entities": ["accounts", "contacts"]}, "mappings", "`contacts` has no field mappings"),
        (
            {"realtime": {"enabled": True, "entities": ["contacts"]}},
            "realtime.entities[0]",
            "not among `entities`",
        ),
        ({"entityOptions": {"invoices": {}}}, "entityOptions.invoices", "cannot be synced with this provider"),
        (
            {"entityOptions": {"accounts": {"defaultCurrency": "Euro"}}},
            "entityOptions.accounts.defaultCurrency",
            "not an ISO 4217",
        ),
        (
            {"fieldRules": {"accounts": [{"algunaField": "nmae", "strategy": "manual"}]}},
            "rules[0].algunaField",
            "`nmae` is not mapped (did you mean `name`?)",
        ),
    ],
)
def test_i9_general_settings(changes: dict[str, Any], place: str, message: str) -> None:
    problem = only(check(**changes))
    assert problem.field == place
    assert message in problem.message


def test_i9_match_rule_on_an_unknown_field() -> None:
    rules = [
        {"type": "field", "algunaField": "emai", "externalField": "Email__c"},
        {"type": "external_id", "externalField": "Alguna_Customer_I__c"},
        {"type": "external_id", "algunaField": "name", "externalField": "Alguna_Customer_ID__c"},
    ]
    problems = check(matching={"accounts": {"entity": "accounts", "rules": rules}})
    assert [(problem.field, problem.path) for problem in problems] == [
        ("rules[0].algunaField", "matching.accounts.rules[0].algunaField"),
        ("rules[1].externalField", "matching.accounts.rules[1].externalField"),
        ("rules[2].algunaField", "matching.accounts.rules[2].algunaField"),
    ]


class TestRequiredOnCreate:
    MAPPING = {"mappings": {"accounts": [{"algunaField": "email", "externalField": "Email__c"}]}}

    def test_i9_a_required_field_that_nothing_writes(self) -> None:
        problem = only(check(**self.MAPPING))
        assert problem.field == "mappings"
        assert "`Name` is required to create Account" in problem.message

    def test_a_mapping_the_other_way_does_not_fill_it(self) -> None:
        mapping = {**NAME, "direction": "external_to_alguna"}
        assert "`Name` is required" in only(check(mappings={"accounts": [mapping]})).message

    @pytest.mark.parametrize(
        "changes",
        [
            {"direction": "external_to_alguna"},
            {"matching": {"accounts": {"entity": "accounts", "rules": [], "onNoMatch": "skip"}}},
        ],
    )
    def test_it_is_not_needed_where_nothing_is_created(self, changes: dict[str, Any]) -> None:
        assert check(**self.MAPPING, **changes) == []


@pytest.mark.parametrize(
    "expression", ["*/15 * * * *", "0 9-17 * * mon-fri", "0 0 1 jan,JUL *", "5,35 * * * 0", "0 0 29 2 *"]
)
def test_good_schedules(expression: str) -> None:
    assert cron_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "has 0 fields"),
        ("@hourly", "has 1 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("0 0 L * *", "signs that a schedule does not know"),
        ("H * * * *", "signs that a schedule does not know"),
        ("0 0 * * 1#2", "signs that a schedule does not know"),
        ("*/0 * * * *", "is not a cron expression"),
        ("0 25 * * *", "is not a cron expression"),
        ("0 0 31 2 *", "never comes true"),
    ],
)
def test_i9_bad_schedules(expression: str, message: str) -> None:
    assert message in (cron_problem(expression) or "")


@pytest.mark.parametrize("name", ["", "Europe", "../etc/passwd", "/etc/localtime", "Nowhere"])
def test_i9_bad_time_zones(name: str) -> None:
    assert "is not a time zone" in (timezone_problem(name) or "")


def test_good_time_zones() -> None:
    assert timezone_problem("UTC") is None
    assert timezone_problem("America/Argentina/Buenos_Aires") is None
