"""Idempotency-Key of the HTTP API: the same call with the same key is carried out once and answered alike for 24 h."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Delete, Update, delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from core.errors import Conflict, FieldValidation
from store.database import Database
from store.tables.connections import IdempotentCall
from store.types import utc_now

KEEP = timedelta(hours=24)
# After this a call without an answer counts as dead, and the same key may try again.
IN_FLIGHT = timedelta(minutes=2)
_IN_FLIGHT = "the first request with this Idempotency-Key is still being carried out"


class KeyReused(FieldValidation):
    """The key was used before with another body (HTTP 422)."""


class InFlight(Conflict):
    """The first call with this key has not been answered yet (HTTP 409)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first call with a key was answered."""

    status: int
    body: Any


class IdempotencyKeys:
    """Calls by (scope, key); the scope is what the key is unique in, say the API key and the path."""

    def __init__(self, db: Database) -> None:
        """Take the database."""
        self._db = db

    async def begin(self, scope: str, key: str, request_hash: str) -> Answer | None:
        """Return the stored answer, or None: then the caller carries the call out and ends with `finish` or `forget`.

        Raises KeyReused for another body, InFlight while the first call runs.
        """
        try:
            async with self._db.transaction() as session:
                stored = await session.get(IdempotentCall, (scope, key), with_for_update=True)
                if stored is not None and not _dead(stored):
                    return _answer(stored, request_hash)
                if stored is not None:
                    await session.delete(stored)
                    await session.flush()
                session.add(IdempotentCall(scope=scope, key=key, request_hash=request_hash, created_at=utc_now()))
        except IntegrityError:
            raise InFlight(_IN_FLIGHT) from None
        return None

    async def finish(self, scope: str, key: str, status: int, body: Any) -> None:
        """Store the answer that every repetition gets."""
        await self._write(update(IdempotentCall).where(*_is(scope, key)).values(status=status, body=body))

    async def forget(self, scope: str, key: str) -> None:
        """Free the key: the call did nothing (it was refused, or failed before it began)."""
        await self._write(delete(IdempotentCall).where(*_is(scope, key)))

    async def purge(self) -> None:
        """Delete what is older than 24 hours."""
        await self._write(delete(IdempotentCall).where(col(IdempotentCall.created_at) < utc_now() - KEEP))

    async def _write(self, statement: Update | Delete) -> None:
        async with self._db.transaction() as session:
            await session.execute(statement)


def _is(scope: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return col(IdempotentCall.scope) == scope, col(IdempotentCall.key) == key


def _dead(call: IdempotentCall) -> bool:
    return utc_now() - call.created_at > (IN_FLIGHT if call.status is None else KEEP)


def _answer(call: IdempotentCall, request_hash: str) -> Answer:
    if call.request_hash != request_hash:
        raise KeyReused("this Idempotency-Key was used with another request")
    if call.status is None:
        raise InFlight(_IN_FLIGHT)
    return Answer(call.status, call.body)
