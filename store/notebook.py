"""The notebook: small durable facts that a connector keeps for itself, by connection, topic and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlmodel import col

from core.values import Value
from store.database import Database, chunked, upsert
from store.tables.connections import Note


class StoreNotebook:
    """Implements `core.ports.Notebook` for one connection."""

    def __init__(self, db: Database, connection_id: str) -> None:
        """Take the database and the connection whose facts these are."""
        self._db = db
        self._connection_id = connection_id

    async def get(self, topic: str, keys: Sequence[str]) -> dict[str, Value]:
        """Return the facts stored under these keys (missing keys are left out)."""
        found: dict[str, Value] = {}
        async with self._db.session() as session:
            for part in chunked(keys):
                query = select(col(Note.key), col(Note.value)).where(
                    col(Note.connection_id) == self._connection_id,
                    col(Note.topic) == topic,
                    col(Note.key).in_(part),
                )
                found.update({key: value for key, value in await session.execute(query)})
        return found

    async def put(self, topic: str, facts: Mapping[str, Value]) -> None:
        """Store facts by key, replacing older ones; all of them or, on an error, none."""
        rows = [
            {"connection_id": self._connection_id, "topic": topic, "key": key, "value": value}
            for key, value in facts.items()
        ]
        async with self._db.transaction() as session:
            await upsert(session, Note, rows, ["connection_id", "topic", "key"], ["value"])
