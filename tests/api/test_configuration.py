"""Configuring: templates, parts, versions; and bad configurations that stop at the door (I9)."""

from __future__ import annotations

from typing import Any

import pytest

from core.decisions import FieldBase
from core.records import Entity
from store.conflicts import Question, put
from store.links import NewLink, add
from store.scope import Scope
from store.staging import take_inbox
from store.types import utc_now
from tests.api.world import World, config

DOCUMENTED = {
    "enabled": True,
    "direction": "bidirectional",
    "entities": ["accounts", "contacts", "subscriptions"],
    "conflictResolution": "alguna_wins",
    "schedule": "*/15 * * * *",
}
NAME = {"algunaField": "name", "externalField": "Name", "direction": "bidirectional"}


def mapped(**changes: Any) -> list[dict[str, Any]]:
    return [NAME, {"algunaField": "email", "externalField": "Email__c", **changes}]


async def test_the_five_documented_fields_are_enough(world: World) -> None:
    await world.connect()
    stored = await world.call("POST", "/{id}/sync-config", DOCUMENTED)
    assert {key: stored[key] for key in DOCUMENTED} == DOCUMENTED
    assert set(stored["mappings"]) == set(DOCUMENTED["entities"])  # type: ignore[call-overload]
    assert all(stored["mappings"].values())
    assert stored["mappings"]["accounts"][0]["externalField"] == "Name"
    assert stored["matching"]["accounts"]["rules"][0]["type"] == "external_id"
    assert await world.call("GET", "/{id}/sync-config") == stored
    assert (await world.call("GET", "/{id}"))["enabled"] is True


async def test_a_version_is_a_real_change(world: World) -> None:
    stored = await world.configure(realtime={"coalesceSeconds": 2.0, "pollSeconds": 7.5})
    assert await world.version() == 1
    await world.call("POST", "/{id}/sync-config", stored)
    await world.call("PATCH", "/{id}/sync-config", {})
    await world.call("PATCH", "/{id}/sync-config", {"realtime": {"coalesceSeconds": 2}})
    assert await world.version() == 1
    await world.call("PATCH", "/{id}/sync-config", {"conflictResolution": "manual"})
    assert await world.version() == 2
    reply = await world.api.get(f"/integrations/{world.id}/sync-config")
    assert reply.headers["etag"] == '"2"'
    assert reply.json()["realtime"]["pollSeconds"] == 7.5


async def test_patch_changes_single_keys_and_null_restores_the_default(world: World) -> None:
    await world.configure("accounts", "contacts", schedule="0 * * * *", timezone="Europe/Paris")
    patch = {"direction": "alguna_to_external", "timezone": None, "onDelete": {"toExternal": "archive"}}
    changed = await world.call("PATCH", "/{id}/sync-config", patch)
    assert (changed["direction"], changed["timezone"], changed["schedule"]) == (
        "alguna_to_external",
        "UTC",
        "0 * * * *",
    )
    assert changed["onDelete"] == {"toExternal": "archive", "toAlguna": "ignore"}
    assert changed["entities"] == ["accounts", "contacts"]
    assert await world.refused("PATCH", "/{id}/sync-config", {"entities": None}) == ["entities"]
    assert await world.refused("PATCH", "/{id}/sync-config", {"realtime": {"pollSecond": 5}}) == ["realtime.pollSecond"]


async def test_replacing_the_config_keeps_the_parts_that_are_not_given(world: World) -> None:
    await world.configure()
    await world.call("PUT", "/{id}/sync-config/field-mappings", {"entity": "accounts", "mappings": mapped()})
    rules = [{"algunaField": "email", "strategy": "external_wins"}]
    await world.call("PUT", "/{id}/sync-config/field-resolution", {"entity": "accounts", "rules": rules})
    again = await world.configure("accounts", "contacts", conflictResolution="latest_wins")
    assert [item["algunaField"] for item in again["mappings"]["accounts"]] == ["name", "email"]
    assert again["fieldRules"]["accounts"] == rules
    assert again["mappings"]["contacts"]
    whole = await world.configure(mappings={"accounts": [NAME]}, fieldRules={"accounts": []})
    assert [item["algunaField"] for item in whole["mappings"]["accounts"]] == ["name"]


