"""Migrations: the migrated schema is the one the code declares, and processes that start together migrate once."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from store.database import Database


def _differences(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata)


async def test_the_migrated_schema_is_the_declared_one(empty_url: str) -> None:
    db = Database(empty_url)
    await db.migrate()
    async with db.session() as session:
        assert await (await session.connection()).run_sync(_differences) == []
    await db.close()


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    db = Database(empty_url)
    await asyncio.gather(db.migrate(), db.migrate())
    await db.migrate()
    async with db.session() as session:
        assert len((await session.execute(text("SELECT version_num FROM alembic_version"))).all()) == 1
    await db.close()


def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    program = "import asyncio, sys; from store.database import Database; asyncio.run(Database(sys.argv[1]).migrate())"
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1] for process in started] == ["", "", ""]
    assert [process.returncode for process in started] == [0, 0, 0]
