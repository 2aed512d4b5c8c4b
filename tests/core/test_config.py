"""The configuration: what is accepted as documented, what is stored, and the plan that it compiles to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from core.config import FieldMappings, FieldResolution, IntegrationConfig, Matching, SyncConfig, plan
from core.enums import Direction, MatchType, Normalize, OnDelete, Strategy
from core.problems import problems_of
from core.records import Entity, Side

DOCUMENTED: dict[str, Any] = {
    "enabled": True,
    "direction": "bidirectional",
    "entities": ["accounts", "contacts", "subscriptions"],
    "conflictResolution": "alguna_wins",
    "schedule": "*/15 * * * *",
}
MAPPINGS: list[dict[str, Any]] = [
    {"algunaField": "name", "externalField": "Name", "direction": "bidirectional"},
    {"algunaField": "email", "externalField": "Email__c", "direction": "bidirectional"},
    {"algunaField": "billingAddress.line1", "externalField": "BillingStreet", "direction": "alguna_to_external"},
    {
        "algunaField": "mrr",
        "externalField": "MRR__c",
        "direction": "alguna_to_external",
        "transform": "number_to_currency",
    },
]
MATCHING: dict[str, Any] = {
    "entity": "accounts",
    "rules": [
        {"type": "external_id", "algunaField": "id", "externalField": "Alguna_Customer_ID__c"},
        {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "lowercase"},
        {"type": "field", "algunaField": "name", "externalField": "Name", "normalize": "name"},
    ],
    "onNoMatch": "create",
    "onMultiple": "manual",
}


def stored(**changes: Any) -> IntegrationConfig:
    """The documented configuration as it is stored, with changes."""
    document = {**DOCUMENTED, "mappings": {"accounts": MAPPINGS}, "matching": {"accounts": MATCHING}, **changes}
    return IntegrationConfig.model_validate(document)


def account_plan(config: IntegrationConfig, **more: Any) -> Any:
    """The plan of accounts."""
    return plan(config, Entity.ACCOUNTS, marker="Alguna_Customer_ID__c", parent=None, **more)


def test_documented_bodies_are_accepted() -> None:
    assert SyncConfig.model_validate(DOCUMENTED).timezone == "UTC"
    assert len(FieldMappings.model_validate({"entity": "accounts", "mappings": MAPPINGS}).mappings) == 4
    rules = [{"algunaField": "email", "strategy": "external_wins"}]
    assert FieldResolution.model_validate({"entity": "accounts", "rules": rules}).rules[0].alguna_field == "email"
    assert Matching.model_validate(MATCHING).rules[1].normalize is Normalize.TEXT


def test_what_is_stored_comes_back_the_same() -> None:
    mapping = {"algunaField": "a", "externalField": "b", "default": 1.5, "transformOptions": {"map": {"x": 0.1}}}
    config = stored(
        mappings={"accounts": [*MAPPINGS, mapping]},
        entityOptions={"accounts": {"defaultCurrency": "EUR"}},
        fieldRules={"accounts": [{"algunaField": "email", "strategy": "manual"}]},
        realtime={"enabled": True, "pollSeconds": 30},
    )
    text = json.dumps(config.model_dump(by_alias=True, mode="json"))
    assert IntegrationConfig.model_validate_json(text) == config
    assert '"algunaField"' in text
    assert "alguna_field" not in text


def test_the_fields_strategy_goes_rule_mapping_entity_integration() -> None:
    mappings = [
        {"algunaField": name, "externalField": f"{name}__c", "conflictResolution": own}
        for name, own in [("a", "manual"), ("b", "manual"), ("c", None)]
    ]
    rules = {"accounts": [{"algunaField": "a", "strategy": "external_wins"}]}

    def strategies(**changes: Any) -> list[Strategy]:
        config = stored(mappings={"accounts": mappings}, fieldRules=rules, **changes)
        return [field.strategy for field in account_plan(config).fields]

    start = [Strategy.EXTERNAL_WINS, Strategy.MANUAL]
    assert strategies() == [*start, Strategy.ALGUNA_WINS]
    assert strategies(entityOptions={"accounts": {"conflictResolution": "latest_wins"}}) == [
        *start,
        Strategy.LATEST_WINS,
    ]


@pytest.mark.parametrize(
    ("ours", "own", "effective"),
    [
        ("bidirectional", "bidirectional", "bidirectional"),
        ("bidirectional", "alguna_to_external", "alguna_to_external"),
        ("external_to_alguna", "bidirectional", "external_to_alguna"),
        ("alguna_to_external", "alguna_to_external", "alguna_to_external"),
        ("alguna_to_external", "external_to_alguna", None),
    ],
)
def test_effective_direction_is_the_intersection(ours: str, own: str, effective: str | None) -> None:
    config = stored(direction=ours, mappings={"accounts": [{**MAPPINGS[0], "direction": own}]})
    (field,) = account_plan(config).fields
    assert field.direction == (Direction(effective) if effective else None)
    assert [side for side in Side if field.flows_to(side)] == [
        side for side in Side if effective and Direction(effective).allows(side)
    ]


def test_plan_knows_paths_types_currency_and_policies() -> None:
    config = stored(
        entityOptions={"accounts": {"defaultCurrency": "SEK"}},
        onDelete={"toExternal": "archive"},
        direction="alguna_to_external",
        mappings={
            "accounts": [*MAPPINGS, {"algunaField": "x", "externalField": "X", "direction": "external_to_alguna"}]
        },
    )
    compiled = account_plan(config, external_types={"MRR__c": "currency"}, default_currency="USD")
    mrr = compiled.fields[3]
    assert (mrr.external_type, mrr.alguna_type, mrr.options) == ("currency", "text", {"currency": "SEK"})
    assert compiled.paths(Side.ALGUNA) == {"name", "email", "billingAddress.line1", "mrr"}
    assert compiled.paths(Side.EXTERNAL) == {"Name", "Email__c", "BillingStreet", "MRR__c"}
    assert compiled.on_delete == {Side.EXTERNAL: OnDelete.ARCHIVE, Side.ALGUNA: OnDelete.IGNORE}
    assert compiled.can_create == {Side.EXTERNAL}
    assert compiled.matching.rules[0].type is MatchType.EXTERNAL_ID


def test_nothing_is_created_where_no_match_means_skip() -> None:
    assert account_plan(stored(matching={"accounts": {**MATCHING, "onNoMatch": "skip"}})).can_create == frozenset()
    assert account_plan(stored()).can_create == frozenset(Side)


def test_numbers_in_options_are_exact() -> None:
    mapping = {"algunaField": "a", "externalField": "b", "default": 0.1, "transformOptions": {"map": {"x": 0.2}}}
    (field,) = account_plan(stored(mappings={"accounts": [mapping]})).fields
    assert (field.default, field.options) == (Decimal("0.1"), {"map": {"x": Decimal("0.2")}})


@pytest.mark.parametrize(
    ("model", "body", "field", "message"),
    [
        (SyncConfig, {**DOCUMENTED, "shedule": None}, "shedule", "unknown key `shedule` (did you mean `schedule`?)"),
        (SyncConfig, {**DOCUMENTED, "entities": ["acounts"]}, "entities[0]", "did you mean `accounts`?"),
        (SyncConfig, {**DOCUMENTED, "direction": "both"}, "direction", "`both` is not one of alguna_to_external"),
        (SyncConfig, {**DOCUMENTED, "entities": []}, "entities", "at least 1 item"),
        (SyncConfig, {"enabled": True}, "entities", "is required"),
        (
            SyncConfig,
            {**DOCUMENTED, "entityOptions": {"accounts": {"defaultCurency": "EUR"}}},
            "entityOptions.accounts.defaultCurency",
            "did you mean `defaultCurrency`?",
        ),
        (SyncConfig, {**DOCUMENTED, "entityOptions": {"acounts": {}}}, "entityOptions.acounts", "`acounts` is not one"),
        (
            FieldMappings,
            {"entity": "accounts", "mappings": [MAPPINGS[0], {"algunaField": "a", "externalFeild": "A"}]},
            "mappings[1].externalFeild",
            "unknown key `externalFeild` (did you mean `externalField`?)",
        ),
        (
            Matching,
            {"entity": "accounts", "rules": [{"type": "field", "externalField": "Name"}]},
            "rules[0]",
            "algunaField is required",
        ),
        (Matching, {**MATCHING, "onMultiple": "first"}, "onMultiple", "`first` is not one of manual"),
    ],
)
def test_i9_what_is_malformed_names_its_field(
    model: type[BaseModel], body: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    problems = problems_of(caught.value, model)
    assert field in [problem.field for problem in problems]
    assert message in " ".join(problem.message for problem in problems if problem.field == field)
