"""The service in this process, without a Temporal server: real activities, store and connectors, both sandboxes.

`run` does what IntegrationSync and EntitySync do: pass after pass, fetch until nothing is left, chunks in a window,
steps repeated while their failure can pass, and begun anew after the death of the process.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

import aiosqlite.core
import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select, update
from sqlmodel import SQLModel
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from tenacity import wait_none

import activities.write
import connectors.http
import runtime.wiring
import sandbox.alguna.organisation
import sandbox.xero.contacts
from activities.contracts import (
    ChunkRef,
    ConflictRef,
    FetchResult,
    Mode,
    PassRef,
    RunEnd,
    RunRequest,
    Wait,
)
from activities.engine import Paused
from activities.failures import translate
from activities.steps import Steps
from connectors.http import VendorClient
from core.config import IntegrationConfig
from core.errors import SyncError
from core.records import Entity, Side
from core.values import fingerprint
from runtime.settings import Settings
from runtime.wiring import open_services
from sandbox.kit.accounts import Account
from sandbox.kit.limits import Limits
from sandbox.kit.server import Sandbox
from sandbox.registry import vendor_class
from store import staging
from store.connections import ALGUNA
from store.crypto import Vault
from store.database import Database
from store.links import LINKS
from store.scope import Scope
from store.types import utc_now
from tests.engine.world import INTEGRATION
from tests.model.faults import Crash, Loopback, MortalDatabase, Points
from tests.model.people import EXTERNAL, Place
from tests.model.systems import System
from worker import make_engine

URLS = {ALGUNA: "http://127.0.0.1:7001", EXTERNAL: "http://127.0.0.1:7002"}
KEPT = {"connections", "integrations"}
MAX_TRIES = MAX_ROUNDS = 60

T = TypeVar("T")


class FreeBudget:
    """Implements `core.ports.Budget` without any limit: waiting for calls is no part of this test."""

    def __init__(self, *_: object, **__: object) -> None:
        return

    @asynccontextmanager
    async def slot(self) -> Any:
        yield

    async def acquire(self, calls: int = 1) -> None:
        return

    async def report(self, *, used: int | None = None, allowed: int | None = None) -> None:
        return

    async def block(self, seconds: float, *, quota: bool = False) -> None:
        return


class NoTemporal:
    """Stands for the Temporal client: remembers which workflows were started, so that the test carries them out."""

    namespace = "default"

    def __init__(self) -> None:
        self.started: list[tuple[str, Any]] = []

    async def start_workflow(self, name: str, argument: Any = None, **_: Any) -> None:
        self.started.append((name, argument))

    def get_workflow_handle(self, _: str) -> NoTemporal:
        return self

    async def signal(self, *_: Any) -> None:
        return


class Service:
    """One installation that can die and be started again at any time. To be made and used `in_process`."""

    def __init__(self, system: System, url: str, points: Points) -> None:
        self.system = system
        self.points = points
        limits, names = Limits(enabled=False), {ALGUNA: ALGUNA, EXTERNAL: system.provider}
        self.sandboxes = {side: Sandbox(vendor_class(names[side]), limits) for side in URLS}
        key = SecretStr(Vault.new_key())
        self.services = open_services(
            Settings(database_url=url, encryption_keys=(key,), chunk_size=3, window=2, stale_read_seconds=0)
        )
        self.db = self.services.db
        self.temporal = NoTemporal()
        self.between: Callable[[str], None] = lambda _: None
        self.after_death: Callable[[], None] = lambda: None
        self.linked: dict[str, list[tuple[str, str]]] = {}
        self._steps = self._make_steps()
        self._working = 0
        self._numbers = itertools.count(1)

    def account(self, side: str) -> Account:
        """A sandbox's account, to do there what people do."""
        return self.sandboxes[side].account("1")

    def next_id(self, _: int) -> str:
        """An id of a new record in Alguna's sandbox, in no order that means anything."""
        return fingerprint([next(self._numbers)])[:16]

    def next_uuid(self) -> UUID:
        """An id of a new record in Xero's sandbox."""
        return UUID(fingerprint([next(self._numbers)])[:32])

    async def connect(self) -> None:
        """Store both connections."""
        alguna = self.account(ALGUNA).vendor.credentials(URLS[ALGUNA])
        await self.services.connections.put_credentials(ALGUNA, ALGUNA, alguna, None)
        external = self.account(EXTERNAL).vendor.credentials(URLS[EXTERNAL])
        await self.services.connections.create_integration(INTEGRATION, self.system.provider, external, "org")

    async def reset(self) -> None:
        """Empty the store, but for the connections, and both sandboxes."""
        self.points.reset()
        self._numbers = itertools.count(1)
        self.temporal.started.clear()
        self.between = lambda _: None
        self.after_death = lambda: None
        for name in URLS:
            self.account(name).reset()
        await empty(self.db)
        await self._start_again()

    async def close(self) -> None:
        """End for good."""
        await self._steps._engine.close()
        await self.db.close()

    async def configure(self, document: dict[str, Any]) -> int:
        """Store a configuration as the API would; return its version."""
        config = IntegrationConfig.model_validate(document)
        return await self.services.configs.save(INTEGRATION, config.model_dump(mode="json", by_alias=True))

    async def run(self, mode: Mode = Mode.INCREMENTAL, entities: list[Entity] | None = None) -> str:
        """Carry out a run; return its id."""
        request = RunRequest(
            integration_id=INTEGRATION,
            trigger="manual",
            mode=mode,
            entities=entities,
            run_id=f"sync_{next(self._numbers)}",
        )
        self.linked = await self.read_linked()
        plan = await self._step(self._steps.plan_run, request)
        for entity in plan.entities:
            of = PassRef(
                pass_id=f"pass_{next(self._numbers)}",
                integration_id=INTEGRATION,
                entity=entity,
                mode=plan.mode,
                run_ids=[plan.run_id],
            )
            await self._pass(of)
        await self._step(self._steps.finish_run, RunEnd(run_id=plan.run_id))
        return plan.run_id

    async def read_linked(self) -> dict[str, list[tuple[str, str]]]:
        """(Alguna id, external id) of the linked records, by entity, the oldest link first."""
        active = select(LINKS.c.entity, LINKS.c.alguna_id, LINKS.c.external_id).where(LINKS.c.status == "active")
        found: dict[str, list[tuple[str, str]]] = {}
        async with self.db.session() as session:
            for row in await session.execute(active.order_by(LINKS.c.id)):
                found.setdefault(row.entity, []).append((row.alguna_id, row.external_id))
        return found

    async def hear(self, told: Sequence[Place]) -> None:
        """Take vendors' events, as their receivers leave them, and follow the nudge."""
        entities = sorted({Entity(entity) for _, entity, _ in told}, key=list(Entity).index)
        async with self.db.transaction() as session:
            for side, entity, record_id in told:
                scope = Scope(INTEGRATION, Entity(entity))
                await staging.ask(session, scope, [(Side(side), record_id)], staging.HINT, utc_now())
        await self.run(Mode.INBOX, entities)

    async def follow(self) -> None:
        """Follow the nudges of a run, which asked for the parents of its children."""
        inbox = SQLModel.metadata.tables["inbox"].c.entity
        async with self.db.session() as session:
            asked = {Entity(entity) for entity in await session.scalars(select(inbox))}
        if asked:
            await self.run(Mode.INBOX, sorted(asked, key=list(Entity).index))

    async def apply(self, conflict: ConflictRef) -> None:
        """Carry out a decided conflict, as its workflow would."""
        await self._step(self._steps.apply_resolution, conflict)
        started = [one for _, one in self.temporal.started if isinstance(one, RunRequest)]
        self.temporal.started.clear()
        for request in started:
            await self.run(request.mode, request.entities)

    async def _pass(self, of: PassRef) -> None:
        number = 0
        for _ in range(MAX_ROUNDS):
            result: FetchResult = await self._step(self._steps.fetch, of)
            if result.closed:
                return
            if not result.more:
                number = await self._chunks(of, result, number)
        raise AssertionError(f"the pass of {of.entity} does not come to its end")

    async def _chunks(self, of: PassRef, result: FetchResult, number: int) -> int:
        left, running = result.waiting, list[asyncio.Task[None]]()
        while left > 0:
            number += 1
            chunk = ChunkRef(of=of, number=number)
            matched = await self._step(self._steps.match, chunk)
            left -= result.chunk_size
            if matched.proceed:
                running = await _window(running, result.window - 1)
                running.append(asyncio.create_task(self._finish(chunk)))
        await _window(running, 0)
        return number

    async def _finish(self, chunk: ChunkRef) -> None:
        if (await self._step(self._steps.transform, chunk)).proceed:
            await self._step(self._steps.write, chunk)

    async def _step(self, step: Callable[[Any], Awaitable[T]], argument: Any) -> T:
        """Call an activity until it succeeds. Raises what trying again cannot mend."""
        name = step.__name__
        for _ in range(MAX_TRIES):
            self.between(name)
            # The bound method belongs to the process before the last crash.
            current = getattr(self._steps, name)
            self._working += 1
            try:
                return cast(T, await ActivityEnvironment().run(current, argument))
            except Crash:
                pass
            except (SyncError, Paused) as error:
                failure = translate(error)
                if failure.non_retryable and failure.type not in {item.value for item in Wait}:
                    raise
            finally:
                self._working -= 1
            if self.points.dead:
                await self._recover()
        raise AssertionError(f"{name} was tried {MAX_TRIES} times")

    async def _recover(self) -> None:
        """Wait until the last activity of the dead process has ended, then start a new one."""
        while self.points.dead and self._working:
            await asyncio.sleep(0)
        if self.points.dead:
            self.points.reset()
            self.after_death()
            await self._start_again()

    async def _start_again(self) -> None:
        """A new process: no connectors, no sessions; leases of the dead one have run out."""
        leases = SQLModel.metadata.tables["leases"]
        async with self.db.transaction() as session:
            await session.execute(update(leases).values(expires_at=utc_now()))
        await self._steps._engine.close()
        self._steps = self._make_steps()

    def _make_steps(self) -> Steps:
        return Steps(make_engine(self.services, cast(Client, self.temporal)))


