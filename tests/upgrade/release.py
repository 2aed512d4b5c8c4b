"""A made-up next release: the code of this one with a further migration, run as processes of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine.world import World

ROOT = Path(__file__).parents[2]
SHARED = ("core", "connectors", "activities", "workflows", "runtime", "worker.py")
TABLES = ("links", "operations", "requests", "chunks", "staged", "passes", "runs", "conflicts", "webhook_deliveries")
"""What work under way stands in: the migration makes each of them anew, which is how SQLite changes a table."""
REVISION = f'''"""made up"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    for table in {TABLES}:
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.add_column(sa.Column("made_up", sa.String(), server_default="old", nullable=False))
    op.execute("UPDATE links SET made_up = external_id")
'''


def make_release(folder: Path) -> Path:
    """Make the tree of the next release in an empty folder."""
    folder.mkdir()
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "store", folder / "store", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "store" / "migrations" / "versions" / "0002_made_up.py").write_text(REVISION)
    return folder


@contextmanager
def worker_of(release: Path, world: World) -> Iterator[None]:
    """A worker of that release; at the end it is asked to stop, and has to end well."""
    environment = {**os.environ, **world.environment(), "PYTHONPATH": str(release)}
    with (world.settings.data_dir / "next.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], cwd=release, env=environment, stdout=log, stderr=log
        )
    try:
        yield
        process.terminate()
        assert process.wait(timeout=40) == 0
    finally:
        process.kill()
        process.wait()
