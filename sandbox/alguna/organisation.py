"""One Alguna organisation: its records, its clock, its events and what is due to happen later."""

import asyncio
import heapq
import secrets
from collections.abc import Callable
from datetime import datetime

from sandbox.alguna.events import Events
from sandbox.alguna.store import Store
from sandbox.kit.clock import Clock, iso

Later = tuple[str, str, str]


class Organisation:
    """What the resources share. `stamp` moves time on, so every change gets an `updated_at` of its own.

    Times have microseconds: the sheet's v2 samples show whole seconds, its v1 samples microseconds.
    """

    def __init__(self, clock: Clock, events: Events) -> None:
        self.store = Store()
        self.clock = clock
        self.events = events
        self.changes = 0
        self.due: list[Later] = []
        self._actions: dict[str, Callable[[str], None]] = {}

    def stamp(self) -> str:
        """The time of a change, and the note that something changed."""
        self.changes += 1
        return iso(self.clock.stamp())

    def now(self) -> str:
        return iso(self.clock.now())

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(8)}"

    def when_due(self, name: str, action: Callable[[str], None]) -> None:
        """Name what `later` can plan; the action gets the record's id, and must cope with one that is gone."""
        self._actions[name] = action

    def later(self, at: datetime, name: str, record_id: str) -> None:
        """Plan an action. It happens at the first call after its time, or on the second if it is near."""
        heapq.heappush(self.due, (iso(at), name, record_id))
        seconds = (at - self.clock.now()).total_seconds()
        if seconds < 60:
            asyncio.get_running_loop().call_later(max(0.0, seconds) + 0.01, self.settle)

    def settle(self) -> None:
        """Do what is due by now."""
        now = self.now()
        while self.due and self.due[0][0] <= now:
            _, name, record_id = heapq.heappop(self.due)
            self._actions[name](record_id)
