"""Parents before children, whoever came first: parked, asked for, woken, and never in each other's way (design 3.6)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from activities.contracts import Mode
from core.records import Entity
from starter.services.backend import Backend
from starter.services.refusals import Missing
from starter.services.status import record_state
from tests.engine.inproc import Passes
from tests.engine.test_matching import ACCOUNTS, CONTACTS, account, both_totals, customer
from tests.engine.world import INTEGRATION

MAIL = [{"algunaField": "name", "externalField": "Name", "direction": "bidirectional"}]


async def contact(world: Passes, account_id: str, name: str, email: str) -> str:
    """A person makes a contact of an account in Salesforce."""
    row = {"LastName": name, "Email": email, "AccountId": account_id}
    made = await world.boxes.control("salesforce", "POST", "records/contacts", row)
    return str(made["Id"])


async def state_of(world: Passes, entity: Entity, record_id: str) -> dict[str, Any]:
    """What the API says of a record."""
    integration = await world.services.connections.get_integration(INTEGRATION)
    return await record_state(cast(Backend, world.services), integration, entity, record_id)


def started(world: Passes) -> list[tuple[Mode, list[Entity] | None]]:
    return [(run.mode, run.entities) for run in world.mailbox.runs()]


async def configure(world: Passes, **more: Any) -> None:
    mappings = {"accounts": MAIL}
    await world.configure("accounts", "contacts", entityOptions={"accounts": {"defaultCurrency": "EUR"}}, **more)
    found = await world.services.configs.current(INTEGRATION)
    assert found is not None
    document = {**found[1], "mappings": {**found[1]["mappings"], **mappings}}
    await world.services.configs.save(INTEGRATION, document)


async def test_p30_a_child_that_comes_first_is_parked_and_its_parent_is_asked_for(passes: Passes) -> None:
    """Only contacts are synced. Nothing is known of the account: it is asked for, and its link wakes the child."""
    parent = await account(passes, "Borealis Freight")
    child = await contact(passes, parent, "Lund", "ida@borealis.example")
    await configure(passes)
    made = await passes.run_pass(CONTACTS)
    assert made.counts["parked"] == 1
    assert started(passes) == [(Mode.INBOX, [ACCOUNTS])]
    state = await state_of(passes, CONTACTS, child)
    assert (state["status"], state["reason"]) == ("parked", f"waits for its account {parent}, which has no partner yet")
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    assert len(await passes.links_of(ACCOUNTS)) == 1
    assert started(passes)[1:] == [(Mode.INBOX, [CONTACTS])], "the link wakes the child"
    last = await passes.run_pass(CONTACTS, Mode.INBOX)
    assert child in (await passes.links_of(CONTACTS)).values()
    assert "parked" not in last.counts
    assert await both_totals(passes, "contacts") == (1, 1)


async def test_p18_a_child_without_parent_holds_up_nobody(passes: Passes) -> None:
    """One contact's account lacks what Alguna needs and is an error; the other contacts go on."""
    good = await account(passes, "Zephyr Works")
    bad = await account(passes, "Faulty")
    stuck = await contact(passes, bad, "Stuck", "stuck@faulty.example")
    for number in range(3):
        await contact(passes, good, f"Free {number}", f"free{number}@zephyr.example")
    await configure(passes)
    required = [{**MAIL[0], "required": True}, {"algunaField": "email", "externalField": "Email__c", "required": True}]
    await passes.boxes.edit("salesforce", "accounts", good, Email__c="ap@zephyr.example")
    found = await passes.services.configs.current(INTEGRATION)
    assert found is not None
    mappings = {**found[1]["mappings"], "accounts": required}
    await passes.services.configs.save(INTEGRATION, {**found[1], "mappings": mappings})
    made = await passes.run_all(ACCOUNTS, CONTACTS)
    assert made[ACCOUNTS].counts["alguna"] == {"created": 1, "failed": 1}
    assert made[CONTACTS].counts["parked"] == 1
    assert len(await passes.links_of(CONTACTS)) >= 3
    state = await state_of(passes, CONTACTS, stuck)
    assert state["status"] == "parked"
    assert state["reason"].startswith(f"waits for its account {bad}, which could not be synced: ")
    assert "Email__c" in state["reason"]
    again = await passes.run_all(ACCOUNTS, CONTACTS)
    assert again[CONTACTS].counts["parked"] == 1, "still there, with its reason"
    await passes.boxes.edit("salesforce", "accounts", bad, Email__c="ap@faulty.example")
    await passes.run_pass(ACCOUNTS)
    assert started(passes)[-1] == (Mode.INBOX, [CONTACTS])
    await passes.run_pass(CONTACTS, Mode.INBOX)
    assert stuck in (await passes.links_of(CONTACTS)).values()


