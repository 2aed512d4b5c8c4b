"""Which rows a query has to look at: by key, along an index range, or all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.salesforce.schema import Row
from sandbox.salesforce.soql.filters import Filters
from sandbox.salesforce.soql.paths import Resolver
from sandbox.salesforce.soql.tree import Comparison, Condition, Logical, Value
from sandbox.salesforce.table import HIGHEST, LOWEST, Key, Table

_MOST = "~"


@dataclass(frozen=True, slots=True)
class Access:
    """Candidate rows, which the whole WHERE still has to pass, and the order in which they come.

    `keyed` says that the rows were asked for by key, and not found by a scan.
    """

    rows: Iterator[Row]
    order: Literal["none", "id", "stamp"]
    keyed: bool = False


class Planner:
    def __init__(self, resolver: Resolver, filters: Filters, table: Table) -> None:
        self._resolver = resolver
        self._filters = filters
        self._table = table

    def access(self, where: Condition | None) -> Access:
        """The cheapest way to the rows of `where`."""
        parts = where.parts if isinstance(where, Logical) and where.op == "and" else (where,)
        for part in parts:
            rows = self._by_key(part) if isinstance(part, Comparison) else None
            if rows is not None:
                return Access(iter(rows), "none", keyed=True)
        low, high = self._range(where) if where is not None else (LOWEST, HIGHEST)
        if (low, high) != (LOWEST, HIGHEST):
            return Access(self._table.by_stamp(low, high), "stamp")
        low_id, high_id = self._id_range(where) if where is not None else ("", _MOST)
        return Access(self._table.by_id(low_id, high_id), "id")

    def _by_key(self, one: Comparison) -> list[Row] | None:
        """The rows of `field = 'x'` or `field IN (…)` on an own text or id field; None when it is no such thing."""
        path = self._resolver.path(one.path)
        if one.op not in ("=", "in") or not path.direct or (path.field.type == "boolean"):
            return None
        values = one.value if isinstance(one.value, tuple) else (one.value,)
        if not all(value.kind == "string" for value in values):
            return None
        wanted = {self._filters.literal(path.field, value) for value in values}
        if path.field.type == "id":
            rows = self._table.rows
            return [rows[record_id] for record_id in sorted(wanted) if record_id in rows]
        return [row for value in sorted(wanted) for row in self._table.find(path.field.name, value)]

    def _range(self, condition: Condition) -> tuple[Key, Key]:
        """Bounds of (SystemModstamp, Id) outside of which no row can pass."""
        if isinstance(condition, Logical) and condition.op == "or":
            ranges = [self._range(part) for part in condition.parts]
            return min(low for low, _ in ranges), max(high for _, high in ranges)
        if isinstance(condition, Logical):
            ranges = [self._range(part) for part in condition.parts]
            low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
            if low[0] and low[0] == high[0]:  # one second: the ids within it bound it further
                low_id, high_id = self._id_range(condition)
                return max(low, (low[0], low_id)), min(high, (high[0], high_id))
            return low, high
        low_stamp, high_stamp = self._bounds(condition, "SystemModstamp")
        return (low_stamp, ""), (high_stamp, _MOST)

    def _id_range(self, condition: Condition) -> tuple[str, str]:
        if isinstance(condition, Logical):
            ranges = [self._id_range(part) for part in condition.parts]
            lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
            return (max(lows), min(highs)) if condition.op == "and" else (min(lows), max(highs))
        return self._bounds(condition, "Id")

    def _bounds(self, condition: Condition, name: str) -> tuple[str, str]:
        """Inclusive bounds that one comparison sets on the field `name`."""
        if not isinstance(condition, Comparison) or not isinstance(condition.value, Value):
            return "", _MOST
        path = self._resolver.path(condition.path)
        if not path.direct or path.field.name != name or condition.value.kind == "null":
            return "", _MOST
        value = str(self._filters.literal(path.field, condition.value))
        if condition.op == "=":
            return value, value
        if condition.op in (">", ">="):
            return value, _MOST
        if condition.op in ("<", "<="):
            return "", value
        return "", _MOST