async def test_the_documented_mappings_are_taken_by_put_and_post_and_given_back(world: World) -> None:
    await world.configure()
    body = {
        "entity": "accounts",
        "mappings": [
            NAME,
            {"algunaField": "email", "externalField": "Email__c", "direction": "bidirectional"},
            {
                "algunaField": "billingAddress.line1",
                "externalField": "BillingStreet",
                "direction": "alguna_to_external",
            },
            {
                "algunaField": "mrr",
                "externalField": "MRR__c",
                "direction": "alguna_to_external",
                "transform": "number_to_currency",
            },
        ],
    }
    for method in ("PUT", "POST"):
        stored = await world.call(method, "/{id}/sync-config/field-mappings", body)
        assert [item["externalField"] for item in stored["mappings"]] == ["Name", "Email__c", "BillingStreet", "MRR__c"]
        assert await world.call("GET", "/{id}/sync-config/field-mappings?entity=accounts") == stored
    assert await world.version() == 2


async def test_matching_and_field_rules_are_given_back_as_they_are_put(world: World) -> None:
    await world.configure(mappings={"accounts": mapped()})
    matching = {
        "entity": "accounts",
        "rules": [
            {
                "type": "external_id",
                "algunaField": "id",
                "externalField": "Alguna_Customer_ID__c",
                "normalize": "none",
                "region": None,
            },
            {
                "type": "field",
                "algunaField": "email",
                "externalField": "Email__c",
                "normalize": "email",
                "region": None,
            },
        ],
        "onNoMatch": "skip",
        "onMultiple": "manual",
    }
    await world.call("PUT", "/{id}/sync-config/matching", matching)
    assert await world.call("GET", "/{id}/sync-config/matching?entity=accounts") == matching
    rules = {"entity": "accounts", "rules": [{"algunaField": "email", "strategy": "manual"}]}
    await world.call("PUT", "/{id}/sync-config/field-resolution", rules)
    assert await world.call("GET", "/{id}/sync-config/field-resolution?entity=accounts") == rules


BAD_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"entities": ["acounts"]}, "entities[0]"),
    ({"entities": ["accounts", "invoices"]}, "entities[1]"),
    ({"entities": ["accounts", "accounts"]}, "entities[1]"),
    ({"entities": []}, "entities"),
    ({"entities": None}, "entities"),
    ({"direction": "both"}, "direction"),
    ({"conflictResolution": "newest"}, "conflictResolution"),
    ({"schedule": "*/15 * * *"}, "schedule"),
    ({"schedule": "61 * * * *"}, "schedule"),
    ({"schedule": "0 0 30 2 *"}, "schedule"),
    ({"schedule": "@hourly"}, "schedule"),
    ({"timezone": "Europe/Pariss"}, "timezone"),
    ({"conflictresolution": "manual"}, "conflictresolution"),
    ({"enabled": "perhaps"}, "enabled"),
    ({"onNotFound": "delete"}, "onNotFound"),
    ({"onDelete": {"toAlguna": "archive"}}, "onDelete.toAlguna"),
    ({"onDelete": {"toSalesforce": "archive"}}, "onDelete.toSalesforce"),
    ({"realtime": {"pollSeconds": 1}}, "realtime.pollSeconds"),
    ({"realtime": {"entities": ["contacts"]}}, "realtime.entities[0]"),
    ({"entityOptions": {"accounts": {"defaultCurrency": "EURO"}}}, "entityOptions.accounts.defaultCurrency"),
    ({"entityOptions": {"accounts": {"currency": "EUR"}}}, "entityOptions.accounts.currency"),
    ({"entityOptions": {"acounts": {}}}, "entityOptions.acounts"),
    ({"mappings": {"accounts": []}}, "mappings.accounts"),
    ({"mappings": {"accounts": mapped(externalField="Emial__c")}}, "mappings.accounts[1].externalField"),
    ({"mappings": {"accounts": mapped(algunaField="emial")}}, "mappings.accounts[1].algunaField"),
    (
        {"fieldRules": {"accounts": [{"algunaField": "nmae", "strategy": "manual"}]}},
        "fieldRules.accounts[0].algunaField",
    ),
]