async def empty(db: Database) -> None:
    """Delete everything but the connections."""
    async with db.transaction() as session:
        for table in reversed(SQLModel.metadata.sorted_tables):
            if table.name not in KEPT:
                await session.execute(delete(table))


async def _window(running: list[asyncio.Task[None]], size: int) -> list[asyncio.Task[None]]:
    while len(running) > size:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        running = [task for task in running if not task.done()]
    return running


@contextmanager
def in_process(system: System, url: str) -> Iterator[Service]:
    """A service on this database whose connectors reach its own sandboxes, and which waits for nothing."""
    points = Points()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime.wiring, "Database", lambda url: MortalDatabase(url, points))
        patch.setattr(runtime.wiring, "StoreBudget", FreeBudget)
        patch.setattr(connectors.http, "wait_random_exponential", lambda **_: wait_none())
        patch.setattr(activities.write, "RETRY_SECONDS", 0)
        patch.setattr(aiosqlite.core.Connection, "_execute", _execute_here)
        patch.setattr(aiosqlite.core.Connection, "_connect", _connect_here)
        service = Service(system, url, points)
        loopback = Loopback({URLS[name]: sandbox for name, sandbox in service.sandboxes.items()}, points)
        patch.setattr(VendorClient, "_init_transport", lambda *_, **__: loopback)
        # The same history gives the same ids, and so the same order, at every replay.
        patch.setattr(sandbox.alguna.organisation, "secrets", SimpleNamespace(token_hex=service.next_id))
        patch.setattr(sandbox.xero.contacts, "uuid4", service.next_uuid)
        yield service


async def _execute_here(connection: Any, function: Callable[..., T], *args: Any, **more: Any) -> T:
    """What SQLite does takes microseconds; a hop to its thread and back takes most of the time of a test."""
    return function(*args, **more)


async def _connect_here(connection: Any) -> Any:
    if connection._connection is None:
        connection._connection = connection._connector()
    return connection
