"""Configuration as code: strict files, findings with lines, changes through the API, nothing when all agrees."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from core.config import IntegrationConfig
from starter.config_file import ConfigFileError, filled_in, load
from tests.cli.conftest import FakeApi, Said
from tests.repository import ROOT

Command = Callable[..., Said]

GOOD = """\
integrations:
  - id: int_salesforce
    provider: salesforce
    credentials: {clientId: "${CLIENT_ID}", clientSecret: "${CLIENT_SECRET:-none}"}
    config:
      entities: [accounts, contacts]
      schedule: "*/15 * * * *"
    mappings:
      accounts:
        - {algunaField: name, externalField: Name}
        - {algunaField: email, externalField: Email__c}
    matching:
      accounts: {rules: [{type: external_id, externalField: Alguna_Customer_ID__c}]}
    fieldResolution:
      accounts: [{algunaField: name, strategy: manual}]
"""
STORED = {
    "entities": ["accounts", "contacts"],
    "schedule": "*/15 * * * *",
    "mappings": {
        "accounts": [
            {"algunaField": "name", "externalField": "Name", "direction": "bidirectional"},
            {"algunaField": "email", "externalField": "Email__c", "direction": "bidirectional"},
        ],
        "contacts": [{"algunaField": "email", "externalField": "Email", "direction": "bidirectional"}],
    },
    "fieldRules": {"accounts": [{"algunaField": "name", "strategy": "manual"}]},
    "matching": {
        "accounts": {
            "entity": "accounts",
            "rules": [{"type": "external_id", "externalField": "Alguna_Customer_ID__c"}],
        }
    },
}
PATH = "/integrations/int_salesforce"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sync.yaml"
    path.write_text(GOOD)
    return path


def write(file: Path, old: str, new: str) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: str(path.name))
def test_the_examples_are_valid(example: Path, command: Command) -> None:
    said = command("config", "validate", "-f", str(example))
    assert said.code == 0, said.err
    [first, *_] = command("config", "validate", "-f", str(example), "--json").json["integrations"]
    assert first["id"].startswith("int_")


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("provider: sal", "provdier: sal", 3, "did you mean `provider`?"),
        ("provider: salesforce", "provider: salesfoce", 3, "did you mean `salesforce`?"),
        ("[accounts, contacts]", "[accounts, contcats]", 6, "did you mean `contacts`?"),
        ('"*/15 * * * *"', '"61 * * * *"', 7, "integrations[0].config.schedule"),
        ("externalField: Email__c}", "externlField: Email__c}", 11, "did you mean `externalField`?"),
        ("algunaField: email, e", "algunaField: name, e", 11, "`name` is mapped twice"),
        ("strategy: manual", "strategy: manually", 15, "did you mean `manual`?"),
        ("algunaField: name, strategy", "algunaField: nmae, strategy", 15, "did you mean `name`?"),
        ("    config:", "    provider: xero\n    config:", 5, "the key `provider` is given twice"),
        ("  - id", "  - id: [", 2, "not YAML"),
        ("    credentials:", "    sandbox: true\n    credentials:", 2, "either credentials or sandbox"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line_and_the_likely_word(
    old: str, new: str, line: int, told: str, file: Path, command: Command
) -> None:
    write(file, old, new)
    said = command("config", "validate", "-f", str(file))
    assert said.code == 1
    found = [text for text in said.err.splitlines() if told in text]
    assert found, said.err
    assert found[0].startswith(f"{file}:{line}:"), found[0]


def test_every_problem_is_told_at_once(file: Path) -> None:
    file.write_text(GOOD.replace("provider: sal", "provdier: sal").replace("strategy: manual", "strategy: x"))
    with pytest.raises(ConfigFileError) as caught:
        load(file)
    assert {finding.line for finding in caught.value.findings} >= {3, 15}


def test_a_missing_file_is_said(tmp_path: Path, command: Command) -> None:
    said = command("config", "validate", "-f", str(tmp_path / "none.yaml"))
    assert said.code == 1
    assert "none.yaml: cannot be read" in said.err


def test_words_that_other_readers_take_for_truths_and_dates_stay_text(file: Path) -> None:
    options = "transform: value_map, transformOptions: {map: {NO: Norway, 2026-01-31: day, yes: y}}"
    write(file, "externalField: Name}", f"externalField: Name, direction: alguna_to_external, {options}}}")
    mapping = load(file).file.integrations[0].whole().mappings
    given = next(iter(mapping.values()))[0].transform_options
    assert given == {"map": {"NO": "Norway", "2026-01-31": "day", "yes": "y"}}


def test_variables_come_from_the_environment() -> None:
    given = {"a": "${ONE}", "b": ["x-${TWO:-two}-${ONE}"], "c": 5, "d": "${TWO:-}"}
    assert filled_in(given, {"ONE": "1"}) == {"a": "1", "b": ["x-two-1"], "c": 5, "d": ""}


def test_validate_says_which_variables_apply_will_need(file: Path, command: Command) -> None:
    said = command("config", "validate", "-f", str(file))
    assert said.code == 0
    assert "CLIENT_ID" in said.out
    assert "CLIENT_SECRET" not in said.out


def test_apply_connects_and_configures_in_one_call_each(
    api: FakeApi, file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_ID", "the-id")
    api.on("POST", "/integrations", {"id": "int_salesforce", "provider": "salesforce"}, 201)
    api.on("POST", f"{PATH}/sync-config", {})
    said = command("config", "apply", "-f", str(file))
    assert said.code == 0, said.err
    made = api.bodies("POST", "/integrations")
    credentials = {"clientId": "the-id", "clientSecret": "none"}
    assert made == [{"id": "int_salesforce", "provider": "salesforce", "credentials": credentials}]
    (sent,) = api.bodies("POST", f"{PATH}/sync-config")
    wanted = IntegrationConfig.model_validate({k: v for k, v in STORED.items() if k != "mappings"})
    assert IntegrationConfig.model_validate({**sent, "mappings": {}}) == wanted
    assert [item["externalField"] for item in sent["mappings"]["accounts"]] == ["Name", "Email__c"]
    assert "contacts" not in sent["mappings"]


def test_apply_again_changes_nothing(api: FakeApi, file: Path, command: Command) -> None:
    api.on("GET", PATH, {"id": "int_salesforce", "provider": "salesforce"})
    api.on("GET", f"{PATH}/sync-config", STORED)
    said = command("config", "apply", "-f", str(file))
    assert "no change" in said.out
    assert {call.method for call in api.calls} == {"GET"}


def test_options_that_the_service_found_by_itself_are_no_change(api: FakeApi, file: Path, command: Command) -> None:
    api.on("GET", PATH, {"id": "int_salesforce", "provider": "salesforce"})
    found = {"accounts": {"subsidiary": "1"}, "payments": {}}
    api.on("GET", f"{PATH}/sync-config", {**STORED, "entityOptions": found})
    assert "no change" in command("config", "plan", "-f", str(file)).out


def test_plan_shows_what_would_change_and_changes_nothing(api: FakeApi, file: Path, command: Command) -> None:
    write(file, "strategy: manual", "strategy: latest_wins")
    api.on("GET", PATH, {"id": "int_salesforce", "provider": "salesforce"})
    accounts = [{"algunaField": "name", "externalField": "AccountNumber"}]
    stored: dict[str, Any] = {**STORED, "schedule": None, "mappings": {**STORED["mappings"], "accounts": accounts}}  # type: ignore[dict-item]
    api.on("GET", f"{PATH}/sync-config", stored)
    changes = [
        {"change": "mapping", "field": "name", "records": 812},
        {"change": "filter", "field": None, "records": 7},
    ]
    shown = {"records": 812, "changes": changes, "entering": 3, "leaving": 4, "unknown": 0}
    api.on("POST", f"{PATH}/sync-config", {"affects": {"accounts": shown}})
    said = command("config", "plan", "-f", str(file))
    assert said.code == 0, said.err
    assert "touches accounts: the mapping of name, 812 record(s)" in said.out
    assert "3 enter it, 4 leave it" in said.out
    lines = [line.strip() for line in said.out.splitlines()]
    assert "+ config.schedule: */15 * * * *" in lines
    assert "~ mappings.accounts.name.externalField: AccountNumber -> Name" in lines
    assert any(line.startswith("+ mappings.accounts.email: ") for line in lines)
    assert "~ fieldResolution.accounts.name: manual -> latest_wins" in lines
    assert not any("contacts" in line for line in lines), "what the file leaves out stays"
    assert [call.query for call in api.calls if call.method != "GET"] == [{"preview": "true"}]
    paths = {change["path"] for change in command("config", "plan", "-f", str(file), "--json").json["int_salesforce"]}
    assert "config.schedule" in paths


def test_apply_can_sync_again_what_the_changes_touch(api: FakeApi, file: Path, command: Command) -> None:
    write(file, "strategy: manual", "strategy: latest_wins")
    api.on("GET", PATH, {"id": "int_salesforce", "provider": "salesforce"})
    api.on("GET", f"{PATH}/sync-config", STORED)
    api.on("POST", f"{PATH}/sync-config", {})
    api.on("POST", f"{PATH}/sync", {"syncId": "sync_1", "status": "queued"}, 202)
    said = command("config", "apply", "-f", str(file), "--resync")
    assert said.code == 0, said.err
    assert "sync_1" in said.err
    assert api.bodies("POST", f"{PATH}/sync") == [{"mode": "incremental", "changedSince": 3}]
    told = [{"field": "changedSince", "message": "nothing that touches records has changed"}]
    api.on("POST", f"{PATH}/sync", {"status": 422, "detail": "nothing", "errors": told}, 422)
    assert command("config", "apply", "-f", str(file), "--resync").code == 0


def test_what_the_service_refuses_is_shown_with_its_line(
    api: FakeApi, file: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_ID", "the-id")
    errors = [
        {"field": "mappings.accounts[1].externalField", "message": "no field `Email__c`"},
        {"field": "fieldRules.accounts[0].algunaField", "message": "is not mapped"},
        {"field": "schedule", "message": "too often"},
    ]
    api.on("POST", "/integrations", {"id": "int_salesforce"}, 201)
    api.on("POST", f"{PATH}/sync-config", {"status": 422, "detail": "not valid", "errors": errors}, 422)
    said = command("config", "apply", "-f", str(file))
    assert said.code == 1
    for line, told in ((11, "no field `Email__c`"), (15, "is not mapped"), (7, "too often")):
        assert any(text.startswith(f"{file}:{line}:") and told in text for text in said.err.splitlines()), said.err


def test_apply_without_the_needed_variables_sends_nothing(api: FakeApi, file: Path, command: Command) -> None:
    said = command("config", "apply", "-f", str(file))
    assert said.code == 1
    assert "CLIENT_ID" in said.err
    assert {call.method for call in api.calls} == {"GET"}


def test_an_id_of_another_provider_is_refused(api: FakeApi, file: Path, command: Command) -> None:
    api.on("GET", PATH, {"id": "int_salesforce", "provider": "hubspot"})
    said = command("config", "apply", "-f", str(file))
    assert said.code == 1
    assert "is an integration of hubspot" in said.err


def test_what_export_writes_is_what_apply_takes(api: FakeApi, tmp_path: Path, command: Command) -> None:
    row = {"id": "int_salesforce", "provider": "salesforce"}
    api.on("GET", "/integrations", [row])
    api.on("GET", PATH, row)
    api.on("GET", f"{PATH}/sync-config", STORED)
    target = tmp_path / "exported.yaml"
    assert command("config", "export", "-f", str(target)).code == 0
    assert "credentials" not in yaml.safe_load(target.read_text())["integrations"][0]
    assert "no change" in command("config", "apply", "-f", str(target)).out


def test_the_readme_shows_a_valid_file(tmp_path: Path, command: Command) -> None:
    blocks = re.findall(r"```yaml\n(integrations:.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        said = command("config", "validate", "-f", str(file))
        assert said.code == 0, said.err


def test_export_documents_mappings_for_people(api: FakeApi, command: Command) -> None:
    api.on("GET", "/integrations", [{"id": "int_salesforce", "provider": "salesforce"}])
    api.on("GET", "/integrations/int_salesforce", {"id": "int_salesforce", "provider": "salesforce"})
    api.on("GET", "/integrations/int_salesforce/sync-config", STORED)
    said = command("config", "export", "--markdown")
    assert said.code == 0, said.err
    assert "# int_salesforce (salesforce)" in said.out
    assert re.search(r"^\| `name` \| ↔ \| `Name` \|.*\| `manual` \|", said.out, re.MULTILINE), said.out
    assert "1. `id` = `Alguna_Customer_ID__c`" in said.out


def test_editors_get_a_schema_that_the_examples_fit(command: Command) -> None:
    schema = yaml.safe_load(command("config", "schema").out)
    fits = jsonschema_rs.validator_for(schema)
    for example in sorted((ROOT / "examples").glob("*.yaml")):
        fits.validate(yaml.safe_load(example.read_text()))
    assert not fits.is_valid({"integrations": [{"id": "int_x", "provider": "salesforce", "confg": {}}]})


def test_i10_a_file_of_aliases_of_aliases_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb.write_text("\n".join(lines))
    with pytest.raises(ConfigFileError, match="more than"):
        load(bomb)
    bomb.write_text("[" * 5000)
    with pytest.raises(ConfigFileError):
        load(bomb)
