"""What both systems say of their fields: asked at most every some minutes, kept in the store, and asked at once when a
field turns out to be unknown.

A process asks again when another one has stored a different description, because a connector also keeps its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from connectors.protocols import Connector, WriteResult, WriteStatus
from core.errors import ErrorType
from core.records import Entity, Operation
from store import schemas
from store.database import Database
from store.schemas import Described
from store.types import utc_now

log = structlog.get_logger(__name__)


class SchemaBook:
    """The descriptions that this process works with."""

    def __init__(self, db: Database, keep_seconds: float) -> None:
        """Take the database and for how long a description serves."""
        self._db = db
        self._keep = timedelta(seconds=keep_seconds)
        self._known: dict[tuple[str, Entity], Described] = {}
        # One for each, so that a system that answers slowly keeps no other waiting (I11).
        self._turns: defaultdict[tuple[str, Entity], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, connection_id: str, connector: Connector, entity: Entity) -> Described:
        """Return the description of an entity, asking the system where the known one is old or another's is newer."""
        return await self.newer(connection_id, connector, entity, utc_now() - self._keep)

    async def newer(self, connection_id: str, connector: Connector, entity: Entity, than: datetime) -> Described:
        """Return a description that was asked for after a time, say that of a call in which a field was refused."""
        async with self._turns[connection_id, entity]:
            known = self._known.get((connection_id, entity))
            async with self._db.session() as session:
                newest = await schemas.stamp(session, connection_id, entity)
            if known and newest and known.fingerprint == newest.fingerprint and newest.described_at > than:
                return known
            schema = await connector.describe(entity)
            async with self._db.transaction() as session:
                found = await schemas.put(session, connection_id, schema, utc_now())
            if newest is not None and newest.fingerprint != found.fingerprint:
                log.info("fields_changed", connection=connection_id, entity=entity.value)
            self._known[connection_id, entity] = found
            return found


def is_unknown_field(result: WriteResult) -> bool:
    """Whether a write may have been refused because it names a field that is gone."""
    failure = result.failure
    return result.status is WriteStatus.REJECTED and failure is not None and failure.type is ErrorType.FIELD_VALIDATION


def back_to_the_merge(
    described: Described, operations: Sequence[Operation], results: Sequence[WriteResult], own: set[str | None]
) -> list[WriteResult]:
    """Let records be merged anew that were refused for a field which is gone; the other results stay as they are.

    `own` are the fields that the connector fills by itself: no mapping can rest for them.
    """
    by_id = {operation.id: operation for operation in operations}
    return [
        replace(one, status=WriteStatus.MOVED, record=None)
        if is_unknown_field(one)
        and any(described.schema.field(name) is None for name in by_id[one.operation_id].values if name not in own)
        else one
        for one in results
    ]
