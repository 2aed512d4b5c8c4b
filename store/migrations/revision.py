"""Writes the next revision from the difference between the tables and the newest revision.

    python -m store.migrations.revision "add a column" [MODULE…]

Modules limit it to the tables of these modules of `store.tables`. Works on a throw-away SQLite file, so it needs no
database; read what it wrote, format it with ruff, then commit it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import store.tables  # noqa: F401 - fills the metadata
from store.database import async_url
from store.migrations import runner


def make(message: str, *modules: str) -> Path:
    """Write `versions/NNNN_message.py` and return its path."""
    settings = runner.config()
    settings.attributes["tables"] = _tables(modules)
    number = len(list(ScriptDirectory.from_config(settings).walk_revisions())) + 1
    with tempfile.TemporaryDirectory() as folder:
        url = async_url(f"sqlite:///{folder}/scratch.db")
        runner.upgrade(url)
        with runner.exclusive(url) as connection:
            settings.attributes["connection"] = connection
            script = command.revision(settings, message, autogenerate=True, rev_id=f"{number:04d}")
    if script is None or isinstance(script, list):
        raise RuntimeError("Alembic wrote no revision")
    path = Path(script.path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.lstrip().startswith("# ###")))
    return path


def _tables(modules: Sequence[str]) -> set[str]:
    wanted = {f"store.tables.{module}" for module in modules}
    return {
        str(mapper.local_table.name)  # type: ignore[attr-defined]
        for mapper in SQLModel._sa_registry.mappers
        if not wanted or mapper.class_.__module__ in wanted
    }


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit('usage: python -m store.migrations.revision "what changes" [MODULE…]')
    print(make(*sys.argv[1:]))
