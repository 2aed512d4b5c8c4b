"""Previews of mappings: both directions and every error, with nothing stored."""

from __future__ import annotations

from typing import Any

from tests.api.world import World

NAME = {"algunaField": "name", "externalField": "Name", "required": True}
EMAIL = {"algunaField": "email", "externalField": "Email__c"}
MRR = {
    "algunaField": "mrr",
    "externalField": "MRR__c",
    "direction": "alguna_to_external",
    "transform": "number_to_currency",
    "transformOptions": {"currency": "EUR"},
}
PREVIEW = "/{id}/field-mappings/preview"


def by_field(fields: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["algunaField"]: item for item in fields}


async def test_sample_records_are_shown_in_both_directions_and_nothing_is_stored(world: World) -> None:
    before = await world.configure()
    body = {
        "entity": "accounts",
        "mappings": [NAME, EMAIL, MRR],
        "records": [
            {"values": {"name": "Sample Works Ltd", "email": "x" * 90, "mrr": 12.345}},
            {"side": "external", "values": {"Name": "", "Email__c": "a@sample.example", "MRR__c": 5}},
        ],
    }
    for path in (PREVIEW, "/{id}/sync-config/field-mappings/preview"):
        outward, inward = (await world.call("POST", path, body))["records"]
        ours = by_field(outward["toExternal"])
        assert outward["toAlguna"] is None
        assert (ours["name"]["output"], ours["name"]["back"], ours["name"]["undone"]) == (
            "Sample Works Ltd",
            "Sample Works Ltd",
            True,
        )
        assert (ours["mrr"]["output"], ours["mrr"]["flows"], ours["mrr"]["back"]) == (12.35, True, None)
        assert "80 characters" in ours["email"]["error"], "the length of the target's field counts too"
        theirs = by_field(inward["toAlguna"])
        assert "required" in theirs["name"]["error"]
        assert theirs["email"]["output"] == "a@sample.example"
        assert theirs["mrr"]["flows"] is False
    assert await world.call("GET", "/{id}/sync-config") == before
    assert await world.version() == 1


async def test_a_live_record_is_read_and_shown_with_its_partner(world: World) -> None:
    ids = (await world.control("alguna", "seed", {"entity": "accounts", "count": 2}))["ids"]
    theirs = (await world.control("salesforce", "seed", {"entity": "accounts", "count": 1}))["ids"][0]
    await world.configure(mappings={"accounts": [NAME, EMAIL]})
    await world.call("PUT", f"/{{id}}/links/accounts/{ids[0]}", {"externalId": theirs})
    body = {"entity": "accounts", "records": [{"id": ids[0]}, {"id": ids[1]}, {"side": "external", "id": "001none"}]}
    linked, alone, nobody = (await world.call("POST", PREVIEW, body))["records"]
    assert (linked["algunaId"], linked["externalId"], linked["found"]) == (ids[0], theirs, True)
    assert by_field(linked["toExternal"])["name"]["output"]
    assert by_field(linked["toAlguna"])["name"]["value"]
    assert (alone["found"], alone["externalId"], alone["toAlguna"]) == (True, None, None)
    assert (nobody["found"], nobody["toExternal"], nobody["toAlguna"]) == (False, None, None)


async def test_i9_mappings_that_could_not_be_stored_are_refused_by_field(world: World) -> None:
    await world.configure()
    records = [{"values": {"name": "x"}}]
    wrong = {"entity": "accounts", "mappings": [NAME, {**EMAIL, "externalField": "Emial__c"}], "records": records}
    assert await world.refused("POST", PREVIEW, wrong) == ["mappings[1].externalField"]
    assert await world.refused("POST", PREVIEW, {"entity": "accounts", "records": []}) == ["records"]
    assert await world.refused("POST", PREVIEW, {"entity": "accounts", "records": [{}]}) == ["records[0]"]


async def test_i9_values_and_kinds_that_do_not_fit_a_field_are_refused_when_mapped(world: World) -> None:
    await world.configure("accounts", "subscriptions")
    stage = {
        "algunaField": "status",
        "externalField": "StageName",
        "direction": "alguna_to_external",
        "transform": "value_map",
        "transformOptions": {"map": {"draft": "Prospectin"}, "default": "Closed Won"},
    }
    close = {"algunaField": "startDate", "externalField": "CloseDate", "direction": "alguna_to_external"}
    name = {"algunaField": "name", "externalField": "Name"}
    body = {"entity": "subscriptions", "mappings": [name, close, stage]}
    answer = await world.call("PUT", "/{id}/sync-config/field-mappings", body, 422)
    assert [item["field"] for item in answer["errors"]] == ["mappings[2].transformOptions.map.draft"]
    assert "did you mean `Prospecting`?" in answer["errors"][0]["message"]
    body["mappings"] = [name, {**close, "algunaField": "acv"}]
    fields = await world.refused("PUT", "/{id}/sync-config/field-mappings", body)
    assert fields == ["mappings[1].transform", "mappings"], "an amount is no date; and nothing writes StageName"
    unnamed = {"entity": "accounts", "mappings": [{**NAME, "direction": "alguna_to_external"}]}
    assert await world.refused("PUT", "/{id}/sync-config/field-mappings", unnamed) == ["mappings"]
