"""A Temporal server that suggests continue-as-new early, and a fresh world per test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from runtime.dev_server import start_dev_server
from tests.engine.world import Sandboxes, World, make_world
from tests.ports import free_port

SHORT_HISTORIES = {
    "limit.historyCount.suggestContinueAsNew": "50",
    # Runs of one id follow each other without the server's pause of a second.
    "history.workflowIdReuseMinimalInterval": '"0s"',
}


@pytest.fixture(scope="session")
def short_histories_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Temporal server on which 50 events are a long history."""
    folder = tmp_path_factory.mktemp("temporal-short")
    server = asyncio.run(
        start_dev_server(folder=folder, port=free_port(), ui_port=None, dynamic_config=SHORT_HISTORIES)
    )
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
async def world(tmp_path: Path, short_histories_address: str, boxes: Sandboxes) -> AsyncIterator[World]:
    """A connected service without a configuration."""
    made = await make_world(tmp_path, short_histories_address, boxes, heartbeat_seconds=3, chunk_size=20)
    yield made
    await made.services.close()
