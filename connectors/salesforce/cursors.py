"""How far an object has been read, in the server's clock, and where an unfinished read stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols import parse_time
from connectors.salesforce.soql import time_literal
from connectors.salesforce.spec import OVERLAP_SECONDS
from core.errors import Internal, Transient


@dataclass(frozen=True, slots=True)
class Cursor:
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
        return cls(seen - timedelta(seconds=OVERLAP_SECONDS), seen)

    def dump(self) -> str:
        """Return the stored form."""
        return json.dumps({"from": time_literal(self.since), "seen": time_literal(self.seen)})

    @classmethod
    def load(cls, text: str) -> Cursor:
        """Parse the stored form. Raises `Internal` for anything else."""
        try:
            stored = json.loads(text)
            return cls(datetime.fromisoformat(stored["from"]), datetime.fromisoformat(stored["seen"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Internal("the stored Salesforce cursor cannot be read") from error


@dataclass(frozen=True, slots=True)
class Position:
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
        return cls(started, time_literal(stamp), str(row["Id"]))

    def dump(self) -> str:
        """Return the opaque form for the caller."""
        return json.dumps({"started": self.started.isoformat(), "stamp": self.stamp, "id": self.id})

    @classmethod
    def load(cls, text: str | None) -> Position | None:
        """Parse the opaque form. Raises `Internal` for anything else."""
        if text is None:
            return None
        try:
            stored = json.loads(text)
            return cls(datetime.fromisoformat(stored["started"]), str(stored["stamp"]), str(stored["id"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Internal("the stored Salesforce position cannot be read") from error
