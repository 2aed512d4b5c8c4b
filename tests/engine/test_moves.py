"""Children that are moved to another account: carried over where the other side can, else said once (design 3.6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activities.contracts import ChunkRef, Mode, PassRef
from activities.fetch import fetch
from activities.match import match
from activities.transform import transform
from activities.write import write
from core.enums import Direction
from core.errors import Transient
from core.records import Entity, Side
from core.relations import Parents
from store import links
from store.links import LinkState
from tests.engine.inproc import Passes, make_passes
from tests.engine.test_matching import ACCOUNTS, CONTACTS, SUBSCRIPTIONS, account, customer
from tests.engine.test_relations import contact, state_of
from tests.engine.world import INTEGRATION, Sandboxes

EUR = {"entityOptions": {"accounts": {"defaultCurrency": "EUR"}}}


async def subscription(world: Passes, customer_id: str, name: str) -> str:
    body = {"customer_id": customer_id, "name": name, "currency": "EUR"}
    return str((await world.boxes.control("alguna", "POST", "records/subscriptions", body))["id"])


async def row(world: Passes, entity: str, record_id: str) -> dict[str, Any]:
    return next(one for one in await world.boxes.records("salesforce", entity) if one["Id"] == record_id)


async def link_of(world: Passes, entity: Entity, alguna_id: str) -> LinkState:
    async with world.services.db.session() as session:
        found = await links.active(session, world.scope(entity), Side.ALGUNA, [alguna_id])
    return found[alguna_id]


async def trail_of(world: Passes, deal: str, rule: str) -> dict[str, Any]:
    """What the audit says of a subscription's customer under this rule."""
    audit = (await state_of(world, SUBSCRIPTIONS, deal))["audit"]
    entries = [entry for merged in audit for entry in merged["decisions"]]
    return next(entry for entry in entries if (entry["field"], entry["rule"]) == ("customerId", rule))


async def settled(world: Passes, *entities: Entity) -> None:
    """Both sides agree: another pass of each entity writes nothing (I4, I5)."""
    await world.run_all(*entities)
    await world.boxes.clear_calls()
    made = await world.run_all(*entities)
    assert await world.boxes.writes() == []
    assert not any("failed" in side for one in made.values() for side in one.counts.values() if isinstance(side, dict))


async def two_deals(world: Passes, **more: Any) -> tuple[str, str, str, str]:
    """A subscription of the first of two linked customers: (first, second customer, subscription, opportunity)."""
    first, second = await customer(world, "Zephyr Works"), await customer(world, "Borealis Freight")
    deal = await subscription(world, first, "Platform")
    await world.configure("accounts", "subscriptions", **EUR, **more)
    await world.run_all(ACCOUNTS, SUBSCRIPTIONS)
    there = (await world.links_of(SUBSCRIPTIONS))[deal]
    assert (await row(world, "subscriptions", there))["AccountId"] == (await world.links_of(ACCOUNTS))[first]
    return first, second, deal, there


async def test_i4_a_subscription_moved_in_alguna_is_moved_in_salesforce(passes: Passes) -> None:
    first, second, deal, there = await two_deals(passes)
    accounts = await passes.links_of(ACCOUNTS)
    assert (await link_of(passes, SUBSCRIPTIONS, deal)).kinship.base == Parents(first, accounts[first])
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second, name="Platform Plus")
    made = await passes.run_pass(SUBSCRIPTIONS)
    assert made.counts["external"]["updated"] == 1
    moved = await row(passes, "subscriptions", there)
    assert (moved["AccountId"], moved["Name"]) == (accounts[second], "Platform Plus")
    entry = await trail_of(passes, deal, "only_change")
    assert (entry["action"], entry["base"]) == ("to_external", [first, accounts[first]])
    await settled(passes, ACCOUNTS, SUBSCRIPTIONS)
    assert await passes.errors() == []


async def test_i4_a_move_is_found_by_a_full_pass_too_and_waits_for_its_new_account(passes: Passes) -> None:
    """Only subscriptions are synced: the new customer is asked for, and its link carries the move over."""
    _, _, deal, there = await two_deals(passes)
    third = await customer(passes, "Third Harbour")
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=third)
    made = await passes.run_pass(SUBSCRIPTIONS, Mode.FULL)
    assert made.counts["parked"] == 1
    state = await state_of(passes, SUBSCRIPTIONS, deal)
    assert (state["status"], state["reason"]) == ("parked", f"waits for its account {third}, which has no partner yet")
    assert [(run.mode, run.entities) for run in passes.mailbox.runs()] == [(Mode.INBOX, [ACCOUNTS])]
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    assert [run.entities for run in passes.mailbox.runs()][1:] == [[SUBSCRIPTIONS]]
    made = await passes.run_pass(SUBSCRIPTIONS, Mode.INBOX)
    assert "parked" not in made.counts
    assert (await row(passes, "subscriptions", there))["AccountId"] == (await passes.links_of(ACCOUNTS))[third]
    await settled(passes, ACCOUNTS, SUBSCRIPTIONS)


