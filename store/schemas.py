"""What each connected system last said of its fields, shared by all processes, with its fingerprint and age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, Side
from core.schema import EntitySchema, load_schema
from store.database import upsert
from store.scope import table_of
from store.tables.schemas import Description

DESCRIPTIONS = table_of(Description)


@dataclass(frozen=True, slots=True)
class Described:
    """A system's description of an entity. `fingerprint` moves when any field does."""

    schema: EntitySchema
    fingerprint: str
    described_at: datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which description is the newest, without its fields."""

    fingerprint: str
    described_at: datetime


async def stamp(session: AsyncSession, connection_id: str, entity: Entity) -> Stamp | None:
    """When an entity was last described, and how it was then; None when it never was."""
    query = select(DESCRIPTIONS.c.fingerprint, DESCRIPTIONS.c.described_at).where(
        DESCRIPTIONS.c.connection_id == connection_id, DESCRIPTIONS.c.entity == entity.value
    )
    row = (await session.execute(query)).one_or_none()
    return Stamp(row.fingerprint, row.described_at) if row else None


async def get(session: AsyncSession, connection_id: str, side: Side, entity: Entity) -> Described | None:
    """The newest description; None when the entity was never described."""
    row = await session.get(Description, (connection_id, entity.value))
    if row is None:
        return None
    return Described(load_schema(side, entity, row.document), row.fingerprint, row.described_at)


async def put(session: AsyncSession, connection_id: str, schema: EntitySchema, at: datetime) -> Described:
    """Keep what a system has just said."""
    row = {
        "connection_id": connection_id,
        "entity": schema.entity.value,
        "fingerprint": schema.fingerprint,
        "document": schema.dump(),
        "described_at": at,
    }
    await upsert(session, DESCRIPTIONS, [row], ["connection_id", "entity"], ["fingerprint", "document", "described_at"])
    return Described(schema, schema.fingerprint, at)
