"""Tables of integrations, connections and what all processes share about them: tokens, budgets, leases, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Text, text
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class Integration(SQLModel, table=True):
    """One configured connection to one provider account. A deleted one stays, because its history refers to it.

    `account_id` is the provider's own id of the account: unique among the live integrations of a provider. `paused` is
    a person's wish: schedules rest and running passes wait at their next step.
    """

    __tablename__ = "integrations"
    __table_args__ = (
        Index(
            "integrations_account_live",
            "provider",
            "account_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    provider: str
    account_id: str | None = None
    enabled: bool = True
    paused: bool = False
    webhook_secret: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Connection(SQLModel, table=True):
    """Credentials of one side and their state. The id is the integration's, or `alguna` for Alguna's own.

    `secrets` is encrypted. `generation` rises when a person reconnects, `tokens_version` at every token refresh.
    `state`: connected, auth_expired, disconnected. `seed` is a keyed fingerprint of the settings that made it.
    """

    __tablename__ = "connections"

    id: str = Field(primary_key=True)
    provider: str
    secrets: str
    generation: int = 1
    tokens_version: int = 0
    state: str = "connected"
    reason: str | None = None
    limits: dict[str, Any] = Field(default_factory=dict, sa_column=Column(ExactJson, nullable=False))
    seed: str | None = None
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Lease(SQLModel, table=True):
    """An exclusive right that one holder has until it gives it back or `expires_at` passes."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    expires_at: datetime = Field(sa_type=UtcDateTime)


class BudgetRow(SQLModel, table=True):
    """The calls that a connection may make: a token bucket (`tokens` at `refilled_at`) and the count of a day.

    `tokens` may be negative while a grant lies ahead in time. `day_used` is corrected by what the vendor reports.
    """

    __tablename__ = "budgets"

    connection_id: str = Field(primary_key=True)
    tokens: float
    refilled_at: datetime = Field(sa_type=UtcDateTime)
    blocked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    blocked_by_quota: bool = False
    day: str
    day_used: int = 0
    day_allowed: int | None = None


class Note(SQLModel, table=True):
    """A small durable fact that a connector keeps for itself."""

    __tablename__ = "notes"

    connection_id: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: Any = Field(default=None, sa_column=Column(ExactJson, nullable=True))


class IdempotentCall(SQLModel, table=True):
    """An HTTP call made with an Idempotency-Key, and its answer once it was given (`status` is NULL until then).

    `body` is the encrypted answer, which is stored with the effect. `created_at` is the last sign of life, in the end
    when it was answered.
    """

    __tablename__ = "idempotency"

    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int | None = None
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
