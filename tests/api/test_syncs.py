"""Starting, listing and canceling syncs; pause and resume; the idempotency of calls."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import Mode, RunRequest
from core import names
from core.enums import Direction
from core.records import Entity, Side
from store import endings, passes, runs, staging
from store.endings import Ending
from store.passes import Tally
from store.scope import Scope
from store.types import utc_now
from tests.api.world import World


async def request_of(world: World, workflow_id: str) -> RunRequest:
    """What a run's workflow was started with."""
    history = await world.temporal.get_workflow_handle(workflow_id).fetch_history()
    payloads = history.events[0].workflow_execution_started_event_attributes.input.payloads
    [request] = await world.temporal.data_converter.decode(payloads, [RunRequest])
    assert isinstance(request, RunRequest)
    return request


async def test_a_sync_is_stored_and_its_workflow_started(world: World) -> None:
    await world.configure("accounts", "contacts")
    started = await world.call("POST", "/{id}/sync", {"entities": ["contacts"], "mode": "full"}, 202)
    assert started["status"] == "queued"
    assert started["workflowId"] == names.run_workflow_id(started["syncId"])
    expected = f"http://localhost:8233/namespaces/default/workflows/{quote(started['workflowId'], safe='')}"
    assert started["temporalUrl"] == expected
    assert await request_of(world, started["workflowId"]) == RunRequest(
        integration_id=world.id,
        trigger="manual",
        mode=Mode.FULL,
        entities=[Entity.CONTACTS],
        run_id=started["syncId"],
    )
    described = await world.temporal.get_workflow_handle(started["workflowId"]).describe()
    assert described.typed_search_attributes[SearchAttributeKey.for_keyword(names.SEARCH_INTEGRATION)] == world.id
    assert await described.static_summary() == f"manual sync of {world.id}: contacts"
    state = await world.call("GET", "/{id}/sync-state")
    assert (state["status"], state["currentSyncId"]) == ("running", started["syncId"])


async def test_everything_is_optional(world: World) -> None:
    await world.configure("contacts", "accounts")
    for body in (None, {}, {"entities": None, "mode": "incremental", "recordIds": None, "dryRun": False}):
        started = await world.call("POST", "/{id}/sync", body, 202)
        request = await request_of(world, started["workflowId"])
        assert (request.mode, request.entities) == (Mode.INCREMENTAL, [Entity.ACCOUNTS, Entity.CONTACTS])


async def test_chosen_records_go_into_the_inbox(world: World) -> None:
    await world.configure("accounts", "contacts")
    body = {"entities": ["accounts"], "recordIds": ["001A", "001B", "001A"], "side": "external"}
    started = await world.call("POST", "/{id}/sync", body, 202)
    assert (await request_of(world, started["workflowId"])).mode is Mode.INBOX
    async with world.backend.db.transaction() as session:
        asked = await staging.take_inbox(session, Scope(world.id, Entity.ACCOUNTS), "p", 10)
    assert [(item.side, item.record_id) for item in asked] == [(Side.EXTERNAL, "001A"), (Side.EXTERNAL, "001B")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"entities": ["invoices"]}, "entities[0]"),
        ({"entities": ["acounts"]}, "entities[0]"),
        ({"entities": []}, "entities"),
        ({"mode": "everything"}, "mode"),
        ({"direction": "to_alguna"}, "direction"),
        ({"recordIds": []}, "recordIds"),
        ({"recordIds": ["a"]}, "entities"),
        ({"recordIds": [""], "entities": ["accounts"]}, "recordIds[0]"),
        ({"recordIds": ["a"], "entities": ["accounts"], "mode": "full"}, "mode"),
        ({"recordIds": ["a"], "entities": ["accounts"], "side": "left"}, "side"),
    ],
)
async def test_i9_bad_syncs_start_nothing(world: World, body: dict[str, Any], field: str) -> None:
    await world.configure("accounts", "contacts")
    assert field in await world.refused("POST", "/{id}/sync", body)
    assert (await world.call("GET", "/{id}/sync-history"))["data"] == []


