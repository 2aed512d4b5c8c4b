"""The same engine on PostgreSQL: only the setting differs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.records import Entity
from tests.engine.test_crash import check_first_sync, reached
from tests.engine.world import Sandboxes, make_world

pytestmark = pytest.mark.postgres


async def test_i2_i4_first_sync_edits_and_a_quiet_pass_on_postgresql(
    tmp_path: Path, temporal_address: str, boxes: Sandboxes, postgres_url: str
) -> None:
    world = await make_world(
        tmp_path, temporal_address, boxes, database_url=postgres_url, heartbeat_seconds=3, chunk_size=100
    )
    await boxes.seed("alguna", "accounts", 250)
    await boxes.seed("salesforce", "contacts", 40, offset=1000)
    await world.configure("accounts", "contacts")
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", run.problem
        accounts = await boxes.records("salesforce", "accounts")
        assert len(accounts) == len(await boxes.records("alguna", "accounts")) == await world.linked()
        assert await world.linked(Entity.CONTACTS) == len(await boxes.records("salesforce", "contacts"))
        row = accounts[0]
        await boxes.edit("salesforce", "accounts", row["Id"], Name="Renamed by a person")
        run = await world.sync()
        assert run.status == "completed", run.problem
        assert "Renamed by a person" in {item["name"] for item in await boxes.records("alguna", "accounts")}
        await boxes.clear_calls()
        await world.sync()
        assert await boxes.writes() == []
    await world.close()


@pytest.mark.e2e
@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_i1_i2_i7_two_workers_on_postgresql_and_one_is_killed(
    tmp_path: Path, temporal_address: str, boxes: Sandboxes, postgres_url: str
) -> None:
    world = await make_world(
        tmp_path, temporal_address, boxes, database_url=postgres_url, heartbeat_seconds=2, chunk_size=100
    )
    await boxes.seed("alguna", "accounts", 600)
    await world.configure("accounts")
    await boxes.control("salesforce", "POST", "behaviour", {"latencyMs": 150})
    workers = [world.spawn_worker() for _ in range(2)]
    handle = await world.start()
    done = asyncio.ensure_future(handle.result())
    async with asyncio.timeout(120):
        while not await reached(world, "salesforce", 3):
            await asyncio.sleep(0.02)
    assert not done.done()
    workers[0].kill()
    async with asyncio.timeout(180):
        await done
    row = await world.run_row(handle)
    assert row.status == "completed", row.problem
    world.end_processes()
    await boxes.control("salesforce", "POST", "behaviour", {"latencyMs": 0})
    await check_first_sync(world, 600)
    await world.close()
