"""Where features meet: runs of one direction, failed passes, dry runs and new configurations lose nothing (I3, I6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities import inbox
from activities.contracts import Mode, PassRef
from connectors.salesforce.cursors import Cursor
from core.enums import Direction
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.records import Entity, Side
from store import errors, runs, staging
from store.errors import FailedRecord
from store.tables.runs import Pass
from store.tables.sync import Cursor as CursorRow
from store.types import utc_now
from tests.engine import inproc
from tests.engine.inproc import Passes
from tests.engine.test_agreement import BOTH
from tests.engine.test_matching import ACCOUNTS, BY_EMAIL, BY_NAME, CONTACTS, SUBSCRIPTIONS, account, customer, rules
from tests.engine.test_moves import row, two_deals
from tests.engine.test_relations import configure, contact
from tests.engine.world import INTEGRATION

NAME, EMAIL = BOTH["accounts"][:2]
OUT = Direction.ALGUNA_TO_EXTERNAL


async def carry_out(
    world: Passes,
    entity: Entity = ACCOUNTS,
    mode: Mode = Mode.INCREMENTAL,
    *,
    direction: Direction | None = None,
    dry_run: bool = False,
) -> Pass:
    """Carry out the pass of a run that is limited or rehearsed."""
    run_id = f"sync_{uuid4().hex}"
    async with world.services.db.transaction() as session:
        await runs.add_run(
            session,
            run_id,
            INTEGRATION,
            trigger="manual",
            mode=mode.value,
            entities=[entity.value],
            workflow_id=run_id,
            at=utc_now(),
            dry_run=dry_run,
            direction=direction,
        )
    of = PassRef(
        pass_id=f"pass_{uuid4().hex}",
        integration_id=INTEGRATION,
        entity=entity,
        mode=mode,
        run_ids=[run_id],
        direction=direction,
        dry_run=dry_run,
    )
    return await world.carry_out(of)


async def ask(world: Passes, side: Side, record_id: str) -> None:
    async with world.services.db.transaction() as session:
        await staging.ask(session, world.scope(ACCOUNTS), [(side, record_id)], staging.HINT, utc_now())


async def look_later(world: Passes, entity: Entity) -> None:
    """Let time pass, so that the next pass does not read again what the last has read."""
    later = utc_now() + timedelta(hours=1)
    cursors = {Side.ALGUNA: later.isoformat(), Side.EXTERNAL: Cursor.after(later).dump()}
    async with world.services.db.transaction() as session:
        for side, cursor in cursors.items():
            row = await session.get_one(CursorRow, (INTEGRATION, entity.value, side.value))
            row.cursor = cursor
            session.add(row)


async def test_i6_a_run_of_one_direction_ends_and_leaves_what_waits_for_both(passes: Passes) -> None:
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    await passes.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Told By An Event")
    await ask(passes, Side.EXTERNAL, theirs["Id"])
    await carry_out(passes, direction=OUT)
    async with passes.services.db.session() as session:
        assert await staging.has_inbox(session, passes.scope(ACCOUNTS)), "the event waits"
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    [ours] = await passes.boxes.records("alguna", "accounts")
    assert ours["name"] == "Told By An Event"


async def test_i7_what_a_failed_pass_took_from_the_inbox_is_taken_by_the_next(
    passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    await passes.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Told By An Event")
    await ask(passes, Side.EXTERNAL, theirs["Id"])

    async def refuse(*given: Any) -> Any:
        raise FieldValidation("this object may not be read")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "read_records", refuse)
        with pytest.raises(FieldValidation):
            await passes.run_pass(ACCOUNTS, Mode.INBOX)
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    [ours] = await passes.boxes.records("alguna", "accounts")
    assert ours["name"] == "Told By An Event"


async def test_i7_what_a_failed_pass_had_staged_outlives_a_run_of_the_other_direction(
    passes: Passes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No feed shows the record again: it lies before both cursors, and the wish to look at it is used up."""
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    await passes.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Told By An Event")
    await ask(passes, Side.EXTERNAL, theirs["Id"])

    async def refuse(*given: Any) -> Any:
        raise FieldValidation("this object may not be described")

    with monkeypatch.context() as patched:
        patched.setattr(inproc, "match", refuse)
        with pytest.raises(FieldValidation):
            await passes.run_pass(ACCOUNTS, Mode.INBOX)
    await look_later(passes, ACCOUNTS)
    await carry_out(passes, direction=OUT)
    await passes.run_pass(ACCOUNTS)
    [ours] = await passes.boxes.records("alguna", "accounts")
    assert ours["name"] == "Told By An Event"


