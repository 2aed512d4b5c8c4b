"""What an account says of its record types: the fields we know, and the custom ones of its catalog (sheet 2, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.describing import KeptSchemas
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.spec import COLUMNS, RECORDS, Column, Kind, facts_of
from core.errors import Permission
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema

_CUSTOM = ("custentity", "custbody")
_JSON = {"Accept": "application/schema+json"}
_KINDS: dict[tuple[str, str], Kind] = {
    ("boolean", ""): "boolean",
    ("number", "double"): "number",
    ("number", "float"): "number",
    ("integer", "int64"): "number",
    ("integer", "int32"): "number",
    ("string", ""): "text",
    ("string", "date"): "date",
}


@dataclass(frozen=True, slots=True)
class Described:
    """One entity: its custom fields by name, with their kinds, and all fields in the vendor-neutral form."""

    custom: Mapping[str, Kind]
    schema: EntitySchema


class Schemas(KeptSchemas[Described]):
    """Describes record types, each once in a while."""

    def __init__(self, client: NetSuiteClient) -> None:
        """Take the client to ask with."""
        super().__init__()
        self._client = client

    async def _describe(self, entity: Entity) -> Described:
        name = facts_of(entity).object_name
        catalog = await self._client.record(f"{RECORDS}/metadata-catalog/{name}", _JSON)
        if catalog is None:
            raise Permission(f"NetSuite shows no record type {name}: check the role's permissions and features")
        properties = catalog.get("properties")
        listed = properties if isinstance(properties, dict) else {}
        custom = {key: kind for key, one in listed.items() if key.startswith(_CUSTOM) and (kind := _kind(one))}
        fields = {one.name: _field(one) for one in COLUMNS[entity]}
        for key, kind in custom.items():
            label = str(listed[key].get("title") or key)
            fields[key] = FieldSchema(key, label, kind, read_only=bool(listed[key].get("readOnly")))
        return Described(custom, EntitySchema(Side.EXTERNAL, entity, name, fields))


def _kind(shown: Any) -> Kind | None:
    if not isinstance(shown, dict):
        return None
    return _KINDS.get((str(shown.get("type")), str(shown.get("format") or "")))


def _field(one: Column) -> FieldSchema:
    return FieldSchema(
        name=one.name,
        label=one.name,
        type=one.kind,
        required=one.required,
        read_only=one.read_only,
        create_only=one.create_only,
        max_length=one.most,
    )
