"""The rows of one object in order of id, the unique values they hold, and what the search index knows of them.

Rows are never changed in place: a write puts a new one, so the index can go on showing the old one for a while.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.hubspot.schema import ObjectType


@dataclass(frozen=True, slots=True)
class Row:
    """One record; blank properties are absent. `seq` tells versions apart; `merged_into` is the survivor's id."""

    id: str
    props: dict[str, str]
    created: datetime
    updated: datetime
    archived_at: datetime | None = None
    merged_into: str | None = None
    seq: int = 0

    @property
    def archived(self) -> bool:
        return self.archived_at is not None

    @property
    def live(self) -> bool:
        return self.archived_at is None and self.merged_into is None


class Table:
    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self._ids: list[int] = []
        self._held: dict[str, dict[str, str]] = {}
        self._index: dict[str, Row] = {}
        self._late: deque[tuple[float, Row]] = deque()
        self._seq = 0

    def put(self, row: Row, keys: list[str], visible_at: float | None) -> Row:
        """Add or replace a row. `keys` are the unique properties; `visible_at` is when search sees it (None: now)."""
        self._seq += 1
        row = replace(row, seq=self._seq)
        before = self.rows.get(row.id)
        self._hold(before, row, keys)
        self.rows[row.id] = row
        if before is None:
            insort(self._ids, int(row.id))
        if visible_at is None:
            self._index[row.id] = row
        else:
            self._late.append((visible_at, row))
        return row

    def drop(self, row: Row, keys: list[str]) -> None:
        """Take a row away for good."""
        self._hold(self.rows[row.id], replace(row, archived_at=row.updated), keys)
        del self.rows[row.id]
        self._index.pop(row.id, None)
        self._ids.remove(int(row.id))

    def find(self, name: str, value: str) -> Row | None:
        """The live row that holds this value of a unique property."""
        held = self._held.get(name, {}).get(value)
        return self.rows[held] if held is not None else None

    def after(self, last_id: int) -> Iterator[Row]:
        """Rows with a higher id, in order of id."""
        for place in range(bisect_right(self._ids, last_id), len(self._ids)):
            yield self.rows[str(self._ids[place])]

    def indexed(self, last_id: int, now: float) -> Iterator[Row]:
        """What search knows at `now` of the live rows with a higher id, in order of id."""
        self._catch_up(now)
        for place in range(bisect_right(self._ids, last_id), len(self._ids)):
            row = self._index.get(str(self._ids[place]))
            if row is not None and row.live:
                yield row

    def dump(self) -> list[dict[str, Any]]:
        times = ("created", "updated", "archived_at")
        rows = [asdict(row) for row in self.rows.values()]
        return [{key: _iso(row[key]) if key in times else row[key] for key in row} for row in rows]

    def load(self, rows: list[dict[str, Any]], keys: list[str]) -> None:
        for row in rows:
            times = {key: _moment(row[key]) for key in ("created", "updated", "archived_at")}
            self.put(Row(**{**row, **times}), keys, None)

    def _hold(self, before: Row | None, row: Row, keys: list[str]) -> None:
        """Archived and merged rows let go of their values."""
        for name in keys:
            held = self._held.setdefault(name, {})
            for value in values_of(before, name) if before is not None and before.live else ():
                if held.get(value) == row.id:
                    del held[value]
            for value in values_of(row, name) if row.live else ():
                held[value] = row.id

    def _catch_up(self, now: float) -> None:
        waiting = deque[tuple[float, Row]]()
        for visible_at, row in self._late:
            if visible_at > now:
                waiting.append((visible_at, row))
                continue
            known = self._index.get(row.id)
            if row.id in self.rows and (known is None or known.seq < row.seq):
                self._index[row.id] = row
        self._late = waiting


def values_of(row: Row, name: str) -> list[str]:
    """The unique values that a row holds; a contact's secondary addresses are unique as well (sheet 2)."""
    values = [row.props[name]] if name in row.props else []
    if name == "email":
        values += [one for one in row.props.get("hs_additional_emails", "").split(";") if one]
    return values


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