async def test_i6_a_parked_child_outlives_a_run_of_the_other_direction(passes: Passes) -> None:
    parent = await account(passes, "Borealis Freight")
    child = await contact(passes, parent, "Lund", "ida@borealis.example")
    await configure(passes)
    await passes.run_pass(CONTACTS)
    await look_later(passes, CONTACTS)
    await passes.run_pass(ACCOUNTS)
    await carry_out(passes, CONTACTS, direction=OUT)
    await passes.run_pass(CONTACTS)
    assert child in (await passes.links_of(CONTACTS)).values()


async def test_i6_a_waiting_move_outlives_a_run_of_the_other_direction(passes: Passes) -> None:
    _, _, deal, there = await two_deals(passes)
    third = await customer(passes, "Third Harbour")
    await passes.boxes.edit("alguna", "subscriptions", deal, customer_id=third)
    await passes.run_pass(SUBSCRIPTIONS, Mode.FULL)
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    await carry_out(passes, SUBSCRIPTIONS, direction=Direction.EXTERNAL_TO_ALGUNA)
    await passes.run_pass(SUBSCRIPTIONS, Mode.INBOX)
    assert (await row(passes, "subscriptions", there))["AccountId"] == (await passes.links_of(ACCOUNTS))[third]


async def test_i6_a_retry_that_is_due_waits_for_a_run_in_both_directions(passes: Passes) -> None:
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [[ours, theirs]] = (await passes.links_of(ACCOUNTS)).items()
    failure = RecordFailure(ErrorType.TRANSIENT, "not carried out after several tries")
    async with passes.services.db.transaction() as session:
        failed = [FailedRecord(Side.ALGUNA, theirs, ours, theirs, failure)]
        await errors.open_errors(session, passes.scope(ACCOUNTS), None, failed, utc_now() - timedelta(days=1))
    await carry_out(passes, direction=OUT)
    assert [row.source_id for row in await passes.errors()] == [theirs]
    await passes.run_pass(ACCOUNTS)
    assert await passes.errors() == []


async def test_i3_a_rehearsal_does_not_take_up_a_new_mapping_for_the_sync(passes: Passes) -> None:
    """The field that a mapping leads to now has no common past, whoever rehearsed it before."""
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [before] = await passes.boxes.records("alguna", "accounts")
    moved = {**EMAIL, "externalField": "Website"}
    await passes.configure("accounts", mappings={"accounts": [NAME, moved]}, conflictResolution="external_wins")
    await carry_out(passes, mode=Mode.FULL, dry_run=True)
    await passes.run_pass(ACCOUNTS, Mode.FULL)
    [after] = await passes.boxes.records("alguna", "accounts")
    assert after["contacts"] == before["contacts"], "a blank new field is filled, it clears nothing"
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    assert theirs["Website"]


