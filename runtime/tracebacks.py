"""Exceptions as text for the log: where it happened and of which kind, but nothing that may quote a record (I8).

An exception's own words are left out, because they repeat what it stumbled over (a `KeyError` is the key). Kept are
those of the operating system, of Temporal and of a database that cannot be reached, which tell an operator what to do.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from temporalio.service import RPCError

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_SPEAKING: Final = (OSError, RPCError, OperationalError, InterfaceError)


def tell(exc_info: ExcInfo) -> str:
    """Return the stack of an exception and of those it came from, the first one first."""
    return "\n".join(_told(exc_info[1], set()))


def _told(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _told(before, seen)
        yield "then:"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield f"{type(error).__module__}.{type(error).__qualname__}{_words(error)}"
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, start=1):
            yield f"of which {number}:"
            yield from _told(inner, seen)


def _words(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_input=False, include_context=False, include_url=False)
        return ": " + ", ".join(f"{'.'.join(map(str, item['loc']))} ({item['type']})" for item in found)
    return f": {error}" if isinstance(error, _SPEAKING) else ""
