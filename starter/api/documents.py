"""What calls answer, as the OpenAPI document tells it. The tests hold the answers to these."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

T = TypeVar("T")
Connection = Literal["connected", "auth_expired", "disconnected"]


class Answer(BaseModel):
    """An answer: camelCase, and nothing that is not named here."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Pagination(Answer):
    """Where a page stands in its list."""

    per_page: int
    total_pages: int


class Listed(Answer, Generic[T]):
    """One page of a list."""

    data: list[T]
    pagination: Pagination


class Targets(BaseModel):
    """How records on their way to one side ended."""

    created: int
    updated: int
    unchanged: int
    skipped: int
    failed: int
    archived: int = 0


class EntityStats(Answer):
    """Counts of one entity in one sync."""

    to_external: Targets
    to_alguna: Targets
    linked: int
    conflicts: int
    parked: int
    drift: int = 0
    held_deletions: int = 0
    merged: int = 0
    found: dict[str, dict[str, int]] | None = None
    unsettled: int = 0


class Calls(BaseModel):
    """API calls by side."""

    alguna: int
    external: int


class RunAnswer(Answer):
    """One sync. `problem` says why it paused or failed.

    Of a dry run, `stats` are what would be done (`unsettled`: writes of an earlier sync whose outcome the next one
    finds out first), `apiCalls` what it has read, and `plannedCalls` what writing would cost besides.
    """

    sync_id: str
    trigger: str
    mode: str
    direction: str | None
    status: str
    entities: list[str]
    dry_run: bool
    requested_at: str
    started_at: str | None
    completed_at: str | None
    workflow_id: str
    temporal_url: str
    problem: dict[str, Any] | None
    stats: dict[str, EntityStats]
    api_calls: Calls
    planned_calls: Calls | None


class RecordOutcome(Answer):
    """How one record of a sync ended. `changes`, of a dry run: {"field", "from", "to", "rule"}, in target's names."""

    entity: str
    direction: Literal["toExternal", "toAlguna"]
    alguna_id: str | None
    external_id: str | None
    outcome: str
    reason: str | None
    fields: list[str]
    changes: list[dict[str, Any]] | None
    at: str


class IntegrationAnswer(Answer):
    """One integration; credentials never show."""

    id: str
    provider: str
    account_id: str | None
    connection: Connection
    connection_reason: str | None
    enabled: bool
    paused: bool
    last_run: RunAnswer | None
    created_at: str


class Reconnected(Answer):
    """New credentials are in use; `resumed` says whether the waiting passes could be told at once."""

    id: str
    connection: Connection
    generation: int
    resumed: bool


class Started(Answer):
    """A sync that was started."""

    sync_id: str
    status: str
    workflow_id: str
    temporal_url: str


class Retried(Answer):
    """The sync that tries errors again; none where there was nothing to retry."""

    sync_id: str | None
    retried: int
    status: str | None = None
    workflow_id: str | None = None
    temporal_url: str | None = None


class Sides(BaseModel):
    """The state of both connections."""

    alguna: Connection
    external: Connection


class Budget(Answer):
    """The calls of a connection."""

    used_today: int
    allowed_per_day: int | None
    blocked_until: str | None


class Budgets(BaseModel):
    """The calls of both connections; None before the first one."""

    alguna: Budget | None
    external: Budget | None


class UnknownOutcomes(Answer):
    """Requests whose outcome is not known (yet), and how long ago the oldest was sent."""

    requests: int
    oldest_seconds: float | None


class EntityState(Answer):
    """Where one entity stands. `maxLag`: seconds since both sides were read to their end.

    `restingFields`: mapped fields that a system has no more; their mappings rest until they are back or changed.
    """

    linked: int
    pending: int
    parked: int
    open_errors: int
    open_conflicts: int
    drift: int
    unknown_outcomes: UnknownOutcomes
    held_deletions: int
    resting_fields: list[str]
    max_lag: float | None
    cursors: dict[str, str | None]


class SyncState(Answer):
    """Where an integration stands."""

    integration: str
    provider: str
    enabled: bool
    status: Literal["idle", "running", "paused", "disabled"]
    connection: Sides
    last_sync_at: str | None
    last_successful_sync_at: str | None
    next_sync_at: str | None
    current_sync_id: str | None
    problem: dict[str, Any] | None
    open_errors: int
    open_conflicts: int
    budget: Budgets
    entities: dict[str, EntityState]


class ErrorAnswer(Answer):
    """A record that could not be synced."""

    id: str
    sync_id: str | None
    entity: str
    direction: str
    alguna_id: str | None
    external_id: str | None
    type: str
    field: str | None
    message: str
    hint: str
    vendor_code: str | None
    attempts: int
    next_retry_at: str | None
    status: str
    reason: str | None
    resolved_by: str | None
    group: str
    first_seen_at: str
    last_seen_at: str


class ConflictAnswer(Answer):
    """Fields changed on both sides, or a match with several candidates, waiting for a person."""

    id: str
    version: int
    kind: Literal["fields", "match", "deletions"]
    entity: str
    alguna_id: str | None
    external_id: str | None
    status: str
    fields: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    decision: dict[str, Any] | None
    sync_id: str | None
    created_at: str
    changed_at: str


class LinkAnswer(Answer):
    """A pair of records."""

    entity: str
    alguna_id: str
    external_id: str
    status: Literal["active", "tombstoned"]
    rule: str
    reason: str | None
    deleted_on: Literal["alguna", "external"] | None
    deletion: str | None
    created_at: str
    last_sync_at: str | None


class AuditAnswer(Answer):
    """What was decided of a record at one moment, and in which run (null: by a person, outside of any).

    Each decision has `field` (null: the whole record), `action`, `rule`, and, where it is about a field, `base` and the
    values of both sides with their times; `by` is the person.
    """

    at: str
    sync_id: str | None
    pass_id: str | None
    decisions: list[dict[str, Any]]


class RecordState(Answer):
    """Where one record stands, with its trail, newest first."""

    entity: str
    alguna_id: str | None
    external_id: str | None
    status: str
    last_sync_at: str | None
    link: LinkAnswer | None
    base: dict[str, Any]
    errors: list[ErrorAnswer]
    conflicts: list[ConflictAnswer]
    reason: str | None
    audit: list[AuditAnswer]


class FieldAnswer(Answer):
    """One field of an entity on one side."""

    name: str
    label: str
    type: str
    required: bool
    read_only: bool
    create_only: bool
    max_length: int | None
    options: list[str]


class SideSchema(Answer):
    """The fields of an entity on one side. `fingerprint` moves when a field is added, removed or changed."""

    object: str
    fingerprint: str
    described_at: str
    fields: list[FieldAnswer]


class SchemaAnswer(Answer):
    """The fields of an entity on both sides."""

    entity: str
    alguna: SideSchema
    external: SideSchema


class FieldPreviewAnswer(Answer):
    """One mapping of a record: what it holds, what the other side would get, and what would come back of that."""

    alguna_field: str
    external_field: str
    direction: str | None
    present: bool
    value: Any
    flows: bool
    output: Any
    error: str | None
    back: Any
    back_error: str | None
    undone: bool | None


class RecordPreview(Answer):
    """One record, carried by the mappings. `toExternal`: from Alguna's record; None where there is no such record."""

    side: Literal["alguna", "external"]
    alguna_id: str | None
    external_id: str | None
    found: bool
    to_external: list[FieldPreviewAnswer] | None
    to_alguna: list[FieldPreviewAnswer] | None


class MappingPreview(Answer):
    """What mappings make of records."""

    entity: str
    records: list[RecordPreview]
