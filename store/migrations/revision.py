"""Writes the next revision from the difference between the tables and the newest revision.

    python -m store.migrations.revision "add a column"

Works on a throw-away SQLite file, so it needs no database; read what it wrote before committing it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from store.database import async_url
from store.migrations import runner


def make(message: str) -> Path:
    """Write `versions/NNNN_message.py` and return its path."""
    settings = runner.config()
    number = len(list(ScriptDirectory.from_config(settings).walk_revisions())) + 1
    with tempfile.TemporaryDirectory() as folder:
        url = async_url(f"sqlite:///{folder}/scratch.db")
        runner.upgrade(url)
        with runner.exclusive(url) as connection:
            settings.attributes["connection"] = connection
            script = command.revision(settings, message, autogenerate=True, rev_id=f"{number:04d}")
    if script is None or isinstance(script, list):
        raise RuntimeError("Alembic wrote no revision")
    return Path(script.path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m store.migrations.revision "what changes"')
    print(make(sys.argv[1]))
