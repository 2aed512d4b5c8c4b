"""Migrations: the migrated schema is the one the code declares, and processes that start together migrate once."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

from store.database import Database
from store.migrations.runner import UnknownSchema


def differences(connection: Connection) -> object:
    """What the tables in a database are not, but the code declares."""
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)


async def test_the_migrated_schema_is_the_declared_one(empty_url: str) -> None:
    db = Database(empty_url)
    await db.migrate()
    async with db.session() as session:
        assert await (await session.connection()).run_sync(differences) == []
    await db.close()


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    db = Database(empty_url)
    await asyncio.gather(db.migrate(), db.migrate())
    await db.migrate()
    async with db.session() as session:
        assert len((await session.execute(text("SELECT version_num FROM alembic_version"))).all()) == 1
    await db.close()


async def test_a_database_of_another_version_is_left_alone_and_told_apart(database_url: str) -> None:
    db = Database(database_url)
    async with db.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0017'"))
        await session.execute(text("DROP TABLE polls"))
    for refused in (db.migrate(), db.pending_migrations()):
        with pytest.raises(
            UnknownSchema, match=r"revision 0017.*start that version, or restore the backup.*new, empty"
        ):
            await refused
    async with db.session() as session:
        tables = await (await session.connection()).run_sync(lambda one: inspect(one).get_table_names())
        assert "polls" not in tables
        assert (await session.execute(text("SELECT version_num FROM alembic_version"))).scalars().all() == ["0017"]
    await db.close()


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    program = "import asyncio, sys; from store.database import Database; asyncio.run(Database(sys.argv[1]).migrate())"
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1] for process in started] == ["", "", ""]
    assert [process.returncode for process in started] == [0, 0, 0]
