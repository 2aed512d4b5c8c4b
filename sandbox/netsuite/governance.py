"""Concurrency: so many calls of the account at once, and no more (sheet 5). There is no limit per time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.kit.limits import Limits
from sandbox.netsuite.errors import too_many

BASE = 5


class Governance:
    """The slots of the account, which all its integrations share."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.refill()

    def refill(self) -> None:
        self._running = 0
        self._blocked_until = 0.0

    @property
    def slots(self) -> int:
        return max(1, int(BASE * self._limits.scale))

    def block(self, seconds: float) -> None:
        """Refuse all calls for so long (a fault): others use up the slots."""
        self._blocked_until = time.monotonic() + seconds

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot while a call is answered. Raises NetSuiteError 429 when there is none."""
        full = self._running >= self.slots or time.monotonic() < self._blocked_until
        if self._limits.enabled and full:
            raise too_many()
        self._running += 1
        try:
            yield
        finally:
            self._running = max(0, self._running - 1)
