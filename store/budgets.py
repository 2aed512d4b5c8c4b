"""The calls a connection may make, shared by all workers through one row of the store (design 3.7).

The row is a token bucket. A worker takes about one second's worth of calls at a time, so that the store is written once
a second and not once a call; what it does not use within that second goes back. When the bucket is empty the next
block is reserved ahead of time, and its calls fall due at the bucket's rate. Over any stretch of W seconds all workers
together make at most `burst + rate x (W + 1)` calls.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from core.errors import RateLimit
from store.database import Database, upsert
from store.tables.connections import BudgetRow
from store.types import utc_now

MAX_SLEEP_SECONDS = 2.0
BLOCK_SECONDS = 1.0
MAX_SLOT_SECONDS = 10.0
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class _Block:
    """Calls granted to this worker (monotonic clock): after `ready`, one is due every `step` seconds until `end`."""

    left: int = 0
    ready: float = 0.0
    step: float = 0.0
    end: float = 0.0

    def due(self, calls: int) -> float:
        """When so many more calls may be made."""
        return self.ready + calls * self.step

    def take(self, calls: int) -> None:
        """Use some."""
        self.ready = self.due(calls)
        self.left -= calls

    @property
    def stale(self) -> bool:
        """Whether what is left is to be given back."""
        return time.monotonic() > self.end + BLOCK_SECONDS


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What status pages show: calls counted today, the allowance if there is one, and until when calls are stopped."""

    used_today: int
    allowed_per_day: int | None
    blocked_until: datetime | None


