"""What both connected systems say of themselves now: fields, facts, currency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from connectors.http import gather_bounded
from connectors.protocols import Connector, EntityFacts
from connectors.registry import provider_spec
from core.errors import NotFound
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema
from starter.services.backend import Backend
from starter.services.refusals import Clash, invalid
from store import schemas, views
from store.connections import ALGUNA
from store.tables.connections import Integration
from store.types import utc_now

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """The schemas and facts of entities on both sides."""

    schemas: Mapping[tuple[Side, Entity], EntitySchema]
    facts: Mapping[tuple[Side, Entity], EntityFacts]


@asynccontextmanager
async def connected(backend: Backend, integration: Integration) -> AsyncIterator[dict[Side, Connector]]:
    """Make the connectors of both sides for the length of a block. Raises Clash when Alguna is not connected."""
    services = backend.services
    try:
        alguna = await services.connector(ALGUNA, ALGUNA, integration.id)
    except NotFound as error:
        raise Clash(
            "Alguna is not connected: set EXTERNAL_SYNC_ALGUNA_BASE_URL and EXTERNAL_SYNC_ALGUNA_API_KEY, or POST"
            " its credentials to /integrations/alguna/reconnect"
        ) from error
    external = await services.connector(integration.provider, integration.id, integration.id)
    try:
        yield {Side.ALGUNA: alguna, Side.EXTERNAL: external}
    finally:
        await asyncio.gather(alguna.close(), external.close())


async def describe(backend: Backend, integration: Integration, entities: Collection[Entity]) -> Described:
    """Ask both systems for the fields of entities, each side's all at once, and keep what they say.

    Raises SyncError as they do.
    """
    async with connected(backend, integration) as sides:
        places = [(side, entity) for side in sides for entity in entities]
        found = await gather_bounded([partial(sides[side].describe, entity) for side, entity in places])
        facts = {(side, entity): sides[side].facts(entity) for side, entity in places}
    at = utc_now()
    async with backend.db.transaction() as session:
        for (side, _), said in zip(places, found, strict=True):
            await schemas.put(session, _connection(integration, side), said, at)
    return Described(dict(zip(places, found, strict=True)), facts)


async def _kept(backend: Backend, integration: Integration, entity: Entity) -> dict[Side, schemas.Described]:
    """What both sides said last, as far as they were ever asked."""
    async with backend.db.session() as session:
        kept = {side: await schemas.get(session, _connection(integration, side), side, entity) for side in Side}
    return {side: found for side, found in kept.items() if found is not None}


def _connection(integration: Integration, side: Side) -> str:
    return ALGUNA if side is Side.ALGUNA else integration.id


async def schema(backend: Backend, integration: Integration, entity: Entity, *, refresh: bool = False) -> JsonObject:
    """Return the fields of an entity on both sides, as described lately, or now with `refresh`.

    Raises Invalid for an entity that the provider has not.
    """
    offered = provider_spec(integration.provider).entities
    if entity not in offered:
        known = ", ".join(one.value for one in offered)
        raise invalid("entity", f"`{entity.value}` cannot be synced with {integration.provider}, only {known}")
    found = await described(backend, integration, entity, refresh=refresh)
    return {"entity": entity.value, **{side.value: _side(one) for side, one in found.items()}}


async def described(
    backend: Backend, integration: Integration, entity: Entity, *, refresh: bool = False
) -> dict[Side, schemas.Described]:
    """What both sides said of an entity lately, or say now."""
    found = await _kept(backend, integration, entity)
    limit = utc_now() - timedelta(minutes=backend.settings.schema_minutes)
    if refresh or len(found) < len(Side) or min(one.described_at for one in found.values()) <= limit:
        await describe(backend, integration, [entity])
        found = await _kept(backend, integration, entity)
    return found


def _side(one: schemas.Described) -> JsonObject:
    return {
        "object": one.schema.object_name,
        "fingerprint": one.fingerprint,
        "describedAt": views.time(one.described_at),
        "fields": [_field(field) for field in one.schema.fields.values()],
    }


def _field(field: FieldSchema) -> JsonObject:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "required": field.required,
        "readOnly": field.read_only,
        "createOnly": field.create_only,
        "maxLength": field.max_length,
        "options": list(field.options),
    }