async def test_i3_a_person_who_moves_it_meanwhile_is_asked_by_the_rule_not_overwritten(passes: Passes) -> None:
    """Moved on both sides: Alguna's customer wins, and the trail names the rule."""
    first, second, deal, there = await two_deals(passes)
    other = await account(passes, "Third Harbour")
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second)
    await passes.boxes.edit("salesforce", "subscriptions", there, AccountId=other)
    await passes.run_pass(SUBSCRIPTIONS)
    accounts = await passes.links_of(ACCOUNTS)
    assert (await row(passes, "subscriptions", there))["AccountId"] == accounts[second]
    entry = await trail_of(passes, deal, "alguna_wins")
    assert (entry["action"], entry["base"]) == ("to_external", [first, accounts[first]])
    await settled(passes, ACCOUNTS, SUBSCRIPTIONS)


async def test_i3_two_moves_under_a_manual_rule_are_an_error_and_nothing_is_written(passes: Passes) -> None:
    _, second, deal, there = await two_deals(passes, conflictResolution="manual")
    other = await account(passes, "Third Harbour")
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second)
    await passes.boxes.edit("salesforce", "subscriptions", there, AccountId=other)
    await passes.boxes.clear_calls()
    await passes.run_pass(SUBSCRIPTIONS)
    assert await passes.boxes.writes() == []
    (error,) = await passes.errors()
    assert (error.type, error.field) == ("conflict", "AccountId")
    await passes.boxes.edit("salesforce", "subscriptions", there, AccountId=(await passes.links_of(ACCOUNTS))[second])
    await passes.run_pass(SUBSCRIPTIONS)
    assert await passes.errors() == []


async def test_a_contact_moved_in_salesforce_is_told_once_and_its_fields_go_on(passes: Passes) -> None:
    """A contact is a row of its customer in Alguna: it cannot move there. Moved back, the error closes itself."""
    home, away = await account(passes, "Zephyr Works"), await account(passes, "Borealis Freight")
    child = await contact(passes, home, "Lund", "ida@zephyr.example")
    await passes.configure("accounts", "contacts", **EUR)
    await passes.run_all(ACCOUNTS, CONTACTS)
    ours = next(alguna for alguna, external in (await passes.links_of(CONTACTS)).items() if external == child)
    owner = (await link_of(passes, CONTACTS, ours)).kinship.base
    assert owner is not None
    assert owner.external == home
    await passes.boxes.edit("salesforce", "contacts", child, AccountId=away, FirstName="Ida")
    made = await passes.run_pass(CONTACTS)
    assert made.counts["alguna"]["failed"] == 1
    (error,) = await passes.errors()
    assert (error.type, error.field, error.target) == ("field_validation", "accountId", "alguna")
    assert f"account {owner.alguna} in Alguna and account {away} in salesforce" in error.message
    assert f"move it back to {home} in salesforce" in error.message
    contacts = await passes.boxes.records("alguna", "contacts")
    assert next(one for one in contacts if one["id"] == ours)["first_name"] == "Ida", "the other fields go on"
    made = await passes.run_pass(CONTACTS)
    assert "failed" not in made.counts.get("alguna", {}), "told once"
    made = await passes.run_pass(CONTACTS, Mode.FULL)
    assert made.counts["alguna"]["failed"] == 1, "a full pass tries everything again"
    assert [one.id for one in await passes.errors()] == [error.id]
    await passes.boxes.edit("salesforce", "contacts", child, AccountId=home)
    await passes.run_pass(CONTACTS)
    assert await passes.errors() == []
    await settled(passes, ACCOUNTS, CONTACTS)


async def test_i7_a_move_whose_reply_is_lost_is_known_and_not_sent_again(passes: Passes) -> None:
    """The person who moves it back after that has moved it: nothing carries the old move over again."""
    first, second, deal, there = await two_deals(passes)
    accounts = await passes.links_of(ACCOUNTS)
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second)
    calls = {"method": "PATCH", "path": "sobjects"}
    await passes.boxes.control(
        "salesforce", "POST", "faults", {"match": calls, "fault": "drop_after_commit", "times": 1}
    )
    with pytest.raises(Transient):
        await passes.run_pass(SUBSCRIPTIONS)
    assert (await row(passes, "subscriptions", there))["AccountId"] == accounts[second]
    await passes.boxes.clear_calls()
    await passes.run_pass(SUBSCRIPTIONS)
    assert await passes.boxes.writes() == []
    assert (await link_of(passes, SUBSCRIPTIONS, deal)).kinship.base == Parents(second, accounts[second])
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=first)
    await passes.run_pass(SUBSCRIPTIONS)
    assert (await row(passes, "subscriptions", there))["AccountId"] == accounts[first]