@pytest.mark.parametrize(("changes", "field"), BAD_CONFIGS)
async def test_i9_bad_configs_name_the_field_and_store_nothing(
    world: World, changes: dict[str, Any], field: str
) -> None:
    await world.connect()
    body = {"entities": ["accounts"], **config(), **changes}
    assert field in await world.refused("POST", "/{id}/sync-config", body)
    assert await world.version() is None
    assert await world.schedule() is None
    await world.call("GET", "/{id}/sync-config", status=404)


BAD_MAPPINGS: list[tuple[dict[str, Any], str]] = [
    ({"externalField": "Emial__c"}, "mappings[1].externalField"),
    ({"algunaField": "emial"}, "mappings[1].algunaField"),
    ({"externalfield": "x"}, "mappings[1].externalfield"),
    ({"algunaField": "mrr", "externalField": "MRR__c"}, "mappings[1].algunaField"),
    ({"externalField": "CreatedDate"}, "mappings[1].externalField"),
    ({"algunaField": "name"}, "mappings[1].algunaField"),
    ({"externalField": "Name"}, "mappings[1].externalField"),
    ({"direction": "sideways"}, "mappings[1].direction"),
    ({"transform": "upper_case"}, "mappings[1].transform"),
    ({"transform": "custom"}, "mappings[1].toExternal"),
    ({"transform": "value_map", "transformOptions": {"map": {"a": "x", "b": "x"}}}, "mappings[1].transform"),
    (
        {"transform": "value_map", "transformOptions": {"map": {"a": "x"}, "fallback": 1}},
        "mappings[1].transformOptions.fallback",
    ),
    ({"conflictResolution": "coin"}, "mappings[1].conflictResolution"),
    ({"required": "maybe"}, "mappings[1].required"),
]


@pytest.mark.parametrize(("changes", "field"), BAD_MAPPINGS)
async def test_i9_bad_mappings_name_the_field_and_store_nothing(
    world: World, changes: dict[str, Any], field: str
) -> None:
    before = await world.configure()
    body = {"entity": "accounts", "mappings": mapped(**changes)}
    assert field in await world.refused("PUT", "/{id}/sync-config/field-mappings", body)
    assert (await world.version(), await world.call("GET", "/{id}/sync-config")) == (1, before)


@pytest.mark.parametrize(
    ("part", "body", "field"),
    [
        ("field-mappings", {"entity": "acounts", "mappings": [NAME]}, "entity"),
        ("field-mappings", {"entity": "payments", "mappings": [NAME]}, "mappings.payments"),
        ("field-mappings", {"entity": "accounts", "mappings": []}, "mappings"),
        ("field-mappings", {"entity": "accounts"}, "mappings"),
        (
            "field-resolution",
            {"entity": "accounts", "rules": [{"algunaField": "nam", "strategy": "manual"}]},
            "rules[0].algunaField",
        ),
        (
            "field-resolution",
            {"entity": "accounts", "rules": [{"algunaField": "name", "strategy": "x"}]},
            "rules[0].strategy",
        ),
        ("matching", {"entity": "accounts", "rules": [{"type": "field", "externalField": "Name"}]}, "rules[0]"),
        (
            "matching",
            {"entity": "accounts", "rules": [{"type": "field", "algunaField": "name", "externalField": "Nmae"}]},
            "rules[0].externalField",
        ),
        ("matching", {"entity": "accounts", "rules": [], "onMultiple": "guess"}, "onMultiple"),
        ("matching", {"entity": "accounts", "rules": [], "onNoMatch": "ask"}, "onNoMatch"),
    ],
)
async def test_i9_bad_parts_name_the_field_and_store_nothing(
    world: World, part: str, body: dict[str, Any], field: str
) -> None:
    await world.configure()
    assert field in await world.refused("PUT", "/{id}/sync-config/" + part, body)
    assert await world.version() == 1


