"""A sync whose worker dies again and again while people go on to work, and how both systems are judged at the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from core.records import Entity, Side
from store import links, writes
from store.scope import Scope
from tests.crash.systems import ALGUNA, System
from tests.engine.world import INTEGRATION, World

SCOPE = Scope(INTEGRATION, Entity.ACCOUNTS)
DIRECTIONS = {"to_external": (Side.ALGUNA,), "to_alguna": (Side.EXTERNAL,), "both": tuple(Side)}
"""On which sides people make records."""

WITHIN_SECONDS = 120.0


@dataclass
class Trial:
    """One world under kills. `names` is the book of what people last called a record; `born`, where they made which."""

    world: World
    system: System
    direction: str
    seed: int = 7
    names: dict[tuple[Side, str], str] = field(default_factory=dict)
    born: dict[Side, list[str]] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    edits: int = 0

    async def begin(self, records: int, **config: Any) -> None:
        """Let people make records, and configure the sync."""
        await self.grow(records)
        await self.world.configure("accounts", entityOptions={"accounts": self.system.options}, **config)

    async def grow(self, records: int) -> None:
        """Let people make so many records more, on each side where they make any."""
        for side in DIRECTIONS[self.direction]:
            box = "alguna" if side is Side.ALGUNA else self.system.provider
            known = self.born.setdefault(side, [])
            offset = len(known) + (500 if side is Side.EXTERNAL else 0)
            known += await self.world.boxes.seed(box, "accounts", records, offset=offset, seed=self.seed)

    async def kill_at(self, points: Sequence[str]) -> None:
        """Let a worker die at each of these points (`name` or `name#n`), one after the other."""
        run: WorkflowHandle[Any, Any] | None = None
        for point in points:
            for _ in range(2):
                run = run if run is not None and await self._going_on(run) else await self._new_run()
                if point.startswith("token:"):
                    await self._end_tokens()
                if await self.die(run, point):
                    break
            else:
                self.missed.append(point)
            await self.edit(1)
        await self.recover(run)

    async def kill_at_random(self, kills: int, workers: int = 1) -> None:
        """Kill all workers at once at random instants."""
        instants = random.Random(self.seed)
        run: WorkflowHandle[Any, Any] | None = None
        for _ in range(kills):
            run = run if run is not None and await self._going_on(run) else await self._new_run()
            alive = [self.world.spawn_worker() for _ in range(workers)]
            await asyncio.sleep(instants.uniform(0.3, 2.5))
            for process in alive:
                process.kill()
                await asyncio.to_thread(process.join)
                self.kills.append("random")
            await self.edit(1)
        await self.recover(run)

    async def die(self, work: WorkflowHandle[Any, Any], point: str) -> bool:
        """Let a worker work until it dies at the point (True), or the workflow ends without reaching it."""
        process = self.world.spawn_worker(fail_point=point)
        async with asyncio.timeout(WITHIN_SECONDS):
            while process.is_alive() and await self._going_on(work):
                await asyncio.to_thread(process.join, 0.2)
        # What comes after the end itself is reached a moment later.
        await asyncio.to_thread(process.join, 1.0)
        if process.is_alive():
            process.kill()
            await asyncio.to_thread(process.join)
            return False
        assert process.exitcode == -signal.SIGKILL, f"the worker ended by itself: {process.exitcode}"
        self.kills.append(point)
        return True

    async def recover(self, run: WorkflowHandle[Any, Any] | None) -> None:
        """A worker that lives ends what is left, by itself; a further run carries what people did meanwhile."""
        self.world.spawn_worker()
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                if run is not None:
                    with contextlib.suppress(RPCError):
                        await run.result()
                again = await self.world.start()
                await again.result()
            row = await self.world.run_row(again)
            assert row.status == "completed", row.problem
        finally:
            self.world.end_processes()

    async def edit(self, count: int) -> None:
        """Let people rename records on either side. Each pair has its people on one side only: nothing is contested."""
        for side, record_id in random.Random(self.edits).sample(await self.desks(), count):
            system = ALGUNA if side is Side.ALGUNA else self.system
            self.edits += 1
            name = f"Renamed {self.edits} Ltd"
            await self.world.boxes.edit(system.provider, "accounts", record_id, **system.renaming(name))
            self.names[side, record_id] = name

    async def check(self) -> None:
        """Judge: no duplicate, no lost edit, nothing stuck or open, and a further pass that writes nothing."""
        boxes, system = self.world.boxes, self.system
        ours = {ALGUNA.id_of(row): row for row in await boxes.records("alguna", "accounts")}
        theirs = {system.id_of(row): row for row in await boxes.records(system.provider, "accounts")}
        made = sum(map(len, self.born.values()))
        assert (len(ours), len(theirs), await self.world.linked()) == (made,) * 3, "duplicates or losses"
        async with self.world.services.db.session() as session:
            assert await writes.count_open(session, SCOPE) == 0
            assert await writes.unsettled(session, SCOPE) == []
            pairs = await links.active(session, SCOPE, Side.ALGUNA, sorted(ours))
        for alguna_id, row in ours.items():
            partner = pairs[alguna_id].external_id
            called = {ALGUNA.name_of(row), system.name_of(theirs[partner])}
            assert len(called) == 1, f"not in agreement: {called}"
            wanted = {self.names.get((Side.ALGUNA, alguna_id)), self.names.get((Side.EXTERNAL, partner))} - {None}
            assert not wanted or called <= wanted, f"lost edit: {called}, not {wanted}"
        await boxes.clear_calls()
        async with self.world.worker():
            run = await self.world.sync()
        assert run.status == "completed", run.problem
        assert await boxes.writes() == []

    async def desks(self) -> list[tuple[Side, str]]:
        """Where people work on each pair: where it was made, but every third one at its partner, once there is one."""
        desks: list[tuple[Side, str]] = []
        async with self.world.services.db.session() as session:
            for side, ids in self.born.items():
                pairs = await links.active(session, SCOPE, side, ids)
                for place, record_id in enumerate(ids):
                    if place % 3 != 2:
                        desks.append((side, record_id))
                    elif record_id in pairs:
                        desks.append((side.other, pairs[record_id].id_on(side.other)))
        return desks

    async def _new_run(self) -> WorkflowHandle[Any, Any]:
        if self.kills:
            await self.edit(6)
            await self.grow(2)
        return await self.world.start()

    async def _going_on(self, run: WorkflowHandle[Any, Any]) -> bool:
        status = (await run.describe()).status
        return status is not None and status.name == "RUNNING"

    async def _end_tokens(self) -> None:
        await self.world.boxes.control(self.system.provider, "POST", "auth", {"action": "expire_access_token"})
