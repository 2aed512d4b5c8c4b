"""A whole External Sync in one test: real Temporal, real store, both sandboxes, workers in process or as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from activities.contracts import Mode, RunRequest
from connectors.registry import provider_spec
from core import names
from core.config import IntegrationConfig
from core.enums import Direction
from core.records import Entity
from runtime.settings import Settings
from runtime.wiring import Services, open_services
from sandbox.kit.testing import SandboxThread
from store import runs
from store.connections import ALGUNA
from store.crypto import Vault
from store.database import async_url
from store.links import count_active
from store.migrations.runner import upgrade
from store.scope import Scope
from store.tables.runs import Run
from tests.engine.invariants import Claims, check_books
from tests.engine.processes import start_worker
from worker import make_engine, make_worker

INTEGRATION = "int_salesforce"
_READS_BY_POST = re.compile(r"composite/sobjects/|/batch/read$|/search$|/query$|/suiteql$|/oauth|/connect/token$")


def is_write(call: dict[str, Any]) -> bool:
    """Whether a call of a sandbox's log changes something. Token calls and reads by POST do not."""
    reads = call["method"] == "POST" and _READS_BY_POST.search(call["path"])
    return call["method"] not in ("GET", "HEAD") and not reads


class Sandboxes:
    """Alguna's sandbox and a provider's, reached as a person would: by their control API."""

    def __init__(
        self, provider: str = "salesforce", alguna: SandboxThread | None = None, external: SandboxThread | None = None
    ) -> None:
        self.provider = provider
        self.alguna = alguna or SandboxThread("alguna")
        self.external = external or SandboxThread(provider)
        self.http = httpx.AsyncClient(timeout=60, trust_env=False)

    async def start(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(box.start) for box in (self.alguna, self.external)))

    def again(self) -> Sandboxes:
        """The same sandboxes, with a client of the event loop that is running now."""
        return Sandboxes(self.provider, self.alguna, self.external)

    async def empty(self, **limits: Any) -> None:
        """Forget what an earlier test left; the limits are those of `make up`, unless others are given."""
        for system in ("alguna", self.provider):
            await self.control(system, "POST", "reset", {})
            await self.control(system, "POST", "webhooks", {"url": None})
            if limits:
                await self.control(system, "POST", "limits", limits)
        await self.clear_calls()

    async def stop(self) -> None:
        await self.http.aclose()
        await asyncio.gather(*(asyncio.to_thread(box.stop) for box in (self.alguna, self.external)))

    async def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """Call the control API of `alguna` or of the provider."""
        box = self.alguna if system == "alguna" else self.external
        reply = await self.http.request(method, f"{box.url}/_sandbox/{path}", json=body)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    async def seed(self, system: str, entity: str, count: int, *, seed: int = 7, offset: int = 0) -> list[str]:
        body = {"entity": entity, "count": count, "seed": seed, "offset": offset}
        ids: list[str] = (await self.control(system, "POST", "seed", body))["ids"]
        return ids

    async def records(self, system: str, entity: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All raw records of an entity."""
        rows: list[dict[str, Any]] = []
        while True:
            path = f"records/{entity}?limit=1000&offset={len(rows)}" + ("&deleted=true" if deleted else "")
            page = await self.control(system, "GET", path)
            rows += page["data"]
            if len(rows) >= page["total"] or not page["data"]:
                return rows

    async def edit(self, system: str, entity: str, record_id: str, **changes: object) -> None:
        """Edit a record as a person would in the vendor's own pages."""
        await self.control(system, "PATCH", f"records/{entity}/{record_id}", changes)

    async def calls(self, system: str) -> list[dict[str, Any]]:
        """All calls since the log was last cleared."""
        data: list[dict[str, Any]] = (await self.control(system, "GET", "calls"))["data"]
        return data

    async def clear_calls(self) -> None:
        for system in ("alguna", self.provider):
            await self.control(system, "DELETE", "calls")

    async def writes(self) -> list[tuple[str, str]]:
        """The writing calls since the log was cleared: (method, path)."""
        found = []
        for system in ("alguna", self.provider):
            for call in await self.calls(system):
                if is_write(call):
                    found.append((call["method"], call["path"]))
        return found


class World:
    """The service under test, around a store, a Temporal server and the sandboxes."""

    def __init__(self, boxes: Sandboxes, services: Services, client: Client, settings: Settings, address: str) -> None:
        self.boxes = boxes
        self.services = services
        self.client = client
        self.settings = settings
        self.address = address
        self.processes: list[BaseProcess] = []
        self.claims = Claims()

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """A worker in this process."""
        engine = make_engine(self.services, self.client)
        try:
            with self.claims.watched():
                async with make_worker(self.client, engine):
                    yield
        finally:
            await engine.close()

    def environment(self) -> dict[str, str]:
        """The settings of this world for processes of their own."""
        settings = self.settings
        return {
            "EXTERNAL_SYNC_DATABASE_URL": settings.database_url,
            "EXTERNAL_SYNC_DATA_DIR": str(settings.data_dir),
            "EXTERNAL_SYNC_ENCRYPTION_KEYS": ",".join(settings.keys()),
            "EXTERNAL_SYNC_TASK_QUEUE": settings.task_queue,
            "EXTERNAL_SYNC_HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
            "EXTERNAL_SYNC_CHUNK_SIZE": str(settings.chunk_size),
            "EXTERNAL_SYNC_WEBHOOK_ALLOW_PRIVATE": str(settings.webhook_allow_private),
            "EXTERNAL_SYNC_LOG_LEVEL": "WARNING",
            "TEMPORAL_ADDRESS": self.address,
        }

    def spawn_worker(self, fail_point: str = "", **more: str) -> BaseProcess:
        """A worker as a process of its own, to be killed, or to die at a fail point (see `runtime.failpoints`)."""
        environment = {**self.environment(), "EXTERNAL_SYNC_FAIL_POINT": fail_point, **more}
        process = start_worker(environment, self.settings.data_dir / f"worker-{len(self.processes)}.log")
        self.processes.append(process)
        return process

    def end_processes(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    async def close(self) -> None:
        """End what is left of this world: the next one uses the same Temporal server and the same workflow ids."""
        self.end_processes()
        ids = [names.entity_sync_id(INTEGRATION, entity) for entity in Entity]
        ids += [names.conflict_workflow_id(INTEGRATION, entity, number) for entity in Entity for number in range(1, 10)]
        for workflow_id in ids:
            with contextlib.suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).terminate("the test is over")
        await self.services.close()

    async def connect(self) -> None:
        """Store both connections with fresh grants."""
        alguna = await self.boxes.control("alguna", "GET", "credentials")
        limits = alguna.pop("limits", {})
        await self.services.connections.put_credentials(ALGUNA, ALGUNA, alguna, None, limits=limits)
        external = await self.boxes.control(self.boxes.provider, "GET", "credentials")
        limits = external.pop("limits", {})
        await self.services.connections.create_integration(
            INTEGRATION, self.boxes.provider, external, "org", limits=limits
        )

    async def reconnect(self) -> None:
        """Store fresh credentials of the external side and tell the writers."""
        external = await self.boxes.control(self.boxes.provider, "GET", "credentials")
        external.pop("limits", None)
        await self.services.connections.put_credentials(INTEGRATION, self.boxes.provider, external, "org")
        for entity in Entity:
            with contextlib.suppress(Exception):
                await self.client.get_workflow_handle(names.entity_sync_id(INTEGRATION, entity)).signal(
                    names.RECONNECTED
                )

    async def configure(self, *entities: str, **more: Any) -> None:
        """Store a configuration with the provider's templates, changed by `more` (camelCase keys of the API)."""
        spec = provider_spec(self.boxes.provider)
        document: dict[str, Any] = {
            "entities": list(entities),
            "mappings": {name: spec.templates()[Entity(name)] for name in entities},
            "matching": {name: {"entity": name, "rules": spec.match_rules()[Entity(name)]} for name in entities},
            **more,
        }
        config = IntegrationConfig.model_validate(document)
        await self.services.configs.save(INTEGRATION, config.model_dump(mode="json", by_alias=True))

    async def start(
        self,
        mode: Mode = Mode.INCREMENTAL,
        entities: list[Entity] | None = None,
        *,
        dry_run: bool = False,
        direction: Direction | None = None,
    ) -> WorkflowHandle[Any, Any]:
        """Start a run; return its workflow."""
        run_id = f"sync_{uuid4().hex}"
        request = RunRequest(
            integration_id=INTEGRATION,
            trigger="manual",
            mode=mode,
            entities=entities,
            heartbeat_seconds=self.settings.heartbeat_seconds,
            run_id=run_id,
            dry_run=dry_run,
            direction=direction,
        )
        return await self.client.start_workflow(
            names.INTEGRATION_SYNC, request, id=names.run_workflow_id(run_id), task_queue=self.settings.task_queue
        )

    async def sync(
        self,
        mode: Mode = Mode.INCREMENTAL,
        *,
        within: float = 90,
        dry_run: bool = False,
        direction: Direction | None = None,
    ) -> Run:
        """Carry out a run, check its books (I6) and return its row."""
        handle = await self.start(mode, dry_run=dry_run, direction=direction)
        async with asyncio.timeout(within):
            await handle.result()
        run = await self.run_row(handle)
        async with self.services.db.session() as session:
            await check_books(session, run, self.claims)
        return run

    async def run_row(self, handle: WorkflowHandle[Any, Any]) -> Run:
        async with self.services.db.session() as session:
            row = await session.get(Run, handle.id.removeprefix("run/"))
        assert row is not None
        return row

    async def counts(self, run: Run) -> dict[str, dict[str, Any]]:
        """The counts of a run by entity."""
        async with self.services.db.session() as session:
            return {item.entity: item.counts for item in await runs.passes_of(session, run.id)}

    async def linked(self, entity: Entity = Entity.ACCOUNTS) -> int:
        async with self.services.db.session() as session:
            return await count_active(session, Scope(INTEGRATION, entity))


async def empty_store(folder: Path) -> str:
    """The address of an empty store with the newest schema: that of the tests' database, or a copy of a file."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    template = folder.parent / "migrated-store.db"
    if not template.exists():
        await asyncio.to_thread(upgrade, async_url(f"sqlite:///{template}"))
    shutil.copy(template, folder / "store.db")
    return f"sqlite:///{folder}/store.db"


async def make_world(folder: Path, address: str, boxes: Sandboxes, **settings: Any) -> World:
    """Make a world with an empty store on a task queue of its own."""
    settings.setdefault("database_url", await empty_store(folder))
    chosen = Settings(
        data_dir=folder,
        encryption_keys=(SecretStr(Vault.new_key()),),
        task_queue=f"test-{uuid4().hex[:8]}",
        **settings,
    )
    services = open_services(chosen)
    await services.db.migrate()
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    world = World(boxes, services, client, chosen, address)
    await world.connect()
    return world
