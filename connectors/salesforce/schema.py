"""What an org says of its objects, kept for a while; only fields that exist there are ever named (sheet 2.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.describing import KeptSchemas
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.spec import API, facts_of
from core.errors import Transient
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema

_TYPES = {
    "id": "id",
    "reference": "id",
    "boolean": "boolean",
    "int": "number",
    "long": "number",
    "double": "number",
    "percent": "number",
    "currency": "currency",
    "date": "date",
    "datetime": "datetime",
    "picklist": "picklist",
    "multipicklist": "picklist",
    "combobox": "picklist",
}
# Compounds are read-only views of other fields (sheet 2.3); the rest is no field value.
_UNUSABLE = frozenset({"address", "location", "base64", "anyType", "complexvalue", "json"})


@dataclass(frozen=True, slots=True)
class SalesforceField:
    """One field as describe tells it; `type` is Salesforce's own."""

    name: str
    type: str
    filterable: bool
    scale: int
    schema: FieldSchema


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object: its usable fields by name."""

    entity: Entity
    fields: Mapping[str, SalesforceField]

    def known(self, names: Collection[str]) -> list[str]:
        """Return those of the names that this org has, sorted."""
        return sorted(name for name in set(names) if name in self.fields)

    def as_entity_schema(self) -> EntitySchema:
        """Return the vendor-neutral form."""
        return EntitySchema(
            side=Side.EXTERNAL,
            entity=self.entity,
            object_name=facts_of(self.entity).object_name,
            fields={name: field.schema for name, field in self.fields.items()},
        )


class Schemas(KeptSchemas[ObjectSchema]):
    """Describes objects, each once in a while."""

    def __init__(self, client: SalesforceClient) -> None:
        """Take the client to ask with."""
        super().__init__()
        self._client = client

    async def _describe(self, entity: Entity) -> ObjectSchema:
        body = await self._client.get(f"{API}/sobjects/{facts_of(entity).object_name}/describe")
        try:
            fields = [_field(row) for row in body["fields"] if row["type"] not in _UNUSABLE]
        except (KeyError, TypeError) as error:
            raise Transient("Salesforce's describe cannot be read") from error
        return ObjectSchema(entity, {field.name: field for field in fields})


def _field(row: Mapping[str, Any]) -> SalesforceField:
    kind = str(row["type"])
    createable, updateable = bool(row.get("createable")), bool(row.get("updateable"))
    numeric = _TYPES.get(kind) in ("number", "currency")
    length = int(row.get("length") or 0)
    scale = int(row.get("scale") or 0)
    name = str(row["name"])
    return SalesforceField(
        name=name,
        type=kind,
        filterable=bool(row.get("filterable", True)),
        scale=scale,
        schema=FieldSchema(
            name=name,
            label=str(row.get("label") or name),
            type=_TYPES.get(kind, "text"),
            required=createable and not row.get("nillable", True) and not row.get("defaultedOnCreate", False),
            read_only=not createable and not updateable,
            create_only=createable and not updateable,
            max_length=length if length and kind not in ("id", "reference") and not numeric else None,
            scale=scale if numeric else None,
            options=tuple(str(one["value"]) for one in row.get("picklistValues") or [] if one.get("active", True)),
        ),
    )
