"""What is old goes by itself, what a person wants gone goes at once, and the sync goes on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity
from store.passes import last_adopted_version, last_version
from store.retention import Retention, purge
from store.scope import Scope
from store.types import utc_now
from tests.api.test_with_worker import FIELDS, edit, synced
from tests.api.world import World
from worker import make_engine, make_worker

OLD = "2020-01-01 00:00:00.000000"


async def everything(world: World) -> dict[str, str]:
    """The text of every table."""
    async with world.backend.db.session() as session:
        tables = await _tables(session)
        return {name: str((await session.execute(text(f"SELECT * FROM {name}"))).all()) for name in tables}


async def _tables(session: AsyncSession) -> list[str]:
    connection = await session.connection()
    return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


async def test_old_history_goes_and_the_sync_goes_on(world: World) -> None:
    await world.control("alguna", "seed", {"entity": "accounts", "count": 3})
    await world.configure()
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        first = await synced(world)
        async with world.backend.db.transaction() as session:
            for table, column in (("runs", "completed_at"), ("passes", "completed_at"), ("audit", "at")):
                await session.execute(text(f"UPDATE {table} SET {column} = '{OLD}'"))
        kept = await synced(world)
        keep = Retention(timedelta(days=90), timedelta(days=730))
        assert await purge(world.backend.db, keep) == 1
        left = await everything(world)
        for table in ("runs", "passes", "outcomes", "operations", "requests", "run_passes", "readings", "audit"):
            assert first["syncId"] not in left[table]
        assert left["operations"] == left["audit"] == "[]"
        assert kept["syncId"] in left["runs"]
        assert (await purge(world.backend.db, Retention(None, None))) == 0
        again = await synced(world)
        async with world.backend.db.transaction() as session:
            for table in ("runs", "passes"):
                await session.execute(text(f"UPDATE {table} SET completed_at = '2021' || substr(completed_at, 5)"))
        await purge(world.backend.db, keep)
        async with world.backend.db.session() as session:
            scope = Scope(world.id, Entity.ACCOUNTS)
            assert await last_version(session, scope) == await last_adopted_version(session, scope) == 1
        assert again["syncId"] in (await everything(world))["runs"], "the newest tells what the entity was synced under"
        assert kept["syncId"] not in (await everything(world))["runs"]
    await engine.close()
    assert again["stats"]["accounts"]["toExternal"]["created"] == 0
    assert (await world.call("GET", "/{id}/sync-state"))["entities"]["accounts"]["linked"] == 3


async def test_i10_leases_of_dead_workers_go_and_those_of_the_living_stay(world: World) -> None:
    async with world.backend.db.transaction() as session:
        for name, at in (("dead", OLD), ("alive", utc_now() + timedelta(seconds=30))):
            lease = {"name": name, "owner": name, "at": str(at).replace("+00:00", "")}
            await session.execute(
                text("INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :at)"), lease
            )
    await purge(world.backend.db, Retention(None, None))
    left = (await everything(world))["leases"]
    assert "alive" in left
    assert "dead" not in left


async def test_i8_a_persons_data_can_be_erased(world: World) -> None:
    await world.control("alguna", "seed", {"entity": "accounts", "count": 2})
    await world.configure(mappings={"accounts": FIELDS})
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        await synced(world)
        link, other = (await world.call("GET", "/{id}/links/accounts"))["data"]
        await edit(world, "alguna", link["algunaId"], name="Somebody Unmistakable")
        await edit(world, "salesforce", link["externalId"], Name="Quite Unmistakable")
        await synced(world)
        assert "Unmistakable" in str(await everything(world))
        said = await world.call("POST", "/{id}/erasure", {"entity": "accounts", "recordId": link["externalId"]})
        assert said["ids"] == [link["algunaId"], link["externalId"]]
        assert {"conflicts", "audit", "links"} <= set(said["forgotten"])
        left = await everything(world)
        assert [name for name, rows in left.items() if "Unmistakable" in rows] == []
        await synced(world)
    await engine.close()
    gone = await world.call("GET", f"/{{id}}/links/accounts/{link['algunaId']}")
    assert (gone["status"], gone["reason"]) == ("tombstoned", "erased")
    assert (await world.call("GET", f"/{{id}}/links/accounts/{other['algunaId']}"))["status"] == "active"
    await world.call("POST", "/{id}/erasure", {"entity": "accounts", "recordId": "nobody"}, 404)
