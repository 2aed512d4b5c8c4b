"""The API as a process of its own, with one integration configured, for callers who try everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from schemathesis.schemas import BaseSchema

from runtime.dev_server import start_dev_server
from runtime.settings import Settings
from sandbox.kit.testing import SandboxThread
from store.crypto import Vault
from tests.api.test_process import answer, spawn, wait_for
from tests.api.world import KEY
from tests.ports import free_port


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the API."""
    folder = tmp_path_factory.mktemp("fuzz")
    settings = Settings.model_validate({"data_dir": folder, "encryption_keys": Vault.new_key()})
    boxes = {name: SandboxThread(name) for name in ("alguna", "salesforce")}
    for box in boxes.values():
        box.start()
    port, temporal_port = free_port(), free_port()
    temporal = asyncio.run(start_dev_server(folder=folder / "temporal", port=temporal_port, ui_port=None))
    alguna = httpx.get(f"{boxes['alguna'].url}/_sandbox/credentials").json()
    more = {"EXTERNAL_SYNC_ALGUNA_BASE_URL": alguna["baseUrl"], "EXTERNAL_SYNC_ALGUNA_API_KEY": alguna["apiKey"]}
    process = spawn(settings, port, f"127.0.0.1:{temporal_port}", **more)
    try:
        wait_for(lambda: (ready := answer(port, "/readyz")) is not None and ready.status_code == 200, 60)
        url = f"http://127.0.0.1:{port}"
        _configure(url, boxes["salesforce"].url)
        yield url
    finally:
        process.kill()
        process.wait()
        asyncio.run(temporal.stop())
        for box in boxes.values():
            box.stop()


def _configure(url: str, salesforce: str) -> None:
    credentials = httpx.get(f"{salesforce}/_sandbox/credentials").json()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:
        made = {"id": "int_salesforce", "provider": "salesforce", "credentials": credentials}
        client.post("/integrations", json=made).raise_for_status()
        config = {"entities": ["accounts", "contacts"], "direction": "bidirectional"}
        client.post("/integrations/int_salesforce/sync-config", json=config).raise_for_status()


@pytest.fixture(scope="session")
def openapi(serving: str) -> BaseSchema:
    """The OpenAPI document that the API serves."""
    return schemathesis.openapi.from_url(f"{serving}/openapi.json")
