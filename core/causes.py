"""What failures have in common: the key of their root cause, and when one is tried again by itself.

A cause is the type, the vendor's code, the field and the message's shape: what particular records put into the message
(ids, numbers, quoted texts, the record's own values) is taken out, so that thousands of failures become one line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from core.errors import ErrorType, RecordFailure
from core.values import Value

SHAPE_LIMIT = 120
_MARK = "…"
_SHORTEST_VALUE = 3
_PARTICULAR = re.compile(
    r"""'[^']*'|"[^"]*"|`[^`]*`|“[^”]*”  # what is quoted
    |[\w.+-]+@[\w-]+(?:\.[\w-]+)+        # addresses
    |\bhttps?://\S+
    |\b\w*\d\w*\b                        # ids and numbers
    """,
    re.VERBOSE,
)
_REPEATED = re.compile(rf"{_MARK}(?:[\s,.:;-]*{_MARK})+")

AUTOMATIC = frozenset({ErrorType.TRANSIENT, ErrorType.RATE_LIMIT, ErrorType.CONFLICT})
"""Types that time alone can mend. The others wait for a change of the record, or for a person."""

FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=6)


def cause_of(failure: RecordFailure, values: Collection[str] = ()) -> str:
    """Return the key of a failure's root cause; `values` are the record's own texts, which vendors quote unmarked."""
    shape = failure.message
    for text in sorted(values, key=len, reverse=True):
        if len(text) >= _SHORTEST_VALUE:
            shape = shape.replace(text, _MARK)
    shape = _REPEATED.sub(_MARK, _PARTICULAR.sub(_MARK, shape)).strip()
    return "|".join([failure.type.value, failure.vendor_code or "", failure.field or "", shape[:SHAPE_LIMIT]])


def texts_of(fields: Mapping[str, Value]) -> set[str]:
    """Return every text and number among field values, as a message would show it."""
    return set(_texts(fields.values()))


def _texts(values: Iterable[Value]) -> Iterable[str]:
    for value in values:
        if isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)
        elif value is not None and not isinstance(value, bool):
            yield str(value)


def retry_after(kind: ErrorType, attempts: int) -> timedelta | None:
    """Return how long to leave a failure alone after so many attempts; None when nothing but a change can help."""
    if kind not in AUTOMATIC:
        return None
    return min(FIRST_RETRY * (1 << min(max(attempts - 1, 0), 20)), LONGEST_RETRY)
