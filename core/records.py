"""Records as the core sees them: one side's view of one customer, contact… with only the fields in use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.values import Value


class Side(StrEnum):
    """The two sides of every link. Alguna is a side, never a provider."""

    ALGUNA = "alguna"
    EXTERNAL = "external"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.EXTERNAL if self is Side.ALGUNA else Side.ALGUNA


class Entity(StrEnum):
    """Alguna-side names of the kinds of record, in the order parents before children."""

    ACCOUNTS = "accounts"
    CONTACTS = "contacts"
    SUBSCRIPTIONS = "subscriptions"
    INVOICES = "invoices"
    PAYMENTS = "payments"


PARENT_OF: dict[Entity, Entity] = {
    Entity.CONTACTS: Entity.ACCOUNTS,
    Entity.SUBSCRIPTIONS: Entity.ACCOUNTS,
    Entity.INVOICES: Entity.ACCOUNTS,
    Entity.PAYMENTS: Entity.INVOICES,
}


MONEY = frozenset({Entity.INVOICES, Entity.PAYMENTS})
"""The kinds of record that are money documents (ADR 10)."""


class OperationKind(StrEnum):
    """What one write does to one record."""

    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Record:
    """One side's view of one record.

    `fields` is flat: path in that side's own names (`billingAddress.line1`, `BillingStreet`) -> value; a path that was
    not read is absent, a path that is empty is None. `modified_at` is in that side's own clock. `modified_by_us` is
    None where the vendor does not say. `parent_id` and `marker` are ids: the parent's on this side, the linked
    record's on the other side. `merged_into` is set on a deleted record that lives on in another one of its side.
    `unready` says why a record must not be created on the other side yet (a draft invoice, a pending payment): it is
    skipped with that reason until a later read shows it without.
    """

    side: Side
    entity: Entity
    id: str
    fields: dict[str, Value]
    modified_at: datetime | None = None
    modified_by_us: bool | None = None
    deleted: bool = False
    parent_id: str | None = None
    marker: str | None = None
    merged_into: str | None = None
    unready: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One write to one record of one side, stored before it is sent.

    `key` never depends on run, chunk or attempt. `values` are in the target's own names and representation;
    `expected` holds the values the merge believed the target to have (empty for a create). `source_id` is the id of
    the record on the other side; `target_id` is None for a create. `parent_id` is the parent's id on the target side.
    `planned_at` is when it was stored, before anything was sent (our clock). `tries` is how often it was put off.
    """

    id: int
    key: str
    entity: Entity
    kind: OperationKind
    target: Side
    source_id: str
    target_id: str | None
    values: dict[str, Value]
    expected: dict[str, Value] = field(default_factory=dict)
    parent_id: str | None = None
    planned_at: datetime | None = None
    tries: int = 0