async def test_a_sync_may_go_one_way_within_what_the_config_allows(world: World) -> None:
    await world.configure("accounts")
    body = {"entities": ["accounts"], "direction": "alguna_to_external", "recordIds": ["cus_1"]}
    started = await world.call("POST", "/{id}/sync", body, 202)
    assert (await request_of(world, started["workflowId"])).direction == "alguna_to_external"
    assert (await world.call("GET", f"/{{id}}/sync-history/{started['syncId']}"))["direction"] == "alguna_to_external"
    async with world.backend.db.transaction() as session:
        scope = Scope(world.id, Entity.ACCOUNTS)
        other = await staging.take_inbox(session, scope, "p", 10, Direction.EXTERNAL_TO_ALGUNA)
        assert other == [], "a run the other way could not carry it out"
        assert await staging.take_inbox(session, scope, "p", 10, Direction.ALGUNA_TO_EXTERNAL)
    both = await world.call("POST", "/{id}/sync", {"direction": "bidirectional"}, 202)
    assert (await request_of(world, both["workflowId"])).direction is None
    await world.call("PATCH", "/{id}/sync-config", {"direction": "external_to_alguna"})
    assert await world.refused("POST", "/{id}/sync", body) == ["direction"]


async def test_a_sync_needs_an_enabled_config(world: World) -> None:
    await world.connect()
    await world.call("POST", "/{id}/sync", status=409)
    await world.configure(enabled=False)
    await world.call("POST", "/{id}/sync", status=409)
    assert (await world.call("GET", "/{id}/sync-history"))["data"] == []


