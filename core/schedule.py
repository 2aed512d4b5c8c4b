"""Checking schedules: cron expressions of five fields, as Temporal Schedules take them, and time zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import available_timezones

from croniter import CroniterBadDateError, croniter

from core.dates import zone
from core.errors import FieldValidation
from core.problems import did_you_mean

_FIELDS: Final = 5
_PLAIN: Final = re.compile(r"[0-9A-Za-z*,/?-]+")
_WORDS: Final = re.compile(r"[A-Za-z]+")
_KNOWN_WORDS: Final = frozenset(
    {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
    | {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)
_ANY_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def cron_problem(expression: str) -> str | None:
    """Say what is wrong with a cron expression; None when Temporal will take it and it fires some day."""
    parts = expression.split()
    if len(parts) != _FIELDS:
        return f"`{expression}` has {len(parts)} fields; a schedule has five: minute hour day month weekday"
    plain = all(_PLAIN.fullmatch(part) for part in parts)
    if not plain or not {word.lower() for part in parts for word in _WORDS.findall(part)} <= _KNOWN_WORDS:
        return f"`{expression}` uses signs that a schedule does not know"
    if not croniter.is_valid(expression):
        return f"`{expression}` is not a cron expression, such as */15 * * * *"
    try:
        croniter(expression, _ANY_DAY).get_next(datetime)
    except CroniterBadDateError:
        return f"`{expression}` never comes true"
    return None


def timezone_problem(name: str) -> str | None:
    """Say what is wrong with a time zone's name; None when there is such a zone."""
    try:
        zone(name)
    except FieldValidation as error:
        return error.message + did_you_mean(name, available_timezones())
    return None
