"""How far an object has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols import parse_time
from connectors.reading import Stored, overlapped
from connectors.salesforce.soql import time_literal
from connectors.salesforce.spec import OVERLAP_SECONDS
from core.errors import Transient


class Cursor(Stored):
    """The cursor of a complete read, in whole seconds.

    `seen` is when that read began; `since` lies `OVERLAP_SECONDS` before it, because a row becomes visible at its
    commit with the earlier stamp of its change (Salesforce sheet 3.4).
    """

    since: datetime
    seen: datetime

    @classmethod
    def after(cls, started: datetime) -> Cursor:
        """Return the cursor of a complete read that began at `started`.

        `seen` is one second less than the second it began in, because rows may still come with that very stamp.
        """
        seen = started.replace(microsecond=0) - timedelta(seconds=1)
        return cls(since=overlapped(seen, OVERLAP_SECONDS), seen=seen)


class Position(Stored):
    """Where an unfinished read stands: when it began, and the last row read. A full read goes by the id alone."""

    started: datetime
    stamp: str
    id: str

    @classmethod
    def after(cls, row: Mapping[str, Any], started: datetime) -> Position:
        """Return the place after a row. Raises `Transient` for a row without its stamp."""
        stamp = parse_time(str(row["SystemModstamp"])) if row.get("SystemModstamp") else None
        if stamp is None:
            raise Transient("Salesforce sent a row without its SystemModstamp")
        return cls(started=started, stamp=time_literal(stamp), id=str(row["Id"]))
