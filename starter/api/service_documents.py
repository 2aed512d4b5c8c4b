"""What calls about the service itself answer: keys, webhook endpoints, deliveries."""

from __future__ import annotations

from typing import Literal

from starter.api.documents import Answer


class KeyAnswer(Answer):
    """A key of the API, without its secret."""

    id: str
    name: str
    scope: Literal["read", "operate", "admin"]
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class NewKeyAnswer(KeyAnswer):
    """A key that was just made. `key` never shows again."""

    key: str


class WebhookEndpointAnswer(Answer):
    """Where events are sent."""

    id: str
    url: str
    events: list[str]
    integration: str | None
    enabled: bool
    disabled_at: str | None
    disabled_reason: str | None
    last_delivered_at: str | None
    created_at: str


class NewSecretAnswer(Answer):
    """A secret that was just made. It never shows again."""

    id: str
    secret: str


class NewWebhookEndpointAnswer(WebhookEndpointAnswer):
    """An endpoint that was just made. `secret` never shows again."""

    secret: str


class ScheduleAnswer(Answer):
    """An integration's schedule as Temporal has it. `note` says why it rests."""

    cron: str
    timezone: str
    paused: bool
    note: str | None
    next_runs: list[str]
    recent_runs: list[str]
    skipped: int
    missed: int


class Erased(Answer):
    """How many rows were forgotten, by table."""

    ids: list[str]
    forgotten: dict[str, int]


class Finding(Answer):
    """One thing that the doctor looked at; `mend` says what to do."""

    check: str
    state: Literal["ok", "warning", "failed"]
    detail: str
    mend: str | None


class DoctorAnswer(Answer):
    """What the doctor found; `state` is the worst of it."""

    state: Literal["ok", "warning", "failed"]
    findings: list[Finding]


class ConsentAnswer(Answer):
    """Where to send a person, who then comes back to `redirectUri`."""

    authorization_url: str
    redirect_uri: str
    expires_at: str


class ReceiverAnswer(Answer):
    """Where a provider sends its events, and the secret, which never shows again."""

    id: str
    url: str
    secret: str


class DeliveryAnswer(Answer):
    """One event on its way to one endpoint; `id` is sent as `webhook-id` with every attempt."""

    id: str
    event: str
    status: Literal["pending", "delivered", "failed", "canceled"]
    attempts: int
    response_status: int | None
    error: str | None
    created_at: str
    attempted_at: str | None
    next_attempt_at: str | None
    body: str