class StoreBudget:
    """Implements `core.ports.Budget` for one connection. All instances of the connection share its row."""

    def __init__(
        self,
        db: Database,
        connection_id: str,
        rate_per_second: float,
        burst: int,
        daily: int | None = None,
        concurrency: int | None = None,
    ) -> None:
        """Take the published limits: calls per second, calls at once after a rest, calls per day, calls in flight."""
        if rate_per_second <= 0 or burst < 1:
            raise ValueError("a budget needs a positive rate and a burst of at least one call")
        self._db = db
        self._connection_id = connection_id
        self._rate = rate_per_second
        self._burst = burst
        self._daily = daily
        self._block = _Block()
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._looked = -math.inf
        self._slots = asyncio.Semaphore(concurrency) if concurrency else None
        self._reported: tuple[int | None, int | None] | None = None
        self._report_written = -math.inf

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of the calls in flight that this process may have (no limit where none was given).

        Raises RateLimit when none comes free within `MAX_SLOT_SECONDS`.
        """
        if self._slots is None:
            yield
            return
        try:
            async with asyncio.timeout(MAX_SLOT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise self._busy(BLOCK_SECONDS) from None
        try:
            yield
        finally:
            self._slots.release()

    async def acquire(self, calls: int = 1) -> None:
        """Take the right to make `calls` calls now; sleeps at most 2 s.

        Raises RateLimit with the seconds to wait when it would take longer; `quota` says that the day's allowance is
        spent (it is counted per UTC day) or that the vendor said so.
        """
        deadline = time.monotonic() + MAX_SLEEP_SECONDS
        self._wanted += calls
        try:
            async with asyncio.timeout(MAX_SLEEP_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise self._busy(self._wanted / self._rate) from None
        finally:
            self._wanted -= calls
        try:
            await self._wait_while_blocked(deadline)
            if self._block.stale or self._block.left < calls:
                await self._take_block(calls, deadline)
            await self._sleep(self._block.due(calls) - time.monotonic(), deadline)
            self._block.take(calls)
        finally:
            self._turn.release()

    async def report(self, *, used: int | None = None, allowed: int | None = None) -> None:
        """Correct the day's count by what the vendor's headers say; written at most once a second."""
        if used is None and allowed is None:
            return
        self._reported = (used, allowed)
        if time.monotonic() - self._report_written >= BLOCK_SECONDS:
            async with self._db.transaction() as session:
                self._write_report(await self._row(session))

    async def block(self, seconds: float, *, quota: bool = False) -> None:
        """Stop all calls of this connection, of all workers, for that long; afterwards the bucket starts empty."""
        until = utc_now() + timedelta(seconds=seconds)
        async with self._db.transaction() as session:
            row = await self._row(session)
            if row.blocked_until is None or row.blocked_until < until:
                row.blocked_until, row.blocked_by_quota = until, quota
            row.tokens = 0.0
            row.refilled_at = max(row.refilled_at, row.blocked_until)
        self._block = _Block()
        self._looked = -math.inf

    async def _wait_while_blocked(self, deadline: float) -> None:
        """Look at the row often, so that one worker's 429 stops all others within `LOOK_SECONDS`."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        query = select(col(BudgetRow.blocked_until), col(BudgetRow.blocked_by_quota)).where(
            col(BudgetRow.connection_id) == self._connection_id
        )
        async with self._db.session() as session:
            found = (await session.execute(query)).first()
        wait, quota = 0.0, False
        if found is not None and found.blocked_until is not None:
            wait, quota = (found.blocked_until - utc_now()).total_seconds(), found.blocked_by_quota
        if wait > 0:
            # Not marked as looked at: the next caller asks again.
            self._block = _Block()
            await self._sleep(wait, deadline, quota=quota)
        else:
            self._looked = time.monotonic()

    async def _sleep(self, seconds: float, deadline: float, *, quota: bool = False) -> None:
        if seconds <= 0:
            return
        if time.monotonic() + seconds > deadline:
            raise self._busy(seconds, quota=quota)
        await asyncio.sleep(seconds)

    async def _take_block(self, calls: int, deadline: float) -> None:
        async with self._db.transaction() as session:
            row = await self._row(session)
            now = utc_now()
            self._refill(row, now)
            self._write_report(row)
            day_left = self._day_left(row)
            wait = max(0.0, (calls - row.tokens) / self._rate)
            if day_left >= calls and time.monotonic() + wait <= deadline:
                self._block = self._grant(row, calls, day_left)
        # Raised only here, because what was refilled, given back and reported is to be stored all the same.
        if day_left < calls:
            raise self._spent(now)
        if not self._block.left:
            raise self._busy(wait)

    def _grant(self, row: BudgetRow, calls: int, day_left: float) -> _Block:
        """Take a block from the bucket; from an empty one reserve the next block, whose calls fall due one by one."""
        granted = max(calls, min(round(self._rate * BLOCK_SECONDS), self._burst))
        step = 0.0
        if row.tokens >= calls:
            granted = min(granted, int(row.tokens))
        else:
            step = 1 / self._rate
        granted = int(min(granted, day_left))
        ready = time.monotonic() - row.tokens * step
        row.tokens -= granted
        row.day_used += granted
        return _Block(granted, ready, step, ready + granted * step)

    def _refill(self, row: BudgetRow, now: datetime) -> None:
        """Add what time brought and what this worker did not use; a new UTC day starts at zero."""
        row.tokens = min(
            float(self._burst), row.tokens + max(0.0, (now - row.refilled_at).total_seconds()) * self._rate
        )
        row.refilled_at = max(row.refilled_at, now)
        today = now.date().isoformat()
        if row.day != today:
            row.day, row.day_used = today, 0
        row.tokens = min(float(self._burst), row.tokens + self._block.left)
        row.day_used = max(0, row.day_used - self._block.left)
        self._block = _Block()

    def _day_left(self, row: BudgetRow) -> float:
        allowed = row.day_allowed if row.day_allowed is not None else self._daily
        return math.inf if allowed is None else allowed - row.day_used

    def _spent(self, now: datetime) -> RateLimit:
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
        return RateLimit(
            f"{self._connection_id}: the day's allowance of calls is spent",
            retry_after=(midnight - now).total_seconds(),
            quota=True,
        )

    def _write_report(self, row: BudgetRow) -> None:
        if self._reported is not None:
            used, allowed = self._reported
            row.day_used = row.day_used if used is None else used
            row.day_allowed = row.day_allowed if allowed is None else allowed
            self._reported = None
            self._report_written = time.monotonic()

    async def _row(self, session: AsyncSession) -> BudgetRow:
        now = utc_now()
        fresh = {"connection_id": self._connection_id, "tokens": float(self._burst), "refilled_at": now}
        more = {"day": now.date().isoformat(), "day_used": 0, "day_allowed": self._daily, "blocked_by_quota": False}
        await upsert(session, BudgetRow, [fresh | more], ["connection_id"])
        return await session.get_one(BudgetRow, self._connection_id, with_for_update=True)

    def _busy(self, seconds: float, *, quota: bool = False) -> RateLimit:
        return RateLimit(f"{self._connection_id}: calls are limited", retry_after=seconds, quota=quota)


async def budget_state(db: Database, connection_id: str) -> BudgetState | None:
    """Return the state of a connection's budget, or None before its first call."""
    async with db.session() as session:
        row = await session.get(BudgetRow, connection_id)
    if row is None:
        return None
    used = row.day_used if row.day == utc_now().date().isoformat() else 0
    return BudgetState(used, row.day_allowed, row.blocked_until)
