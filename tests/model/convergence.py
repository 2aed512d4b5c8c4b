"""Random histories of every provider with worker processes that are killed, and how soon both systems agree after them.

`make test-convergence`; not collected by `make test`. People do what they do in the histories of one process, before
each sync and whenever the workers are dead; vendors lose replies and fail meanwhile. Passes are promised (I4), seconds
are told.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.contracts import Mode
from core.config import IntegrationConfig
from sandbox.kit.faults import FaultKind
from sandbox.kit.testing import SandboxThread
from sandbox.registry import vendor_class
from tests.crash.systems import ALGUNA as ALGUNA_RAW
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.model.acts import choices
from tests.model.checks import State, check_everything
from tests.model.desk import Desk
from tests.model.people import ALGUNA, EXTERNAL, SIDES, People
from tests.model.setups import CHOICES, Rules
from tests.model.systems import CONTACTS, SYSTEMS_BY_NAME, System

HISTORIES = int(os.environ.get("CONVERGENCE_HISTORIES", "12"))
SEED = int(os.environ.get("CONVERGENCE_SEED", "0"))
DAYS = 2
KILLS_A_DAY = 2
WITHIN_SECONDS = 180.0
# A limit would be waited out: how long says nothing of the service.
FAULTS = [
    None,
    FaultKind.DROP_AFTER_COMMIT,
    FaultKind.DROP_BEFORE_COMMIT,
    FaultKind.ERROR_500,
    FaultKind.PARTIAL_FAILURE,
    FaultKind.MALFORMED_BODY,
]


class History:
    """People, vendors and dying workers in one world. `kills` and `seconds` are what it came to."""

    def __init__(self, world: World, system: System, seed: int, desks: dict[str, Desk]) -> None:
        self.world = world
        self.system = system
        self.numbers = random.Random(seed)
        self.entities = self.numbers.choice(system.entity_sets)
        self.rules = Rules(*(self.numbers.choice(some) for some in CHOICES))
        self.people = People(system, desks)
        self.people.two_way = {entity: self.rules.two_way(entity) for entity in self.entities}
        self.kills = self.passes = 0
        self.seconds = self.last_edit = 0.0
        self._acts = choices(system, self.entities)
        self._names = (ALGUNA, system.provider)

    async def begin(self) -> None:
        """People have worked on both sides before the first sync."""
        document = self.rules.document(self.system, self.entities)
        config = IntegrationConfig.model_validate(document).model_dump(mode="json", by_alias=True)
        await self.world.services.configs.save(INTEGRATION, config)
        await self.work(8)

    async def work(self, acts: int) -> None:
        """People do a few things, on either side."""
        state = await State.read(self.world.services.db)
        linked = {name: [(row.alguna_id, row.external_id) for row in state.linked(name)] for name in self.entities}
        for _ in range(acts):
            self.numbers.choice(self._acts).draw(self.numbers)(self.people, linked)
        self.last_edit = time.monotonic()

    async def day(self) -> None:
        """A sync whose workers are killed, one or two at once, while a vendor fails and people go on to work."""
        await self.work(self.numbers.randint(2, 5))
        await self._break_something()
        run = await self._start()
        for _ in range(KILLS_A_DAY):
            alive = [self.world.spawn_worker() for _ in range(self.numbers.choice([1, 1, 2]))]
            await asyncio.sleep(self.numbers.uniform(0.2, 2.0))
            await self._kill(alive)
            await self.work(self.numbers.randint(1, 4))
            if not await _goes_on(run):
                run = await self._start()
        last = self.world.spawn_worker()
        await self._ended(run)
        await self._mend()
        await self._kill([last])

    async def converge(self) -> None:
        """People have stopped and the faults are over: count the passes until one writes nothing.

        One brings agreement (I4); with contacts a second one, which carries a customer's address to its contact.
        """
        self.seconds = time.monotonic() - self.last_edit
        boxes = self.world.boxes
        self.world.spawn_worker()
        written: list[tuple[str, str]] = []
        for number in range(1 + (2 if CONTACTS in self.entities else 1)):
            await boxes.clear_calls()
            await self._ended(await self.world.start())
            written = await boxes.writes()
            if not written:
                break
            self.passes, self.seconds = number + 1, time.monotonic() - self.last_edit
        assert written == [], "the passes do not come to rest"
        check_everything(await State.read(self.world.services.db), self.people, self.entities)

    async def _kill(self, workers: Sequence[BaseProcess]) -> None:
        """Kill workers; what people do next comes when none is alive, so that every edit is one to be kept."""
        for process in workers:
            process.kill()
            await asyncio.to_thread(process.join)
        self.kills += len(workers)
        await self._answered()

    async def _answered(self) -> None:
        """Wait until what the dead had sent is carried out: no vendor could keep an edit made just before it is."""
        before: list[int] = []
        while before != (
            now := [(await self.world.boxes.control(name, "GET", "calls"))["total"] for name in self._names]
        ):
            before = now
            await asyncio.sleep(0.1)

    async def _start(self) -> WorkflowHandle[Any, Any]:
        return await self.world.start(self.numbers.choice([Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.FULL]))

    async def _ended(self, run: WorkflowHandle[Any, Any]) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            await run.result()
        row = await self.world.run_row(run)
        assert row.status in ("completed", "completed_with_errors"), row.problem

    async def _break_something(self) -> None:
        side, kind = self.numbers.choice(SIDES), self.numbers.choice(FAULTS)
        raw = ALGUNA_RAW if side == ALGUNA else self.system.raw
        if kind is not None and kind in vendor_class(raw.provider).faults:
            match = raw.writes if self.numbers.random() < 0.7 else raw.reads
            fault = {"match": match, "fault": kind.value, "every": self.numbers.randint(1, 3), "times": 2}
            await self.world.boxes.control(raw.provider, "POST", "faults", fault)

    async def _mend(self) -> None:
        for name in self._names:
            await self.world.boxes.control(name, "DELETE", "faults")


async def _goes_on(run: WorkflowHandle[Any, Any]) -> bool:
    status = (await run.describe()).status
    return status is not None and status.name == "RUNNING"


@asynccontextmanager
async def history_of(
    system: System, seed: int, folder: Path, address: str, running: Callable[[str], SandboxThread]
) -> AsyncIterator[History]:
    """A history in a world of its own."""
    boxes = Sandboxes(system.provider, running(ALGUNA), running(system.provider))
    await boxes.empty()
    desks = {ALGUNA: Desk(boxes.alguna.url), EXTERNAL: Desk(boxes.external.url)}
    world = await make_world(folder, address, boxes, heartbeat_seconds=1, chunk_size=3)
    try:
        yield History(world, system, seed, desks)
    finally:
        await world.close()
        await boxes.http.aclose()
        for desk in desks.values():
            desk.close()


@pytest.mark.crash
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
@pytest.mark.parametrize("provider", SYSTEMS_BY_NAME)
async def test_i1_to_i7_converges_after_kills(
    provider: str,
    seed: int,
    tmp_path: Path,
    temporal_address: str,
    running: Callable[[str], SandboxThread],
    record_property: Callable[[str, object], None],
) -> None:
    async with history_of(SYSTEMS_BY_NAME[provider], seed, tmp_path, temporal_address, running) as history:
        await history.begin()
        for _ in range(DAYS):
            await history.day()
        await history.converge()
    told = {"kills": history.kills, "edits": len(history.people.book.changes), "passes": history.passes}
    record_property("converged", {"provider": provider, **told, "seconds": history.seconds})
