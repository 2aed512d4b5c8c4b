"""Matching through the real activities: who is linked, who waits for a person, and who is left alone (I2, design 3.5).

Chunks hold one record here: what belongs together is found across their borders.
"""

from __future__ import annotations

from typing import Any

from activities.contracts import Mode
from core.records import Entity, Side
from store import conflicts, staging
from store.types import utc_now
from tests.engine.inproc import Passes

ACCOUNTS, CONTACTS, SUBSCRIPTIONS = Entity.ACCOUNTS, Entity.CONTACTS, Entity.SUBSCRIPTIONS
BY_EMAIL = {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"}
BY_NAME = {"type": "field", "algunaField": "name", "externalField": "Name", "normalize": "name"}


def rules(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"accounts": {"entity": "accounts", "rules": list(given), **more}}


async def customer(world: Passes, name: str, email: str | None = None) -> str:
    """A person makes a customer in Alguna."""
    contacts = [{"email": email, "last_name": "Post", "is_primary": True}] if email else []
    body = {"name": name, "currency": "EUR", "contacts": contacts}
    made = await world.boxes.control("alguna", "POST", "records/accounts", body)
    return str(made["id"])


async def account(world: Passes, name: str, email: str | None = None) -> str:
    """A person makes an account in Salesforce."""
    body = {"Name": name, **({"Email__c": email} if email else {})}
    made = await world.boxes.control("salesforce", "POST", "records/accounts", body)
    return str(made["Id"])


async def both_totals(world: Passes, entity: str = "accounts") -> tuple[int, int]:
    return len(await world.boxes.records("alguna", entity)), len(await world.boxes.records("salesforce", entity))


async def test_i2_rules_go_in_order_across_chunk_borders(passes: Passes) -> None:
    """By name the second customer fits the account, but the first fits it by email, and that rule comes first."""
    second = await customer(passes, "Borealis Freight Ltd", "other@second.example")
    first = await customer(passes, "Something Else", "ap@borealis.example")
    theirs = await account(passes, "Borealis Freight", "AP@borealis.example")
    await passes.configure("accounts", matching=rules(BY_EMAIL, BY_NAME))
    await passes.run_pass(ACCOUNTS)
    links = await passes.links_of(ACCOUNTS)
    assert links[first] == theirs
    assert links[second] != theirs, "made anew"


async def test_i2_an_ambiguous_match_shows_candidates_with_reasons(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works GmbH", "ap@zephyr.example")
    close = await account(passes, "Zephyr Works", "ap@zephyr.example")
    distant = await account(passes, "Old Zephyr", "ap@zephyr.example")
    await passes.configure("accounts", matching=rules(BY_EMAIL, BY_NAME))
    made = await passes.run_pass(ACCOUNTS)
    assert made.counts["conflicts"] == 3
    question = next(row for row in await passes.conflicts() if row.alguna_id == ours)
    assert [item["externalId"] for item in question.candidates] == [close, distant]
    assert question.candidates[0]["reasons"] == ["same email", "same name"]
    assert 0 < question.candidates[1]["score"] < question.candidates[0]["score"] <= 1
    assert await both_totals(passes) == (1, 2), "never a guess, never a third"
    await passes.run_pass(ACCOUNTS, Mode.FULL)
    assert next(row for row in await passes.conflicts() if row.alguna_id == ours).version == question.version


async def test_i6_an_answer_that_names_a_lost_record_is_asked_for_again(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    for name in ("Zephyr Works", "Old Zephyr"):
        await account(passes, name, "ap@zephyr.example")
    await passes.configure("accounts", matching=rules(BY_EMAIL))
    await passes.run_pass(ACCOUNTS)
    asked = next(row for row in await passes.conflicts() if row.alguna_id == ours)
    assert asked.id is not None
    async with passes.services.db.transaction() as session:
        answer = {"resolution": "link", "externalId": "0010n000000000ZZZZ"}
        assert await conflicts.decide(session, asked.id, asked.version, answer)
        await staging.ask(session, passes.scope(ACCOUNTS), [(Side.ALGUNA, ours)], "resolution", utc_now())
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    again = next(row for row in await passes.conflicts() if row.alguna_id == ours)
    assert (again.version, again.decision) == (asked.version + 1, None)


async def test_i2_an_ambiguity_ends_by_itself_when_a_duplicate_is_deleted(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    kept = await account(passes, "Zephyr Works")
    doubled = await account(passes, "Zephyr Works Inc")
    await passes.configure("accounts", matching=rules(BY_NAME))
    await passes.run_pass(ACCOUNTS)
    assert len(await passes.conflicts()) == 3
    await passes.boxes.control("salesforce", "DELETE", f"records/accounts/{doubled}")
    await passes.run_pass(ACCOUNTS)
    assert await passes.links_of(ACCOUNTS) == {ours: kept}
    assert await passes.conflicts() == []
    assert await both_totals(passes) == (1, 1)


async def test_i2_an_ambiguity_ends_by_itself_when_a_duplicate_is_edited(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    kept = await account(passes, "Zephyr Works")
    other = await account(passes, "Zephyr Works Inc")
    await passes.configure("accounts", matching=rules(BY_NAME), entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.edit("salesforce", "accounts", other, Name="Quite Another")
    await passes.run_pass(ACCOUNTS)
    links = await passes.links_of(ACCOUNTS)
    assert links[ours] == kept
    assert sorted(links.values()) == sorted([kept, other]), "the edited one is a company of its own"
    assert await passes.conflicts() == []


async def test_i2_on_multiple_skip_asks_nobody_and_links_when_one_is_left(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works")
    kept = await account(passes, "Zephyr Works")
    doubled = await account(passes, "Zephyr Works")
    await passes.configure("accounts", matching=rules(BY_NAME, onMultiple="skip"))
    made = await passes.run_pass(ACCOUNTS)
    assert await passes.conflicts() == []
    assert made.counts["external"]["skipped"] == 1
    assert made.counts["alguna"]["skipped"] == 2
    await passes.boxes.control("salesforce", "DELETE", f"records/accounts/{doubled}")
    await passes.run_pass(ACCOUNTS)
    assert await passes.links_of(ACCOUNTS) == {ours: kept}


async def test_i10_records_without_a_partner_are_not_looked_up_again(passes: Passes) -> None:
    for number in range(5):
        await customer(passes, f"Lonely {number}", f"ap@lonely{number}.example")
        await account(passes, f"Single {number}")
    await passes.configure("accounts", matching=rules(BY_EMAIL, BY_NAME, onNoMatch="skip"))
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.clear_calls()
    await passes.run_pass(ACCOUNTS)
    assert await passes.total_calls() == 2, "one page of each side, and not a look-up more"
    assert await both_totals(passes) == (5, 5)


async def test_i2_a_copied_marker_is_a_question_not_a_second_record(passes: Passes) -> None:
    """A subscription is duplicated in Alguna with its metadata: the copy says it is the same opportunity."""
    await passes.boxes.seed("alguna", "subscriptions", 1)
    await passes.configure("accounts", "subscriptions")
    await passes.run_all(ACCOUNTS, SUBSCRIPTIONS)
    (one,) = await passes.boxes.records("alguna", "subscriptions")
    links = await passes.links_of(SUBSCRIPTIONS)
    marked = {**(one.get("metadata") or {}), "external_sync_int_salesforce": links[one["id"]]}
    copy = {"name": "A copy", "customer_id": one["customer_id"], "currency": one["currency"], "metadata": marked}
    made = await passes.boxes.control("alguna", "POST", "records/subscriptions", copy)
    await passes.run_pass(SUBSCRIPTIONS)
    (question,) = await passes.conflicts()
    assert question.alguna_id == made["id"]
    (candidate,) = question.candidates
    assert candidate["externalId"] == links[one["id"]]
    assert candidate["reasons"] == ["named by this record's marker", f"linked with {one['id']} already"]
    assert await both_totals(passes, "subscriptions") == (2, 1)


async def test_i2_two_unlinked_records_with_one_marker_are_a_question(passes: Passes) -> None:
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", "subscriptions")
    await passes.run_pass(ACCOUNTS)
    ((ours, theirs),) = (await passes.links_of(ACCOUNTS)).items()
    deal = {"Name": "Deal", "AccountId": theirs, "StageName": "Prospecting", "CloseDate": "2026-12-01"}
    opportunity = await passes.boxes.control("salesforce", "POST", "records/subscriptions", deal)
    for name in ("One", "Two"):
        body: dict[str, Any] = {"name": name, "customer_id": ours, "currency": "EUR"}
        body["metadata"] = {"external_sync_int_salesforce": opportunity["Id"]}
        await passes.boxes.control("alguna", "POST", "records/subscriptions", body)
    made = await passes.run_pass(SUBSCRIPTIONS)
    assert made.counts["conflicts"] == 3
    assert await passes.links_of(SUBSCRIPTIONS) == {}
    assert await both_totals(passes, "subscriptions") == (2, 1)


async def test_new_rules_are_tried_on_records_that_the_old_ones_left_alone(passes: Passes) -> None:
    """Neither record changed, so only a pass that reads everything can see that they belong together now."""
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    theirs = await account(passes, "Other Name", "ap@zephyr.example")
    await passes.configure("accounts", matching=rules(BY_NAME, onNoMatch="skip"))
    await passes.run_pass(ACCOUNTS)
    assert await passes.links_of(ACCOUNTS) == {}
    await passes.configure("accounts", matching=rules(BY_EMAIL, BY_NAME, onNoMatch="skip"))
    assert (await passes.run_pass(ACCOUNTS)).mode == "full"
    assert await passes.links_of(ACCOUNTS) == {ours: theirs}
    assert (await passes.run_pass(ACCOUNTS)).mode == "incremental"


async def test_p14_a_changed_email_address_makes_no_second_contact(passes: Passes) -> None:
    await passes.boxes.seed("alguna", "contacts", 2)
    await passes.configure("accounts", "contacts")
    await passes.run_all(ACCOUNTS, CONTACTS)
    before = await both_totals(passes, "contacts")
    links = await passes.links_of(CONTACTS)
    first, second, *_ = links
    (owner,) = [
        row
        for row in await passes.boxes.records("alguna", "accounts")
        if any(contact["id"] == first for contact in row["contacts"])
    ]
    renamed = [{**one, "email": "new@ours.example"} if one["id"] == first else one for one in owner["contacts"]]
    await passes.boxes.edit("alguna", "accounts", owner["id"], contacts=renamed)
    await passes.boxes.edit("salesforce", "contacts", links[second], Email="new@theirs.example")
    await passes.run_all(ACCOUNTS, CONTACTS)
    assert await both_totals(passes, "contacts") == before
    assert await passes.links_of(CONTACTS) == links
    theirs = {row["Id"]: row["Email"] for row in await passes.boxes.records("salesforce", "contacts")}
    ours = {row["id"]: row["email"] for row in await passes.boxes.records("alguna", "contacts")}
    assert (theirs[links[first]], ours[second]) == ("new@ours.example", "new@theirs.example")


async def test_i6_a_create_whose_partner_is_linked_elsewhere_counts_as_failed(passes: Passes) -> None:
    """Alguna has one contact with the address, and it is another's partner: no second link, and no count of one."""
    await passes.boxes.seed("alguna", "contacts", 1)
    await passes.configure("accounts", "contacts")
    await passes.run_all(ACCOUNTS, CONTACTS)
    linked = await passes.links_of(CONTACTS)
    ours, theirs = next(iter(linked.items()))
    twin = next(row for row in await passes.boxes.records("salesforce", "contacts") if row["Id"] == theirs)
    row = {"LastName": "Twin", "Email": twin["Email"], "AccountId": twin["AccountId"]}
    second = await passes.boxes.control("salesforce", "POST", "records/contacts", row)
    made = await passes.run_pass(CONTACTS)
    assert made.counts["alguna"].get("failed") == 1, made.counts
    assert "created" not in made.counts["alguna"]
    assert "linked" not in made.counts
    (error,) = await passes.errors()
    assert (error.type, error.target, error.source_id) == ("duplicate", "alguna", second["Id"])
    assert ours in error.message
    assert await passes.links_of(CONTACTS) == linked
