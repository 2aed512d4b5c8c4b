"""`python -m starter.api` as a process: it waits for Temporal, serves, and ends gracefully."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from runtime.dev_server import start_dev_server
from runtime.settings import Settings
from tests.api.world import KEY
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def spawn(settings: Settings, port: int, temporal: str, **more: str) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("EXTERNAL_SYNC_", "TEMPORAL_"))}
    env |= {
        "EXTERNAL_SYNC_DATABASE_URL": f"sqlite:///{settings.data_dir}/new.db",
        "EXTERNAL_SYNC_DATA_DIR": str(settings.data_dir),
        "EXTERNAL_SYNC_ENCRYPTION_KEYS": ",".join(settings.keys()),
        "EXTERNAL_SYNC_API_KEY": KEY,
        "EXTERNAL_SYNC_ALGUNA_BASE_URL": "http://127.0.0.1:9",
        "EXTERNAL_SYNC_ALGUNA_API_KEY": "key",
        "TEMPORAL_ADDRESS": temporal,
        "PYTHONPATH": str(ROOT),
        **more,
    }
    command = [sys.executable, "-m", "starter.api", "--port", str(port)]
    with (settings.data_dir / "api.log").open("wb") as log:
        return subprocess.Popen(command, cwd=settings.data_dir, env=env, stdout=log, stderr=log)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answer(port: int, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, headers={"Authorization": f"Bearer {KEY}"})
    except httpx.TransportError:
        return None


async def test_it_says_why_it_waits_then_serves_and_ends_gracefully(settings: Settings) -> None:
    port, temporal_port = free_port(), free_port()
    process = spawn(settings, port, f"127.0.0.1:{temporal_port}")
    try:
        wait_for(lambda: answer(port, "/healthz") is not None)

        def waits() -> bool:
            ready = answer(port, "/readyz")
            return ready is not None and "Temporal cannot be reached" in ready.text

        wait_for(waits)
        folder = settings.data_dir / "temporal"
        server = await start_dev_server(folder=folder, port=temporal_port, ui_port=None)
        try:
            wait_for(lambda: (ready := answer(port, "/readyz")) is not None and ready.status_code == 200)
            listed = answer(port, "/integrations")
            assert listed is not None
            assert listed.json()["data"] == []
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
        finally:
            await server.stop()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("missing", ["EXTERNAL_SYNC_API_KEY", "EXTERNAL_SYNC_ENCRYPTION_KEYS"])
def test_it_names_the_setting_that_it_misses(settings: Settings, missing: str) -> None:
    process = spawn(settings, free_port(), "127.0.0.1:1", **{missing: ""})
    assert process.wait(timeout=30) == 1
    assert missing in (settings.data_dir / "api.log").read_text()
