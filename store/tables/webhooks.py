"""Tables of webhooks: what vendors told us; where our events go, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.types import ExactJson, UtcDateTime


class WebhookEndpoint(SQLModel, table=True):
    """Where events are sent. `secret` is encrypted; the one before it signs too until `old_secret_until`.

    `integration_id` None means those of every integration. A disabled endpoint gets nothing until a person enables it.
    """

    __tablename__ = "webhook_endpoints"

    id: str = Field(primary_key=True)
    url: str
    events: list[str] = Field(sa_column=Column(ExactJson, nullable=False))
    integration_id: str | None = None
    secret: str
    old_secret: str | None = None
    old_secret_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_reason: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)


class ReceivedEvent(SQLModel, table=True):
    """An event that a vendor told, by its own id, so that the same one told again starts nothing."""

    __tablename__ = "received_events"

    source: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)


class WebhookDelivery(SQLModel, table=True):
    """One event on its way to one endpoint. The id goes along as `webhook-id` and stays over all attempts.

    `subject` names what happened, so that a repeated activity sends nothing twice. `status`: pending, delivered,
    failed, canceled. `started` says that its workflow was started.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "subject"),
        Index("webhook_deliveries_log", "endpoint_id", "created_at"),
        Index("webhook_deliveries_unstarted", "started"),
    )

    id: str = Field(primary_key=True)
    endpoint_id: str
    subject: str
    event: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    status: str = "pending"
    started: bool = False
    attempts: int = 0
    response_status: int | None = None
    error: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    attempted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
