"""Column types that mean the same on SQLite and PostgreSQL: instants in UTC and JSON that keeps decimals exact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator

from core.values import dump_json, load_json


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timezone-aware in and out, stored as naive UTC (microseconds).

    Naive UTC sorts and compares alike in SQLite's text and PostgreSQL's `timestamp`. A naive datetime is refused with
    ValueError, because nobody can say which instant it means.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware, in any zone -> naive UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a time zone: {value.isoformat()}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive UTC -> aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class ExactJson(TypeDecorator[Any]):
    """A value of `core.values` as canonical JSON text; `Decimal` comes back exactly as it went in.

    None is SQL NULL. Changes inside a loaded value are not tracked: assign a new one.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Value -> text. Raises TypeError for what JSON with decimals cannot carry."""
        return None if value is None else dump_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Text -> value."""
        return None if value is None else load_json(value)


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