async def test_i3_a_move_that_salesforce_got_meanwhile_goes_back_to_the_merge(passes: Passes) -> None:
    """Between merge and write a person moves the opportunity: the stale write is dropped, and the rule decides."""
    _, second, deal, there = await two_deals(passes, conflictResolution="manual")
    other = await account(passes, "Third Harbour")
    await passes.run_pass(ACCOUNTS)
    passes.engine.options = replace(passes.engine.options, stale_read_seconds=0)
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second)
    of = PassRef(pass_id="pass_stale", integration_id=INTEGRATION, entity=SUBSCRIPTIONS, mode=Mode.INCREMENTAL)
    await fetch(passes.engine, of)
    chunk = ChunkRef(of=of, number=1)
    await match(passes.engine, chunk)
    assert (await transform(passes.engine, chunk)).proceed
    await passes.boxes.edit("salesforce", "subscriptions", there, AccountId=other)
    await write(passes.engine, chunk)
    assert (await row(passes, "subscriptions", there))["AccountId"] == other
    await passes.run_pass(SUBSCRIPTIONS)
    assert [error.type for error in await passes.errors()] == ["conflict"]
    assert (await row(passes, "subscriptions", there))["AccountId"] == other


async def test_a_one_way_sync_never_moves_the_source(passes: Passes) -> None:
    """Kept as drift: no error, no write; the next move in Alguna overwrites it."""
    first, second, deal, there = await two_deals(passes, direction="alguna_to_external")
    accounts = await passes.links_of(ACCOUNTS)
    await passes.boxes.edit("salesforce", "subscriptions", there, AccountId=accounts[second])
    await passes.boxes.clear_calls()
    made = await passes.run_pass(SUBSCRIPTIONS)
    assert made.counts["drift"] == 1
    assert (await passes.boxes.writes(), await passes.errors()) == ([], [])
    third = await customer(passes, "Third Harbour")
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=third)
    await passes.run_all(ACCOUNTS, SUBSCRIPTIONS)
    assert (await row(passes, "subscriptions", there))["AccountId"] == (await passes.links_of(ACCOUNTS))[third]
    assert first not in (third, second)


async def test_i3_a_move_waits_for_a_run_that_may_carry_it_over(passes: Passes) -> None:
    """A run towards Alguna alone leaves the opportunity where it is; the next one in both directions moves it."""
    first, second, deal, there = await two_deals(passes)
    accounts = await passes.links_of(ACCOUNTS)
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=second)
    one_way = PassRef(
        pass_id="pass_in",
        integration_id=INTEGRATION,
        entity=SUBSCRIPTIONS,
        mode=Mode.INCREMENTAL,
        direction=Direction.EXTERNAL_TO_ALGUNA,
    )
    made = await passes.carry_out(one_way)
    assert made.counts["external"]["skipped"] == 1
    assert (await row(passes, "subscriptions", there))["AccountId"] == accounts[first]
    await passes.run_pass(SUBSCRIPTIONS)
    assert (await row(passes, "subscriptions", there))["AccountId"] == accounts[second]
    await settled(passes, ACCOUNTS, SUBSCRIPTIONS)


async def test_p30_a_child_says_that_its_accounts_are_not_synced_at_all(passes: Passes) -> None:
    parent = await account(passes, "Borealis Freight")
    child = await contact(passes, parent, "Lund", "ida@borealis.example")
    await passes.configure("contacts", **EUR)
    made = await passes.run_pass(CONTACTS)
    assert made.counts["parked"] == 1
    wanted = f"waits for its account {parent}, which is not synced: add its entity to `entities` of the sync-config"
    assert (await state_of(passes, CONTACTS, child))["reason"] == wanted


async def test_a_deal_moved_in_alguna_is_told_where_hubspot_keeps_it(tmp_path: Path) -> None:
    """A deal's company is an association, which is not rewritten: an error says which companies differ."""
    boxes = Sandboxes("hubspot")
    await boxes.start()
    world = await make_passes(tmp_path, boxes)
    try:
        first, second = await customer(world, "Zephyr Works"), await customer(world, "Borealis Freight")
        deal = await subscription(world, first, "Platform")
        await world.configure("accounts", "subscriptions", **EUR)
        await world.run_all(ACCOUNTS, SUBSCRIPTIONS)
        companies = await world.links_of(ACCOUNTS)
        assert (await link_of(world, SUBSCRIPTIONS, deal)).kinship.base == Parents(first, companies[first])
        await boxes.edit("alguna", "subscriptions", deal, customer_id=second)
        await boxes.clear_calls()
        await world.run_pass(SUBSCRIPTIONS)
        assert await boxes.writes() == []
        (error,) = await world.errors()
        assert (error.type, error.field, error.target) == ("field_validation", "customerId", "external")
        assert f"account {second} in Alguna and account {companies[first]} in hubspot" in error.message
        assert f"move it back to {first} in Alguna" in error.message
        await boxes.edit("alguna", "subscriptions", deal, customer_id=first)
        await world.run_pass(SUBSCRIPTIONS)
        assert await world.errors() == []
    finally:
        await world.close()
        await boxes.stop()
