"""The documentation says what is there: links lead somewhere, and every command it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from connectors.registry import PROVIDERS, provider_spec
from starter.cli.app import app
from tests.repository import ROOT, make_targets, project_files

DOCUMENTS = sorted(path for path in project_files() if path.suffix == ".md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def document_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def heading_anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_named(pattern: str) -> set[str]:
    """First words that follow `pattern` inside code in any document."""
    code = " ".join(block for path in DOCUMENTS for block in CODE.findall(path.read_text()))
    return set(re.findall(pattern, code))


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_relative_links_lead_to_a_file_and_heading(document: Path) -> None:
    broken = []
    for link in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in heading_anchors(target)):
            broken.append(link)
    assert broken == []


def test_make_targets_named_in_the_documents_exist() -> None:
    named = commands_named(r"(?<![\w-])make ([a-z][a-z-]*)")
    assert "demo" in named
    assert named - make_targets() == set()


def test_commands_named_in_the_documents_exist() -> None:
    named = commands_named(r"(?<![\w/.-])external-sync ([a-z][a-z-]*)")
    assert named
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]


def test_make_help_lists_every_target() -> None:
    documented = set(re.findall(r"^([a-z][a-z-]*):.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert documented == make_targets()


def test_tests_named_in_the_documents_exist() -> None:
    named = commands_named(r"(tests/[\w/]+\.py::\w+)")
    assert named
    missing = []
    for name in sorted(named):
        file, _, test = name.partition("::")
        path = ROOT / file
        if not path.exists() or not re.search(rf"def {test}\b", path.read_text()):
            missing.append(name)
    assert missing == []


def test_every_pair_of_every_provider_names_its_tests_in_both_directions() -> None:
    table = (ROOT / "docs" / "providers" / "README.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (external|alguna) \|.*\| (.*) \|$", table, re.MULTILINE)
    told = {(provider, entity, into) for provider, entity, into, tests in rows if "::" in tests}
    pairs = {(name, entity.value) for name in PROVIDERS for entity in provider_spec(name).entities}
    assert told == {(name, entity, into) for name, entity in pairs for into in ("external", "alguna")}


def test_every_provider_has_its_page_and_its_example() -> None:
    for name in PROVIDERS:
        assert (ROOT / "docs" / "providers" / f"{name}.md").exists()
        assert (ROOT / "examples" / f"{name}.yaml").exists()


def test_every_known_pain_has_its_tests() -> None:
    rows = re.findall(r"^\| P(\d+) \|.*\| (.*) \|$", (ROOT / "docs" / "pains.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 31))
    assert [number for number, tests in rows if "::" not in tests] == []


def test_every_promise_has_its_tests() -> None:
    rows = re.findall(r"^\| I(\d+) \|(.*)\|$", (ROOT / "docs" / "reliability.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 13))
    assert [number for number, told in rows if "::" not in told or "`make " not in told] == []


def test_everything_in_the_threat_model_is_shown() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    defences = text.partition("## Defences")[2].partition("\n## ")[0]
    rows = [line for line in defences.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 8
    assert [row for row in rows if "::" not in row and "reliability.md" not in row] == []
