"""What calls take: their bodies and their queries. Unknown keys are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from activities.contracts import Mode
from core.config import FieldMapping
from core.enums import Direction
from core.errors import ErrorType
from core.records import Entity, Side

MOST_IDS = 1000
RunStatus = Literal["queued", "running", "paused", "completed", "completed_with_errors", "failed", "canceled"]
Trigger = Literal["schedule", "realtime", "manual", "retry", "resolution"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class NewIntegration(_Model):
    """An integration to connect; without `id` it is called `int_{provider}`."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = None
    provider: Text
    credentials: dict[str, Any]
    webhook_secret: Text | None = None


class BeginConsent(_Model):
    """A connection to make by consent; `credentials` are those of your app at the vendor."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = None
    credentials: dict[str, Any]
    redirect_uri: Text | None = None


class Erase(_Model):
    """The record of which all values are to be forgotten, by its id on either side."""

    entity: Entity
    record_id: Text


class ConsentCode(_Model):
    """What the vendor gave the person to bring back; `returned` are the parameters besides state and code."""

    state: Text
    code: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    returned: dict[str, Text] = {}


class WebhookSecret(_Model):
    """What checks the provider's events; without one, one is made."""

    secret: Annotated[str, StringConstraints(strip_whitespace=True, min_length=16, max_length=1000)] | None = None


class NewKey(_Model):
    """A key to make."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scope: Literal["read", "operate", "admin"]


class NewWebhookEndpoint(_Model):
    """Where to send which events; `integration` null means those of all."""

    url: Text
    events: list[Literal["sync.completed", "sync.error", "sync.conflict"]] = Field(min_length=1, max_length=10)
    integration: Text | None = None


class Reconnect(_Model):
    """New credentials of the same account."""

    credentials: dict[str, Any] | None = None
    authorization_url: bool | None = None
    redirect_uri: Text | None = None


class StartSync(_Model):
    """A sync to start; `recordIds` are ids of `side`, of the one entity that is named.

    `changedSince` is a version of the configuration: what its changes since then touch is synced.
    """

    entities: list[Entity] | None = Field(default=None, min_length=1)
    mode: Literal["incremental", "full"] = "incremental"
    direction: Direction | None = None
    record_ids: list[Text] | None = Field(default=None, min_length=1, max_length=MOST_IDS)
    side: Side = Side.ALGUNA
    dry_run: bool = False
    changed_since: int | None = Field(default=None, ge=1)

    def chosen_mode(self) -> Mode:
        """The mode as the engine knows it."""
        return Mode(self.mode)


class PauseSchedule(_Model):
    """Why the schedule rests."""

    note: Text


class Backfill(_Model):
    """The time whose runs are started now, at most 31 days."""

    begin: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        # Temporal cannot carry the years at the ends of the calendar.
        if not all(2000 <= at.year < 2200 for at in (self.begin, self.end)):
            raise ValueError("`from` and `to` must lie between the years 2000 and 2200")
        if not timedelta(0) < self.end - self.begin <= timedelta(days=31):
            raise ValueError("`to` must come after `from`, by at most 31 days")
        return self


class RetryErrors(_Model):
    """Which errors to try again; all open ones where nothing is said."""

    error_ids: list[Text] | None = Field(default=None, min_length=1, max_length=MOST_IDS)
    sync_id: Text | None = None
    types: list[ErrorType] | None = Field(default=None, min_length=1)
    groups: list[Text] | None = Field(default=None, min_length=1, max_length=MOST_IDS)

    @field_validator("error_ids", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return [str(item) if isinstance(item, int) else item for item in value] if isinstance(value, list) else value


class IgnoreError(_Model):
    """Why an error is ignored."""

    reason: Text


class IgnoreErrors(RetryErrors):
    """Which errors to ignore, and why; at least one of the choices must be made."""

    reason: Text


class ResolveConflict(_Model):
    """A person's answer to one version of a conflict; `fields` is field -> "alguna", "external" or {"value": …}."""

    version: int
    resolution: Literal["alguna", "external", "fields", "link", "create", "skip", "approve", "reject"]
    fields: dict[str, Any] | None = None
    external_id: Text | None = None
    alguna_id: Text | None = None


class ConflictFilter(_Model):
    """Which conflicts are meant; `field` is the Alguna field, and then only this field of each is decided."""

    entity: Entity | None = None
    field: Text | None = None
    kind: Literal["fields", "match"] | None = None


class ResolveConflicts(_Model):
    """One answer to many conflicts: whose value counts (`latest`: the later edit's), or what becomes of matches."""

    filter: ConflictFilter = Field(default_factory=ConflictFilter)
    resolution: Literal["alguna", "external", "latest", "create", "skip"]
    dry_run: bool = False


class SetLink(_Model):
    """The partner of an Alguna record."""

    external_id: Text


class ListQuery(_Model):
    """Which part of a list."""

    limit: int = Field(default=20, ge=1, le=1000, description="Entries of a page: the answer's `perPage`.")
    offset: int = Field(default=0, ge=0, le=2**31, description="How many entries come before this page.")


class MatchPreviewQuery(ListQuery):
    """Which matching to try, on how many records of each side, and which part of each list to show."""

    entity: Entity | None = None
    records: int = Field(default=5000, ge=1, le=20_000, description="The most records of each side to read.")


class HistoryQuery(ListQuery):
    """Filters of the history; `from` and `to` bound the time at which a sync was asked for."""

    status: RunStatus | None = None
    trigger: Trigger | None = None
    begin: AwareDatetime | None = Field(default=None, alias="from")
    end: AwareDatetime | None = Field(default=None, alias="to")


class RecordsQuery(ListQuery):
    """Filters of a sync's records."""

    entity: Entity | None = None
    outcome: str | None = None


class ErrorsQuery(ListQuery):
    """Filters of the errors."""

    status: Literal["open", "retrying", "resolved", "ignored"] | None = None
    type: ErrorType | None = None
    entity: Entity | None = None
    sync_id: str | None = None


class GroupsQuery(ListQuery):
    """Filters of the errors' root causes."""

    status: Literal["open", "retrying", "resolved", "ignored"] | None = "open"
    type: ErrorType | None = None
    entity: Entity | None = None


class ConflictsQuery(ListQuery):
    """Filters of the conflicts."""

    status: Literal["open", "resolving", "resolved", "closed"] | None = None
    entity: Entity | None = None
    kind: Literal["fields", "match", "deletions"] | None = None


class SummaryQuery(_Model):
    """How far back decisions are counted."""

    days: int = Field(default=30, ge=1, le=366)


class LinksQuery(ListQuery):
    """Which link; without an id all of an entity are listed."""

    alguna_id: str | None = None
    external_id: str | None = None
    status: Literal["active", "tombstoned"] | None = None


class SampleBody(_Model):
    """A record to preview: a live one by its id, or made-up values (path -> value, or nested as the system has it)."""

    side: Side = Side.ALGUNA
    id: Text | None = None
    values: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.id is None) == (self.values is None):
            raise ValueError("give the id of a live record, or the values of a made-up one")
        return self


class PreviewMappings(_Model):
    """Mappings to try on records; without `mappings` the stored ones are tried."""

    entity: Entity
    mappings: list[FieldMapping] | None = Field(default=None, min_length=1)
    records: list[SampleBody] = Field(min_length=1, max_length=100)


class EntityQuery(_Model):
    """Of which entity."""

    entity: Entity


class SchemaQuery(EntityQuery):
    """Of which entity; `refresh` asks both systems now, else what they said some minutes ago may be the answer."""

    refresh: bool = False
