"""Applies migrations in-process, once, however many processes start together."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, NullPool, create_engine, event, text

# Any constant that no other program on the same PostgreSQL database is likely to use.
_ADVISORY_LOCK = 4_703_118_206


class UnknownSchema(Exception):
    """The database's schema is of a revision that this version does not know. Says what to do; nothing was changed."""

    def __init__(self, revision: str) -> None:
        """Take the revision that the database says it has."""
        super().__init__(
            f"the database has schema revision {revision}, which this version does not know. If a newer version made "
            "it: start that version, or restore the backup from before the upgrade. If a state before 0.1.0 made "
            "it, no migration leads on from there: set EXTERNAL_SYNC_DATABASE_URL to a new, empty database, then "
            "connect and sync again; the markers on the records find what was linked."
        )


def config() -> Config:
    """Alembic's settings; the connection goes into `attributes["connection"]`."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def upgrade(url: URL) -> None:
    """Bring the database to the newest revision (blocking). Creates the SQLite file and its folder where missing.

    Raises UnknownSchema for a database of another version.
    """
    with exclusive(url) as connection:
        if not pending(connection):
            return
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def pending(connection: Connection) -> list[str]:
    """The revisions that the database does not have yet, oldest first. Raises UnknownSchema."""
    known = [one.revision for one in ScriptDirectory.from_config(config()).walk_revisions()][::-1]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return known
    if current not in known:
        raise UnknownSchema(current)
    return known[known.index(current) + 1 :]


@contextmanager
def exclusive(url: URL) -> Iterator[Connection]:
    """One connection in one transaction, under a lock that holds across processes and dies with its holder."""
    if url.get_backend_name() == "sqlite":
        with _sqlite(Path(url.database or "")) as connection:
            yield connection
    else:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection


@contextmanager
def _sqlite(path: Path) -> Iterator[Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    # Foreign keys stay off: rebuilding a table, SQLite's way to change one, would delete rows that refer to it.
    @event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        connection.execute("PRAGMA busy_timeout = 30000")  # type: ignore[attr-defined]
        # Kept in the file, so the running service need not set it. Only under the lock: two processes that switch a
        # new file to WAL at the same moment fail with "database is locked", whatever the busy time-out.
        connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with path.with_name(f"{path.name}.migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with engine.begin() as connection:
            yield connection
