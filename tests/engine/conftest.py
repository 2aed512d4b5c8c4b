"""A Temporal server per test session and a fresh world per test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.dev_server import start_dev_server
from tests.engine.world import Sandboxes, World, make_world
from tests.ports import free_port


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Temporal server with a persistent file."""
    folder = tmp_path_factory.mktemp("temporal")
    server = asyncio.run(start_dev_server(folder=folder, port=free_port(), ui_port=None))
    yield server.address
    asyncio.run(server.stop())


@pytest.fixture
async def boxes() -> AsyncIterator[Sandboxes]:
    """Both sandboxes, empty."""
    made = Sandboxes()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def world(tmp_path: Path, temporal_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A connected service without a configuration."""
    made = await make_world(tmp_path, temporal_address, boxes, heartbeat_seconds=3, chunk_size=100)
    yield made
    await made.close()
