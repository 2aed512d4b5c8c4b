"""What the tests about the repository itself share: its files, its Python modules, its command line."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GENERATED = {"__pycache__", "build", "dist", "htmlcov"}
LOCAL_FILES = {".env", ".coverage", ".git"}
PACKAGES: list[str] = PYPROJECT["tool"]["importlinter"]["root_packages"]


def project_files() -> list[Path]:
    """Every file that belongs to the project: no environments, caches, build output, or a person's local state."""
    found: list[Path] = []
    for directory, subdirectories, names in os.walk(ROOT):
        subdirectories[:] = sorted(
            name
            for name in subdirectories
            if (not name.startswith(".") or name == ".ci") and name not in GENERATED and not name.endswith(".egg-info")
        )
        found += [Path(directory) / name for name in sorted(names) if name not in LOCAL_FILES]
    return found


def package_modules() -> list[Path]:
    """The Python files that are shipped: the packages and worker.py."""
    return [ROOT / "worker.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]


def imported_modules(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports absolutely."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return names


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def command_help(*command: str) -> str:
    """What `external-sync COMMAND… --help` prints, on one wide screen; fails where there is no such command."""
    result = subprocess.run(
        [sys.executable, "-c", "from starter.cli import main; main()", *command, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, f"external-sync {' '.join(command)} --help: {result.stderr or result.stdout}"
    return result.stdout
