"""Leases: one holder at a time across processes, all or nothing, freed by a cancel and by a holder's death (I1)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.errors import Transient
from core.ports import Leases
from store.database import Database, insert_many
from store.leases import StoreLeases
from store.tables.connections import Lease
from store.types import utc_now


async def stored(db: Database) -> int:
    async with db.session() as session:
        return int((await session.execute(select(func.count()).select_from(Lease))).scalar_one())


async def test_one_holder_at_a_time_whatever_the_order_of_names(db: Database) -> None:
    inside: Counter[str] = Counter()
    held = 0

    async def work(leases: Leases, names: list[str]) -> None:
        nonlocal held
        async with leases.hold(names):
            for name in names:
                inside[name] += 1
                assert inside[name] == 1
            await asyncio.sleep(0.005)
            held += 1
            for name in names:
                inside[name] -= 1

    workers = [StoreLeases(db), StoreLeases(db)]
    wishes = [["a", "b"], ["b", "a"], ["b", "c"], ["c", "a"], ["a"]]
    await asyncio.gather(*(work(worker, names) for worker in workers for names in wishes))
    assert held == 10
    assert await stored(db) == 0


async def test_a_waiter_gives_up_with_a_transient_failure_and_holds_nothing(db: Database) -> None:
    async with StoreLeases(db).hold(["b"]):
        with pytest.raises(Transient, match="held by another worker"):
            async with StoreLeases(db).hold(["a", "b"], seconds=0.2):
                pytest.fail("held twice")
        assert await stored(db) == 1


async def test_a_cancelled_holder_and_a_cancelled_waiter_give_back(db: Database) -> None:
    leases = StoreLeases(db)
    entered = asyncio.Event()

    async def hold() -> None:
        async with leases.hold(["a"]):
            entered.set()
            await asyncio.sleep(60)

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await entered.wait()
    await asyncio.sleep(0.05)
    for task in (waiter, holder):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await stored(db) == 0


async def test_a_dead_holders_lease_expires(db: Database) -> None:
    async with db.transaction() as session:
        expires = utc_now() + timedelta(seconds=0.3)
        await insert_many(session, Lease, [{"name": "a", "owner": "dead", "expires_at": expires}])
    async with StoreLeases(db).hold(["a"], seconds=10):
        assert utc_now() >= expires


async def test_a_living_holder_keeps_its_lease_beyond_the_time_to_live(db: Database) -> None:
    async with StoreLeases(db, ttl=0.6).hold(["a"]):
        with pytest.raises(Transient):
            async with StoreLeases(db).hold(["a"], seconds=1.5):
                pytest.fail("held twice")
