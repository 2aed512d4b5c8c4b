"""What failed is tried again by itself once the configuration that caused it is changed."""

from __future__ import annotations

from typing import Any

from core.records import Entity
from tests.engine.inproc import Passes
from tests.engine.test_matching import account, customer

ACCOUNTS = Entity.ACCOUNTS
NAME = {"algunaField": "name", "externalField": "Name"}
OTHERS_NAME = "Renamed by a person"


def industry(**known: str) -> dict[str, Any]:
    """Mappings of which one carries only these currencies."""
    options = {"map": known}
    way = {"direction": "alguna_to_external", "transform": "value_map", "transformOptions": options}
    return {"accounts": [NAME, {"algunaField": "currency", "externalField": "Industry", **way}]}


async def test_i6_a_corrected_mapping_carries_what_it_refused_in_the_next_pass(passes: Passes) -> None:
    await customer(passes, "Zephyr Works")
    await account(passes, "Zephyr Works")
    await passes.configure("accounts", mappings=industry(USD="Banking"))
    assert (await passes.run_pass(ACCOUNTS)).counts["external"]["failed"] == 1
    [error] = await passes.errors()
    assert (error.type, error.field) == ("field_validation", "Industry")
    again = await passes.run_pass(ACCOUNTS)
    assert again.counts["external"] == {"unchanged": 1}, "what is known to fail is no news"
    assert [one.attempts for one in await passes.errors()] == [error.attempts]
    await passes.configure("accounts", mappings=industry(USD="Banking"), schedule="*/15 * * * *")
    await passes.run_pass(ACCOUNTS)
    assert [one.attempts for one in await passes.errors()] == [error.attempts], "another schedule mends nothing"
    await passes.configure("accounts", mappings=industry(USD="Banking", EUR="Energy"))
    assert (await passes.run_pass(ACCOUNTS)).mode == "incremental"
    assert await passes.errors() == []
    [row] = await passes.boxes.records("salesforce", "accounts")
    assert row["Industry"] == "Energy"


async def test_a_partner_that_was_found_gone_is_made_anew_once_the_configuration_says_so(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works")
    lost = await account(passes, "Zephyr Works")
    await passes.configure("accounts", mappings={"accounts": [NAME]})
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.control("salesforce", "DELETE", f"records/accounts/{lost}")
    await passes.boxes.edit("alguna", "accounts", ours, name=OTHERS_NAME)
    await passes.run_pass(ACCOUNTS)
    [error] = await passes.errors()
    assert (error.type, await passes.links_of(ACCOUNTS)) == ("not_found", {})
    await passes.configure("accounts", mappings={"accounts": [NAME]}, onNotFound="create")
    await passes.run_pass(ACCOUNTS)
    assert await passes.errors() == []
    [row] = await passes.boxes.records("salesforce", "accounts")
    assert row["Name"] == OTHERS_NAME
    assert await passes.links_of(ACCOUNTS) == {ours: row["Id"]}
    await passes.run_pass(ACCOUNTS)
    assert len(await passes.boxes.records("salesforce", "accounts")) == 1
