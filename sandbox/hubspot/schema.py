"""What a property and an object are: the facts that validation, describe and search work from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FIELD_TYPES = {
    "number": "number",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "bool": "booleancheckbox",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `unique` is the definition's `hasUniqueValue`; an email is a key without it (sheet 2)."""

    name: str
    label: str
    group: str
    type: str = "string"
    field_type: str = ""
    options: tuple[tuple[str, str], ...] = ()
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    custom: bool = False
    external_options: bool = False

    def definition(self) -> dict[str, Any]:
        """The property as the properties API shows it."""
        return {
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type or _FIELD_TYPES.get(self.type, "text"),
            "description": "",
            "groupName": self.group,
            "options": [
                {"label": label, "value": value, "description": "", "displayOrder": place, "hidden": False}
                for place, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.external_options,
            "archived": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": not self.custom,
            "modificationMetadata": {
                "archivable": self.custom,
                "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only or self.calculated,
            },
            "formField": not self.read_only,
            "dataSensitivity": "non_sensitive",
        }


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record. `modified` is its last-modified property, `defaults` what a read gives unasked (sheet 2)."""

    name: str
    singular: str
    type_id: str
    modified: str
    defaults: tuple[str, ...]
    properties: Mapping[str, Property]

    @property
    def group(self) -> str:
        return f"{self.singular}information"

    @property
    def plural_upper(self) -> str:
        return self.singular.upper()