async def test_i10_a_parent_that_is_known_is_not_asked_for_again(passes: Passes) -> None:
    parent = await account(passes, "Skipped Ltd")
    await contact(passes, parent, "Lund", "ida@skipped.example")
    await configure(passes, matching={"accounts": {"entity": "accounts", "rules": [], "onNoMatch": "skip"}})
    await passes.run_all(ACCOUNTS, CONTACTS)
    await passes.boxes.clear_calls()
    before = len(started(passes))
    made = await passes.run_pass(CONTACTS)
    assert made.counts["parked"] == 1
    assert len(started(passes)) == before == 0
    assert await passes.total_calls() == 2, "one page of each side"


async def test_i2_a_parked_child_that_is_deleted_meanwhile_is_not_made(passes: Passes) -> None:
    parent = await account(passes, "Borealis Freight")
    child = await contact(passes, parent, "Lund", "ida@borealis.example")
    await configure(passes)
    await passes.run_pass(CONTACTS)
    await passes.boxes.control("salesforce", "DELETE", f"records/contacts/{child}")
    await passes.run_all(ACCOUNTS, CONTACTS)
    assert await both_totals(passes, "contacts") == (0, 0)
    assert await passes.links_of(CONTACTS) == {}


async def test_i6_i10_a_child_whose_parent_is_gone_waits_no_longer(passes: Passes) -> None:
    """A customer is deleted with its contact, which was never linked: nobody is asked for pass after pass."""
    body = {
        "name": "Borealis Freight",
        "currency": "EUR",
        "contacts": [{"email": "ida@borealis.example", "is_primary": True}],
    }
    made = await passes.boxes.control("alguna", "POST", "records/accounts", body)
    await configure(passes)
    assert (await passes.run_pass(CONTACTS)).counts["parked"] == 1
    await passes.boxes.control("alguna", "DELETE", f"records/accounts/{made['id']}", None)

    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    asked = len(passes.mailbox.runs())
    last = await passes.run_pass(CONTACTS)

    assert "parked" not in last.counts
    assert len(passes.mailbox.runs()) == asked, "the parent is not asked for again"
    with pytest.raises(Missing):
        await state_of(passes, CONTACTS, made["contacts"][0]["id"])


async def test_ids_of_parents_are_translated_both_ways(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    theirs = await account(passes, "Borealis Freight")
    child = await contact(passes, theirs, "Lund", "ida@borealis.example")
    await configure(passes)
    await passes.run_all(ACCOUNTS, CONTACTS)
    links = await passes.links_of(ACCOUNTS)
    contacts = {row["Id"]: row for row in await passes.boxes.records("salesforce", "contacts")}
    made = next(row for row in contacts.values() if row["Email"] == "ap@zephyr.example")
    assert made["AccountId"] == links[ours]
    owner = next(customer for customer, external in links.items() if external == theirs)
    (there,) = [row for row in await passes.boxes.records("alguna", "accounts") if row["id"] == owner]
    assert [one["email"] for one in there["contacts"]] == ["ida@borealis.example"]
    assert child in (await passes.links_of(CONTACTS)).values()
