"""Leases: short exclusive rights on named resources that hold across processes and machines (I1).

A lease is a row. It is taken all-or-nothing in one transaction, renewed while its holder lives, deleted at the end,
and free again `ttl` seconds after its holder died. Machines need clocks that agree within a few seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlmodel import col

from core import failpoints
from core.errors import Transient
from store.database import Database, upsert
from store.tables.connections import Lease
from store.types import utc_now


class _Taken(Exception):
    """Someone else holds one of the leases; rolls the attempt back."""


class StoreLeases:
    """Implements `core.ports.Leases` on the database."""

    def __init__(self, db: Database, *, ttl: float = 30.0) -> None:
        """Take the database and the seconds after which a dead holder's leases are free."""
        self._db = db
        self._ttl = timedelta(seconds=ttl)

    @asynccontextmanager
    async def hold(self, names: Sequence[str], *, seconds: float = 60.0) -> AsyncIterator[None]:
        """Hold all the named leases. Waits for them; raises `Transient` when they are not free after `seconds`."""
        wanted = sorted(set(names))
        owner = uuid4().hex
        renewal: asyncio.Task[None] | None = None
        try:
            await self._wait(wanted, owner, seconds)
            failpoints.reach("lease:taken")
            renewal = asyncio.create_task(self._keep(owner))
            yield
        finally:
            # Shielded: a cancelled holder still gives back what it has, also what it took in the instant of the cancel.
            await asyncio.shield(self._give_back(wanted, owner, renewal))
            failpoints.reach("lease:returned")

    async def _wait(self, names: list[str], owner: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        pause = 0.02
        while not await self._take(names, owner):
            # Waiters read; only who finds the leases free queues as a writer.
            while True:
                if time.monotonic() >= deadline:
                    raise Transient(f"{', '.join(names)}: held by another worker for {seconds:g} s", retry_after=1.0)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 1.5, 0.25)
                if await self._free(names):
                    break

    async def _take(self, names: list[str], owner: str) -> bool:
        """Try once, all or nothing: a new row, or one whose time is up."""
        now = utc_now()
        rows = [{"name": name, "owner": owner, "expires_at": now + self._ttl} for name in names]
        try:
            async with self._db.transaction() as session:
                taken = await upsert(
                    session, Lease, rows, ["name"], ["owner", "expires_at"], where=col(Lease.expires_at) <= now
                )
                if taken != len(names):
                    raise _Taken
        except _Taken:
            return False
        return True

    async def _free(self, names: list[str]) -> bool:
        held = select(col(Lease.name)).where(col(Lease.name).in_(names), col(Lease.expires_at) > utc_now())
        async with self._db.session() as session:
            return (await session.execute(held.limit(1))).first() is None

    async def _keep(self, owner: str) -> None:
        """Renew until cancelled. Where the database fails it ends, and the leases run out as those of a dead holder."""
        while True:
            await asyncio.sleep(self._ttl.total_seconds() / 3)
            async with self._db.transaction() as session:
                later = utc_now() + self._ttl
                await session.execute(update(Lease).where(col(Lease.owner) == owner).values(expires_at=later))

    async def _give_back(self, names: list[str], owner: str, renewal: asyncio.Task[None] | None) -> None:
        if renewal is not None:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
        async with self._db.transaction() as session:
            await session.execute(delete(Lease).where(col(Lease.name).in_(names), col(Lease.owner) == owner))
