"""What recording a history needs: a seeded world, and a way to save what a workflow did, without secrets."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from core import names
from core.records import Entity
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.workflows.histories import save, words

SEEDED = 60
"""Accounts in Alguna: three chunks of twenty."""

Handle = WorkflowHandle[Any, Any]


def writer(world: World) -> Handle:
    """The newest run of the accounts' writer."""
    return world.client.get_workflow_handle(names.entity_sync_id(INTEGRATION, Entity.ACCOUNTS))


async def keep(name: str, handle: Handle, secrets: set[str]) -> None:
    """Save a history. Raises RuntimeError when it holds a secret."""
    path = save(name, await handle.fetch_history())
    text = words(path.read_text())
    if any(secret in text for secret in secrets):
        path.unlink()
        raise RuntimeError(f"{name} holds a secret")
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


async def ended(handle: Handle) -> None:
    """Wait until a workflow and the accounts' writer have ended."""
    async with asyncio.timeout(60):
        with contextlib.suppress(Exception):
            await handle.result()


async def slow(world: World, system: str, path: str) -> None:
    """Let a system take its time, so that something can happen meanwhile."""
    fault = {"match": {"path": path}, "fault": "slow", "retryAfter": 1}
    await world.boxes.control(system, "POST", "faults", fault)


async def is_open(handle: Handle) -> bool:
    """Whether a workflow runs."""
    with contextlib.suppress(Exception):
        return (await handle.describe()).close_time is None
    return False


@contextlib.asynccontextmanager
async def recorded_world(address: str) -> AsyncIterator[tuple[World, set[str]]]:
    """A seeded and configured world, and the secrets of its connections."""
    boxes = Sandboxes()
    await boxes.start()
    with tempfile.TemporaryDirectory() as folder:
        world = await make_world(
            Path(folder), address, boxes, heartbeat_seconds=30, chunk_size=20, webhook_allow_private=True
        )
        # The sticky queue's name is made of it.
        world.client = await Client.connect(address, data_converter=pydantic_data_converter, identity="worker")
        await boxes.seed("alguna", "accounts", SEEDED)
        await world.configure("accounts")
        secrets = set[str]()
        for connection in ("alguna", INTEGRATION):
            values = (await world.services.connections.load(connection)).values
            secrets |= {value for key, value in values.items() if not key.endswith("Url") and key != "expiresAt"}
        yield world, secrets
        await world.services.close()
    await boxes.stop()
