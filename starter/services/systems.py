"""What both connected systems say of themselves now: fields, facts, currency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from store.connections import ALGUNA
from store.tables.connections import Integration

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
    """Ask both systems for the fields of entities, each side's all at once. Raises SyncError as they do."""
    async with connected(backend, integration) as sides:
        places = [(side, entity) for side in sides for entity in entities]
        found = await gather_bounded([partial(sides[side].describe, entity) for side, entity in places])
        facts = {(side, entity): sides[side].facts(entity) for side, entity in places}
    return Described(dict(zip(places, found, strict=True)), facts)


async def schema(backend: Backend, integration: Integration, entity: Entity) -> JsonObject:
    """Return the fields of an entity on both sides. Raises Invalid for an entity that the provider has not."""
    offered = provider_spec(integration.provider).entities
    if entity not in offered:
        known = ", ".join(one.value for one in offered)
        raise invalid("entity", f"`{entity.value}` cannot be synced with {integration.provider}, only {known}")
    described = await describe(backend, integration, [entity])
    return {
        "entity": entity.value,
        **{
            side.value: {
                "object": described.schemas[side, entity].object_name,
                "fields": [_field(field) for field in described.schemas[side, entity].fields.values()],
            }
            for side in Side
        },
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
