"""How far an entity has been read, in SuiteQL's own local clock, and where an unfinished read stands (sheet 3)."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.netsuite.records import local_time
from connectors.netsuite.spec import OVERLAP_SECONDS
from connectors.reading import Stored

EPOCH = "1970-01-01 00:00:00"


class Cursor(Stored):
    """Changes and deletions are read from these times on; times are SuiteQL's text, which sorts."""

    since: str = EPOCH
    deleted_since: str = EPOCH


class Position(Stored):
    """After which time and id a read goes on; `now` is when it began, by SuiteQL's clock (empty: not known)."""

    time: str
    id: str
    now: str = ""


def until(known: str, now: str) -> str:
    """Return where the read after one that began at `now` begins.

    A clock that is not known (nothing was ever read) leaves it where it was.
    """
    if not now:
        return known
    return max(known, shown(local_time(now) - timedelta(seconds=OVERLAP_SECONDS)))


def shown(at: datetime) -> str:
    """Return a local time as SuiteQL's text."""
    return at.strftime("%Y-%m-%d %H:%M:%S")
