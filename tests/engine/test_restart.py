"""The Temporal server itself is stopped and started again while a conflict waits for a person (I3, I7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runtime.dev_server import start_dev_server
from tests.engine.test_waiting import MANUAL, decide, one_conflict, until
from tests.engine.world import Sandboxes, World, make_world
from tests.ports import free_port


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