async def test_suggestions_come_with_the_systems_own_names(world: World) -> None:
    await world.configure()
    body = {"entity": "accounts", "mappings": mapped(externalField="Emial__c")}
    answer = await world.call("PUT", "/{id}/sync-config/field-mappings", body, 422)
    assert "did you mean `Email__c`" in answer["errors"][0]["message"]


async def test_parts_need_a_config_first(world: World) -> None:
    await world.connect()
    await world.call("PUT", "/{id}/sync-config/field-mappings", {"entity": "accounts", "mappings": [NAME]}, 404)
    await world.call("PATCH", "/{id}/sync-config", {"enabled": False}, 404)
    await world.call("DELETE", "/{id}/sync-config", status=404)


async def test_an_expired_connection_refuses_changes_but_not_switching_off(world: World) -> None:
    await world.configure(schedule="0 * * * *")
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    assert await world.refused("PATCH", "/{id}/sync-config", {"schedule": "5 * * * *"}, 409) == ["connection.external"]
    # What is wrong in itself is still said.
    assert await world.refused("PATCH", "/{id}/sync-config", {"schedule": "never"}) == ["schedule"]
    assert await world.version() == 1
    await world.call("DELETE", "/{id}/sync-config", status=204)
    assert (await world.call("GET", "/{id}/sync-config"))["enabled"] is False
    assert (await world.call("GET", "/{id}/sync-state"))["status"] == "disabled"


ACTIVE = {"field": "currency", "op": "eq", "value": "EUR"}


def filtered(**given: Any) -> dict[str, Any]:
    return {"entityOptions": {"accounts": {"filter": given}}}


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"alguna": {**ACTIVE, "field": "curency"}}, "alguna.field", "did you mean `currency`"),
        ({"external": {"not": {**ACTIVE, "field": "Typ"}}}, "external.not.field", "did you mean `Type`"),
        ({"alguna": {**ACTIVE, "op": "equal"}}, "alguna.op", "is not one of eq, ne"),
        ({"external": {"field": "AnnualRevenue", "op": "gt", "value": "x"}}, "external.value", "with a number"),
        ({"alguna": {"any": []}}, "alguna.any", ""),
        ({"algna": ACTIVE}, "algna", "did you mean `alguna`"),
        ({"external": {**ACTIVE, "field": "Name"}, "onLeave": "archive"}, "onLeave", "cannot archive"),
        ({"onLeave": "forget"}, "onLeave", "keep"),
    ],
)
async def test_i9_bad_filters_name_their_place_and_store_nothing(
    world: World, given: dict[str, Any], place: str, words: str
) -> None:
    await world.connect()
    body = {"entities": ["accounts"], **config(), **filtered(**given)}
    answer = await world.call("POST", "/{id}/sync-config", body, 422)
    problems = {item["field"]: item["message"] for item in answer["errors"]}
    assert words in problems[f"entityOptions.accounts.filter.{place}"]
    assert await world.version() is None


async def test_a_filter_is_given_back_as_it_was_put_and_patched_as_a_whole(world: World) -> None:
    nested = {"all": [ACTIVE, {"not": {"field": "mrr", "op": "lt", "value": 10.5}}]}
    stored = await world.configure(**filtered(alguna=nested))
    assert stored["entityOptions"]["accounts"]["filter"] == {"alguna": nested, "external": None, "onLeave": "keep"}
    changed = await world.call("PATCH", "/{id}/sync-config", filtered(alguna=ACTIVE, onLeave="unlink"))
    assert changed["entityOptions"]["accounts"]["filter"] == {"alguna": ACTIVE, "external": None, "onLeave": "unlink"}
    gone = await world.call("PATCH", "/{id}/sync-config", {"entityOptions": {"accounts": {"filter": None}}})
    assert gone["entityOptions"]["accounts"]["filter"] is None


