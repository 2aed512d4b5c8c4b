"""Errors and conflicts by the hundred: root causes, decisions of many conflicts, and which rules decided what."""

from __future__ import annotations

import pytest

from core.records import Entity, Side
from core.values import Value
from store import trails
from store.scope import Scope
from store.trails import Trail
from store.types import utc_now
from tests.api.test_inbox import MAPPINGS, ask, decision, listed, of_fields, of_match, resolve, unreachable, with_errors
from tests.api.world import World


async def test_conflicts_are_decided_by_the_hundred_but_only_where_they_fit(world: World) -> None:
    await world.configure("accounts", "contacts", mappings=MAPPINGS)
    for number in range(3):
        await ask(world, of_fields(subject=str(number + 1)))
    match = await ask(world, of_match(Side.ALGUNA))
    wish = {"filter": {"entity": "accounts", "field": "name"}, "resolution": "external", "dryRun": True}
    planned = await world.call("POST", "/{id}/conflicts/resolve", wish)
    assert (planned["matched"], planned["decided"], planned["syncId"]) == (3, 3, None)
    for filter in ({"entity": "contacts"}, {"field": "phone"}):
        none = await world.call("POST", "/{id}/conflicts/resolve", {"filter": filter, "resolution": "alguna"})
        assert (none["matched"], none["syncId"]) == (0, None)
    decided = await world.call("POST", "/{id}/conflicts/resolve", {**wish, "dryRun": False})
    assert (decided["decided"], decided["left"], decided["movedOn"]) == (3, 0, 0)
    run = await world.call("GET", f"/{{id}}/sync-history/{decided['syncId']}")
    assert run["trigger"] == "resolution"
    assert await decision(world, "1") == {"choices": {"name": "external"}, "by": "the settings' key"}
    await resolve(world, "1", {"version": 1, "resolution": "alguna"}, 409)
    skipped = await world.call("POST", "/{id}/conflicts/resolve", {"resolution": "skip"})
    assert skipped["decided"] == 1
    assert await decision(world, match) == {"resolution": "skip", "by": "the settings' key"}
    refused = {"filter": {"kind": "match"}, "resolution": "alguna"}
    assert await world.refused("POST", "/{id}/conflicts/resolve", refused) == ["resolution"]
    refused = {"filter": {"field": "name"}, "resolution": "skip"}
    assert await world.refused("POST", "/{id}/conflicts/resolve", refused) == ["filter.field"]
    assert await world.refused("POST", "/{id}/conflicts/resolve", {"resolution": "both"}) == ["resolution"]


async def test_a_bulk_decision_that_cannot_start_leaves_all_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.configure(mappings=MAPPINGS)
    conflict_id = await ask(world, of_fields())
    monkeypatch.setattr(world.temporal, "start_workflow", unreachable)
    await world.call("POST", "/{id}/conflicts/resolve", {"resolution": "alguna"}, 503)
    shown = await world.call("GET", f"/{{id}}/conflicts/{conflict_id}")
    assert (shown["status"], shown["decision"]) == ("open", None)


async def test_the_summary_tells_what_waits_and_which_rule_decided_what(world: World) -> None:
    await world.configure(mappings=MAPPINGS)
    await ask(world, of_fields())
    await ask(world, of_match(Side.ALGUNA))
    won: dict[str, Value] = {"field": "name", "rule": "alguna_wins", "action": "to_external"}
    person: dict[str, Value] = {"field": "email", "rule": "resolution", "action": "to_alguna", "by": "operations"}
    single: dict[str, Value] = {"field": "name", "rule": "only_change", "action": "to_alguna"}
    async with world.backend.db.transaction() as session:
        scope = Scope(world.id, Entity.ACCOUNTS)
        made = [Trail("cus_1", "001A", [won, person]), Trail("cus_2", "001B", [won, single])]
        await trails.record(session, scope, made, utc_now(), pass_id="p1", run_id="sync_1")
    shown = await world.call("GET", "/{id}/conflicts/summary?days=7")
    assert shown["days"] == 7
    waiting = {(item["kind"], item["field"]): item["count"] for item in shown["open"]}
    assert waiting == {("fields", "name"): 1, ("fields", "email"): 1, ("match", None): 1}
    decided = [(item["field"], item["rule"], item["by"], item["count"], item["algunaWon"]) for item in shown["decided"]]
    assert decided == [("name", "alguna_wins", None, 2, 2), ("email", "resolution", "operations", 1, 0)]


async def test_errors_are_grouped_by_their_cause(world: World) -> None:
    await with_errors(world)
    groups = (await world.call("GET", "/{id}/sync-errors/groups"))["data"]
    assert [(item["type"], item["count"], item["direction"]) for item in groups] == [
        ("field_validation", 2, "toExternal"),
        ("permission", 1, "toAlguna"),
    ]
    assert groups[0]["sample"]["algunaId"] in ("cus_1", "cus_2")
    assert groups[0]["hint"]
    assert (await world.call("GET", "/{id}/sync-errors/groups?type=permission"))["data"] == groups[1:]
    started = await world.call("POST", "/{id}/sync-errors/retry", {"groups": [groups[0]["group"]]}, 202)
    assert started["retried"] == 2
    ignored = {"groups": [groups[1]["group"]], "reason": "not ours"}
    assert await world.call("POST", "/{id}/sync-errors/ignore", ignored) == {"ignored": 1}
    assert (await listed(world))["001C"]["reason"] == "not ours"
    assert await world.refused("POST", "/{id}/sync-errors/ignore", {"reason": "all of them?"}) == ["errorIds"]
    assert await world.refused("POST", "/{id}/sync-errors/ignore", {"groups": ["x"]}) == ["reason"]
