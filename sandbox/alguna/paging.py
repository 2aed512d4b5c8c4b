"""Lists as Alguna gives them: `limit`/`offset`, `sort=field:asc|desc`, the v2 envelope (Alguna sheet 1.4)."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sandbox.alguna.errors import ApiError
from sandbox.alguna.store import Table
from sandbox.kit.vendor import Record

_MAX_LIMIT = 100
_DEFAULT_LIMIT = 20
_KEPT = 16


class Lists:
    """Sorted and filtered lists, remembered until something changes, so that paging through one costs little."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[int, list[Record]]] = {}

    def page(
        self,
        table: Table,
        query: Mapping[str, str],
        changes: int,
        *,
        sortable: Mapping[str, str],
        rows: Iterable[Record] | None = None,
        key: object = None,
    ) -> Record:
        """One page of `table`, or of `rows` of it, which `key` names.

        `sortable` maps the sort fields to paths in the row. Without `sort` the newest come first (the vendor's
        own default is not documented). A `limit` above 100 is taken as 100.
        """
        limit, offset = _number(query, "limit", _DEFAULT_LIMIT, 1), _number(query, "offset", 0, 0)
        limit = min(limit, _MAX_LIMIT)
        field, descending = _sort(query.get("sort"), sortable)
        if rows is None and field == "created_at" and table.in_time_order:
            found = list(islice(reversed(table) if descending else iter(table), offset, offset + limit))
            return _envelope(found, limit, len(table))
        name = (id(table), key, field, descending)
        kept = self._kept.get(name)
        if kept is None or kept[0] != changes:
            kept = (changes, _sorted(table if rows is None else rows, sortable[field], descending))
            self._kept.pop(name, None)
            self._kept[name] = kept
            if len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
        return _envelope(kept[1][offset : offset + limit], limit, len(kept[1]))


def choices(query: Mapping[str, str], name: str) -> set[str] | None:
    """The values of a comma-separated filter, any of which may match; None when it is not set."""
    value = query.get(name)
    return {part.strip() for part in value.split(",") if part.strip()} if value else None


def flag(query: Mapping[str, str], name: str) -> bool | None:
    value = query.get(name)
    if value is None:
        return None
    if value not in ("true", "false"):
        raise ApiError(400, f"{name} must be true or false")
    return value == "true"


def _number(query: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdecimal() or int(value) < least:
        raise ApiError(400, f"{name} must be a whole number of at least {least}")
    return int(value)


def _sort(value: str | None, sortable: Mapping[str, str]) -> tuple[str, bool]:
    if value is None:
        return "created_at", True
    field, _, order = value.partition(":")
    if field not in sortable or order not in ("asc", "desc"):
        raise ApiError(400, f"sort must be field:asc or field:desc; sortable fields: {', '.join(sortable)}")
    return field, order == "desc"


def _sorted(rows: Iterable[Record], path: str, descending: bool) -> list[Record]:
    """Rows without a value come last when ascending; equal ones stay in order of creation."""
    keys = path.split(".")

    def value(row: Record) -> tuple[bool, Any, str]:
        found: Any = row
        for key in keys:
            found = found[key]
        return found is None, found if found is not None else "", row["created_at"]

    return sorted(rows, key=value, reverse=descending)


def _envelope(rows: list[Record], limit: int, total: int) -> Record:
    return {"data": rows, "pagination": {"per_page": limit, "total_pages": -(-total // limit)}}
