"""Rules of the code base that no linter covers: sizes, purity, dependencies, locks, no traces of a machine."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import PACKAGES, PYPROJECT, ROOT, imported_modules, package_modules, project_files

LONGEST_FILE = 400
CLOCK_CALLS = {"now", "utcnow", "today"}
MACHINE_TRACES = re.compile(
    "|".join(
        [
            r"(?<![\w.~/-])/(?:root|work|Users/\w+|home/\w+)/",
            r"--(?:extra-)?index-url",
            r"--find-links",
            "python" + r"hosted\.org",
            "pypi" + r"\.org/simple",
        ]
    )
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def runtime_requirements() -> list[Requirement]:
    return [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]


def development_requirements() -> list[Requirement]:
    extras = PYPROJECT["project"]["optional-dependencies"]
    named = [Requirement(line) for line in [*extras["dev"], *extras["embedded"]]]
    return [requirement for requirement in named if requirement.name != PYPROJECT["project"]["name"]]


def locked_versions(name: str) -> dict[str, str]:
    pins = re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^ \\;]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def test_nobody_imports_the_worker() -> None:
    importers = [relative(path) for path in package_modules() if "worker" in imported_modules(path)]
    assert importers == []


def test_every_python_file_can_be_read_in_one_sitting() -> None:
    python_files = [path for path in project_files() if path.suffix == ".py"]
    lengths = {relative(path): len(path.read_text().splitlines()) for path in python_files}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_core_reads_no_clock() -> None:
    readings = [
        f"{relative(path)}:{node.lineno}"
        for path in sorted((ROOT / "core").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS
    ]
    assert readings == []


def test_vendor_packages_are_all_in_the_independence_contract() -> None:
    contract = next(one for one in PYPROJECT["tool"]["importlinter"]["contracts"] if one["id"] == "vendors")
    packages = {f"connectors.{path.parent.name}" for path in (ROOT / "connectors").glob("*/__init__.py")}
    assert set(contract["modules"]) == packages


def test_every_third_party_import_is_a_declared_dependency() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in runtime_requirements()}
    ours = {*PACKAGES, "worker"}
    providers = packages_distributions()
    undeclared = {
        f"{relative(path)}: {module}"
        for path in package_modules()
        for module in {name.split(".")[0] for name in imported_modules(path)} - ours - sys.stdlib_module_names
        if not {canonicalize_name(name) for name in providers.get(module, [])} & declared
    }
    assert undeclared == set()


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.lock", runtime_requirements()),
        ("requirements-dev.lock", [*runtime_requirements(), *development_requirements()]),
    ],
)
def test_locks_satisfy_the_declared_dependencies(lock: str, requirements: list[Requirement]) -> None:
    versions = locked_versions(lock)
    unmet = [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert unmet == [], "run `make lock`"


def test_production_and_development_run_the_same_versions() -> None:
    development = locked_versions("requirements-dev.lock")
    production = locked_versions("requirements.lock")
    assert production
    assert {name: development.get(name) for name in production} == production


def test_tree_holds_no_trace_of_a_machine_or_package_index() -> None:
    traces: list[str] = []
    for path in project_files():
        if path == Path(__file__).resolve():
            continue
        lines = path.read_text(errors="replace").splitlines()
        traces += [f"{relative(path)}:{number}" for number, line in enumerate(lines, 1) if MACHINE_TRACES.search(line)]
    assert traces == []
