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
from sqlalchemy import text, update
from temporalio.client import WorkflowExecutionStatus

from runtime.dev_server import start_dev_server
from runtime.settings import Settings
from store.database import Database
from store.idempotency import IN_FLIGHT
from store.tables.connections import IdempotentCall
from store.types import utc_now
from tests.api.world import KEY, World
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


async def test_i7_a_call_that_is_repeated_after_the_process_died_continues_its_sync(
    world: World, temporal_address: str
) -> None:
    await world.configure()
    settings, port, path = world.backend.settings, free_port(), f"/integrations/{world.id}/sync"
    more = {"EXTERNAL_SYNC_DATABASE_URL": settings.database_url, "EXTERNAL_SYNC_TASK_QUEUE": settings.task_queue}
    process = spawn(settings, port, temporal_address, EXTERNAL_SYNC_FAIL_POINT="run:stored", **more)
    wait_for(lambda: (ready := answer(port, "/readyz")) is not None and ready.status_code == 200)
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "again"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as person:
        with pytest.raises(httpx.TransportError):
            await person.post(path, json={}, headers=headers)
    assert process.wait(timeout=20) == -signal.SIGKILL
    [left] = (await world.call("GET", "/{id}/sync-history"))["data"]
    busy = await world.api.post(path, json={}, headers=headers)
    assert (busy.status_code, busy.headers["Retry-After"]) == (409, "1")
    async with world.backend.db.transaction() as session:
        await session.execute(update(IdempotentCall).values(created_at=utc_now() - IN_FLIGHT))
    first, second = [await world.api.post(path, json={}, headers=headers) for _ in range(2)]
    assert (first.status_code, first.headers["Idempotency-Replayed"]) == (202, "true")
    assert first.json()["syncId"] == second.json()["syncId"] == left["syncId"]
    assert len((await world.call("GET", "/{id}/sync-history"))["data"]) == 1, "a second sync was started"
    described = await world.temporal.get_workflow_handle(first.json()["workflowId"]).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING, "it was not started"


async def test_it_does_not_touch_the_database_of_another_version(settings: Settings) -> None:
    db = Database(f"sqlite:///{settings.data_dir}/new.db")
    await db.migrate()
    async with db.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await db.close()
    api = spawn(settings, free_port(), "127.0.0.1:1")
    worker = _start(settings, "127.0.0.1:1", "worker.log", "-m", "worker")
    try:
        assert (api.wait(timeout=50), worker.wait(timeout=50)) == (1, 1)
    finally:
        for process in (api, worker):
            process.kill()
            process.wait()
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