async def test_i3_a_pass_of_the_inbox_takes_up_a_new_mapping_once(passes: Passes) -> None:
    """What it has agreed on is the past of the new mapping: a later edit is an edit, no first meeting."""
    await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    await passes.run_pass(ACCOUNTS)
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    moved = {**EMAIL, "externalField": "Website"}
    await passes.configure("accounts", mappings={"accounts": [NAME, moved]})
    await passes.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Told By An Event", Website=theirs["Email__c"])
    await ask(passes, Side.EXTERNAL, theirs["Id"])
    await passes.run_pass(ACCOUNTS, Mode.INBOX)
    await passes.boxes.edit("salesforce", "accounts", theirs["Id"], Website="edited@there.example")
    await passes.run_pass(ACCOUNTS)
    [ours] = await passes.boxes.records("alguna", "accounts")
    assert [item["email"] for item in ours["contacts"]] == ["edited@there.example"]


async def test_i6_a_rehearsal_does_not_try_new_match_rules_for_the_sync(passes: Passes) -> None:
    ours = await customer(passes, "Zephyr Works", "ap@zephyr.example")
    theirs = await account(passes, "Zephyr Works", "else@zephyr.example")
    await passes.configure("accounts", matching=rules(BY_EMAIL, onNoMatch="skip"))
    await passes.run_pass(ACCOUNTS)
    assert await passes.links_of(ACCOUNTS) == {}
    await look_later(passes, ACCOUNTS)
    await passes.configure("accounts", matching=rules(BY_NAME, onNoMatch="skip"))
    await carry_out(passes, dry_run=True)
    made = await passes.run_pass(ACCOUNTS)
    assert made.mode == "full", "old records have no keys under the new rules"
    assert await passes.links_of(ACCOUNTS) == {ours: theirs}


async def test_i6_new_match_rules_are_tried_by_the_first_run_that_may_act_on_them(passes: Passes) -> None:
    """Under the new rules nobody fits the account any more: the first run that may make its customer does."""
    for name in ("Zephyr Works", "Zephyr Holding"):
        await customer(passes, name, "ap@zephyr.example")
    theirs = await account(passes, "Something Else", "ap@zephyr.example")
    options = {"accounts": {"defaultCurrency": "EUR"}}
    await passes.configure("accounts", matching=rules(BY_EMAIL), entityOptions=options)
    await passes.run_pass(ACCOUNTS)
    assert await passes.links_of(ACCOUNTS) == {}
    await look_later(passes, ACCOUNTS)
    await passes.configure("accounts", matching=rules(BY_NAME), entityOptions=options)
    await carry_out(passes, direction=OUT)
    assert theirs not in (await passes.links_of(ACCOUNTS)).values()
    await passes.run_pass(ACCOUNTS)
    assert theirs in (await passes.links_of(ACCOUNTS)).values()


async def test_i6_a_record_that_was_read_unchanged_and_is_written_all_the_same_is_counted_once(passes: Passes) -> None:
    """Its partner lost the marker, or both rested outside a filter and come back."""
    await customer(passes, "Zephyr Works")
    theirs = await account(passes, "Zephyr Works")
    await passes.configure("accounts", mappings={"accounts": [NAME]})
    await passes.run_pass(ACCOUNTS)
    await passes.boxes.edit("salesforce", "accounts", theirs, Alguna_Customer_ID__c=None)
    marked = await passes.run_pass(ACCOUNTS, Mode.FULL)
    assert (marked.counts["external"], marked.counts["alguna"]) == ({"updated": 1, "unchanged": 0}, {"unchanged": 1})
    none = {"accounts": {"filter": {"alguna": {"field": "currency", "op": "eq", "value": "JPY"}}}}
    await passes.configure("accounts", mappings={"accounts": [NAME]}, entityOptions=none)
    await passes.run_pass(ACCOUNTS, Mode.FULL)
    await passes.boxes.edit("salesforce", "accounts", theirs, Name="Edited while resting")
    await passes.run_pass(ACCOUNTS)
    await passes.configure("accounts", mappings={"accounts": [NAME]})
    back = await passes.run_pass(ACCOUNTS, Mode.FULL)
    assert (back.counts["external"], back.counts["alguna"]) == ({"unchanged": 1}, {"updated": 1, "skipped": 0})
