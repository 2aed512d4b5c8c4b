"""How far an object has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.hubspot.spec import BIN_SECONDS, OVERLAP_SECONDS, SMALL_BIN_PAGES
from core.errors import Internal


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of a complete read: changes are read from `since` on.

    `bin_at` is when the recycle bin was last read, `bin_pages` how large it was.
    """

    since: datetime
    bin_at: datetime
    bin_pages: int = 0

    @property
    def bin_since(self) -> datetime:
        """From when on a record in the bin is news."""
        return self.bin_at - timedelta(seconds=OVERLAP_SECONDS)

    def bin_due(self, now: datetime) -> bool:
        """Whether the recycle bin is to be read: a large one is read seldom, because it is read whole."""
        return self.bin_pages <= SMALL_BIN_PAGES or now - self.bin_at >= timedelta(seconds=BIN_SECONDS)

    def after(self, position: Position) -> Cursor:
        """Return the cursor of a complete read that ended at this position."""
        since = position.started - timedelta(seconds=OVERLAP_SECONDS)
        if position.bin_pages:
            return Cursor(since, position.started, position.bin_pages)
        return Cursor(since, self.bin_at, self.bin_pages)

    def dump(self) -> str:
        """Return the stored form."""
        return json.dumps({"since": self.since.isoformat(), "bin": self.bin_at.isoformat(), "pages": self.bin_pages})

    @classmethod
    def begin(cls, started: datetime) -> Cursor:
        """Return the cursor of a complete scan that began at `started`."""
        return cls(started - timedelta(seconds=OVERLAP_SECONDS), started)

    @classmethod
    def load(cls, text: str) -> Cursor:
        """Parse the stored form. Raises `Internal` for anything else."""
        try:
            stored = json.loads(text)
            return cls(
                datetime.fromisoformat(stored["since"]), datetime.fromisoformat(stored["bin"]), int(stored["pages"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Internal("the stored HubSpot cursor cannot be read") from error


class Phase(StrEnum):
    """The parts of a read, in order: a scan is all list; an incremental read is the other three."""

    LIST = "list"
    CHANGES = "changes"
    BIN = "bin"
    ORPHANS = "orphans"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an unfinished read stands: when it began, in which part, after which id; `bin_pages` read so far."""

    phase: Phase
    started: datetime
    after: str = "0"
    bin_pages: int = 0

    def dump(self) -> str:
        """Return the opaque form for the caller."""
        return json.dumps(
            {"phase": self.phase, "started": self.started.isoformat(), "after": self.after, "pages": self.bin_pages}
        )

    @classmethod
    def load(cls, text: str) -> Position:
        """Parse the opaque form. Raises `Internal` for anything else."""
        try:
            stored = json.loads(text)
            started = datetime.fromisoformat(stored["started"])
            return cls(Phase(stored["phase"]), started, str(stored["after"]), int(stored["pages"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Internal("the stored HubSpot position cannot be read") from error
