"""The capabilities of a connector. The sync engine knows these shapes and nothing of any vendor.

A `Connector` serves one connection for one process. It raises `core.errors.SyncError` when the connection or a whole
request fails; the failure of one record is a value. It never retries except short blips of idempotent reads; whoever
calls it owns every other retry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from connectors.consent import Consent
from connectors.events import EventReceiver
from core.errors import RecordFailure
from core.ports import Budget, Leases, Notebook, TokenStore
from core.records import Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema as EntitySchema
from core.schema import FieldSchema as FieldSchema
from core.values import Value


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """Constant facts of an entity at one system.

    `marker` is the field that carries the other side's id (None where there is no readable one). `parent` is the field
    that refers to the parent record. `kinds` are the operations the system can take. `returns_values` says whether a
    write's response carries the stored values (else a read after the write confirms them). `modified_step` is the
    grain of its modification times in seconds. `batch` is the most operations of one request. `pull_with` are the
    entities that come for free with a scan of this one. `page` is how many changes one call reads at most. `moves` says
    whether a record can be given another parent: an update then carries the new parent's id under the name `parent`.

    `anonymous` says that nothing readable tells a record that we made from any other (Alguna's invoices and payments):
    a create of unknown outcome is sent again under its key as long as the vendor knows that, and only then looked for.
    `option_fields` are entity options (api.md's names) that become a value of every new record, by the field that takes
    them: `{"paymentAccount": "Account.AccountID"}`; the connector finds them in `Operation.values`. `marks_existing`
    says whether the marker may be written on records that were there before; else only creates carry it.
    """

    object_name: str
    marker: str | None
    parent: str | None
    kinds: frozenset[OperationKind]
    returns_values: bool
    modified_step: float
    batch: int
    pull_with: tuple[Entity, ...] = ()
    page: int = 1_000
    moves: bool = False
    anonymous: bool = False
    option_fields: Mapping[str, str] = field(default_factory=dict)
    marks_existing: bool = True


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Ask for one page of changes.

    `fields` are the paths wanted, per entity (the entity itself, and those pulled along with it). `cursor` is where the
    last completed read ended (None: from the beginning). `full` reads everything. `position` continues an unfinished
    read and is opaque to the caller.
    """

    entity: Entity
    fields: Mapping[Entity, Collection[str]]
    cursor: str | None
    full: bool
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page: the records seen, where to go on (None: the read is complete) and, when complete, the new cursor.

    `complete_scan` says, on every page, that this read passes over every record there is, changed or not: what it will
    not have shown may be deleted.
    """

    records: Sequence[Record]
    position: str | None
    cursor: str | None
    complete_scan: bool = False


class WriteStatus(StrEnum):
    """What became of one operation of a request."""

    DONE = "done"
    EXISTS = "exists"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    MOVED = "moved"
    RETRY = "retry"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of one operation.

    DONE: `target_id`, and `record` where the response carries values. EXISTS: a record with our marker or unique key is
    already there, `target_id` says which. REJECTED: `failure`. NOT_FOUND: the target is gone. MOVED: someone changed it
    since we read it. RETRY: an innocent row of a failed batch, or a lock; `failure` says which. WAIT: the system cannot
    take it yet, and nobody is to blame (an invoice that is still being issued): it stays for the next pass.

    A DONE with a `failure` was carried out, and a person must look all the same (the vendor made another total of it):
    it is linked, and an error is opened. A DONE create without `target_id` has `lookalikes`: the system does not say
    which record it made, so the first of them that has no link is taken for it.
    """

    operation_id: int
    status: WriteStatus
    target_id: str | None = None
    record: Record | None = None
    failure: RecordFailure | None = None
    lookalikes: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """One HTTP call that carries operations, exactly as it will be sent; stored before it is sent.

    `body` is the exact JSON text. `idempotency_key` is None where the vendor has no such thing; `replay_seconds` is how
    long the byte-identical request may be sent again under its key (0: never). An empty `method` stands for operations
    that the system could not take: nothing is sent, and `send` tells their outcome without a call.
    """

    operation_ids: tuple[int, ...]
    method: str
    path: str
    body: str
    idempotency_key: str | None = None
    replay_seconds: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Current:
    """What an operation's target looks like just before the write: the record (None: no such record) and, for the
    connector's own use, the resource that must be sent along (say, a customer's whole list of contacts)."""

    record: Record | None
    context: Mapping[str, Value] | None = None


class Connector(Protocol):
    """One system, as the sync engine uses it."""

    @property
    def side(self) -> Side:
        """Which side this connector serves."""
        ...

    @property
    def calls(self) -> int:
        """How many API calls this connector has made."""
        ...

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity. Raises `FieldValidation` for an entity the system does not have."""
        ...

    async def check(self) -> str:
        """Make one cheap authenticated call; return the id of the account (organisation) behind the credentials."""
        ...

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity as the system has them now."""
        ...

    async def default_currency(self) -> str | None:
        """Return the account's home currency (ISO 4217) where the system says so."""
        ...

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes, oldest first where the system can, each record once per page.

        A new parent is a change of the record. Where the system does not move the modification time for it (a HubSpot
        association), the connector finds such records by itself and returns them too (P25).
        """
        ...

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id. A missing id is absent from the result; one known to be deleted has `deleted` set.

        Of `payments`, an id without an invoice (`core.documents.split_allocation`) names a whole payment, as an event
        does: all its allocations are returned, under their own ids.
        """
        ...

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records whose `field` has one of these values, by the system's own comparison, safely escaped.

        Only for fields the system can search (its marker, and what `facts`/`describe` allow); raises
        `FieldValidation` for others.
        """
        ...

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Look for the records that these creates of unknown outcome made: operation id -> record; absent = none.

        Only by a marker or a unique key; for entities that are `EntityFacts.anonymous` see `FindsLookalikes`.
        """
        ...

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Say whether `current` must be asked before writing, when the last read of the target is `age` seconds old."""
        ...

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """Return the names of the resources to hold while writing (empty where the system needs none)."""
        ...

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read what these operations' targets look like now: operation id -> current."""
        ...

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values as the system will store them (trimmed, rounded, blank text as None), as far as known."""
        ...

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into as few requests as the system allows. Pure: same input, same bytes."""
        ...

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request and return one result per operation, matched by id, never by luck.

        Raises `Transient(outcome_unknown=True)` when no reply came, `RateLimit`, `AuthExpired` or another `SyncError`
        when the whole request failed for certain.
        """
        ...

    async def close(self) -> None:
        """Release the network connections."""
        ...


@runtime_checkable
class KnowsNewParents(Protocol):
    """A connector that must know a record's parent before it can write the record, and can tell of a planned one."""

    def current_of_new(self, operation: Operation, parent: Mapping[str, Value], known: Current | None) -> Current:
        """Return what `current` would say once the parent was created with these values (own path -> value).

        `known` is what it says without a parent.
        """
        ...


@runtime_checkable
class KnowsNewest(Protocol):
    """A connector of a system that tells of changes neither by events nor by time, but lists the newest first."""

    async def newest(self, entity: Entity, fields: Mapping[Entity, Collection[str]]) -> Sequence[Record]:
        """Return the records that were created last, and of those that come along with them; one call.

        Empty for an entity whose changes a fetch finds without a scan.
        """
        ...


@runtime_checkable
class FindsLookalikes(Protocol):
    """A connector with `anonymous` entities: nothing readable says which record a create of unknown outcome made."""

    async def lookalikes(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, list[Record]]:
        """Return, by operation id, the records that agree in all that was sent and are young enough, oldest first.

        Young enough: made since `Operation.planned_at`, less some minutes for clocks that differ. The engine asks only
        once the vendor has forgotten the request's key, and leaves out records that are linked: one that is left is
        taken for what was made, none means that nothing was, and several become a `duplicate` for a person.
        """
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that an entity option could have, as the configuration takes it, and what a person knows it by."""

    value: Value
    label: str


@dataclass(frozen=True, slots=True)
class Need:
    """An entity option that must be set before the entity can be synced, or whose value is not right.

    `option` is its name in api.md (`itemMap`, `paymentAccount`). `reason` completes "`paymentAccount` …", say
    "is needed: Xero books each payment to an account". `candidates` are the values it could have.
    """

    option: str
    reason: str
    candidates: tuple[Candidate, ...] = ()


@runtime_checkable
class NeedsOptions(Protocol):
    """A connector of which some entities need options that a person chooses. Asked when a configuration is saved."""

    async def needs(self, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
        """Return what an entity lacks, or has wrong, in the options that are given (api.md's names, absent = not set).

        `creates` says whether the configuration lets records be created here. An option that is not given and has
        exactly one candidate is set to it and stored; every other need refuses the configuration by the option's name.
        Raises SyncError when the system cannot be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class ConnectorContext:
    """What a connector is given: its connection and the shared services. No connector reaches further.

    `limits` are the connection's limits by name, such as `requestsPerSecond`; the budget keeps to the common ones.
    """

    connection_id: str
    integration_id: str
    tokens: TokenStore
    budget: Budget
    leases: Leases
    notebook: Notebook
    limits: Mapping[str, float] = field(default_factory=dict)


class ProviderSpec(Protocol):
    """What a connector package offers to the registry, besides the connector itself.

    `limits` are the vendor's published ones (`requestsPerSecond`, `requestsPerDay`, `concurrent`, and what is its own);
    a connection's credentials may bring others.
    """

    @property
    def provider(self) -> str:
        """Its name, as in `provider` of api.md."""
        ...

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities that it has."""
        ...

    @property
    def credential_keys(self) -> frozenset[str]:
        """The keys of its credentials, as api.md section 5 names them."""
        ...

    @property
    def limits(self) -> Mapping[str, float]:
        """Its published limits by name."""
        ...

    def connect(self, context: ConnectorContext) -> Connector:
        """Make a connector for one connection."""
        ...

    def consent(self) -> Consent | None:
        """Return how a person allows the connection in the browser; None where there is no such thing."""
        ...

    def receiver(self) -> EventReceiver:
        """Return what takes the system's webhooks."""
        ...

    def templates(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Return the default field mappings per entity, in the shape of api.md's `mappings`."""
        ...

    def match_rules(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Return the default match rules per entity, in order, in the shape of api.md's `matching.rules`."""
        ...


def parse_time(text: str | None) -> datetime | None:
    """Parse a vendor's date-time (`…Z`, `…+00:00`, `…+0000`); None stays None."""
    return None if text is None else datetime.fromisoformat(text)
