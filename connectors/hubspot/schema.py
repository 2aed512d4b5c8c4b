"""What a portal says of its objects' properties, kept for a while (HubSpot sheet 2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.describing import KeptSchemas
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.spec import EMAIL, GROUPS, ID, MARKER, MULTIPLE_CHOICE, REQUIRED, facts_of
from connectors.values import json_text
from core.errors import Duplicate, Permission, Transient
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema

_TYPES = {
    "string": "text",
    "phone_number": "text",
    "number": "number",
    "date": "date",
    "datetime": "datetime",
    "enumeration": "picklist",
    "bool": "boolean",
}
# Definitions do not tell which numbers are money.
_MONEY = frozenset({"amount", "annualrevenue"})
_TEXT_CHARACTERS = 65_536


@dataclass(frozen=True, slots=True)
class HubSpotProperty:
    """One property as described; `type` is HubSpot's own. `several` says that values are joined by `;`."""

    name: str
    type: str
    unique: bool
    several: bool
    schema: FieldSchema


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object: its usable properties by name."""

    entity: Entity
    properties: Mapping[str, HubSpotProperty]

    def known(self, names: Collection[str]) -> list[str]:
        """Return those of the names that this portal has, sorted."""
        return sorted(name for name in set(names) if name in self.properties)

    def is_key(self, name: str) -> bool:
        """Whether records can be read by this property: a contact's address is a key that does not say so."""
        known = self.properties.get(name)
        return known is not None and (known.unique or (self.entity is Entity.CONTACTS and name == EMAIL))

    def as_entity_schema(self) -> EntitySchema:
        """Return the vendor-neutral form. A marker that is not unique could mark two records, so it counts as none."""
        return EntitySchema(
            side=Side.EXTERNAL,
            entity=self.entity,
            object_name=facts_of(self.entity).object_name,
            fields={name: one.schema for name, one in self.properties.items() if name != MARKER or one.unique},
        )


class Schemas(KeptSchemas[ObjectSchema]):
    """Describes objects, each once in a while."""

    def __init__(self, client: HubSpotClient) -> None:
        """Take the client to ask with."""
        super().__init__()
        self._client = client

    async def _describe(self, entity: Entity) -> ObjectSchema:
        body = (await self._client.read(f"/crm/properties/{facts_of(entity).object_name}")).body
        try:
            rows = [row for row in body["results"] if row["type"] in _TYPES and not row.get("archived")]
            return ObjectSchema(entity, {str(row["name"]): _property(entity, row) for row in rows})
        except (KeyError, TypeError) as error:
            raise Transient("HubSpot's list of properties cannot be read") from error

    async def prepare(self, entity: Entity) -> None:
        """Make the marker where it is missing and the app may do so; else the configuration's check says what to do."""
        try:
            if MARKER in (await self.ask(entity)).properties:
                return
            body = {
                "name": MARKER,
                "label": "Alguna ID",
                "description": "The id of this record in Alguna. Kept by External Sync.",
                "groupName": GROUPS[entity],
                "type": "string",
                "fieldType": "text",
                "hasUniqueValue": True,
            }
            await self._client.request("POST", f"/crm/properties/{facts_of(entity).object_name}", json_text(body))
        except (Permission, Duplicate):
            return
        self.forget(entity)


def _property(entity: Entity, row: Mapping[str, Any]) -> HubSpotProperty:
    name, kind, field_type = str(row["name"]), str(row["type"]), str(row.get("fieldType") or "")
    metadata = row.get("modificationMetadata") or {}
    fixed = bool(metadata.get("readOnlyValue") or row.get("calculated") or field_type.startswith("calculation_"))
    several = kind == "enumeration" and field_type == MULTIPLE_CHOICE
    neutral = "currency" if name in _MONEY else "id" if name == ID else _TYPES[kind]
    return HubSpotProperty(
        name=name,
        type=kind,
        unique=bool(row.get("hasUniqueValue")),
        several=several,
        schema=FieldSchema(
            name=name,
            label=str(row.get("label") or name),
            type="text" if several else neutral,
            required=name in REQUIRED[entity],
            read_only=fixed,
            max_length=_TEXT_CHARACTERS if neutral == "text" else None,
            options=tuple(str(one["value"]) for one in row.get("options") or [] if not one.get("hidden")),
        ),
    )
