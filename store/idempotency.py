"""Idempotency-Key of the HTTP API: the same call with the same key is carried out once and answered alike for 24 h.

A call whose process dies is given up after a few seconds without a sign of life. What it had done by then counts: its
answer is stored in the transaction of its effect, so a repetition gets that answer and does nothing a second time.
Answers may hold a secret that is shown once, so they are encrypted (I8).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Delete, Update, delete, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from core.errors import Conflict, FieldValidation
from store.crypto import Vault
from store.database import Database
from store.tables.connections import IdempotentCall
from store.types import utc_now

KEEP = timedelta(hours=24)
# After this without a sign of life a call counts as dead, and the same key may try again.
IN_FLIGHT = timedelta(seconds=10)
_ALIVE_SECONDS = 3.0
_carried_out: ContextVar[tuple[str, str] | None] = ContextVar("carried_out", default=None)
_IN_FLIGHT = "the first request with this Idempotency-Key is still being carried out"


log = structlog.get_logger(__name__)


class KeyReused(FieldValidation):
    """The key was used before with another body (HTTP 422)."""


class InFlight(Conflict):
    """The first call with this key has not been answered yet (HTTP 409)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first call with a key was answered: the HTTP status and the body as it was sent.

    `left`: its process died when all was stored, and before anybody was told.
    """

    status: int
    body: str
    left: bool = False


class IdempotencyKeys:
    """Calls by (scope, key); the scope is what the key is unique in, say the API key and the path."""

    def __init__(self, db: Database, vault: Vault) -> None:
        """Take the database, and the encryption of answers."""
        self._db = db
        self._vault = vault

    async def begin(self, scope: str, key: str, request_hash: str) -> Answer | None:
        """Return the stored answer, or None: then the caller carries the call out and ends with `finish` or `forget`.

        Raises KeyReused for another body, InFlight while the first call runs.
        """
        try:
            async with self._db.transaction() as session:
                stored = await session.get(IdempotentCall, (scope, key), with_for_update=True)
                if stored is not None and not _dead(stored):
                    return self._answer(stored, request_hash)
                if stored is not None and stored.status is None and stored.body is not None:
                    # It died after it had done all that it was to do, and before it could say so.
                    answer = self._answer(stored, request_hash)
                    stored.status, stored.created_at = answer.status, utc_now()
                    return replace(answer, left=True)
                if stored is not None:
                    await session.delete(stored)
                    await session.flush()
                session.add(IdempotentCall(scope=scope, key=key, request_hash=request_hash, created_at=utc_now()))
        except IntegrityError:
            raise InFlight(_IN_FLIGHT) from None
        return None

    @asynccontextmanager
    async def carrying_out(self, scope: str, key: str) -> AsyncIterator[None]:
        """Show life while the call is carried out, and let `will_answer` know whose answer it is."""
        alive = asyncio.create_task(self._live(scope, key))
        token = _carried_out.set((scope, key))
        try:
            yield
        finally:
            _carried_out.reset(token)
            alive.cancel()
            with suppress(asyncio.CancelledError):
                await alive

    async def will_answer(self, session: AsyncSession, status: int, body: Any) -> None:
        """Store, in the transaction of its effect, what the present call will be answered, if it has a key."""
        if _carried_out.get() is not None:
            text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            await _note(session, self._seal(Answer(status, text)))

    async def will_not_answer(self, session: AsyncSession) -> None:
        """Take back what `will_answer` stored, together with the effect."""
        await _note(session, None)

    async def finish(self, scope: str, key: str, answer: Answer) -> None:
        """Store the answer that every repetition gets."""
        values = {"status": answer.status, "body": self._seal(answer)}
        await self._write(update(IdempotentCall).where(*_is(scope, key)).values(values))

    async def forget(self, scope: str, key: str) -> None:
        """Free the key: the call did nothing (it was refused, or failed before it began)."""
        await self._write(delete(IdempotentCall).where(*_is(scope, key)))

    async def purge(self) -> None:
        """Delete what is older than 24 hours."""
        await self._write(delete(IdempotentCall).where(col(IdempotentCall.created_at) < utc_now() - KEEP))

    async def _live(self, scope: str, key: str) -> None:
        unanswered = (*_is(scope, key), col(IdempotentCall.status).is_(None))
        while True:
            await asyncio.sleep(_ALIVE_SECONDS)
            try:
                await self._write(update(IdempotentCall).where(*unanswered).values(created_at=utc_now()))
            except SQLAlchemyError:
                log.warning("call_not_shown_alive", exc_info=True)

    def _answer(self, call: IdempotentCall, request_hash: str) -> Answer:
        if call.request_hash != request_hash:
            raise KeyReused("this Idempotency-Key was used with another request")
        if call.body is None or not (call.status or _dead(call)):
            raise InFlight(_IN_FLIGHT)
        return self._open(call.body)

    def _seal(self, answer: Answer) -> str:
        return self._vault.encrypt({"status": str(answer.status), "body": answer.body})

    def _open(self, sealed: str) -> Answer:
        values = self._vault.decrypt(sealed)
        return Answer(int(values["status"]), values["body"])

    async def _write(self, statement: Update | Delete) -> None:
        async with self._db.transaction() as session:
            await session.execute(statement)


async def _note(session: AsyncSession, sealed: str | None) -> None:
    call = _carried_out.get()
    if call is not None:
        await session.execute(update(IdempotentCall).where(*_is(*call)).values(body=sealed))


def _is(scope: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return col(IdempotentCall.scope) == scope, col(IdempotentCall.key) == key


def _dead(call: IdempotentCall) -> bool:
    return utc_now() - call.created_at > (IN_FLIGHT if call.status is None else KEEP)
