"""The commands as their user meets them: help, exit codes, tables and JSON, what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from starter.cli.app import app
from tests.cli.conftest import FakeApi, Said

Command = Callable[..., Said]

ONE = {"id": "int_salesforce", "provider": "salesforce"}
RUN = {
    "syncId": "sync_1",
    "trigger": "manual",
    "mode": "incremental",
    "status": "completed",
    "startedAt": "2026-01-31T12:00:00.123Z",
    "completedAt": None,
    "stats": {"accounts": {"toExternal": {"created": 3, "failed": 1}, "toAlguna": {}, "linked": 3}},
    "apiCalls": {"alguna": 2, "external": 5},
    "temporalUrl": "http://localhost:8233/x",
}
CONFLICT = {
    "id": "7",
    "version": 3,
    "kind": "fields",
    "entity": "contacts",
    "algunaId": "cont_1",
    "status": "open",
    "fields": [{"algunaField": "lastName", "externalField": "LastName", "base": "A", "alguna": "B", "external": "C"}],
}


def all_commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, one in getattr(group, "commands", {}).items():
        yield from all_commands(one, (*path, name))


@pytest.mark.parametrize("path", list(all_commands(get_command(app))), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], command: Command) -> None:
    said = command(*path, "--help")
    assert said.code == 0
    assert f"external-sync {' '.join(path)}".strip() in said.out
    assert len(said.out.splitlines()) > 4


def test_the_commands_of_the_first_part_are_there() -> None:
    names = {" ".join(path) for path in all_commands(get_command(app))}
    wanted = """demo|dev|worker|api|sandbox|connect|config validate|config plan|config apply|config export|sync|status
        |history|errors list|errors retry|errors ignore|conflicts list|conflicts show|conflicts resolve|links
        |reconnect|pause|resume|keys list|keys create|keys revoke|schedule list|schedule pause
        |schedule resume|schedule trigger"""
    assert {name.strip() for name in wanted.split("|")} <= names


@pytest.mark.parametrize(
    "arguments", [["sync"], ["sync", "int_salesforce", "--entity", "accuonts"], ["nonsense"], ["status", "--nope"]]
)
def test_bad_usage_is_2_and_says_why(arguments: list[str], command: Command) -> None:
    said = command(*arguments)
    assert said.code == 2
    assert said.err


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTERNAL_SYNC_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("EXTERNAL_SYNC_API_KEY", "any")
    said = command("status")
    assert said.code == 1
    assert "external-sync dev" in said.err
    assert "http://127.0.0.1:9" in said.err


def test_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXTERNAL_SYNC_API_KEY", raising=False)
    said = command("status")
    assert said.code == 1
    assert "EXTERNAL_SYNC_API_KEY" in said.err


def test_key_and_address_are_those_of_the_parts_that_run_here(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Command
) -> None:
    monkeypatch.delenv("EXTERNAL_SYNC_URL")
    monkeypatch.delenv("EXTERNAL_SYNC_API_KEY")
    kept = tmp_path / ".external-sync"
    kept.mkdir()
    (kept / "api-key").write_text("key-of-the-test\n")
    (kept / "dev.json").write_text(f'{{"url": "{api.url}"}}')
    api.on("GET", "/integrations", [])
    said = command("status")
    assert said.code == 0, said.err
    assert "external-sync config apply" in said.out


def test_a_wrong_key_says_what_to_set(api: FakeApi, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.setenv("EXTERNAL_SYNC_API_KEY", "wrong")
    said = command("status")
    assert said.code == 1
    assert "no such key" in said.err
    assert "EXTERNAL_SYNC_API_KEY" in said.err


def test_a_refusal_names_every_field(api: FakeApi, command: Command) -> None:
    errors = [{"field": "entities[0]", "message": "no"}, {"field": "mode", "message": "unknown"}]
    api.on("POST", "/integrations/int_salesforce/sync", {"status": 422, "detail": "bad", "errors": errors}, 422)
    said = command("sync", "int_salesforce")
    assert said.code == 1
    assert "entities[0]: no" in said.err
    assert "mode: unknown" in said.err


def test_status_says_what_needs_a_person(api: FakeApi, command: Command) -> None:
    state = {
        "integration": "int_salesforce",
        "status": "paused",
        "connection": {"alguna": "connected", "external": "auth_expired"},
        "openErrors": 0,
        "openConflicts": 0,
        "entities": {"accounts": {"linked": 812, "maxLag": 260.4}},
    }
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/sync-state", state)
    said = command("status")
    assert said.code == 0
    assert re.search(r"int_salesforce +paused +connected +auth_expired", said.out)
    assert re.search(r"accounts +812 .* 4 min", said.out)
    assert "external-sync reconnect int_salesforce" in said.out
    assert command("status", "--json").json == [state]


def test_sync_starts_with_the_given_entities(api: FakeApi, command: Command) -> None:
    api.on("POST", "/integrations/salesforce/sync", {"syncId": "sync_1", "status": "queued"}, 202)
    said = command("sync", "salesforce", "-e", "accounts", "--entity", "contacts", "--full")
    assert said.code == 0
    assert "sync_1" in said.out
    wanted = {"mode": "full", "entities": ["accounts", "contacts"]}
    assert api.bodies("POST", "/integrations/salesforce/sync") == [wanted]


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("completed_with_errors", 1), ("failed", 1), ("canceled", 1)]
)
def test_sync_watch_waits_for_the_end_and_its_exit_code_tells_it(
    status: str, code: int, api: FakeApi, command: Command
) -> None:
    asked = iter(["queued", "running", status])
    api.on("POST", "/integrations/int_salesforce/sync", {"syncId": "sync_1", "status": "queued"}, 202)
    api.on("GET", "/integrations/int_salesforce/sync-history/sync_1", lambda _call: {**RUN, "status": next(asked)})
    said = command("sync", "int_salesforce", "--watch")
    assert said.code == code
    assert said.out.splitlines()[:3] == ["queued", "running", status]
    assert re.search(r"accounts +to external +3", said.out)


def test_history_reads_every_page_that_is_needed(api: FakeApi, command: Command) -> None:
    def page(call: Any) -> dict[str, Any]:
        start = int(call.query["offset"])
        rows = [{**RUN, "syncId": f"sync_{number}"} for number in range(start, start + 100)]
        return {"data": rows, "pagination": {"perPage": 100, "totalPages": 3}}

    api.on("GET", "/integrations/int_salesforce", ONE)
    api.on("GET", "/integrations/int_salesforce/sync-history", page)
    said = command("history", "int_salesforce", "-n", "150", "--status", "completed", "--json")
    assert [run["syncId"] for run in said.json] == [f"sync_{number}" for number in range(150)]
    assert [call.query.get("status") for call in api.calls[1:]] == ["completed", "completed"]


def test_several_integrations_must_be_told_apart(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [ONE, {"id": "int_other", "provider": "salesforce"}])
    said = command("errors", "retry")
    assert said.code == 1
    assert "int_salesforce, int_other" in said.err


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        (["--use", "alguna"], {"resolution": "alguna"}),
        (
            ["--field", "email=external", "--value", "name=Acme = Ltd", "--value", "seats:=5"],
            {
                "resolution": "fields",
                "fields": {"email": "external", "name": {"value": "Acme = Ltd"}, "seats": {"value": 5}},
            },
        ),
        (["--link", "001A"], {"resolution": "link", "externalId": "001A"}),
        (["--create"], {"resolution": "create"}),
        (["--skip"], {"resolution": "skip"}),
    ],
)
def test_a_conflict_is_resolved_in_the_version_that_is_shown(
    arguments: list[str], decision: dict[str, Any], api: FakeApi, command: Command
) -> None:
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/conflicts/7", CONFLICT)
    api.on("POST", "/integrations/int_salesforce/conflicts/7/resolve", {})
    said = command("conflicts", "resolve", "7", *arguments)
    assert said.code == 0, said.err
    assert api.calls[-1].body == {**decision, "version": 3}


@pytest.mark.parametrize(
    "arguments",
    [[], ["--use", "alguna", "--skip"], ["--field", "email"], ["--field", "email=both"], ["--value", "a:=x"]],
)
def test_an_unclear_decision_is_not_sent(arguments: list[str], api: FakeApi, command: Command) -> None:
    said = command("conflicts", "resolve", "7", *arguments)
    assert said.code == 1
    assert said.err
    assert api.calls == []


def test_a_conflict_is_shown_with_both_values(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/conflicts/7", CONFLICT)
    assert re.search(r"lastName +LastName +A +B +C", command("conflicts", "show", "7").out)


def test_links_by_one_id_or_all(api: FakeApi, command: Command) -> None:
    link = {"entity": "accounts", "algunaId": "cust_1", "externalId": "001A", "status": "active"}
    path = "/integrations/int_salesforce/links/accounts"
    api.on("GET", path, link)
    assert command("links", "int_salesforce", "accounts", "--external-id", "001A", "--json").json == link
    assert api.calls[-1].query == {"externalId": "001A"}
    api.on("GET", path, [link])
    assert re.search(r"cust_1 +001A", command("links", "int_salesforce", "accounts").out)
    api.on("GET", path, {"status": 404, "detail": "none"}, 404)
    assert command("links", "int_salesforce", "accounts", "--alguna-id", "x").code == 1


@pytest.mark.parametrize(
    "text", ['{"clientId": "a", "expiresAt": "2026-01-31"}', "clientId: a\nexpiresAt: 2026-01-31\n"]
)
def test_connect_and_reconnect_take_json_or_yaml(text: str, api: FakeApi, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    given = {"clientId": "a", "expiresAt": "2026-01-31"}
    api.on("POST", "/integrations", {"id": "int_salesforce"}, 201)
    assert command("connect", "salesforce", "--credentials", str(file)).code == 0
    assert api.calls[-1].body == {"id": "int_salesforce", "provider": "salesforce", "credentials": given}
    api.on("GET", "/integrations/salesforce", ONE)
    api.on("POST", "/integrations/salesforce/reconnect", {})
    assert command("reconnect", "salesforce", "-c", str(file)).code == 0
    assert api.calls[-1].body == {"credentials": given}


def test_credentials_are_asked_for_and_never_shown(api: FakeApi, tmp_path: Path, command: Command) -> None:
    assert "--credentials" in command("connect", "salesforce").err
    file = tmp_path / "broken"
    file.write_text('{"clientSecret": "do-not-show"')
    said = command("connect", "salesforce", "-c", str(file))
    assert said.code == 1
    assert "do-not-show" not in said.out + said.err


def test_typer_does_not_show_local_variables_in_a_crash() -> None:
    assert isinstance(app, typer.Typer)
    assert app.pretty_exceptions_enable is False


def test_a_key_is_made_shown_once_and_revoked(api: FakeApi, command: Command) -> None:
    made: dict[str, Any] = {"id": "key_1", "name": "nightly", "scope": "read", "createdAt": "2026-01-31T12:00:00Z"}
    made |= {"lastUsedAt": None, "revokedAt": None}
    api.on("POST", "/keys", {**made, "key": "es_made_for_a_test"}, 201)
    api.on("GET", "/keys", [made])
    api.on("DELETE", "/keys/nightly", {**made, "revokedAt": "2026-01-31T13:00:00Z"})
    said = command("keys", "create", "nightly", "--scope", "read")
    assert (said.code, said.out.splitlines()[0]) == (0, "es_made_for_a_test")
    assert api.calls[-1].body == {"name": "nightly", "scope": "read"}
    assert "nightly" in command("keys").out
    assert "Revoked nightly" in command("keys", "revoke", "nightly").out


def test_a_schedule_is_shown_and_steered(api: FakeApi, command: Command) -> None:
    shown = {"cron": "*/15 * * * *", "timezone": "UTC", "paused": False, "note": None, "recentRuns": []}
    shown["nextRuns"] = ["2026-01-31T12:15:00Z"]
    api.on("GET", "/integrations", [ONE])
    api.on("GET", "/integrations/int_salesforce/schedule", shown)
    for verb in ("pause", "resume", "trigger"):
        api.on("POST", f"/integrations/int_salesforce/schedule/{verb}", shown)
    assert "2026-01-31 12:15:00" in command("schedule").out
    assert command("schedule", "pause", "--note", "quarter end").code == 0
    assert api.calls[-1].body == {"note": "quarter end"}
    assert "12:15" in command("schedule", "resume").out
    assert command("schedule", "trigger").code == 0


def test_the_doctor_fails_when_something_is_broken(api: FakeApi, command: Command) -> None:
    finding = {"check": "workers", "state": "failed", "detail": "none", "mend": "external-sync worker"}
    api.on("GET", "/doctor", {"state": "failed", "findings": [finding]})
    said = command("doctor")
    assert (said.code, "external-sync worker" in said.out) == (1, True)
    api.on("GET", "/doctor", {"state": "warning", "findings": [{**finding, "state": "warning"}]})
    assert command("doctor").code == 0


PLANNED = {
    **RUN,
    "dryRun": True,
    "plannedCalls": {"alguna": 0, "external": 4},
    "stats": {"accounts": {"toExternal": {"updated": 1}, "toAlguna": {}, "unsettled": 2}},
}
PLANNED_RECORDS: list[dict[str, Any]] = [
    {
        "entity": "accounts",
        "direction": "toExternal",
        "algunaId": "cus_1",
        "externalId": "001",
        "outcome": "updated",
        "reason": None,
        "fields": ["Name", "Phone"],
        "changes": [
            {"field": "Name", "from": "Old Ltd", "to": "New Ltd", "rule": "only_change"},
            {"field": "Phone", "from": None, "to": "+49 30 1", "rule": "first_link"},
        ],
        "at": "2026-01-31T12:00:01Z",
    },
    {
        "entity": "accounts",
        "direction": "toAlguna",
        "algunaId": None,
        "externalId": "002",
        "outcome": "skipped",
        "reason": "unlinked before",
        "fields": [],
        "changes": None,
        "at": "2026-01-31T12:00:02Z",
    },
]


def test_a_dry_run_prints_field_by_field_what_would_be_written_and_what_it_would_cost(
    api: FakeApi, command: Command
) -> None:
    base = "/integrations/int_salesforce"
    api.on("POST", f"{base}/sync", {"syncId": "sync_1", "status": "queued"}, 202)
    api.on("GET", f"{base}/sync-history/sync_1", PLANNED)
    api.on("GET", f"{base}/sync-history/sync_1/records", PLANNED_RECORDS)
    said = command("sync", "int_salesforce", "--dry-run")
    assert said.code == 0
    assert api.bodies("POST", f"{base}/sync") == [{"mode": "incremental", "dryRun": True}]
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "accounts cus_1 updated external Name Old Ltd New Ltd only_change" in lines
    assert "accounts cus_1 updated external Phone - +49 30 1 first_link" in lines
    assert "accounts 002 skipped Alguna - - - unlinked before" in lines
    assert "about 9 calls to the external system, 4 of them" in said.out
    assert "2 writes of an earlier sync" in said.out
    assert "Nothing was written." in said.out
    found = command("sync", "int_salesforce", "--dry-run", "--json").json
    assert found["plannedCalls"] == {"alguna": 0, "external": 4}
    assert [record["changes"] for record in found["records"]] == [row["changes"] for row in PLANNED_RECORDS]


def test_p11_many_deletions_are_shown_approved_and_rejected(api: FakeApi, command: Command) -> None:
    facts = {"side": "external", "deleted": 12, "linked": 40, "policy": "archive"}
    question = {**CONFLICT, "id": "9", "kind": "deletions", "fields": [], "candidates": [facts]}
    api.on("GET", "/integrations", [ONE])
    api.on(
        "GET",
        "/integrations/int_salesforce/conflicts",
        {"data": [CONFLICT, question], "pagination": {"perPage": 20, "totalPages": 1}},
    )
    api.on("GET", "/integrations/int_salesforce/conflicts/9", question)
    api.on("GET", "/integrations/int_salesforce/conflicts/7", CONFLICT)
    api.on("POST", "/integrations/int_salesforce/conflicts/9/resolve", {})
    assert re.search(r"9 .*external +12 +40 +archive", command("deletions").out)
    for word in ("approve", "reject"):
        said = command("deletions", word, "9")
        assert said.code == 0, said.err
        assert api.calls[-1].body == {"version": 3, "resolution": word}
    assert command("deletions", "approve", "7").code == 1
