"""What a bad path, value map or country table is told, before anything is stored (I9)."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import IntegrationConfig
from core.records import Entity, Side
from core.validate import check_config
from tests.core.test_validate import ENTITIES, SCHEMAS, Facts, check, only


class TestPaths:
    """Paths with a selector into a list are checked by what the schema declares of its items."""

    SELECTED = {"algunaField": "contacts[isPrimary=true].email", "externalField": "Email__c"}

    def test_i3_a_selector_reads_one_way(self) -> None:
        assert check({**self.SELECTED, "direction": "alguna_to_external"}) == []
        every = {"algunaField": "contacts[].email", "externalField": "Text__c", "direction": "alguna_to_external"}
        assert check(every) == []

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("contacts[0].email", "`contacts[0].email` is read-only in Alguna; use the direction alguna_to_external"),
            ("contacts[0].phone", "Alguna has no field `contacts[0].phone` on customer"),
            ("contacts[kind=x].email", "Alguna has no field `contacts[kind=x].email` on customer"),
            ("lines[0].amount", "Alguna has no field `lines[0].amount` on customer"),
            ("contacts[first].email", "`first` is neither a position, nor `key=value`, nor empty (character 10)"),
            ("contacts[0.email", "this `[` is not closed (character 9)"),
        ],
    )
    def test_i9_what_is_wrong_with_a_path(self, path: str, message: str) -> None:
        problem = only(check({**self.SELECTED, "algunaField": path}))
        assert problem.field == "mappings[1].algunaField"
        assert message in problem.message

    def test_i9_a_malformed_path_is_found_without_a_schema(self) -> None:
        config = IntegrationConfig.model_validate(
            {"entities": ["accounts"], "mappings": {"accounts": [{"algunaField": "name", "externalField": "a..b"}]}}
        )
        problem = only(check_config(config, ENTITIES, {}, {}))
        assert (problem.field, "(character 3)" in problem.message) == ("mappings[0].externalField", True)

    def test_the_type_of_a_selected_field(self) -> None:
        found = SCHEMAS[Side.ALGUNA, Entity.ACCOUNTS]
        names = ["contacts[0].isPrimary", "contacts[].isPrimary", "contacts[0", "nothing"]
        assert found.types(names) == {"contacts[0].isPrimary": "boolean", "contacts[].isPrimary": "list"}


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({"map": {"a": "A"}, "unmapped": "skip"}, "transformOptions.unmapped", "`skip` is not one of error, pass"),
        (
            {"map": {"a": "A"}, "unmapped": "pass", "default": "B"},
            "transformOptions.unmapped",
            "does not go with `default`",
        ),
        ({"table": "country"}, "transformOptions.table", "is not one of country_alpha2, country_alpha3, country_name"),
        (
            {"table": "country_alpha2", "algunaTable": "iso"},
            "transformOptions.algunaTable",
            "`iso` is not one of country_alpha2",
        ),
        ({"map": {"a": "A"}, "algunaTable": "country_name"}, "transformOptions.algunaTable", "only for a built-in"),
        ({"table": "country_name", "map": {"a": "A"}}, "transformOptions.map", "does not go with `table`"),
        ({"map": {" a": "A"}}, "transformOptions.map. a", "has blanks around it"),
        ({"table": 5}, "transformOptions", "the option `table` must be text"),
        ({"map": {"a": ["A"]}}, "transformOptions.map.a", "must be text, a number, true or false"),
    ],
)
def test_i9_value_map_options(options: dict[str, Any], place: str, message: str) -> None:
    mapping = {
        **{"algunaField": "status", "externalField": "Status__c", "direction": "alguna_to_external"},
        **{"transform": "value_map", "transformOptions": options},
    }
    problem = only(check(mapping))
    assert problem.field == f"mappings[1].{place}"
    assert message in problem.message


@pytest.mark.parametrize(
    ("mapping", "options", "place", "message"),
    [
        ({"algunaField": "vip"}, {"map": {"yes": "Y"}}, "transformOptions.map.yes", "is true or false, never `yes`"),
        ({"algunaField": "mrr"}, {"map": {"much": "A"}}, "transformOptions.map.much", "is not a number"),
        ({"algunaField": "vip", "direction": "bidirectional"}, {"map": {"true": ""}}, "transform", "mapped to a blank"),
        (
            {"algunaField": "vip", "direction": "bidirectional"},
            {"map": {"true": "Y"}, "default": "N"},
            "transform",
            "gives many values one counterpart",
        ),
    ],
)
def test_i9_keys_of_a_map_are_values_of_the_field(
    mapping: dict[str, Any], options: dict[str, Any], place: str, message: str
) -> None:
    base = {"externalField": "Text__c", "direction": "alguna_to_external", "transform": "value_map"}
    problem = only(check({**base, **mapping, "transformOptions": options}))
    assert problem.field == f"mappings[1].{place}"
    assert message in problem.message


def test_i3_countries_go_both_ways() -> None:
    country = {"algunaField": "status", "externalField": "Text__c", "transform": "value_map"}
    assert check({**country, "transformOptions": {"table": "country_name"}}) == []


def test_i9_a_reference_to_the_parent_is_kept_by_itself_and_mapped_by_nobody() -> None:
    """Each side has its own id of the account: copied as a field it would name nobody there."""
    references = {
        (Side.ALGUNA, Entity.CONTACTS): Facts(None, "accountId"),
        (Side.EXTERNAL, Entity.CONTACTS): Facts(None, "AccountId"),
    }
    document = {
        "entities": ["contacts"],
        "mappings": {"contacts": [{"algunaField": "accountId", "externalField": "X"}]},
    }
    ours = only(check_config(IntegrationConfig.model_validate(document), ENTITIES, {}, references))
    assert ours.path == "mappings.contacts[0].algunaField"
    assert "relations are kept by themselves: leave it out" in ours.message
    document["mappings"] = {"contacts": [{"algunaField": "x", "externalField": "AccountId"}]}
    theirs = only(check_config(IntegrationConfig.model_validate(document), ENTITIES, {}, references))
    assert theirs.path == "mappings.contacts[0].externalField"
