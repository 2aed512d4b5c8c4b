"""A pace of its own for calls that a vendor counts apart from all others (HubSpot's searches, QuickBooks' batches)."""

from __future__ import annotations

import asyncio
import time

from core.errors import RateLimit

_MOST_TURN_SECONDS = 2.0


class Pace:
    """Lets calls through no more often than so many a second, in this process, after a first `burst` of them."""

    def __init__(self, per_second: float, what: str, *, burst: int = 1) -> None:
        """Take the rate, and what it is of, for the message."""
        self._step = 1.0 / per_second
        self._what = what
        self._credit = (burst - 1) * self._step
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn. Raises `RateLimit` when that is more than 2 s away."""
        now = time.monotonic()
        due = max(now - self._credit, self._next)
        if due - now > _MOST_TURN_SECONDS:
            raise RateLimit(f"{self._what} are limited", retry_after=due - now)
        self._next = due + self._step
        await asyncio.sleep(max(0.0, due - now))
