"""The preview of matching for a first load: what would be linked, what is a question, what is left, and why."""

from __future__ import annotations

from typing import Any

from tests.api.world import World

PATH = "/{id}/sync-config/matching/preview"
RULES = [
    {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"},
    {"type": "field", "algunaField": "name", "externalField": "Name", "normalize": "name"},
]


async def customer(world: World, name: str, email: str) -> str:
    contacts = [{"email": email, "is_primary": True}]
    made = await world.control("alguna", "records/accounts", {"name": name, "currency": "EUR", "contacts": contacts})
    return str(made["id"])


async def account(world: World, name: str, email: str | None = None) -> str:
    made = await world.control("salesforce", "records/accounts", {"Name": name, "Email__c": email})
    return str(made["Id"])


async def calls(world: World, system: str) -> list[dict[str, Any]]:
    data = (await world.http.get(f"{world.sandboxes[system]}/_sandbox/calls")).json()["data"]
    return [call for call in data if "oauth2" not in call["path"]]


async def test_i2_a_first_load_is_previewed_and_nothing_is_stored(world: World) -> None:
    await world.connect()
    paired = await customer(world, 'O\'Brien "Freight" GmbH', "ap@obrien.example")
    theirs = await account(world, "OBRIEN Freight")
    unclear = await customer(world, "Zephyr Works", "ap@zephyr.example")
    first, second = await account(world, "Zephyr Works"), await account(world, "Zephyr Works Inc.")
    near = await customer(world, "Northwind Traders", "ap@northwind.example")
    nearest = await account(world, "Northwind Trader", "it@northwind.example")
    found = await world.call("POST", f"{PATH}?entity=accounts", {"entity": "accounts", "rules": RULES})
    assert found["counts"] == {
        "matched": 1,
        "byRule": {"name": 1},
        "ambiguous": 3,
        "unmatched": {"alguna": 1, "external": 1},
    }
    (pair,) = found["matched"]
    assert (pair["algunaId"], pair["externalId"], pair["rule"]) == (paired, theirs, "name")
    assert pair["external"] == {"Name": "OBRIEN Freight"}
    question = next(one for one in found["ambiguous"] if one["side"] == "alguna")
    assert question["algunaId"] == unclear
    assert {one["externalId"] for one in question["candidates"]} == {first, second}
    assert question["candidates"][0]["reasons"] == ["same name"]
    (left,) = found["unmatched"]["alguna"]
    assert left["algunaId"] == near
    (proposed,) = left["candidates"]
    assert proposed["externalId"] == nearest
    assert proposed["reasons"] == ["name 96 % similar", "same domain"]
    assert found["unmatched"]["external"][0]["candidates"][0]["algunaId"] == near
    assert found["note"] is None
    assert await world.version() is None, "nothing is stored, not even a configuration"
    for system in ("alguna", "salesforce"):
        assert {call["method"] for call in await calls(world, system)} <= {"GET", "HEAD"}


async def test_i10_a_preview_reads_no_more_than_it_was_asked_to_and_says_so(world: World) -> None:
    await world.configure("accounts")
    for number in range(3):
        await customer(world, f"Company {number}", f"ap@company{number}.example")
    await account(world, "Company 0")
    found = await world.call("POST", f"{PATH}?entity=accounts&records=2&limit=1")
    assert found["read"]["alguna"] == {"records": 2, "linked": 0, "leftOut": 0, "complete": False}
    assert found["read"]["external"]["complete"] is True
    assert found["note"].startswith("only the first 2 records of the alguna side were read")
    assert found["counts"]["matched"] == 1
    assert len(found["matched"]) == 1


async def test_i9_a_preview_of_rules_that_would_be_refused_is_refused(world: World) -> None:
    await world.configure("accounts")
    wrong = [{**RULES[0], "externalField": "Emial__c"}]
    assert await world.refused("POST", PATH, {"entity": "accounts", "rules": wrong}) == ["rules[0].externalField"]
    wrong = [{**RULES[0], "normalize": "emial"}]
    assert await world.refused("POST", PATH, {"entity": "accounts", "rules": wrong}) == ["rules[0].normalize"]
    assert await world.refused("POST", PATH, None) == ["entity"]
    assert await world.refused("POST", f"{PATH}?entity=invoices", None) == ["entity"]
    body = {"entity": "accounts", "rules": RULES}
    assert await world.refused("POST", f"{PATH}?entity=contacts", body) == ["entity"]
