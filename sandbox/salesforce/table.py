"""The rows of one object with the indexes that keep queries away from full scans.

Rows are never changed in place: a write puts a new dict, so cursors and late commits can keep the old one.
Absent keys are null. Soft-deleted rows stay, with `IsDeleted` true.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from sandbox.salesforce.schema import Row, SObject

Key = tuple[str, str]
LOWEST: Key = ("", "")
HIGHEST: Key = ("~", "~")
_SLACK = 1_000


class Table:
    """Rows by id, ids in order, (SystemModstamp, Id) in order, and hash indexes made when first asked for."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.rows: dict[str, Row] = {}
        self.live = 0
        self._ids: list[str] = []
        self._stamps: list[Key] = []
        self._indexes: dict[str, dict[str, set[str]]] = {one.name: {} for one in sobject.unique}

    def put(self, row: Row) -> Row | None:
        """Add or replace a row; the row before it, if any."""
        record_id = row["Id"]
        before = self.rows.get(record_id)
        self.rows[record_id] = row
        self.live += (not row.get("IsDeleted")) - (before is not None and not before.get("IsDeleted"))
        if before is None:
            _add(self._ids, record_id)
        if before is None or before["SystemModstamp"] != row["SystemModstamp"]:
            self._add_stamp((row["SystemModstamp"], record_id))
        for name, index in self._indexes.items():
            self._reindex(index, name, before, row)
        return before

    def drop(self, record_id: str) -> None:
        """Take a row away for good."""
        before = self.rows.pop(record_id)
        self.live -= not before.get("IsDeleted")
        for name, index in self._indexes.items():
            self._reindex(index, name, before, {"Id": record_id})

    def restore(self, record_id: str, row: Row | None) -> None:
        """Undo a `put`: the row as it was before, or none."""
        if row is None:
            self.drop(record_id)
        else:
            self.put(row)

    def find(self, field: str, value: str) -> list[Row]:
        """The rows, deleted ones too, whose `field` has that value (case counts only where the field says so)."""
        index = self._indexes.get(field)
        if index is None:
            index = self._indexes[field] = {}
            for row in self.rows.values():
                self._reindex(index, field, None, row)
        return [self.rows[record_id] for record_id in sorted(index.get(self._key(field, value), ()))]

    def by_id(self, low: str, high: str) -> Iterator[Row]:
        """Rows with low <= Id <= high in order of Id."""
        rows = self.rows
        for place in range(bisect_left(self._ids, low), bisect_right(self._ids, high)):
            row = rows.get(self._ids[place])
            if row is not None:
                yield row

    def by_stamp(self, low: Key, high: Key) -> Iterator[Row]:
        """Rows with low <= (SystemModstamp, Id) <= high in that order."""
        rows, stamps = self.rows, self._stamps
        for place in range(bisect_left(stamps, low), bisect_right(stamps, high)):
            stamp, record_id = stamps[place]
            row = rows.get(record_id)
            if row is not None and row["SystemModstamp"] == stamp:
                yield row

    def _add_stamp(self, key: Key) -> None:
        """Entries of older versions stay until there are many of them; `by_stamp` passes over them."""
        stamps = self._stamps
        if not stamps or stamps[-1] < key:
            stamps.append(key)
        else:
            place = bisect_left(stamps, key)
            if place == len(stamps) or stamps[place] != key:
                stamps.insert(place, key)
        if len(stamps) > 2 * len(self.rows) + _SLACK:
            self._stamps = sorted((row["SystemModstamp"], record_id) for record_id, row in self.rows.items())

    def _reindex(self, index: dict[str, set[str]], name: str, before: Row | None, row: Row) -> None:
        old = before.get(name) if before else None
        new = row.get(name)
        if old == new:
            return
        if old is not None:
            ids = index[self._key(name, old)]
            ids.discard(row["Id"])
        if new is not None:
            index.setdefault(self._key(name, new), set()).add(row["Id"])

    def _key(self, name: str, value: str) -> str:
        field = self.sobject.by_lower[name.lower()]
        return value.lower() if field.folds_case else value


def _add(ids: list[str], record_id: str) -> None:
    if not ids or ids[-1] < record_id:
        ids.append(record_id)
    elif ids[bisect_left(ids, record_id)] != record_id:
        insort(ids, record_id)
