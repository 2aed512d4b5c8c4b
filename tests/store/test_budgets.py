"""Budgets: two workers together never exceed the rate, a stop holds for both, a spent day is said to be one."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from itertools import pairwise

import pytest

from core.errors import RateLimit
from core.ports import Budget
from store.budgets import LOOK_SECONDS, MAX_SLEEP_SECONDS, StoreBudget, budget_state
from store.database import Database
from store.leases import StoreLeases


async def calls_within(budgets: list[Budget], seconds: float, callers: int = 4) -> list[float]:
    """The instants of the calls that several callers of each budget make, as fast as they may."""
    made: list[float] = []
    end = time.monotonic() + seconds

    async def call(budget: Budget) -> None:
        while time.monotonic() < end:
            try:
                await budget.acquire()
            except RateLimit as limited:
                await asyncio.sleep(min(limited.retry_after or 0.0, max(0.0, end - time.monotonic())))
            else:
                made.append(time.monotonic())

    await asyncio.gather(*(call(budget) for budget in budgets for _ in range(callers)))
    return sorted(made)


async def test_two_workers_together_keep_the_rate(db: Database) -> None:
    rate, burst = 40, 20
    budgets: list[Budget] = [StoreBudget(db, "c", rate, burst) for _ in range(2)]
    made = await calls_within(budgets, 3.0)
    for first, at in enumerate(made):
        within = sum(1 for other in made[first:] if other - at <= 1.0)
        assert within <= burst + 2 * rate
    assert len(made) <= burst + rate * 4
    assert len(made) >= rate * 2


async def test_an_empty_bucket_fills_at_its_rate(db: Database) -> None:
    budget = StoreBudget(db, "c", 10, 1)
    made = await calls_within([budget], 1.0, callers=1)
    assert 8 <= len(made) <= 12
    assert min(later - earlier for earlier, later in pairwise(made)) > 0.02


async def test_a_wait_of_more_than_two_seconds_is_handed_to_the_caller(db: Database) -> None:
    budget = StoreBudget(db, "c", 0.1, 1)
    await budget.acquire()
    before = time.monotonic()
    with pytest.raises(RateLimit) as limited:
        await budget.acquire()
    assert time.monotonic() - before < 1
    assert limited.value.retry_after == pytest.approx(10, abs=1)
    assert limited.value.quota is False


async def test_no_caller_sleeps_longer_than_two_seconds_in_a_queue(db: Database) -> None:
    budget = StoreBudget(db, "c", 2, 1)
    took: list[float] = []

    async def call() -> None:
        before = time.monotonic()
        with suppress(RateLimit):
            await budget.acquire()
        took.append(time.monotonic() - before)

    await asyncio.gather(*(call() for _ in range(20)))
    assert max(took) < MAX_SLEEP_SECONDS + 0.5


async def test_a_stop_holds_for_all_workers_and_ends(db: Database) -> None:
    one, two = StoreBudget(db, "c", 100, 100), StoreBudget(db, "c", 100, 100)
    await asyncio.gather(one.acquire(), two.acquire())
    await one.block(3)
    await asyncio.sleep(LOOK_SECONDS)
    for budget in (one, two, one, two):
        with pytest.raises(RateLimit) as limited:
            await budget.acquire()
        assert limited.value.retry_after == pytest.approx(3, abs=0.5)
    await one.block(0.5)
    with pytest.raises(RateLimit):
        await two.acquire()


async def test_a_short_stop_is_slept_through(db: Database) -> None:
    one, two = StoreBudget(db, "c", 100, 100), StoreBudget(db, "c", 100, 100)
    await two.acquire()
    before = time.monotonic()
    await one.block(0.4)
    await asyncio.sleep(LOOK_SECONDS)
    await two.acquire()
    assert 0.35 < time.monotonic() - before < MAX_SLEEP_SECONDS


async def test_connections_do_not_share_a_stop(db: Database) -> None:
    await StoreBudget(db, "c", 1, 1).block(60)
    await StoreBudget(db, "d", 1, 1).acquire()


async def test_the_days_allowance_is_a_quota_and_follows_the_vendors_count(db: Database) -> None:
    one, two = StoreBudget(db, "c", 100, 5, daily=12), StoreBudget(db, "c", 100, 5, daily=12)
    for _ in range(12):
        await one.acquire()
    with pytest.raises(RateLimit) as limited:
        await two.acquire()
    assert limited.value.quota is True
    assert limited.value.retry_after is not None
    assert 0 < limited.value.retry_after <= 24 * 3600
    await one.report(used=3, allowed=1000)
    await two.acquire(3)
    state = await budget_state(db, "c")
    assert state is not None
    assert state.allowed_per_day == 1000


async def test_a_stop_for_a_spent_quota_says_so(db: Database) -> None:
    budget = StoreBudget(db, "c", 10, 10)
    await budget.block(3600, quota=True)
    with pytest.raises(RateLimit) as limited:
        await StoreBudget(db, "c", 10, 10).acquire()
    assert limited.value.quota is True


async def test_many_calls_cost_few_store_writes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = 0
    transaction = db.transaction

    def counted() -> object:
        nonlocal writes
        writes += 1
        return transaction()

    monkeypatch.setattr(db, "transaction", counted)
    budget = StoreBudget(db, "c", 200, 200)
    for number in range(150):
        await budget.acquire()
        await budget.report(used=number)
    assert writes <= 8


async def test_slots_limit_the_calls_in_flight(db: Database) -> None:
    budget = StoreBudget(db, "c", 100, 100, concurrency=3)
    inside, most = 0, 0

    async def call() -> None:
        nonlocal inside, most
        async with budget.slot():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(call() for _ in range(12)))
    assert most == 3


async def test_a_cancelled_caller_leaves_the_budget_usable(db: Database) -> None:
    budget = StoreBudget(db, "c", 1, 1)
    await budget.acquire()
    waiting = asyncio.create_task(budget.acquire())
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await budget.acquire()
    async with StoreLeases(db).hold(["x"], seconds=1):
        pass
