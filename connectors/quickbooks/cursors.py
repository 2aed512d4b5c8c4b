"""How far an object has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from connectors.quickbooks.spec import CDC_DAYS, OVERLAP_SECONDS
from connectors.reading import Stored, overlapped

_MARGIN = timedelta(hours=1)


class Cursor(Stored):
    """The cursor of a complete read: changes are read from `since` on."""

    since: datetime

    def in_reach(self, now: datetime) -> bool:
        """Whether changes may still be asked for by CDC, which looks back 30 days."""
        return now - self.since < timedelta(days=CDC_DAYS) - _MARGIN

    @classmethod
    def begin(cls, started: datetime) -> Cursor:
        """Return the cursor of a complete read that began at `started`."""
        return cls(since=overlapped(started, OVERLAP_SECONDS))


class Phase(StrEnum):
    """What is read page by page: everything there is, or what changed since the cursor."""

    SCAN = "scan"
    CHANGES = "changes"


class Position(Stored):
    """Where an unfinished read stands: rows whose time is at least `at`, without the first `seen` of them.

    A page begins after the time of the last row of the one before, so that rows that go or come meanwhile shift
    nothing but rows of that very second. `last` is the id of that row: where it is not found in its place, rows of that
    second have left it, and the second is read again.
    """

    phase: Phase
    started: datetime
    at: str
    seen: int
    last: str = ""
