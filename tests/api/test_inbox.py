"""What needs a person: errors tried again or ignored, conflicts resolved."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import Mode
from core import names
from core.errors import ErrorType, RecordFailure
from core.records import Entity, Side
from store import conflicts, errors, staging
from store.conflicts import Question
from store.errors import FailedRecord
from store.links import NewLink, add
from store.scope import Scope
from store.types import utc_now
from tests.api.test_syncs import request_of
from tests.api.world import World

MAPPINGS = {
    "accounts": [
        {"algunaField": "name", "externalField": "Name", "required": True},
        {"algunaField": "email", "externalField": "Email__c"},
    ]
}


async def with_errors(world: World) -> None:
    """Three open errors: two of fields, one without permission."""
    await world.configure("accounts", "contacts")
    too_long = RecordFailure(ErrorType.FIELD_VALIDATION, "too long", "Name", "STRING_TOO_LONG")
    failed = [
        FailedRecord(Side.EXTERNAL, "cus_1", "cus_1", "001A", too_long),
        FailedRecord(Side.EXTERNAL, "cus_2", "cus_2", None, too_long),
        FailedRecord(Side.ALGUNA, "001C", None, "001C", RecordFailure(ErrorType.PERMISSION, "may not")),
    ]
    async with world.backend.db.transaction() as session:
        await errors.open_errors(session, Scope(world.id, Entity.ACCOUNTS), None, failed, utc_now())


async def listed(world: World, query: str = "") -> dict[str, dict[str, Any]]:
    found = await world.call("GET", "/{id}/sync-errors?" + query)
    return {item["algunaId"] or item["externalId"]: item for item in found["data"]}


async def asked(world: World, entity: Entity = Entity.ACCOUNTS) -> set[tuple[Side, str]]:
    async with world.backend.db.transaction() as session:
        taken = await staging.take_inbox(session, Scope(world.id, entity), "p", 100)
    return {(item.side, item.record_id) for item in taken}


async def test_errors_say_what_is_wrong_and_what_resolves_it(world: World) -> None:
    await with_errors(world)
    found = await listed(world)
    assert set(found) == {"cus_1", "cus_2", "001C"}
    one = found["cus_1"]
    assert (one["type"], one["field"], one["vendorCode"]) == ("field_validation", "Name", "STRING_TOO_LONG")
    assert one["hint"]
    assert one["group"] == found["cus_2"]["group"] != found["001C"]["group"]
    assert set(await listed(world, "type=permission")) == {"001C"}
    assert set(await listed(world, "status=resolved")) == set()
    assert set(await listed(world, "entity=contacts")) == set()
    state = await world.call("GET", "/{id}/sync-state")
    assert (state["openErrors"], state["entities"]["accounts"]["openErrors"]) == (3, 3)


async def test_retry_looks_at_the_records_again(world: World) -> None:
    await with_errors(world)
    started = await world.call("POST", "/{id}/sync-errors/retry", status=202)
    assert started["retried"] == 3
    request = await request_of(world, started["workflowId"])
    assert (request.trigger, request.mode, request.entities) == ("retry", Mode.INBOX, [Entity.ACCOUNTS])
    assert {item["status"] for item in (await listed(world)).values()} == {"retrying"}
    assert await asked(world) == {
        (Side.ALGUNA, "cus_1"),
        (Side.EXTERNAL, "001A"),
        (Side.ALGUNA, "cus_2"),
        (Side.EXTERNAL, "001C"),
    }
    again = await world.call("POST", "/{id}/sync-errors/retry", {"errorIds": None, "syncId": None, "types": None}, 202)
    assert again == {"syncId": None, "retried": 0}


async def test_retry_takes_only_what_is_asked_for(world: World) -> None:
    await with_errors(world)
    found = await listed(world)
    started = await world.call("POST", "/{id}/sync-errors/retry", {"types": ["permission"]}, 202)
    assert started["retried"] == 1
    assert await asked(world) == {(Side.EXTERNAL, "001C")}
    ids = [found["cus_2"]["id"]]
    assert (await world.call("POST", "/{id}/sync-errors/retry", {"errorIds": ids}, 202))["retried"] == 1
    statuses = {key: item["status"] for key, item in (await listed(world)).items()}
    assert statuses == {"cus_1": "open", "cus_2": "retrying", "001C": "retrying"}
    for wrong in (["999999"], ["x"]):
        assert await world.refused("POST", "/{id}/sync-errors/retry", {"errorIds": wrong}) == ["errorIds[0]"]
    assert await world.refused("POST", "/{id}/sync-errors/retry", {"types": ["permision"]}) == ["types[0]"]


async def test_an_ignored_error_is_closed_with_its_reason_and_can_come_back(world: World) -> None:
    await with_errors(world)
    error_id = (await listed(world))["cus_1"]["id"]
    assert await world.refused("POST", f"/{{id}}/sync-errors/{error_id}/ignore", {"reason": " "}) == ["reason"]
    ignored = await world.call("POST", f"/{{id}}/sync-errors/{error_id}/ignore", {"reason": "a test account"})
    assert (ignored["status"], ignored["reason"]) == ("ignored", "a test account")
    await world.call("POST", f"/{{id}}/sync-errors/{error_id}/ignore", {"reason": "again"}, 409)
    await world.call("POST", "/{id}/sync-errors/999/ignore", {"reason": "x"}, 404)
    assert (await world.call("POST", "/{id}/sync-errors/retry", {"errorIds": [error_id]}, 202))["retried"] == 1


async def test_a_retry_that_cannot_start_leaves_the_errors_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_errors(world)
    monkeypatch.setattr(world.temporal, "start_workflow", unreachable)
    await world.call("POST", "/{id}/sync-errors/retry", status=503)
    assert {item["status"] for item in (await listed(world)).values()} == {"open"}


async def unreachable(*_: object, **__: object) -> None:
    raise RPCError("no way", RPCStatusCode.UNAVAILABLE, b"")


async def ask(world: World, question: Question) -> str:
    """Open a conflict, return its id."""
    async with world.backend.db.transaction() as session:
        await conflicts.put(session, Scope(world.id, Entity.ACCOUNTS), [question], None, utc_now())
    return str((await world.call("GET", "/{id}/conflicts?status=open"))["data"][0]["id"])


def of_fields(subject: str = "7") -> Question:
    fields = [
        {"algunaField": name, "externalField": external, "base": "a", "alguna": "b", "external": "c"}
        for name, external in (("name", "Name"), ("email", "Email__c"))
    ]
    return Question("fields", subject, "cus_1", "001A", fields)


async def resolve(world: World, conflict_id: str, body: dict[str, Any], status: int = 200) -> Any:
    return await world.call("POST", f"/{{id}}/conflicts/{conflict_id}/resolve", body, status)


async def decision(world: World, conflict_id: str) -> Any:
    return (await world.call("GET", f"/{{id}}/conflicts/{conflict_id}"))["decision"]


@pytest.mark.parametrize(
    ("body", "choices"),
    [
        ({"resolution": "alguna"}, {"name": "alguna", "email": "alguna"}),
        ({"resolution": "external"}, {"name": "external", "email": "external"}),
        (
            {"resolution": "fields", "fields": {"email": "alguna", "name": {"value": "Acme Ltd"}}},
            {"email": "alguna", "name": {"value": "Acme Ltd"}},
        ),
    ],
)
async def test_a_decision_is_stored_and_the_workflow_told(
    world: World, body: dict[str, Any], choices: dict[str, Any]
) -> None:
    await world.configure(mappings=MAPPINGS)
    conflict_id = await ask(world, of_fields())
    answer = await resolve(world, conflict_id, {"version": 1, **body})
    assert (answer["status"], answer["decision"]) == ("resolving", {"choices": choices, "by": "the settings' key"})
    workflow_id = names.conflict_workflow_id(world.id, Entity.ACCOUNTS, int(conflict_id))
    assert await world.signals(workflow_id) == [names.RESOLVE]
    described = await world.temporal.get_workflow_handle(workflow_id).describe()
    assert described.workflow_type == names.CONFLICT_RESOLUTION
    await resolve(world, conflict_id, {"version": 1, **body}, 409)
    assert await world.signals(workflow_id) == [names.RESOLVE]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"resolution": "fields", "fields": {"email": "alguna"}}, "fields.name"),
        ({"resolution": "fields", "fields": {"email": "alguna", "name": "both"}}, "fields.name"),
        ({"resolution": "fields", "fields": {"email": "alguna", "name": {"valu": 1}}}, "fields.name"),
        ({"resolution": "fields", "fields": {"email": "alguna", "name": {"value": ""}}}, "fields.name.value"),
        ({"resolution": "fields", "fields": {"email": "alguna", "name": "alguna", "nam": "alguna"}}, "fields.nam"),
        ({"resolution": "fields"}, "fields.name"),
        ({"resolution": "alguna", "fields": {"name": "alguna"}}, "fields"),
        ({"resolution": "link", "externalId": "001B"}, "resolution"),
        ({"resolution": "newest"}, "resolution"),
    ],
)
async def test_i9_bad_decisions_leave_the_conflict_open(world: World, body: dict[str, Any], field: str) -> None:
    await world.configure(mappings=MAPPINGS)
    conflict_id = await ask(world, of_fields())
    answer = await resolve(world, conflict_id, {"version": 1, **body}, 422)
    assert field in [item["field"] for item in answer["errors"]]
    assert await decision(world, conflict_id) is None


async def test_i3_an_answer_to_older_values_is_refused(world: World) -> None:
    await world.configure(mappings=MAPPINGS)
    conflict_id = await ask(world, of_fields())
    moved = of_fields()
    await ask(world, Question("fields", "7", "cus_1", "001A", [{**moved.fields[0], "external": "d"}]))
    await resolve(world, conflict_id, {"version": 1, "resolution": "alguna"}, 409)
    assert await decision(world, conflict_id) is None
    assert (await resolve(world, conflict_id, {"version": 2, "resolution": "alguna"}))["status"] == "resolving"
    await resolve(world, "999", {"version": 1, "resolution": "alguna"}, 404)
    await resolve(world, "abc", {"version": 1, "resolution": "alguna"}, 404)


@pytest.mark.parametrize(
    ("side", "body", "stored"),
    [
        (Side.ALGUNA, {"resolution": "link", "externalId": "001B"}, {"resolution": "link", "externalId": "001B"}),
        (Side.EXTERNAL, {"resolution": "link", "algunaId": "cus_2"}, {"resolution": "link", "algunaId": "cus_2"}),
        (Side.ALGUNA, {"resolution": "create"}, {"resolution": "create"}),
        (Side.ALGUNA, {"resolution": "skip"}, {"resolution": "skip"}),
    ],
)
async def test_a_match_is_decided(world: World, side: Side, body: dict[str, Any], stored: dict[str, Any]) -> None:
    await world.configure()
    conflict_id = await ask(world, of_match(side))
    assert (await resolve(world, conflict_id, {"version": 1, **body}))["decision"] == {
        **stored,
        "by": "the settings' key",
    }


def of_match(side: Side) -> Question:
    if side is Side.ALGUNA:
        return Question(
            "match", "alguna:cus_1", "cus_1", None, candidates=[{"externalId": "001A"}, {"externalId": "001B"}]
        )
    return Question("match", "external:001C", None, "001C", candidates=[{"algunaId": "cus_1"}, {"algunaId": "cus_2"}])


async def test_i2_a_match_cannot_take_a_record_that_is_linked(world: World) -> None:
    await world.configure()
    conflict_id = await ask(world, of_match(Side.ALGUNA))
    async with world.backend.db.transaction() as session:
        scope = Scope(world.id, Entity.ACCOUNTS)
        await add(session, scope, [NewLink("cus_9", "001B", "person")], config_version=1, at=utc_now())
    answer = await resolve(world, conflict_id, {"version": 1, "resolution": "link", "externalId": "001B"}, 422)
    assert [item["field"] for item in answer["errors"]] == ["externalId"]
    answer = await resolve(world, conflict_id, {"version": 1, "resolution": "link"}, 422)
    assert [item["field"] for item in answer["errors"]] == ["externalId"]
    await resolve(world, conflict_id, {"version": 1, "resolution": "alguna"}, 422)


async def test_i9_a_match_cannot_take_a_record_that_is_not_there(world: World) -> None:
    await world.configure()
    conflict_id = await ask(world, of_match(Side.ALGUNA))
    answer = await resolve(world, conflict_id, {"version": 1, "resolution": "link", "externalId": "001X"}, 422)
    assert answer["errors"] == [{"field": "externalId", "message": "salesforce has no record `001X` of accounts"}]
    assert (await world.call("GET", f"/{{id}}/conflicts/{conflict_id}"))["status"] == "open"


async def test_a_decision_nobody_could_be_told_of_leaves_the_conflict_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.configure(mappings=MAPPINGS)
    conflict_id = await ask(world, of_fields())
    monkeypatch.setattr(world.temporal, "start_workflow", unreachable)
    await resolve(world, conflict_id, {"version": 1, "resolution": "alguna"}, 503)
    shown = await world.call("GET", f"/{{id}}/conflicts/{conflict_id}")
    assert (shown["status"], shown["decision"]) == ("open", None)


def of_deletions(number: int = 12) -> Question:
    facts: dict[str, Any] = {"side": "external", "deleted": number, "linked": 40, "policy": "archive"}
    return Question("deletions", "external", None, None, candidates=[facts])


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_p11_many_deletions_are_approved_or_rejected_in_the_number_that_was_shown(
    world: World, word: str
) -> None:
    await world.configure("accounts")
    conflict_id = await ask(world, of_deletions())
    shown = (await world.call("GET", "/{id}/conflicts?kind=deletions"))["data"][0]
    assert shown["candidates"][0]["deleted"] == 12
    assert (await world.call("GET", "/{id}/sync-state"))["entities"]["accounts"]["heldDeletions"] == 0
    await ask(world, of_deletions(13))
    await resolve(world, conflict_id, {"version": 1, "resolution": word}, 409)
    assert await world.refused(
        "POST", f"/{{id}}/conflicts/{conflict_id}/resolve", {"version": 2, "resolution": "alguna"}
    ) == ["resolution"]
    await resolve(world, conflict_id, {"version": 2, "resolution": word})
    assert (await decision(world, conflict_id))["resolution"] == word
