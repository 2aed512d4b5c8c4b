"""The API's keys: made, recognised, revoked. A key is `es_` and 32 random bytes; the store keeps its hash alone."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlmodel import col

from core.access import AccessScope
from core.errors import Duplicate, NotFound
from store.database import Database
from store.tables.access import ApiKeyRow
from store.types import utc_now

PREFIX = "es_"
_USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeys:
    """All keys but the one of the settings."""

    def __init__(self, db: Database) -> None:
        """Take the database."""
        self._db = db

    async def create(self, name: str, scope: AccessScope) -> tuple[ApiKeyRow, str]:
        """Make a key; return its row and the key itself, which nobody can show again. Raises Duplicate for the name."""
        token = f"{PREFIX}{secrets.token_urlsafe(32)}"
        row = ApiKeyRow(
            id=f"key_{secrets.token_hex(8)}", name=name, scope=scope.word, hash=_hash(token), created_at=utc_now()
        )
        async with self._db.transaction() as session:
            query = select(col(ApiKeyRow.id)).where(col(ApiKeyRow.name) == name, col(ApiKeyRow.revoked_at).is_(None))
            if (await session.execute(query)).first() is not None:
                raise Duplicate(f"there is a key named {name!r} already; revoke it first or choose another name")
            session.add(row)
        return row, token

    async def scope_of(self, token: str) -> AccessScope | None:
        """Return what a key may do; None for one that is unknown or revoked."""
        async with self._db.session() as session:
            query = select(ApiKeyRow).where(col(ApiKeyRow.hash) == _hash(token), col(ApiKeyRow.revoked_at).is_(None))
            row = (await session.execute(query)).scalars().first()
        if row is None:
            return None
        if row.used_at is None or utc_now() - row.used_at > _USE_NOTED_EVERY:
            async with self._db.transaction() as session:
                await session.execute(update(ApiKeyRow).where(col(ApiKeyRow.id) == row.id).values(used_at=utc_now()))
        return AccessScope.of(row.scope)

    async def name_of(self, token: str) -> str | None:
        """Return a live key's name, by which what was done with it is remembered."""
        query = select(col(ApiKeyRow.name)).where(
            col(ApiKeyRow.hash) == _hash(token), col(ApiKeyRow.revoked_at).is_(None)
        )
        async with self._db.session() as session:
            return (await session.execute(query)).scalars().first()

    async def list(self, *, limit: int, offset: int) -> tuple[Sequence[ApiKeyRow], int]:
        """Return some keys, newest first, and how many there are; revoked ones too."""
        query = select(ApiKeyRow).order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id))
        async with self._db.session() as session:
            rows = (await session.execute(query.limit(limit).offset(offset))).scalars().all()
            total = (await session.execute(select(func.count()).select_from(ApiKeyRow))).scalar_one()
        return rows, total

    async def revoke(self, name_or_id: str) -> ApiKeyRow:
        """End a live key. Raises NotFound."""
        async with self._db.transaction() as session:
            query = select(ApiKeyRow).where(
                (col(ApiKeyRow.id) == name_or_id) | (col(ApiKeyRow.name) == name_or_id),
                col(ApiKeyRow.revoked_at).is_(None),
            )
            row = (await session.execute(query)).scalars().first()
            if row is None:
                raise NotFound(f"there is no live key {name_or_id!r}")
            row.revoked_at = utc_now()
        return row


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", errors="replace")).hexdigest()
