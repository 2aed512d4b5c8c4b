"""The real application on a real store, a real Temporal server and both sandboxes; no worker."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from runtime.dev_server import start_dev_server
from runtime.settings import Settings
from runtime.wiring import open_services
from sandbox.kit.testing import SandboxThread
from starter.services.backend import Backend
from store.crypto import Vault
from store.database import async_url
from store.migrations.runner import upgrade
from tests.api.world import KEY, World
from tests.ports import free_port


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Temporal server."""
    folder = tmp_path_factory.mktemp("temporal")
    server = asyncio.run(start_dev_server(folder=folder, port=free_port(), ui_port=None))
    yield server.address
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, str]]:
    """The addresses of both sandboxes by system."""
    running = {name: SandboxThread(name) for name in ("alguna", "salesforce")}
    for box in running.values():
        box.start()
    yield {name: box.url for name, box in running.items()}
    for box in running.values():
        box.stop()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(async_url(f"sqlite:///{path}"))
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path, sandboxes: dict[str, str]) -> Settings:
    """Settings with an empty store, and a task queue that nobody serves."""
    shutil.copy(migrated, tmp_path / "store.db")
    return Settings.model_validate(
        {
            "data_dir": tmp_path,
            "database_url": f"sqlite:///{tmp_path}/store.db",
            "encryption_keys": Vault.new_key(),
            "api_key": KEY,
            "task_queue": f"test-{uuid4().hex[:8]}",
        }
    )


@pytest.fixture
async def world(settings: Settings, sandboxes: dict[str, str], temporal_address: str) -> AsyncIterator[World]:
    """The API with Alguna connected, and no integration yet."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for url in sandboxes.values():
            for account in ("1", "2"):
                (await http.post(f"{url}/_sandbox/reset", params={"account": account})).raise_for_status()
        services = open_services(settings)
        client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
        made = World(Backend(services, client), client, http, sandboxes)
        await made.connect_alguna()
        yield made
        await made.clean_up()
        await services.close()
