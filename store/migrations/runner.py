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


def config() -> Config:
    """Alembic's settings; the connection goes into `attributes["connection"]`."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def upgrade(url: URL) -> None:
    """Bring the database to the newest revision (blocking). Creates the SQLite file and its folder where missing."""
    with exclusive(url) as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def pending(connection: Connection) -> list[str]:
    """The revisions that the database does not have yet, oldest first."""
    script = ScriptDirectory.from_config(config())
    current = MigrationContext.configure(connection).get_current_revision()
    return [one.revision for one in reversed(list(script.iterate_revisions("head", current)))]


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
