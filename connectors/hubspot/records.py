"""From HubSpot's records to ours, and from values to the text that HubSpot keeps (HubSpot sheet 2, 8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from connectors.hubspot.schema import HubSpotProperty, ObjectSchema
from connectors.hubspot.spec import EMAIL, MARKER, MERGED_IDS, MODIFIED
from connectors.protocols import parse_time
from connectors.values import as_number, as_value, iso
from core.errors import Transient
from core.records import Entity, Record, Side
from core.values import Value


def columns(entity: Entity, schema: ObjectSchema, wanted: Collection[str]) -> list[str]:
    """Return the properties to ask for: what a record needs, and those wanted that the portal has; sorted."""
    return schema.known({MARKER, MERGED_IDS, MODIFIED[entity], *wanted})


def record_of(
    entity: Entity,
    schema: ObjectSchema | None,
    row: Mapping[str, Any],
    wanted: Collection[str],
    parent_id: str | None = None,
) -> Record:
    """Return one record with the wanted properties that came along. Raises `Transient` for one without an id."""
    record_id, properties = row.get("id"), row.get("properties")
    if not record_id or not isinstance(properties, dict):
        raise Transient(f"HubSpot sent a record of {entity.value} without an id or properties")
    marker = properties.get(MARKER)
    return Record(
        side=Side.EXTERNAL,
        entity=entity,
        id=str(record_id),
        fields={
            name: field_value(properties[name], schema.properties.get(name) if schema else None)
            for name in wanted
            if name in properties
        },
        modified_at=parse_time(row.get("updatedAt") or properties.get(MODIFIED[entity])),
        deleted=bool(row.get("archived")),
        parent_id=parent_id,
        marker=str(marker) if marker else None,
    )


def merged_ids(row: Mapping[str, Any]) -> list[str]:
    """Return the ids of the records that were merged into this one."""
    text = (row.get("properties") or {}).get(MERGED_IDS)
    return [part for part in str(text or "").split(";") if part]


def merged_away(entity: Entity, record_id: str, survivor_id: str) -> Record:
    """Return what there is to say of a record that another one has swallowed."""
    return Record(Side.EXTERNAL, entity, record_id, {}, deleted=True, merged_into=survivor_id)


def field_value(raw: Any, known: HubSpotProperty | None) -> Value:
    """Return a wire value, which is text or null, as a field value: exact numbers, times in UTC, sets in order."""
    if raw is None or raw == "":
        return None
    kind = known.type if known else "string"
    if kind == "number":
        number = as_number(raw)
        return number if number is not None else str(raw)
    if kind == "bool":
        return {"true": True, "false": False}.get(str(raw).lower())
    if kind == "datetime":
        at = parse_time(str(raw))
        return None if at is None else iso(at)
    if known is not None and known.several:
        return _in_order(str(raw))
    return as_value(raw)


def stored_form(entity: Entity, schema: ObjectSchema | None, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values as HubSpot keeps them: addresses in lower case, blank text as nothing."""
    properties = schema.properties if schema else {}
    return {name: _stored(entity, name, properties.get(name), value) for name, value in values.items()}


def _stored(entity: Entity, name: str, known: HubSpotProperty | None, value: Value) -> Value:
    if value is None or value == "":
        return None
    kind = known.type if known else "string"
    if kind == "number":
        number = as_number(value)
        return number if number is not None else value
    if not isinstance(value, str):
        return value
    if kind == "bool":
        return {"true": True, "false": False}.get(value.lower(), value)
    if entity is Entity.CONTACTS and name == EMAIL:
        return value.lower()
    return _in_order(value) if known is not None and known.several else value


def wire_text(value: Value) -> str:
    """Return a value as it is written: always text, and nothing clears (sheet 8)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _in_order(text: str) -> str:
    """Several options are a set."""
    return ";".join(sorted({part for part in text.split(";") if part}))
