"""The commands about errors and conflicts by the hundred: listed, grouped, retried, ignored, decided at once."""

from __future__ import annotations

import re

from tests.cli.conftest import FakeApi
from tests.cli.test_commands import ONE, PLANNED, Command


def test_errors_alone_lists_them(api: FakeApi, command: Command) -> None:
    error = {"id": "4", "entity": "accounts", "algunaId": "cust_1", "type": "field_validation", "message": "too long"}
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/sync-errors", [error])
    assert "too long" in command("errors").out
    assert command("errors", "--json").json == [error]
    assert {call.query.get("status") for call in api.calls if call.path.endswith("sync-errors")} == {"open"}
    command("errors", "list", "--status", "all")
    assert "status" not in api.calls[-1].query


def test_errors_are_retried_and_ignored(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [ONE])
    api.on("POST", "/integrations/int_salesforce/sync-errors/retry", {"syncId": "sync_2", "retried": 2}, 202)
    api.on("POST", "/integrations/int_salesforce/sync-errors/ignore", {"ignored": 1})
    assert "2" in command("errors", "retry", "4", "5").out
    assert api.calls[-1].body == {"errorIds": ["4", "5"], "types": None, "groups": None, "syncId": None}
    assert command("errors", "ignore", "4", "--reason", "a test").code == 0
    assert api.calls[-1].body["errorIds"] == ["4"]
    assert api.calls[-1].body["reason"] == "a test"
    assert command("errors", "ignore", "--reason", "all of them?").code != 0
    assert command("errors", "retry", "--group", "a|b", "--run", "sync_1").code == 0
    assert (api.calls[-1].body["groups"], api.calls[-1].body["syncId"]) == (["a|b"], "sync_1")


def test_errors_are_shown_by_their_cause(api: FakeApi, command: Command) -> None:
    group = {
        "group": "permission|X||no",
        "type": "permission",
        "entity": "accounts",
        "field": None,
        "count": 40,
        "firstSeenAt": "2026-01-31T12:00:00.000Z",
        "lastSeenAt": "2026-01-31T13:00:00.000Z",
        "sample": {"id": "4", "algunaId": "cust_1", "externalId": None, "message": "may not"},
        "hint": "Give the right",
    }
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/sync-errors/groups", [group])
    assert re.search(r"40 +int_salesforce +accounts +permission", command("errors", "--grouped").out)
    assert command("errors", "--grouped", "--json").json == [group]


def test_many_conflicts_are_decided_at_once_and_summed_up(api: FakeApi, command: Command) -> None:
    left = iter((2, 0))
    api.on("GET", "/integrations", [ONE])
    api.on(
        "POST",
        "/integrations/int_salesforce/conflicts/resolve",
        lambda _call: {"matched": 3, "decided": 1, "left": next(left)},
    )
    said = command("conflicts", "resolve", "--all", "--field", "name", "--take", "alguna", "--entity", "accounts")
    assert "Decided 2 conflicts" in said.out
    wish = {"filter": {"entity": "accounts", "field": "name"}, "resolution": "alguna", "dryRun": False}
    assert api.bodies("POST", "/integrations/int_salesforce/conflicts/resolve") == [wish, wish]
    assert command("conflicts", "resolve", "--all").code != 0
    assert command("conflicts", "resolve", "7", "--take", "alguna").code != 0
    waiting = {"entity": "accounts", "kind": "fields", "field": "name", "count": 3, "oldestAt": "2026-01-31T12:00:00Z"}
    decided = {"entity": "accounts", "field": "email", "rule": "latest_wins", "by": None, "count": 9}
    summary = {"days": 7, "open": [waiting], "decided": [{**decided, "algunaWon": 4, "externalWon": 5}]}
    api.on("GET", "/integrations/int_salesforce/conflicts/summary", summary)
    shown = command("conflicts", "--summary", "--days", "7").out
    assert re.search(r"accounts +name +3", shown)
    assert re.search(r"email +latest_wins +- +9 +4 +5", shown)


def test_a_match_of_an_external_record_is_linked_with_one_of_alguna(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [ONE])
    asked = {"id": "7", "version": 3, "kind": "match", "entity": "accounts", "algunaId": None, "externalId": "001C"}
    api.on("GET", "/integrations/int_salesforce/conflicts/7", asked)
    api.on("POST", "/integrations/int_salesforce/conflicts/7/resolve", {})
    assert command("conflicts", "resolve", "7", "--link", "cust_2").code == 0
    assert api.calls[-1].body == {"resolution": "link", "algunaId": "cust_2", "version": 3}


def test_a_line_break_in_a_value_takes_no_row_apart(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [ONE])
    asked = {"id": "8", "kind": "match", "entity": "accounts", "externalId": "a\nb", "candidates": [{}]}
    api.on("GET", "/integrations/int_salesforce/conflicts", [asked])
    header, row, hint = command("conflicts").out.splitlines()
    assert re.search(r"a↵b +1 candidate$", row), header
    assert "--link ID|--create|--skip" in hint


def test_a_dry_run_with_failures_sends_nobody_to_errors_that_are_not_there(api: FakeApi, command: Command) -> None:
    base = "/integrations/int_salesforce"
    api.on("POST", f"{base}/sync", {"syncId": "sync_1", "status": "queued"}, 202)
    api.on("GET", f"{base}/sync-history/sync_1", {**PLANNED, "status": "completed_with_errors"})
    api.on("GET", f"{base}/sync-history/sync_1/records", [])
    said = command("sync", "int_salesforce", "--dry-run")
    assert "would not be synced: see above" in said.out
    assert "external-sync errors" not in said.out
