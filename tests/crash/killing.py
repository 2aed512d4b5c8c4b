"""A sync whose workers die again and again while people go on to work: how they are killed, and how it recovers."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from tests.crash.systems import System
from tests.engine.world import World

WITHIN_SECONDS = 120.0


@dataclass(kw_only=True)
class Killing(ABC):
    """One world under kills. What people do meanwhile, and how both systems are judged, is the subclass's."""

    world: World
    system: System
    seed: int = 7
    kills: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @abstractmethod
    async def meanwhile(self) -> None:
        """Let people do what they do between two kills."""

    @abstractmethod
    async def more(self) -> None:
        """Let people bring so much that a further run passes every point."""

    @abstractmethod
    async def check(self) -> None:
        """Judge, by both systems' raw records, and by a further pass that writes nothing."""

    @abstractmethod
    def told(self) -> dict[str, int]:
        """Return what the trial went through, for the sums at the end."""

    async def kill_at(self, points: Sequence[str]) -> None:
        """Let a worker die at each of these points (`name`, `name@entity`, `name#n`), one after the other."""
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
            await self.meanwhile()
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
            await self.meanwhile()
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

    async def _new_run(self) -> WorkflowHandle[Any, Any]:
        if self.kills:
            await self.more()
        return await self.world.start()

    async def _going_on(self, run: WorkflowHandle[Any, Any]) -> bool:
        status = (await run.describe()).status
        return status is not None and status.name == "RUNNING"

    async def _end_tokens(self) -> None:
        await self.world.boxes.control(self.system.provider, "POST", "auth", {"action": "expire_access_token"})
