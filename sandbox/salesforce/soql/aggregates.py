"""Aggregate queries: `count()`, and COUNT, MIN, MAX, SUM, AVG with or without GROUP BY (sheet 3.2)."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.salesforce.schema import Row
from sandbox.salesforce.soql.lexer import error_at
from sandbox.salesforce.soql.paths import Getter, Resolver
from sandbox.salesforce.soql.tree import Aggregate, Name, Query

_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": lambda values: sum(values) if values else None,
    "avg": lambda values: sum(values) / len(values) if values else None,
}


def is_aggregate(query: Query) -> bool:
    return bool(query.group_by) or any(isinstance(item, Aggregate) for item in query.select)


def is_bare_count(query: Query) -> bool:
    """`SELECT count() FROM …`, whose answer is `totalSize` alone."""
    item = query.select[0]
    return len(query.select) == 1 and isinstance(item, Aggregate) and item.function == "count" and item.path is None


def aggregate_rows(query: Query, resolver: Resolver) -> Callable[[Sequence[Row]], list[dict[str, Any]]]:
    """A function from the matching rows to the AggregateResult records."""
    keys = [resolver.getter(resolver.path(name)) for name in query.group_by]
    grouped = {resolver.path(name).field.name for name in query.group_by}
    columns: list[tuple[str, str, Getter]] = []
    unnamed = 0
    for item in query.select:
        if isinstance(item, Aggregate):
            get = resolver.getter(resolver.path(item.path)) if item.path else _one
            columns.append((item.alias or f"expr{unnamed}", item.function, get))
            unnamed += item.alias is None
            continue
        path = resolver.path(item) if isinstance(item, Name) else None
        if path is None or path.field.name not in grouped:
            at, name = item.at, getattr(item, "text", "FIELDS")
            raise error_at(query.text, at, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {name}")
        columns.append((path.field.name, "", resolver.getter(path)))

    def run(rows: Sequence[Row]) -> list[dict[str, Any]]:
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): list(rows)}
        for row in rows if keys else ():
            groups.setdefault(tuple(get(row) for get in keys), []).append(row)
        return [_result(columns, members) for members in groups.values()]

    return run


def _one(row: Row) -> int:
    return 1


def _result(columns: list[tuple[str, str, Getter]], members: list[Row]) -> dict[str, Any]:
    made: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for name, function, get in columns:
        if function:
            made[name] = _FUNCTIONS[function]([value for row in members if (value := get(row)) is not None])
        else:
            made[name] = get(members[0])
    return made
