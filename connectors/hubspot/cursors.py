"""How far an object has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from connectors.hubspot.spec import BIN_SECONDS, OVERLAP_SECONDS, SMALL_BIN_PAGES
from connectors.reading import Stored, overlapped


class Cursor(Stored):
    """The cursor of a complete read: changes are read from `since` on.

    `bin_at` is when the recycle bin was last read, `bin_pages` how large it was.
    """

    since: datetime
    bin_at: datetime
    bin_pages: int = 0

    @property
    def bin_since(self) -> datetime:
        """From when on a record in the bin is news."""
        return overlapped(self.bin_at, OVERLAP_SECONDS)

    def bin_due(self, now: datetime) -> bool:
        """Whether the recycle bin is to be read: a large one is read seldom, because it is read whole."""
        return self.bin_pages <= SMALL_BIN_PAGES or now - self.bin_at >= timedelta(seconds=BIN_SECONDS)

    def after(self, position: Position) -> Cursor:
        """Return the cursor of a complete read that ended at this position."""
        since = overlapped(position.started, OVERLAP_SECONDS)
        if position.bin_pages:
            return Cursor(since=since, bin_at=position.started, bin_pages=position.bin_pages)
        return Cursor(since=since, bin_at=self.bin_at, bin_pages=self.bin_pages)

    @classmethod
    def begin(cls, started: datetime) -> Cursor:
        """Return the cursor of a complete scan that began at `started`."""
        return cls(since=overlapped(started, OVERLAP_SECONDS), bin_at=started)


class Phase(StrEnum):
    """The parts of a read, in order: a scan is all list; an incremental read is the other three."""

    LIST = "list"
    CHANGES = "changes"
    BIN = "bin"
    ORPHANS = "orphans"


class Position(Stored):
    """Where an unfinished read stands: when it began, in which part, after which id; `bin_pages` read so far."""

    phase: Phase
    started: datetime
    after: str = "0"
    bin_pages: int = 0
