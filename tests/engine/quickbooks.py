"""A service between Alguna and a QuickBooks company, and the company by Intuit's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from activities.contracts import Mode
from store.tables.runs import Run
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.world import Sandboxes
from tests.sandbox.quickbooks_company import Running


class Company:
    """One company, its records by python-quickbooks, and what people do in its pages."""

    def __init__(self, world: Local, running: Running) -> None:
        self.world = world
        self._running = running

    async def all(self, kind: Any, where: str = "") -> list[Any]:
        """Records of one of the client's classes; the first thousand."""
        return await asyncio.to_thread(lambda: kind.where(where, max_results=1000, qb=self._running.client()))

    async def one(self, kind: Any, record_id: str) -> Any:
        return await asyncio.to_thread(lambda: kind.get(record_id, qb=self._running.client()))

    async def edit(self, entity: str, record_id: str, **changes: object) -> None:
        """A person edits a record."""
        await self.world.boxes.edit("quickbooks", entity, record_id, **changes)

    async def set_up(self, **switches: object) -> None:
        await self.world.boxes.control("quickbooks", "PATCH", "records/setup/company", switches)

    async def fault(self, kind: str, path: str, **more: object) -> None:
        match = {"method": "POST", "path": path}
        await self.world.boxes.control("quickbooks", "POST", "faults", {"match": match, "fault": kind, **more})

    async def sync(self, mode: Mode = Mode.INCREMENTAL, *, status: str = "completed") -> Run:
        """Carry out a run, which has to end so."""
        run = await self.world.sync(mode)
        told = [(one.type, one.message, one.field) for one in await self.world.errors()]
        assert run.status == status, (run.problem, told, await self.world.counts(run))
        return run

    async def quiet(self) -> None:
        """Another run writes nothing (I4, I5)."""
        await self.world.boxes.clear_calls()
        await self.sync()
        assert await self.world.boxes.writes() == []


@asynccontextmanager
async def company_world(tmp_path: Path, boxes: Sandboxes) -> AsyncIterator[Company]:
    """A connected service whose runs are carried out in the test; both systems empty, without limits."""
    for system in ("alguna", "quickbooks"):
        await boxes.control(system, "POST", "reset", {})
        await boxes.control(system, "POST", "limits", {"enabled": False})
        await boxes.control(system, "DELETE", "faults")
    await boxes.clear_calls()
    world = await make_passes(tmp_path, boxes, kind=Local, chunk_size=100)
    assert isinstance(world, Local)
    with httpx.Client(base_url=boxes.external.url, trust_env=False, timeout=30) as control:
        running = Running(boxes.external.url, control)
        running.connect()
        yield Company(world, running)
    await world.close()
    await boxes.http.aclose()
