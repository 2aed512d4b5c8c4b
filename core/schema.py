"""What one side says of one entity: its fields and how they may be written. Connectors fill it, validation reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.records import Entity, OperationKind, Side


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


@dataclass(frozen=True, slots=True)
class EntitySchema:
    """What one side says of one entity. `fields` is keyed by the field's name in the side's own spelling."""

    side: Side
    entity: Entity
    object_name: str
    fields: Mapping[str, FieldSchema]


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
