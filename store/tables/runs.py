"""Tables of what happened: runs, passes, outcomes of records, errors, conflicts and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class Run(SQLModel, table=True):
    """One sync of an integration: a row in the history.

    `status`: queued, running, paused, completed, completed_with_errors, failed, canceled. `problem` says why it paused
    or failed: {"type", "message", "resumeAt"}. A dry run plans everything and writes nothing.
    """

    __tablename__ = "runs"
    __table_args__ = (Index("runs_history", "integration_id", "created_at"),)

    id: str = Field(primary_key=True)
    integration_id: str
    trigger: str
    mode: str
    dry_run: bool = False
    direction: str | None = None
    entities: list[str] = Field(sa_column=Column(ExactJson, nullable=False))
    status: str = "queued"
    problem: dict[str, Any] | None = Field(default=None, sa_column=Column(ExactJson, nullable=True))
    workflow_id: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Pass(SQLModel, table=True):
    """A run's part for one entity. Runs whose requests coalesced share one pass.

    `counts`: target side -> outcome -> number, plus "linked", "conflicts", "parked", "drift". `calls`: side -> calls.
    `state`: running, completed, failed, canceled. `written` says that the external side was written since it was last
    read. `revived` are the fields that were gone and are taken up again (NULL: not decided yet).
    """

    __tablename__ = "passes"
    __table_args__ = (Index("passes_entity", "integration_id", "entity", "started_at"),)

    id: str = Field(primary_key=True)
    integration_id: str
    entity: str
    mode: str
    state: str = "running"
    config_version: int
    rounds: int = 0
    written: bool = False
    revived: list[str] | None = Field(default=None, sa_column=Column(ExactJson, nullable=True))
    counts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    calls: dict[str, int] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    problem: dict[str, Any] | None = Field(default=None, sa_column=Column(ExactJson, nullable=True))
    started_at: datetime = Field(sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RunPass(SQLModel, table=True):
    """Which pass served which run."""

    __tablename__ = "run_passes"

    run_id: str = Field(primary_key=True)
    pass_id: str = Field(primary_key=True, index=True)


class Outcome(SQLModel, table=True):
    """How one record of a pass ended: created, updated, archived, unchanged, linked, skipped, conflict, parked, failed.

    One row per record and target in a pass; a later round of the pass replaces it (`store.endings`). `source_id` is the
    record's id on the side that is not the target. Records that a read found unchanged have no row, they are counted.
    `changes`, in a dry run: {"field", "from", "to", "rule"} for each field that would be written.
    """

    __tablename__ = "outcomes"
    __table_args__ = (
        Index("outcomes_pass", "pass_id", "id"),
        UniqueConstraint("pass_id", "target", "source_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    pass_id: str
    entity: str
    target: str
    source_id: str
    chunk: int | None = None
    alguna_id: str | None = None
    external_id: str | None = None
    outcome: str
    reason: str | None = None
    fields: list[str] = Field(default_factory=list, sa_column=Column(ExactJson, nullable=False))
    changes: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(ExactJson, nullable=True))
    at: datetime = Field(sa_type=UtcDateTime)


class RecordError(SQLModel, table=True):
    """Why a record could not be synced; open until it syncs or is ignored.

    One row per record, target side and `place`: the field whose value could not be carried over, or "" for a write that
    was refused. `digest` is what the record held when it failed: an ignored error stays so until that changes. `reason`
    is why it was ignored. `resolved_by` is the run that made it good.
    """

    __tablename__ = "record_errors"
    __table_args__ = (
        UniqueConstraint("integration_id", "entity", "target", "source_id", "place", name="record_errors_place"),
        Index("record_errors_open", "integration_id", "status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    target: str
    source_id: str
    place: str = ""
    alguna_id: str | None = None
    external_id: str | None = None
    run_id: str | None = None
    type: str
    field: str | None = None
    message: str
    hint: str
    vendor_code: str | None = None
    group: str
    attempts: int = 1
    status: str = "open"
    reason: str | None = None
    digest: str = ""
    resolved_by: str | None = None
    next_retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)


class ConflictRow(SQLModel, table=True):
    """Fields whose rule is manual, or a match with several candidates; waits for a person.

    `subject` is the link id (fields) or `side:record id` (match). `fields`: list of {algunaField, externalField, base,
    alguna, external, algunaModifiedAt, externalModifiedAt}. `decision` is what the person said. `status`: open,
    resolving, resolved, closed. `announced` says that its workflow was started; `carried_by` names the pass and chunk
    whose writes carry the answer out.
    """

    __tablename__ = "conflicts"
    __table_args__ = (
        UniqueConstraint("integration_id", "entity", "kind", "subject"),
        Index("conflicts_open", "integration_id", "status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    kind: str
    subject: str
    version: int = 1
    status: str = "open"
    alguna_id: str | None = None
    external_id: str | None = None
    fields: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(ExactJson, nullable=False))
    candidates: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(ExactJson, nullable=False))
    decision: dict[str, Any] | None = Field(default=None, sa_column=Column(ExactJson, nullable=True))
    announced: bool = False
    carried_by: str | None = None
    run_id: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)


class Audit(SQLModel, table=True):
    """What was decided of one record at one moment: for each field base, both values, times, action and rule.

    `pass_id` and `run_id` name what decided it; both are NULL where a person did, outside of a run.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_alguna", "integration_id", "entity", "alguna_id"),
        Index("audit_external", "integration_id", "entity", "external_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    integration_id: str
    entity: str
    alguna_id: str | None = None
    external_id: str | None = None
    pass_id: str | None = None
    run_id: str | None = None
    decisions: list[dict[str, Any]] = Field(sa_column=Column(ExactJson, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)
