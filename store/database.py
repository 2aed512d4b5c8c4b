"""One database, two ways in: `session()` to read, `transaction()` for one short write.

SQLite (the embedded default) has one writer at a time. Writers of this process queue at a fair lock, writers of other
processes at SQLite's own busy handler; readers never wait (WAL). A write transaction starts with BEGIN IMMEDIATE, so
it can never fail halfway because its read snapshot became old. On PostgreSQL both ways are ordinary transactions.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import URL, ColumnElement, Table, event, insert, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import SQLModel

from core import failpoints

BUSY_TIMEOUT_SECONDS = 30
WRITER_CACHE_KIB = 8 * 1024
"""The writer's own pages; a reader keeps SQLite's 2 MiB."""
CHECKPOINT_PAGES = 16_000
"""How many pages (64 MiB) may wait in the write-ahead log: a page that was written often is copied back only once."""
_COMMON: dict[str, Any] = {"hide_parameters": True}
"""Errors are logged, and the parameters of statements are customers' values (I8)."""

T = TypeVar("T")


def async_url(url: str) -> URL:
    """Return the URL with the asynchronous driver of its database. Raises ValueError for an unsupported one."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ValueError("SQLite needs a file, because several connections share it: sqlite:///path")
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise ValueError(f"database {other!r} is not supported: use sqlite:///path or postgresql+psycopg://…")


class Database:
    """A pool of connections to one database. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        """Take `sqlite:///path` or `postgresql+psycopg://…`; connects on first use."""
        self.url = async_url(url)
        if self.url.get_backend_name() == "sqlite":
            self._engine = _sqlite_engine(self.url, "BEGIN", pool_size=10, max_overflow=10)
            self._writer = _sqlite_engine(self.url, "BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
            event.listen(self._writer.sync_engine, "connect", _prepare_writer)
        else:
            self._engine = self._writer = create_async_engine(
                self.url, pool_pre_ping=True, pool_size=10, max_overflow=10, **_COMMON
            )
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[Any] | None] = set()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Read: one consistent snapshot on SQLite. Nothing is committed.

        A plain SQLAlchemy session: most statements here are bulk ones over tables, for which SQLModel's has no word.
        """
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Write: commits at the end, rolls back on an error. Keep it short, and await nothing but the database in it.

        Raises RuntimeError inside another transaction of the same task, which would wait for itself for ever.
        """
        task = asyncio.current_task()
        if task in self._writing:
            raise RuntimeError("a transaction was opened inside a transaction of the same task")
        self._writing.add(task)
        try:
            async with (
                self._writers_turn(),
                AsyncSession(self._writer, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
                failpoints.reach("store:commit")
            failpoints.reach("store:committed")
        finally:
            self._writing.discard(task)

    async def migrate(self) -> None:
        """Bring the schema to the newest version; processes that start together take turns. Raises UnknownSchema."""
        from store.migrations.runner import upgrade

        await asyncio.to_thread(upgrade, self.url)

    async def pending_migrations(self) -> list[str]:
        """The revisions that are not applied yet. Raises UnknownSchema."""
        from store.migrations.runner import pending

        async with self._engine.connect() as connection:
            return await connection.run_sync(pending)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._engine.dispose()

    @asynccontextmanager
    async def _writers_turn(self) -> AsyncIterator[None]:
        if self.dialect == "sqlite":
            async with self._turn:
                yield
        else:
            yield


def _sqlite_engine(url: URL, begin: str, **pool: int) -> AsyncEngine:
    # Each connection keeps pages of its own: the one used last has the newest, and the others need none.
    engine = create_async_engine(url, pool_timeout=60, pool_use_lifo=True, **pool, **_COMMON)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: BEGIN comes from the engine's listener.
    connection.isolation_level = None
    # In WAL mode (set by the migration, kept in the file) NORMAL survives the death of any process.
    _set(connection, busy_timeout=BUSY_TIMEOUT_SECONDS * 1000, synchronous="NORMAL", foreign_keys="ON")


def _prepare_writer(connection: Any, _record: object) -> None:
    _set(connection, cache_size=-WRITER_CACHE_KIB, wal_autocheckpoint=CHECKPOINT_PAGES)


def _set(connection: Any, **pragmas: int | str) -> None:
    cursor = connection.cursor()
    for name, value in pragmas.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


def _table(table: Table | type[SQLModel]) -> Table:
    if isinstance(table, Table):
        return table
    found: Table = getattr(table, "__table__")  # noqa: B009 - SQLModel does not declare it
    return found


async def insert_many(session: AsyncSession, table: Table | type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows (all with the same keys: column names) in one bulk statement."""
    if rows:
        connection = await session.connection()
        await connection.execute(insert(_table(table)), rows)


async def upsert(
    session: AsyncSession,
    table: Table | type[SQLModel],
    rows: Sequence[Mapping[str, Any]],
    index_elements: Sequence[str],
    update_columns: Sequence[str] = (),
    *,
    index_where: ColumnElement[bool] | None = None,
    where: ColumnElement[bool] | None = None,
) -> int:
    """Insert rows in one bulk statement; where the unique index already holds one, update the named columns of it.

    Without `update_columns` an existing row stays as it is, as does one that does not meet `where`. `index_where` names
    a partial unique index. Of several rows with the same key the last wins. Returns how many rows were written.
    """
    if not rows:
        return 0
    target = _table(table)
    new = sqlite.insert(target) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(target)
    if update_columns:
        statement = new.on_conflict_do_update(
            index_elements=list(index_elements),
            index_where=index_where,
            set_={name: new.excluded[name] for name in update_columns},
            where=where,
        )
    else:
        statement = new.on_conflict_do_nothing(index_elements=list(index_elements), index_where=index_where)
    connection = await session.connection()
    return (await connection.execute(statement, rows, execution_options={"preserve_rowcount": True})).rowcount


def is_taken(error: IntegrityError) -> bool:
    """Whether a statement failed because another writer had stored a row under the same unique key."""
    cause = error.orig
    if isinstance(cause, sqlite3.IntegrityError):
        return cause.sqlite_errorcode in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
    return isinstance(cause, psycopg.errors.UniqueViolation)


def chunked(values: Sequence[T], size: int = 1000) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces, so that `IN (…)` stays below the databases' parameter limits."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
