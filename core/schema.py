"""What one side says of one entity: its fields and how they may be written. Connectors fill it, validation reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from core import paths
from core.errors import FieldValidation
from core.records import Entity, OperationKind, Side
from core.values import fingerprint


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field of an entity on one side.

    `type`: text, number, currency, date, datetime, boolean, picklist, id, list.
    """

    name: str
    label: str
    type: str
    required: bool = False
    read_only: bool = False
    create_only: bool = False
    max_length: int | None = None
    scale: int | None = None
    options: tuple[str, ...] = ()


class OpenFields(dict[str, FieldSchema]):
    """Fields by name; besides those named, any name that begins with `prefix` counts as a text field."""

    def __init__(self, prefix: str, fields: Iterable[FieldSchema]) -> None:
        """Take the prefix (`metadata.`) and the fields that are known by name."""
        super().__init__({field.name: field for field in fields})
        self.prefix = prefix

    def __missing__(self, name: str) -> FieldSchema:
        """Make up the schema of a free field."""
        if name.startswith(self.prefix) and len(name) > len(self.prefix):
            return FieldSchema(name, name, "text")
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Say whether there is, or may be, such a field."""
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(self.prefix))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the schema of a field, free ones included."""
        try:
            return self[name]
        except KeyError:
            return default


@dataclass(frozen=True, slots=True)
class EntitySchema:
    """What one side says of one entity. `fields` is keyed by the field's name in the side's own spelling."""

    side: Side
    entity: Entity
    object_name: str
    fields: Mapping[str, FieldSchema]

    def field(self, path: str) -> FieldSchema | None:
        """Return the field that a mapping's path names; None where there is none (any more).

        A field of a list's items is declared as `contacts[].email`; a path with a selector reads one of them.
        """
        if "[" not in path:
            found: FieldSchema | None = self.fields.get(path)
            return found
        try:
            item = self.fields.get(paths.declared(path))
            picked_by = paths.selects(path)
        except FieldValidation:
            return None
        if item is None or any(key not in self.fields for key in picked_by):
            return None
        kind = "list" if paths.names_all(path) else item.type
        return replace(item, name=path, type=kind, required=False)

    def types(self, names: Iterable[str]) -> dict[str, str]:
        """Return the types of those fields that there are, by path."""
        return {name: field.type for name in names if (field := self.field(name)) is not None}

    def dump(self) -> dict[str, Any]:
        """Return the JSON form, from which `load_schema` makes the same again."""
        prefix = self.fields.prefix if isinstance(self.fields, OpenFields) else None
        rows = [asdict(self.fields[name]) for name in sorted(self.fields)]
        return {"object": self.object_name, "prefix": prefix, "fields": rows}

    @property
    def fingerprint(self) -> str:
        """A hash of the list of fields: it moves when a field is added, removed or changed."""
        return fingerprint(self.dump())


def load_schema(side: Side, entity: Entity, stored: Mapping[str, Any]) -> EntitySchema:
    """Return what `EntitySchema.dump` wrote."""
    fields = [FieldSchema(**{**row, "options": tuple(row["options"])}) for row in stored["fields"]]
    by_name = {field.name: field for field in fields}
    known = OpenFields(stored["prefix"], fields) if stored["prefix"] else by_name
    return EntitySchema(side, entity, stored["object"], known)


class WriteFacts(Protocol):
    """The constant facts of an entity that validation needs; `connectors.protocols.EntityFacts` has them."""

    @property
    def marker(self) -> str | None:
        """The field that carries the other side's id; the connector fills it by itself."""
        ...

    @property
    def parent(self) -> str | None:
        """The field that refers to the parent record; the connector fills it by itself."""
        ...

    @property
    def kinds(self) -> frozenset[OperationKind]:
        """The operations the system can take."""
        ...

    @property
    def option_fields(self) -> Mapping[str, str]:
        """The entity options that become a value of every new record, by the field that takes them."""
        ...
