"""How far an object has been read, in the server's clock, and where an unfinished read stands.

`seen` is when the last complete read began; `since` lies `OVERLAP_SECONDS` before it, because a row becomes visible at
its commit with the earlier stamp of its change (Salesforce sheet 3.4). `recent` counts, by minute, the rows between
the two that somebody else changed last: the next read must see just as many there, or one has come late.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols import parse_time
from connectors.salesforce.ids import normalise_id
from connectors.salesforce.soql import time_literal
from connectors.salesforce.spec import OVERLAP_SECONDS
from core.errors import Internal, Transient


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of a complete read; times are whole seconds, `since` a whole minute."""

    since: datetime
    seen: datetime
    recent: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def after(cls, started: datetime, recent: Mapping[str, int]) -> Cursor:
        """Return the cursor of a complete read that began at `started`.

        `seen` is one second less than the second it began in, because rows may still come with that very stamp.
        """
        seen = started.replace(microsecond=0) - timedelta(seconds=1)
        since = (seen - timedelta(seconds=OVERLAP_SECONDS)).replace(second=0)
        return cls(since, seen, {minute: n for minute, n in recent.items() if minute >= _minute(since)})

    @property
    def expected(self) -> int:
        """How many rows of other people lie between `since` and `seen`."""
        return sum(self.recent.values())

    def count(self, rows: Iterable[Mapping[str, Any]], me: str | None) -> Counter[str]:
        """Count the rows between `since` and `seen` that somebody else changed last, by minute."""
        found: Counter[str] = Counter()
        for row in rows:
            stamp = stamp_of(row)
            ours = me is not None and normalise_id(str(row.get("LastModifiedById"))) == normalise_id(me)
            if self.since <= stamp <= self.seen and not ours:
                found[_minute(stamp)] += 1
        return found

    def dump(self) -> str:
        """Return the stored form."""
        times = {"from": time_literal(self.since), "seen": time_literal(self.seen)}
        return json.dumps({**times, "recent": dict(sorted(self.recent.items()))})

    @classmethod
    def load(cls, text: str) -> Cursor:
        """Parse the stored form. Raises `Internal` for anything else."""
        try:
            stored = json.loads(text)
            since, seen = datetime.fromisoformat(stored["from"]), datetime.fromisoformat(stored["seen"])
            return cls(since, seen, {str(key): int(n) for key, n in stored["recent"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Internal("the stored Salesforce cursor cannot be read") from error


@dataclass(frozen=True, slots=True)
class Position:
    """Where an unfinished read stands: when it began, the last row read, and what it has counted (see `Cursor`).

    A full read goes by id alone and does not use the stamp.
    """

    started: datetime
    stamp: str
    id: str
    recent: Mapping[str, int]

    @classmethod
    def after(cls, row: Mapping[str, Any], started: datetime, recent: Mapping[str, int]) -> Position:
        """Return the place after a row."""
        return cls(started, time_literal(stamp_of(row)), str(row["Id"]), recent)

    def dump(self) -> str:
        """Return the opaque form for the caller."""
        place = {"started": self.started.isoformat(), "stamp": self.stamp, "id": self.id}
        return json.dumps({**place, "recent": dict(sorted(self.recent.items()))})

    @classmethod
    def load(cls, text: str | None) -> Position | None:
        """Parse the opaque form. Raises `Internal` for anything else."""
        if text is None:
            return None
        try:
            stored = json.loads(text)
            recent = {str(key): int(n) for key, n in stored["recent"].items()}
            return cls(datetime.fromisoformat(stored["started"]), str(stored["stamp"]), str(stored["id"]), recent)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Internal("the stored Salesforce position cannot be read") from error


def stamp_of(row: Mapping[str, Any]) -> datetime:
    """Return a row's SystemModstamp. Raises `Transient` for a row without one."""
    stamp = parse_time(str(row["SystemModstamp"])) if row.get("SystemModstamp") else None
    if stamp is None:
        raise Transient("Salesforce sent a row without its SystemModstamp")
    return stamp


def _minute(at: datetime) -> str:
    return time_literal(at)[:16]