async def test_i6_a_sync_that_cannot_be_started_shows_in_the_history(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.configure()

    async def unreachable(*_: object, **__: object) -> None:
        raise RPCError("no way", RPCStatusCode.UNAVAILABLE, b"")

    monkeypatch.setattr(world.temporal, "start_workflow", unreachable)
    await world.call("POST", "/{id}/sync", status=503)
    [run] = (await world.call("GET", "/{id}/sync-history"))["data"]
    assert (run["status"], run["problem"]["type"]) == ("failed", "transient")


async def finished_run(world: World) -> str:
    """A run whose pass created two accounts and failed on one."""
    scope, at = Scope(world.id, Entity.ACCOUNTS), utc_now()
    async with world.backend.db.transaction() as session:
        await runs.add_run(
            session,
            "sync_done",
            world.id,
            trigger="schedule",
            mode="incremental",
            entities=["accounts"],
            workflow_id="run/scheduled",
            at=at - timedelta(hours=1),
        )
        await passes.open_pass(session, scope, "p1", mode="incremental", run_ids=["sync_done"], config_version=1, at=at)
        tally = Tally()
        tally.note("linked", 2)
        await passes.add_counts(session, "p1", tally, {"alguna": 3, "external": 4})
        ended = [
            Ending(Side.EXTERNAL, "created", "cus_1", "001A", fields=["Name"]),
            Ending(Side.EXTERNAL, "created", "cus_2", "001B", fields=["Name"]),
            Ending(Side.EXTERNAL, "failed", "cus_3", None, "too long", ["Name"]),
        ]
        await endings.record(session, scope, "p1", ended, at)
        await runs.end_run(session, "sync_done", "completed", None, at)
    return "sync_done"


async def test_the_history_shows_what_a_sync_did(world: World) -> None:
    await world.configure()
    run_id = await finished_run(world)
    shown = await world.call("GET", "/{id}/sync-history/" + run_id)
    assert shown["stats"]["accounts"] == {
        "toExternal": {"created": 2, "updated": 0, "unchanged": 0, "skipped": 0, "failed": 1},
        "toAlguna": {"created": 0, "updated": 0, "unchanged": 0, "skipped": 0, "failed": 0},
        "linked": 2,
        "conflicts": 0,
        "parked": 0,
        "found": None,
    }
    assert shown["apiCalls"] == {"alguna": 3, "external": 4}
    records = await world.call("GET", f"/{{id}}/sync-history/{run_id}/records?limit=2")
    assert [item["algunaId"] for item in records["data"]] == ["cus_1", "cus_2"]
    assert records["pagination"] == {"perPage": 2, "totalPages": 2}
    failed = await world.call("GET", f"/{{id}}/sync-history/{run_id}/records?outcome=failed")
    assert [(item["algunaId"], item["reason"]) for item in failed["data"]] == [("cus_3", "too long")]
    state = await world.call("GET", "/{id}/sync-state")
    assert (state["status"], state["lastSyncAt"]) == ("idle", shown["completedAt"])
    assert state["lastSuccessfulSyncAt"] == shown["completedAt"]
    assert (await world.call("GET", "/{id}"))["lastRun"]["syncId"] == run_id
    await world.call("GET", "/{id}/sync-history/sync_nobody", status=404)


async def test_the_history_is_filtered_newest_first(world: World) -> None:
    await world.configure()
    old = await finished_run(world)
    new = (await world.call("POST", "/{id}/sync", status=202))["syncId"]

    async def ids(query: str) -> list[str]:
        return [row["syncId"] for row in (await world.call("GET", "/{id}/sync-history?" + query))["data"]]

    assert await ids("") == [new, old]
    assert await ids("status=completed") == [old]
    assert await ids("trigger=manual") == [new]
    half_an_hour_ago = quote((utc_now() - timedelta(minutes=30)).isoformat())
    assert await ids(f"from={half_an_hour_ago}") == [new]
    assert await ids(f"to={half_an_hour_ago}") == [old]
    assert await world.refused("GET", "/{id}/sync-history?status=done", None) == ["status"]
    assert await world.refused("GET", "/{id}/sync-history?from=yesterday", None) == ["from"]


async def test_cancel_asks_the_workflow_to_stop(world: World) -> None:
    await world.configure()
    started = await world.call("POST", "/{id}/sync", status=202)
    await world.call("POST", f"/{{id}}/sync-history/{started['syncId']}/cancel", status=202)
    history = await world.temporal.get_workflow_handle(started["workflowId"]).fetch_history()
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in [event.event_type for event in history.events]
    done = await finished_run(world)
    await world.call("POST", f"/{{id}}/sync-history/{done}/cancel", status=409)


async def test_a_run_whose_workflow_is_gone_is_canceled_in_the_history(world: World) -> None:
    await world.configure()
    async with world.backend.db.transaction() as session:
        await runs.add_run(
            session,
            "sync_lost",
            world.id,
            trigger="manual",
            mode="full",
            entities=["accounts"],
            workflow_id="run/lost",
            at=utc_now(),
        )
    answer = await world.call("POST", "/{id}/sync-history/sync_lost/cancel", status=202)
    assert answer["status"] == "canceled"


async def test_pause_rests_the_schedule_and_resume_wakes_the_passes(world: World) -> None:
    await world.configure(schedule="*/15 * * * *")
    workflow_id = await world.start_writer(Entity.ACCOUNTS)
    assert (await world.call("POST", "/{id}/pause"))["paused"] is True
    resting = await world.schedule()
    assert resting is not None
    assert (resting.schedule.state.paused, resting.schedule.state.note) == (True, "paused by a person")
    assert (await world.call("GET", "/{id}/sync-state"))["status"] == "paused"
    # A change of the config leaves the pause as it is.
    await world.call("PATCH", "/{id}/sync-config", {"schedule": "*/5 * * * *"})
    still = await world.schedule()
    assert still is not None
    assert still.schedule.state.paused
    assert await world.signals(workflow_id) == []
    assert (await world.call("POST", "/{id}/resume"))["paused"] is False
    going = await world.schedule()
    assert going is not None
    assert not going.schedule.state.paused
    assert await world.signals(workflow_id) == [names.WAKE]


async def test_the_same_key_is_carried_out_once(world: World) -> None:
    await world.configure()
    headers = {"Idempotency-Key": "order-7"}
    first = await world.call("POST", "/{id}/sync", {"mode": "full"}, 202, headers=headers)
    assert await world.call("POST", "/{id}/sync", {"mode": "full"}, 202, headers=headers) == first
    assert len((await world.call("GET", "/{id}/sync-history"))["data"]) == 1
    await world.call("POST", "/{id}/sync", {"mode": "incremental"}, 422, headers=headers)
    await world.call("DELETE", "/{id}/sync-config", None, 204, headers=headers)
    await world.call("DELETE", "/{id}/sync-config", None, 204, headers=headers)
    await world.call("POST", "/{id}/sync", {}, 422, headers={"Idempotency-Key": "k" * 256})


async def test_calls_at_the_same_time_with_one_key_start_one_sync(world: World) -> None:
    await world.configure()
    calls = [
        world.api.post(f"/integrations/{world.id}/sync", json={}, headers={"Idempotency-Key": "twice"})
        for _ in range(5)
    ]
    statuses = [reply.status_code for reply in await asyncio.gather(*calls)]
    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    assert len((await world.call("GET", "/{id}/sync-history"))["data"]) == 1


async def test_a_refused_call_frees_its_key(world: World) -> None:
    await world.configure()
    headers = {"Idempotency-Key": "again"}
    await world.call("POST", "/{id}/sync", {"mode": "x"}, 422, headers=headers)
    await world.call("POST", "/{id}/sync", {"mode": "full"}, 202, headers=headers)


async def test_a_key_in_flight_answers_409_and_is_free_when_its_process_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.configure()
    place, headers = f"POST /integrations/{world.id}/sync", {"Idempotency-Key": "busy"}
    await world.backend.idempotency.begin(place, "busy", hashlib.sha256(b"\n{}").hexdigest())
    await world.call("POST", "/{id}/sync", {}, 409, headers=headers)
    monkeypatch.setattr("store.idempotency.IN_FLIGHT", timedelta(0))
    await world.call("POST", "/{id}/sync", {}, 202, headers=headers)
