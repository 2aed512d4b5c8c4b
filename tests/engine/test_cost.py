"""The cost contract: vendor calls at the batch floor, few activities and Temporal actions, quiet passes (I10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import ceil
from pathlib import Path

import pytest

from benchmarks.costs import HistoryCost, actions, histories
from core import names
from core.records import Entity
from runtime.dev_server import dev_server
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.ports import free_port

RUN_STEPS = ("plan_run", "request_pass", "finish_run")


@pytest.fixture
async def metered(tmp_path: Path, boxes: Sandboxes) -> AsyncIterator[tuple[World, str]]:
    """A world with chunks of the default size on a Temporal server of its own, and the address of its metrics."""
    metrics_port = free_port()
    async with dev_server(folder=tmp_path, port=free_port(), metrics_port=metrics_port) as server:
        world = await make_world(tmp_path, server.address, boxes, heartbeat_seconds=30)
        yield world, f"http://127.0.0.1:{metrics_port}/metrics"
        await world.services.close()


def floor_of_calls(count: int, existing: int) -> int:
    """The calls that a first sync cannot do without: Alguna pages, query pages, creates, read-back."""
    return ceil(count / 100) + ceil(existing / 2000) + ceil(count / 200) + ceil(count / 2000)


async def calls_of(world: World) -> tuple[int, int]:
    """The calls to (Alguna, Salesforce) since the logs were cleared."""
    alguna, salesforce = await asyncio.gather(world.boxes.calls("alguna"), world.boxes.calls("salesforce"))
    return len(alguna), len(salesforce)


async def costs_of(world: World, run: str) -> HistoryCost:
    """What a run and its writer left in Temporal."""
    return await histories(world.client, [(run, None), (names.entity_sync_id(INTEGRATION, Entity.ACCOUNTS), None)])


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_i10_a_first_sync_of_10_000_accounts_costs_little_more_than_the_floor(
    metered: tuple[World, str],
) -> None:
    world, metrics = metered
    count, existing = 10_000, 0
    await world.boxes.seed("alguna", "accounts", count)
    await world.configure("accounts")
    before = await actions(world.boxes.http, metrics)
    async with world.worker():
        handle = await world.start()
        async with asyncio.timeout(200):
            await handle.result()
        assert (await world.run_row(handle)).status == "completed"
        assert await world.linked() == count
        calls = sum(await calls_of(world))
        assert calls <= 1.05 * floor_of_calls(count, existing) + 15
        # The server counts the billed unit itself: starts, signals, activities and their retries, timers, attributes.
        spent = await actions(world.boxes.http, metrics) - before
        assert 0 < spent <= 80
        cost = await costs_of(world, handle.id)
        assert 0 < cost.activities.total() <= 45
        assert set(cost.activities) <= {
            "plan_run",
            "request_pass",
            "finish_run",
            "fetch",
            "match",
            "transform",
            "write",
        }


@pytest.mark.server
async def test_i10_a_pass_without_changes_writes_nothing_and_asks_salesforce_as_often_whatever_the_size(
    world: World,
) -> None:
    await world.configure("accounts")
    asked: list[int] = []
    async with world.worker():
        for offset, more in ((0, 300), (300, 2_200)):
            await world.boxes.seed("alguna", "accounts", more, offset=offset)
            await world.sync()
            await world.boxes.clear_calls()
            handle = await world.start()
            await handle.result()
            assert await world.boxes.writes() == []
            alguna, salesforce = await calls_of(world)
            assert alguna <= ceil((offset + more) / 100) + 1
            asked.append(salesforce)
            cost = await costs_of(world, handle.id)
            assert cost.activities.total() <= len(RUN_STEPS) + 2
        assert await world.linked() == 2_500
    assert asked[0] == asked[1]
    assert 0 < asked[0] <= 5
