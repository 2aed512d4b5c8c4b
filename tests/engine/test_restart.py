"""Restarts: of Temporal while a conflict waits for a person, of a worker between merge and write (I3, I7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from activities.contracts import ChunkRef, Mode, PassRef
from activities.fetch import fetch
from activities.match import match
from activities.transform import transform
from activities.write import write
from core.records import Entity
from runtime.dev_server import start_dev_server
from tests.engine.inproc import Passes
from tests.engine.test_waiting import MANUAL, decide, one_conflict, until
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.ports import free_port
from worker import make_engine


async def begin_conflict(world: World) -> str:
    """Sync one account, change its name on both sides, sync again; return the customer's id."""
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=MANUAL)
    async with world.worker():
        await world.sync()
        ours = (await world.boxes.records("alguna", "accounts"))[0]
        theirs = (await world.boxes.records("salesforce", "accounts"))[0]
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Ours")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name="Theirs")
        await world.sync()
    customer: str = ours["id"]
    return customer


async def test_i3_i7_a_manual_conflict_survives_a_restart_of_the_temporal_server(
    tmp_path: Path, boxes: Sandboxes
) -> None:
    port = free_port()
    server = await start_dev_server(folder=tmp_path / "temporal", port=port, ui_port=None)
    world = await make_world(tmp_path, server.address, boxes)
    await begin_conflict(world)
    conflict = await one_conflict(world)
    await world.services.close()
    await server.stop()

    server = await start_dev_server(folder=tmp_path / "temporal", port=port, ui_port=None)
    try:
        async with world.worker():
            await decide(world, conflict, {"name": "external"})

            async def settled() -> bool:
                return (await one_conflict(world)).status == "resolved"

            await until(settled)
            for system, field in (("alguna", "name"), ("salesforce", "Name")):
                rows = await boxes.records(system, "accounts")
                assert [row[field] for row in rows] == ["Theirs"]
            async with asyncio.timeout(60):
                await world.sync()
    finally:
        await world.services.close()
        await server.stop()


async def test_i3_i7_an_edit_between_a_workers_death_and_its_successors_write_is_merged(passes: Passes) -> None:
    """However soon the next worker goes on: what its predecessor read is never young enough."""
    [alguna_id] = await passes.boxes.seed("alguna", "accounts", 1)
    await passes.configure("accounts", conflictResolution="external_wins")
    await passes.run_pass(Entity.ACCOUNTS)
    record_id = (await passes.links_of(Entity.ACCOUNTS))[alguna_id]
    await passes.boxes.edit("alguna", "accounts", alguna_id, name="Ours Ltd")
    of = PassRef(pass_id="pass_left", integration_id=INTEGRATION, entity=Entity.ACCOUNTS, mode=Mode.INCREMENTAL)
    chunk = ChunkRef(of=of, number=1)
    await fetch(passes.engine, of)
    await match(passes.engine, chunk)
    assert (await transform(passes.engine, chunk)).proceed
    await passes.boxes.edit("salesforce", "accounts", record_id, Name="Theirs Ltd")
    await passes.engine.close()
    passes.engine = make_engine(passes.services, passes.engine.temporal)
    await write(passes.engine, chunk)
    await passes.carry_out(PassRef(**{**of.model_dump(), "pass_id": "pass_next"}))
    [ours] = await passes.boxes.records("alguna", "accounts")
    [theirs] = await passes.boxes.records("salesforce", "accounts")
    assert (ours["name"], theirs["Name"]) == ("Theirs Ltd", "Theirs Ltd")
