"""The API on a port of its own, the sandboxes of all providers that have a consent page, and a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn

from sandbox.kit.testing import SandboxThread
from tests.api.conftest import migrated, settings, temporal_address, world
from tests.api.world import World
from tests.browser.driver import Browser, opened
from tests.ports import free_port

__all__ = ["migrated", "settings", "temporal_address", "world"]

WITH_CONSENT = ("salesforce", "hubspot")


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, str]]:
    """The addresses of the sandboxes by system."""
    running = {name: SandboxThread(name) for name in ("alguna", *WITH_CONSENT)}
    for box in running.values():
        box.start()
    yield {name: box.url for name, box in running.items()}
    for box in running.values():
        box.stop()


@pytest.fixture
async def served(world: World) -> AsyncIterator[tuple[World, str]]:
    """The API as people and vendors reach it: its own port is its public address."""
    url = f"http://127.0.0.1:{free_port()}"
    changed = world.backend.settings.model_copy(update={"public_url": url})
    object.__setattr__(world.backend.services, "settings", changed)
    server = uvicorn.Server(uvicorn.Config(world.app, port=int(url.rpartition(":")[2]), log_config=None))
    serving = asyncio.create_task(server.serve())
    yield world, url
    server.should_exit = True
    await serving


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser that nobody has used before."""
    async with opened(tmp_path) as one:
        yield one
