"""The audit trail as a person reads it: every decision with base, both values, times, rule and run (I3)."""

from __future__ import annotations

from typing import Any

from core.records import Entity, Side
from starter.services import linking, status
from starter.services.backend import Backend
from tests.engine.local import Local
from tests.engine.test_conflicts import MANUAL, integration_of
from tests.engine.test_matching import ACCOUNTS, BY_EMAIL, account, customer, rules


async def trail_of(world: Local, record_id: str) -> list[dict[str, Any]]:
    """All decisions about a record, oldest first, each with its entry's `syncId`."""
    backend = Backend(world.services, world.client)
    state = await status.record_state(backend, await integration_of(world), Entity.ACCOUNTS, record_id)
    entries = reversed(state["audit"])
    return [{**decision, "syncId": entry["syncId"]} for entry in entries for decision in entry["decisions"]]


def about(trail: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    found = [one for one in trail if all(one.get(name) == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, trail)
    return found[0]


async def test_i3_every_decision_names_base_values_times_rule_and_run(local: Local) -> None:
    ours, theirs = await customer(local, "Acme", "a@mail.example"), await account(local, "Acme Inc", "a@mail.example")
    mapped = {"mappings": {"accounts": [{**one, "conflictResolution": "external_wins"} for one in MANUAL]}}
    await local.configure("accounts", matching=rules(BY_EMAIL), **mapped)
    first = await local.sync()
    trail = await trail_of(local, ours)
    assert about(trail, action="linked") == {
        "field": None, "action": "linked", "rule": "email", "syncId": first.id
    }  # fmt: skip
    met = about(trail, field="name", action="to_alguna")
    assert (met["rule"], met["base"], met["alguna"], met["external"]) == ("external_wins", None, "Acme", "Acme Inc")
    await local.boxes.edit("alguna", "accounts", ours, name="Ours")
    second = await local.sync()
    carried = about(await trail_of(local, theirs), syncId=second.id, field="name", action="to_external")
    assert (carried["rule"], carried["base"]) == ("only_change", ["Acme Inc", "Acme Inc"])
    assert (carried["alguna"], carried["external"]) == ("Ours", "Acme Inc")
    assert carried["algunaModifiedAt"]
    await local.boxes.edit("alguna", "accounts", ours, name="Ours again")
    await local.boxes.edit("salesforce", "accounts", theirs, Name="Theirs")
    third = await local.sync()
    decided = about(await trail_of(local, ours), syncId=third.id, field="name", action="to_alguna")
    assert (decided["rule"], decided["base"]) == ("external_wins", ["Ours", "Ours"])
    assert (decided["alguna"], decided["external"]) == ("Ours again", "Theirs")
    assert decided["algunaModifiedAt"]
    assert decided["externalModifiedAt"]


async def test_i3_created_archived_and_parted_records_tell_why_and_in_which_run(local: Local) -> None:
    ours = await customer(local, "Acme", "a@mail.example")
    await local.configure("accounts", onDelete={"toExternal": "archive", "toAlguna": "unlink"})
    first = await local.sync()
    made = about(await trail_of(local, ours), field="name", action="create")
    assert (made["rule"], made["alguna"], made["syncId"]) == ("create", "Acme", first.id)
    assert made["algunaModifiedAt"]
    theirs = (await local.links_of(ACCOUNTS))[ours]
    await local.boxes.control("salesforce", "DELETE", f"records/accounts/{theirs}")
    second = await local.sync()
    gone = about(await trail_of(local, ours), action="deleted")
    assert (gone["rule"], gone["side"], gone["syncId"]) == ("unlink", "external", second.id)


async def test_i3_links_that_people_set_and_end_name_them(local: Local) -> None:
    ours, theirs = await customer(local, "Acme", "a@mail.example"), await account(local, "Other", "b@mail.example")
    await local.configure("accounts", matching=rules(BY_EMAIL, onNoMatch="skip"))
    await local.sync()
    backend, integration = Backend(local.services, local.client), await integration_of(local)
    await linking.put(backend, integration, ACCOUNTS, ours, theirs, by="Ada's key")
    await linking.remove(backend, integration, ACCOUNTS, ours, by="Ben's key")
    trail = await trail_of(local, theirs)
    assert [(one["action"], one["rule"], one["by"], one["syncId"]) for one in trail] == [
        ("linked", "person", "Ada's key", None),
        ("unlinked", "person", "Ben's key", None),
    ]


async def test_i3_an_answer_to_a_match_conflict_names_the_person_and_the_run(local: Local) -> None:
    ours = await customer(local, "Acme", "a@mail.example")
    theirs = [await account(local, name, "a@mail.example") for name in ("Acme Inc", "Acme Ltd")]
    await local.configure("accounts", matching=rules(BY_EMAIL))
    await local.sync()
    asked = next(row for row in await local.conflicts() if row.subject == f"{Side.ALGUNA}:{ours}")
    await local.resolve(asked, {"resolution": "link", "externalId": theirs[1], "by": "Ada's key"})
    linked = about(await trail_of(local, ours), action="linked")
    assert (linked["rule"], linked["by"]) == ("person", "Ada's key")
    assert linked["syncId"]
