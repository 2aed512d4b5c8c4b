"""One measurement: first sync, incremental syncs and a pass without changes, each beside the bare script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.bare import BareSync
from benchmarks.costs import HistoryCost, actions, histories
from benchmarks.stage import INTEGRATION, Stage
from core import names
from core.records import Entity

T = TypeVar("T")
CHANGES = 3
"""Rounds of the incremental measurement; the median counts."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One comparison: records written, seconds of the service and of the bare script, and what the service spent."""

    records: int
    seconds: float
    bare_seconds: float
    calls: int
    actions: int
    cost: HistoryCost

    @property
    def ratio(self) -> float:
        """The service's throughput as a share of the bare script's."""
        return self.bare_seconds / self.seconds

    @property
    def speed(self) -> float:
        """Records per second."""
        return self.records / self.seconds

    def per_thousand(self, number: int) -> float:
        """A number by 1,000 records written."""
        return number / max(1, self.records) * 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """What one stage gave. Sizes in bytes."""

    first: Measured
    changed: Measured
    quiet: Measured
    idle_bytes: int
    peak_bytes: int


async def measure(stage: Stage, count: int) -> Figures:
    """Measure with so many accounts in Alguna and none in Salesforce; 1 % of them change in each round."""
    ids = (await stage.control(stage.alguna, "POST", "seed", {"entity": "accounts", "count": count, "seed": 7}))["ids"]
    bare = BareSync(await stage.credentials(stage.alguna), await stage.credentials(stage.bare))
    await asyncio.sleep(5)
    idle = stage.peak_bytes
    first = await _compare(stage, bare)
    rounds = []
    for number in range(CHANGES):
        for record_id in ids[number :: max(1, len(ids) // max(1, count // 100))]:
            await stage.control(
                stage.alguna, "PATCH", f"records/accounts/{record_id}", {"name": f"Renamed {number} {record_id}"}
            )
        rounds.append(await _compare(stage, bare))
    quiet = await _compare(stage, bare)
    middle = sorted(rounds, key=lambda item: item.ratio)[len(rounds) // 2]
    return Figures(first, middle, quiet, idle, stage.peak_bytes)


async def _compare(stage: Stage, bare: BareSync) -> Measured:
    written, bare_seconds = await timed(bare.run)
    await stage.clear_calls()
    before = await actions(stage.http, stage.metrics_url)
    _, seconds = await timed(stage.sync)
    spent = await actions(stage.http, stage.metrics_url) - before
    calls = await stage.count_calls()
    entity = names.entity_sync_id(INTEGRATION, Entity.ACCOUNTS)
    cost = await histories(stage.temporal, [(stage.handles[-1].id, None), (entity, None)])
    return Measured(written, seconds, bare_seconds, calls, spent, cost)


async def timed(work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """Do some work; return its result and the seconds that it took."""
    started = time.perf_counter()
    result = await work()
    return result, time.perf_counter() - started
