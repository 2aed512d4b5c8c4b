"""How far an entity has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

from datetime import datetime

from connectors.reading import Stored, overlapped
from connectors.xero.spec import OVERLAP_SECONDS


class Cursor(Stored):
    """Changes are read from `since` on."""

    since: datetime

    @property
    def header(self) -> str:
        """The time as If-Modified-Since takes it: UTC, whole seconds (Xero sheet 3)."""
        return self.since.strftime("%Y-%m-%dT%H:%M:%S")

    @classmethod
    def after(cls, started: datetime) -> Cursor:
        """Return the cursor of a complete read that began at `started`."""
        return cls(since=overlapped(started, OVERLAP_SECONDS))


class Position(Stored):
    """Where an unfinished read stands: when it began, and its next page."""

    started: datetime
    page: int
