"""The JSON shapes that our HTTP API answers with, as far as the command line and the demo read them."""

from __future__ import annotations

from typing import Any, TypedDict


class ConnectionState(TypedDict, total=False):
    """State of both connections: `connected`, `auth_expired`, `disconnected`."""

    alguna: str
    external: str


class Integration(TypedDict, total=False):
    """One configured connection to one provider account."""

    id: str
    provider: str
    enabled: bool
    connection: Any
    lastRun: Any


class Started(TypedDict, total=False):
    """Answer of a call that starts a run."""

    syncId: str
    status: str
    workflowId: str
    temporalUrl: str | None
    retried: int


class Run(TypedDict, total=False):
    """One run of an integration; `stats` is keyed by entity, then by target side."""

    syncId: str
    trigger: str
    mode: str
    status: str
    startedAt: str | None
    completedAt: str | None
    workflowId: str
    temporalUrl: str | None
    problem: Any
    stats: dict[str, dict[str, Any]]
    apiCalls: dict[str, int]
    dryRun: bool
    plannedCalls: dict[str, int] | None


class EntityState(TypedDict, total=False):
    """Where one entity stands."""

    linked: int
    pending: int
    parked: int
    openErrors: int
    openConflicts: int
    drift: int
    heldDeletions: int
    maxLag: float | None
    cursors: dict[str, Any]


class SyncState(TypedDict, total=False):
    """Where an integration stands."""

    integration: str
    provider: str
    enabled: bool
    status: str
    connection: ConnectionState
    lastSyncAt: str | None
    lastSuccessfulSyncAt: str | None
    nextSyncAt: str | None
    currentSyncId: str | None
    openErrors: int
    openConflicts: int
    entities: dict[str, EntityState]


class SyncError(TypedDict, total=False):
    """A record that could not be synced."""

    id: str
    syncId: str | None
    entity: str
    algunaId: str | None
    externalId: str | None
    type: str
    field: str | None
    message: str
    hint: str | None
    attempts: int
    status: str


class ConflictField(TypedDict, total=False):
    """One field of a conflict: both values and the last agreed one."""

    algunaField: str
    externalField: str
    base: Any
    alguna: Any
    external: Any
    algunaModifiedAt: str | None
    externalModifiedAt: str | None


class Conflict(TypedDict, total=False):
    """Fields changed on both sides, or a match with several candidates, waiting for a person."""

    id: str
    version: int
    kind: str
    entity: str
    algunaId: str | None
    externalId: str | None
    status: str
    fields: list[ConflictField]
    candidates: list[dict[str, Any]]


class Link(TypedDict, total=False):
    """A pair of records; `rule` says what made it one."""

    entity: str
    algunaId: str
    externalId: str
    status: str
    rule: str | None
