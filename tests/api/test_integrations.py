"""Connecting, reconnecting and disconnecting provider accounts (I8, I9)."""

from __future__ import annotations

from typing import Any

import pytest

from core import names
from core.records import Entity
from tests.api.world import World
from tests.ports import free_port


async def stored(world: World) -> list[str]:
    return [row.id for row in await world.backend.connections.list_integrations(deleted=True)]


async def test_credentials_are_checked_stored_and_never_shown(world: World) -> None:
    given = await world.credentials("salesforce")
    body = {"id": world.id, "provider": "salesforce", "credentials": given, "webhookSecret": "whsec"}
    made = await world.call("POST", "/integrations", body, 201)
    assert (made["id"], made["provider"], made["connection"]) == (world.id, "salesforce", "connected")
    assert (made["enabled"], made["lastRun"]) == (False, None)
    shown = await world.api.get(f"/integrations/{world.id}")
    for key in ("accessToken", "refreshToken", "clientSecret", "privateKey"):
        assert given[key] not in shown.text
    assert (await world.backend.connections.load(world.id)).values["refreshToken"] == given["refreshToken"]
    assert (await world.backend.connections.describe(world.id)).limits == given["limits"]


async def test_the_id_may_be_left_out_and_the_provider_names_the_only_one(world: World) -> None:
    body = {"provider": "salesforce", "credentials": await world.credentials("salesforce")}
    assert (await world.call("POST", "/integrations", body, 201))["id"] == "int_salesforce"
    assert (await world.call("GET", "/integrations/salesforce"))["id"] == "int_salesforce"
    await world.connect(account="2")
    answer = await world.call("GET", "/integrations/salesforce", status=409)
    assert world.id in answer["detail"]
    answer = await world.call("GET", "/integrations/int_salesfroce", status=404)
    assert "did you mean `int_salesforce`" in answer["detail"]


def drop(key: str) -> dict[str, Any]:
    return {key: None}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"refreshTokn": "x"}, "credentials.refreshTokn"),
        ({"clientId": 7}, "credentials.clientId"),
        ({"clientSecret": "  "}, "credentials.clientSecret"),
        ({"instanceUrl": "salesforce.example"}, "credentials.instanceUrl"),
        ({"tokenUrl": "ftp://salesforce.example"}, "credentials.tokenUrl"),
        ({"limits": {"requestsPerDay": -1}}, "credentials.limits.requestsPerDay"),
        ({"limits": {"perSecond": 1}}, "credentials.limits.perSecond"),
        ({"limits": 5}, "credentials.limits"),
        ({"instanceUrl": None, "baseUrl": None}, "credentials.instanceUrl"),
        ({"accessToken": "stale", "refreshToken": "wrong", "privateKey": None}, "credentials"),
        ({"accessToken": None, "clientId": "nobody"}, "credentials"),
    ],
)
async def test_i9_bad_credentials_name_the_field_and_store_nothing(
    world: World, changes: dict[str, Any], field: str
) -> None:
    given = await world.credentials("salesforce")
    body = {"id": world.id, "provider": "salesforce", "credentials": {**given, **changes}}
    answer = await world.call("POST", "/integrations", body, 422)
    assert [item["field"] for item in answer["errors"]] == [field]
    for secret in ("refreshToken", "clientSecret", "privateKey", "accessToken"):
        assert given[secret] not in str(answer)
    assert await stored(world) == []


async def test_i9_an_unreachable_system_stores_nothing(world: World) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    given = {**await world.credentials("salesforce"), "instanceUrl": nowhere, "baseUrl": nowhere}
    body = {"id": world.id, "provider": "salesforce", "credentials": given}
    assert await world.refused("POST", "/integrations", body) == ["credentials"]
    assert await stored(world) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"provider": "salesfroce"}, "provider"),
        ({"provider": "alguna"}, "provider"),
        ({"id": "salesforce"}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": ""}, "id"),
        ({"credentials": {}}, "credentials"),
        ({"credentials": None}, "credentials"),
        ({"webhooksecret": "x"}, "webhooksecret"),
    ],
)
async def test_i9_bad_integrations_name_the_field(world: World, changes: dict[str, Any], field: str) -> None:
    body = {"id": world.id, "provider": "salesforce", "credentials": await world.credentials("salesforce"), **changes}
    assert await world.refused("POST", "/integrations", body) == [field]
    assert await stored(world) == []


async def test_a_second_integration_on_the_same_account_is_refused(world: World) -> None:
    await world.connect()
    body = {"id": "int_other", "provider": "salesforce", "credentials": await world.credentials("salesforce")}
    await world.call("POST", "/integrations", body, 409)
    await world.call("POST", "/integrations", {**body, "id": world.id}, 409)
    assert await stored(world) == [world.id]


