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
from sqlalchemy import text

from runtime.dev_server import start_dev_server
from runtime.settings import Settings
from store.database import Database
from tests.api.world import KEY
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def spawn(settings: Settings, port: int, temporal: str, **more: str) -> subprocess.Popen[bytes]:
    return _start(settings, temporal, "api.log", "-m", "starter.api", "--port", str(port), **more)


def _start(settings: Settings, temporal: str, log_name: str, *command: str, **more: str) -> subprocess.Popen[bytes]:
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
    with (settings.data_dir / log_name).open("wb") as log:
        return subprocess.Popen([sys.executable, *command], cwd=settings.data_dir, env=env, stdout=log, stderr=log)


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


async def test_it_does_not_touch_the_database_of_another_version(settings: Settings) -> None:
    db = Database(f"sqlite:///{settings.data_dir}/new.db")
    await db.migrate()
    async with db.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await db.close()
    api = spawn(settings, free_port(), "127.0.0.1:1")
    worker = _start(settings, "127.0.0.1:1", "worker.log", "-m", "worker")
    assert (api.wait(timeout=30), worker.wait(timeout=30)) == (1, 1)
    for name in ("api", "worker"):
        told = (settings.data_dir / f"{name}.log").read_text()
        assert f"{name}_not_started" in told
        assert "revision 9999, which this version does not know" in told
        assert "Traceback" not in told


@pytest.mark.parametrize("missing", ["EXTERNAL_SYNC_API_KEY", "EXTERNAL_SYNC_ENCRYPTION_KEYS"])
def test_it_names_the_setting_that_it_misses(settings: Settings, missing: str) -> None:
    process = spawn(settings, free_port(), "127.0.0.1:1", **{missing: ""})
    assert process.wait(timeout=30) == 1
    assert missing in (settings.data_dir / "api.log").read_text()
