"""What a set of mappings makes of records, sample or live ones: both directions, field by field. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.protocols import Connector
from core import paths
from core.config import EntityOptions, FieldMapping, IntegrationConfig, plan
from core.field_check import value_problem
from core.plan import EntityPlan
from core.preview import FieldPreview, preview_record
from core.records import Entity, Record, Side
from core.schema import EntitySchema
from core.values import Value
from starter.services.backend import Backend
from starter.services.configuring import part_problems, stored
from starter.services.refusals import Invalid
from starter.services.systems import connected, described
from store import links
from store.scope import Scope
from store.tables.connections import Integration

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """A record to preview: `id` names a live one, `values` are those of a made-up one (nested, or path -> value)."""

    side: Side
    id: str | None = None
    values: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """What one call works with."""

    plan: EntityPlan
    schemas: Mapping[Side, EntitySchema]

    def fields(self, side: Side, values: Mapping[str, Value], at: datetime | None = None) -> list[JsonObject]:
        """A record of `side`, modified `at`, carried to the other side and back."""
        return [self._field(item, side.other) for item in preview_record(self.plan, side, values, at)]

    def _field(self, item: FieldPreview, target: Side) -> JsonObject:
        name = item.external_field if target is Side.EXTERNAL else item.alguna_field
        known = self.schemas[target].field(name)
        refused = value_problem(known, item.output) if known and item.error is None else None
        return {
            "algunaField": item.alguna_field,
            "externalField": item.external_field,
            "direction": item.direction.value if item.direction else None,
            "present": item.present,
            "value": item.value,
            "flows": item.flows,
            "output": item.output,
            "error": item.error or refused,
            "back": item.back,
            "backError": item.back_error,
            "undone": item.undone,
        }


async def preview(
    backend: Backend,
    integration: Integration,
    entity: Entity,
    mappings: list[FieldMapping] | None,
    samples: Sequence[Sample],
) -> JsonObject:
    """Carry records by a set of mappings (None: the stored ones) to the other side and back.

    A live record that is linked is shown with its partner, in both directions. Raises Missing without a configuration,
    Invalid for mappings that could not be stored, SyncError as the systems do.
    """
    _, config = await stored(backend, integration)
    if mappings is not None:
        config = config.model_copy(update={"mappings": {**config.mappings, entity: mappings}})
        if problems := await part_problems(backend, integration, config, entity, "mappings"):
            raise Invalid(*problems)
    found = await described(backend, integration, entity)
    async with connected(backend, integration) as sides:
        work = _Work(await _plan(config, entity, sides, found), {side: one.schema for side, one in found.items()})
        live = await _read(backend, integration, work, sides, samples)
    return {"entity": entity.value, "records": [_show(work, sample, live) for sample in samples]}


async def _plan(
    config: IntegrationConfig, entity: Entity, sides: Mapping[Side, Connector], found: Mapping[Side, Any]
) -> EntityPlan:
    options = config.entity_options.get(entity, EntityOptions())
    currency = options.default_currency or await sides[Side.EXTERNAL].default_currency()
    facts = sides[Side.EXTERNAL].facts(entity)
    types = {side: {name: field.type for name, field in one.schema.fields.items()} for side, one in found.items()}
    return plan(
        config,
        entity,
        marker=facts.marker,
        parent=facts.parent,
        external_types=types[Side.EXTERNAL],
        alguna_types=types[Side.ALGUNA],
        default_currency=currency,
    )


Live = Mapping[tuple[Side, str], tuple[Record | None, Record | None]]
"""Live records by side and id, each with its linked partner."""


async def _read(
    backend: Backend,
    integration: Integration,
    work: _Work,
    sides: Mapping[Side, Connector],
    samples: Sequence[Sample],
) -> Live:
    """The live records asked for, each with its linked partner."""
    scope = Scope(integration.id, work.plan.entity)
    wanted = {side: {one.id for one in samples if one.side is side and one.id is not None} for side in Side}
    partners: dict[tuple[Side, str], str] = {}
    async with backend.db.session() as session:
        for side in Side:
            bound = await links.active(session, scope, side, sorted(wanted[side]))
            partners |= {(side, record_id): state.id_on(side.other) for record_id, state in bound.items()}
    asked = {side: set(wanted[side]) for side in Side}
    for (side, _), partner in partners.items():
        asked[side.other].add(partner)
    read: dict[Side, dict[str, Record]] = {}
    for side in Side:
        ids = sorted(asked[side])
        read[side] = await sides[side].read(work.plan.entity, ids, work.plan.paths(side)) if ids else {}
    return {
        (side, record_id): (read[side].get(record_id), read[side.other].get(partners.get((side, record_id), "")))
        for side in Side
        for record_id in wanted[side]
    }


def _show(work: _Work, sample: Sample, live: Live) -> JsonObject:
    shown: dict[Side, list[JsonObject] | None] = {side: None for side in Side}
    ids: dict[Side, str | None] = {side: None for side in Side}
    if sample.id is None:
        shown[sample.side] = work.fields(sample.side, _flat(work.plan, sample.side, sample.values or {}))
    else:
        ids[sample.side] = sample.id
        for record in live[sample.side, sample.id]:
            if record is not None and not record.deleted:
                ids[record.side] = record.id
                shown[record.side] = work.fields(record.side, record.fields, record.modified_at)
    return {
        "side": sample.side.value,
        "algunaId": ids[Side.ALGUNA],
        "externalId": ids[Side.EXTERNAL],
        "found": shown[sample.side] is not None,
        "toExternal": shown[Side.ALGUNA],
        "toAlguna": shown[Side.EXTERNAL],
    }


def _flat(plan: EntityPlan, side: Side, values: Mapping[str, Value]) -> dict[str, Value]:
    """A made-up record by path: keys are paths, or the record is nested as the system has it."""
    wanted = plan.paths(side)
    return paths.project(values, wanted) | {path: values[path] for path in wanted if path in values}