async def add_links(world: World, count: int) -> None:
    """Linked accounts of which name and email are known."""
    links = [
        NewLink(
            f"cus_{number}",
            f"001{number}",
            "person",
            {"name": FieldBase(f"Firm {number}", f"Firm {number}"), "email": FieldBase(None, None)},
        )
        for number in range(count)
    ]
    async with world.backend.db.transaction() as session:
        await add(session, Scope(world.id, Entity.ACCOUNTS), links, config_version=1, at=utc_now())


async def test_p26_a_change_tells_whom_it_touches_before_and_after_it_is_stored(world: World) -> None:
    first = await world.configure(mappings={"accounts": [NAME]})
    assert "affects" not in first
    await add_links(world, 3)
    body = {"entity": "accounts", "mappings": mapped()}
    seen = await world.call("PUT", "/{id}/sync-config/field-mappings?preview=true", body)
    assert await world.version() == 1, "a preview stores nothing"
    assert seen["affects"]["accounts"]["changes"] == [{"change": "mapping", "field": "email", "records": 3}]
    stored = await world.call("PUT", "/{id}/sync-config/field-mappings", body)
    assert stored == seen
    again = await world.call("PUT", "/{id}/sync-config/field-mappings", stored)
    assert "affects" not in again, "an answer may be sent back; it changes nothing"
    filters = {"entityOptions": {"accounts": {"filter": {"alguna": starts("Firm 1")}}}}
    changed = await world.call("PATCH", "/{id}/sync-config", filters)
    touched = changed["affects"]["accounts"]
    assert (touched["entering"], touched["leaving"], touched["unknown"]) == (0, 2, 0)
    assert touched["changes"] == [{"change": "filter", "field": None, "records": 2}]
    by_city = {"field": "billingAddress.city", "op": "eq", "value": "London"}
    unknown = await world.call("PATCH", "/{id}/sync-config", filtered(alguna=by_city))
    assert unknown["affects"]["accounts"]["unknown"] == 3, "the city is not mapped: only reading tells"
    assert "affects" not in await world.call("PATCH", "/{id}/sync-config", {"schedule": "0 * * * *"})


def starts(value: str) -> dict[str, Any]:
    return {"field": "name", "op": "starts_with", "value": value}


async def test_p26_what_a_change_touches_can_be_synced_again(world: World) -> None:
    await world.configure("accounts", "contacts", mappings={"accounts": mapped(conflictResolution="manual")})
    await add_links(world, 2)
    question = Question("fields", "1", "cus_1", "0011", fields=[{"algunaField": "email"}])
    async with world.backend.db.transaction() as session:
        await put(session, Scope(world.id, Entity.ACCOUNTS), [question], None, utc_now())
    rules = {"entity": "accounts", "rules": [{"algunaField": "email", "strategy": "external_wins"}]}
    told = await world.call("PUT", "/{id}/sync-config/field-resolution", rules)
    assert told["affects"]["accounts"]["changes"] == [{"change": "rule", "field": "email", "records": 1}]
    started = await world.call("POST", "/{id}/sync", {"changedSince": 1}, 202)
    shown = await world.call("GET", f"/{{id}}/sync-history/{started['syncId']}")
    assert (shown["mode"], shown["entities"], shown["trigger"]) == ("inbox", ["accounts"], "manual")
    async with world.backend.db.transaction() as session:
        asked = await take_inbox(session, Scope(world.id, Entity.ACCOUNTS), "p", 10)
    assert [item.record_id for item in asked] == ["cus_1"], "only the open question is looked at again"
    city = {"algunaField": "billingAddress.city", "externalField": "BillingCity", "direction": "alguna_to_external"}
    more = {"entity": "accounts", "mappings": [*mapped(), city]}
    await world.call("PUT", "/{id}/sync-config/field-mappings", more)
    full = await world.call("POST", "/{id}/sync", {"changedSince": 2}, 202)
    shown = await world.call("GET", f"/{{id}}/sync-history/{full['syncId']}")
    assert (shown["mode"], shown["entities"]) == ("full", ["accounts"])
    newest = await world.version()
    for body in ({"changedSince": 99}, {"changedSince": newest}, {"changedSince": 1, "recordIds": ["a"]}):
        assert await world.refused("POST", "/{id}/sync", body) == ["changedSince"]
