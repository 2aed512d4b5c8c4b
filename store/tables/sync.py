"""Tables of the engine: links with their bases, what was read, what is to be written, and what was asked for.

Ids of vendors are text and never parsed. Every row names its integration and entity, so that one integration's rows are
never touched for another's sake (I11).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


def _json_column(default: str) -> Column[Any]:
    return Column(ExactJson, nullable=False, server_default=text(f"'{default}'"))


class Link(SQLModel, table=True):
    """The pair (alguna id, external id) of one entity, with the base of each mapped field.

    `base`: alguna field -> [alguna value, external value, edited at, drift, unconfirmed side]. `ahead`: side -> own
    path -> value: known, but not agreed yet (a conflict, an error). `waiting`: side -> alguna field ->
    when the waiting change was first seen. `outside`: the sides whose record is outside its filter; the link rests
    until there is none. `flips`: alguna field -> what is known of writes that are taken back (core.flips).
    `revision` counts finished writes and is part of operation keys.

    `parents` is what is known of the records that the pair belongs to (core.relations): the `base` pair of ids, what
    each side was `seen` with, the side to which a move is `held`. `awaits` is the new parent (`side:id`) whose link a
    move waits for.

    `gone` is the side on which the record is known to be deleted; a tombstone with it is revived when that very record
    comes back. `verdict` says what became of the deletion: seen, ignored, archiving, held (too many at once: a person
    is asked), approved, rejected.
    """

    __tablename__ = "links"
    __table_args__ = (
        Index(
            "links_alguna_active",
            "integration_id",
            "entity",
            "alguna_id",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
        Index(
            "links_external_active",
            "integration_id",
            "entity",
            "external_id",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
        Index("links_alguna", "integration_id", "entity", "alguna_id"),
        Index("links_external", "integration_id", "entity", "external_id"),
        Index("links_awaiting", "integration_id", "entity", "awaits"),
    )

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    alguna_id: str
    external_id: str
    status: str = "active"
    reason: str | None = None
    rule: str
    generation: int = 0
    revision: int = 0
    marked: bool = False
    gone: str | None = None
    verdict: str | None = None
    config_version: int
    base: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    ahead: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    waiting: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    outside: list[str] = Field(default_factory=list, sa_column=_json_column("[]"))
    flips: dict[str, Any] = Field(default_factory=dict, sa_column=_json_column("{}"))
    parents: dict[str, Any] = Field(default_factory=dict, sa_column=_json_column("{}"))
    awaits: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    synced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Unlinked(SQLModel, table=True):
    """A record that ended without a link, so that it is not looked up again until it or the config changes."""

    __tablename__ = "unlinked"

    integration_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    hash: str
    config_version: int
    outcome: str
    reason: str | None = None


class MatchKey(SQLModel, table=True):
    """The normalised key of an unlinked record under one match rule."""

    __tablename__ = "match_keys"
    __table_args__ = (Index("match_keys_by_key", "integration_id", "entity", "rule", "key"),)

    integration_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    rule: int = Field(primary_key=True)
    key: str


class Staged(SQLModel, table=True):
    """A record that was read and differs from what is agreed; waits for its chunk. `state`: pending or parked."""

    __tablename__ = "staged"
    __table_args__ = (
        UniqueConstraint("integration_id", "entity", "side", "record_id"),
        Index("staged_chunk", "pass_id", "chunk"),
        Index("staged_waiting", "integration_id", "entity", "state", "chunk"),
    )

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    side: str
    record_id: str
    state: str = "pending"
    pass_id: str | None = None
    chunk: int | None = None
    link_id: int | None = Field(default=None, index=True)
    fields: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    hash: str
    modified_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    modified_by_us: bool | None = None
    deleted: bool = False
    parent_id: str | None = None
    marker: str | None = None
    merged_into: str | None = None
    unready: str | None = None
    read_at: datetime = Field(sa_type=UtcDateTime)


class Cursor(SQLModel, table=True):
    """How far a side has been read by a completed read, in that side's own clock or token."""

    __tablename__ = "cursors"

    integration_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    cursor: str | None = None
    moved_at: datetime = Field(sa_type=UtcDateTime)


class Reading(SQLModel, table=True):
    """A read in progress within a pass: where to go on, and the cursor it will leave. Committed with each page.

    `scan` is the pass that keeps the sightings, where the read passes over every record there is; `verified` says that
    the links it did not show were asked for by id. `alone` counts the living records that had no link.
    """

    __tablename__ = "readings"

    pass_id: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    full: bool
    position: str | None = None
    cursor: str | None = None
    complete: bool = False
    scan: str | None = None
    verified: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})
    alone: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    started_at: datetime = Field(sa_type=UtcDateTime)


class Sighting(SQLModel, table=True):
    """A linked record that a scan of everything, made by a pass, has shown: what it has not shown may be deleted."""

    __tablename__ = "sightings"

    pass_id: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    link_id: int = Field(primary_key=True)


class SharedScan(SQLModel, table=True):
    """A scan of this entity's side that a run makes along with its parent entity; with what it only counted.

    `scan` is the pass that made it; `alone` counts the living records without a link.
    """

    __tablename__ = "shared_scans"

    run_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    side: str = Field(primary_key=True)
    complete: bool = False
    cursor: str | None = None
    unchanged: int = 0
    skipped: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    scan: str | None = None
    alone: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Chunk(SQLModel, table=True):
    """A chunk of a pass. Each attempt to write it takes the next epoch; an older attempt can send nothing more."""

    __tablename__ = "chunks"

    pass_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    epoch: int = 0
    state: str = "claimed"


class OperationRow(SQLModel, table=True):
    """One write to one record, stored before it is sent. `state`: planned, sending, done, failed, superseded.

    `pending` holds the bases that move when it is done, in the form of `Link.base`.
    """

    __tablename__ = "operations"
    __table_args__ = (
        Index("operations_chunk", "pass_id", "chunk", "state"),
        Index("operations_open", "integration_id", "entity", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    integration_id: str
    entity: str
    pass_id: str
    chunk: int
    link_id: int | None = None
    kind: str
    target: str
    source_id: str
    target_id: str | None = None
    parent_id: str | None = None
    generation: int = 0
    values: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    expected: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    pending: dict[str, Any] = Field(sa_column=Column(ExactJson, nullable=False))
    state: str = "planned"
    request_id: int | None = Field(default=None, index=True)
    tries: int = 0
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)


class RequestRow(SQLModel, table=True):
    """One HTTP call exactly as it is sent. `state`: sending (its outcome is unknown until settled), settled."""

    __tablename__ = "requests"
    __table_args__ = (Index("requests_open", "integration_id", "entity", "state"),)

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    side: str
    pass_id: str
    chunk: int
    epoch: int
    method: str
    path: str
    body: str
    headers: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    idempotency_key: str | None = None
    replay_seconds: int = 0
    operation_ids: list[int] = Field(sa_column=Column(ExactJson, nullable=False))
    state: str = "sending"
    first_sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Nudge(SQLModel, table=True):
    """Whether an entity's writer was told that its inbox has events: once, until it takes them.

    `number` counts the nudges and names the run of each.
    """

    __tablename__ = "nudges"

    integration_id: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    number: int = 0
    outstanding_since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class InboxItem(SQLModel, table=True):
    """A wish to look at one record again: an event, a retry, a resolution, a chosen record. The record is re-read.

    `direction` (None: any) is that of the run it was made for: a pass of one direction takes only its own.
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_waiting", "integration_id", "entity", "pass_id"),)

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    side: str
    record_id: str
    reason: str
    direction: str | None = None
    pass_id: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