async def test_disconnecting_keeps_the_history_and_the_account_can_come_back(world: World) -> None:
    await world.configure(schedule="*/15 * * * *")
    run = await world.call("POST", "/{id}/sync", status=202)
    await world.call("DELETE", "/{id}", status=204)
    assert await world.schedule() is None
    await world.call("GET", "/{id}", status=404)
    history = await world.call("GET", "/{id}/sync-history")
    assert [item["syncId"] for item in history["data"]] == [run["syncId"]]
    body = {"provider": "salesforce", "credentials": await world.credentials("salesforce")}
    revived = await world.call("POST", "/integrations", body, 201)
    assert (revived["id"], revived["enabled"]) == (world.id, False)


async def test_reconnect_takes_new_credentials_of_the_same_account_only(world: World) -> None:
    await world.connect()
    workflow_id = await world.start_writer(Entity.ACCOUNTS)
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    await world.backend.connections.mark_expired(world.id, 1, "revoked")
    assert (await world.call("GET", "/{id}"))["connection"] == "auth_expired"
    other = {"credentials": await world.credentials("salesforce", "2")}
    assert await world.refused("POST", "/{id}/reconnect", other) == ["credentials"]
    assert await world.refused("POST", "/{id}/reconnect", {}) == ["credentials"]
    assert await world.refused("POST", "/{id}/reconnect", {"authorizationUrl": False}) == ["credentials"]
    assert await world.signals(workflow_id) == []
    answer = await world.call("POST", "/{id}/reconnect", {"credentials": await world.credentials("salesforce")})
    assert answer == {"id": world.id, "connection": "connected", "generation": 2, "resumed": True}
    assert await world.signals(workflow_id) == [names.RECONNECTED]
    assert (await world.call("GET", "/{id}"))["connection"] == "connected"


async def test_reconnecting_alguna_wakes_every_integration(world: World) -> None:
    await world.connect()
    workflow_id = await world.start_writer(Entity.CONTACTS)
    before = await world.backend.connections.generation("alguna")
    bad = {**await world.credentials("alguna"), "apiKey": "wrong"}
    assert await world.refused("POST", "/integrations/alguna/reconnect", {"credentials": bad}) == ["credentials"]
    assert await world.backend.connections.generation("alguna") == before
    good = {"credentials": await world.credentials("alguna")}
    answer = await world.call("POST", "/integrations/alguna/reconnect", good)
    assert answer["generation"] == before + 1
    assert await world.signals(workflow_id) == [names.RECONNECTED]


async def test_schema_lists_the_fields_of_both_sides(world: World) -> None:
    await world.connect()
    found = await world.call("GET", "/{id}/schema?entity=accounts")
    ours = {field["name"]: field for field in found["alguna"]["fields"]}
    theirs = {field["name"]: field for field in found["external"]["fields"]}
    assert ours["mrr"]["readOnly"]
    assert (theirs["Name"]["required"], theirs["Name"]["type"]) == (True, "text")
    assert "MRR__c" in theirs
    assert await world.refused("GET", "/{id}/schema?entity=payments", None) == ["entity"]
    assert await world.refused("GET", "/{id}/schema", None) == ["entity"]


async def test_a_schema_is_kept_for_a_while_and_asked_for_anew_on_demand(world: World) -> None:
    await world.connect()
    first = await world.call("GET", "/{id}/schema?entity=accounts")
    await world.control("salesforce", "records/setup", {"hiddenFields": ["Account.MRR__c"]})
    assert await world.call("GET", "/{id}/schema?entity=accounts") == first
    now = await world.call("GET", "/{id}/schema?entity=accounts&refresh=true")
    assert "MRR__c" not in {field["name"] for field in now["external"]["fields"]}
    assert now["external"]["fingerprint"] != first["external"]["fingerprint"]
    assert now["alguna"]["fingerprint"] == first["alguna"]["fingerprint"]
    assert now["external"]["describedAt"] > first["external"]["describedAt"]
    assert await world.call("GET", "/{id}/schema?entity=accounts") == now


async def test_a_mapping_is_checked_against_what_the_system_has_now(world: World) -> None:
    await world.configure()
    await world.call("GET", "/{id}/schema?entity=accounts")
    await world.control("salesforce", "records/setup", {"hiddenFields": ["Account.Email__c"]})
    mapped = {"algunaField": "email", "externalField": "Email__c"}
    name = {"algunaField": "name", "externalField": "Name"}
    body = {"entity": "accounts", "mappings": [name, mapped]}
    assert await world.refused("PUT", "/{id}/sync-config/field-mappings", body) == ["mappings[1].externalField"]


async def test_an_expired_grant_is_told_clearly(world: World) -> None:
    await world.connect()
    await world.control("salesforce", "auth", {"action": "revoke_grant"})
    answer = await world.call("GET", "/{id}/schema?entity=accounts", status=409)
    assert f"/integrations/{world.id}/reconnect" in answer["detail"]
    assert answer["errors"][0]["field"] == "connection.external"
