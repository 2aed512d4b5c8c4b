"""Outgoing webhooks: endpoints with their secrets, and the log of deliveries."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from core.errors import NotFound
from store import views
from store.crypto import Vault
from store.database import Database, upsert
from store.scope import table_of
from store.tables.webhooks import WebhookDelivery, WebhookEndpoint
from store.types import utc_now

OLD_SECRET_LIVES = timedelta(hours=24)
_DELIVERIES = table_of(WebhookDelivery)


@dataclass(frozen=True, slots=True)
class Letter:
    """What an attempt sends: the body as it was first written, where to, and the secrets that sign it."""

    url: str
    body: str
    secrets: tuple[str, ...]
    created_at: datetime


class Webhooks:
    """Endpoints and deliveries."""

    def __init__(self, db: Database, vault: Vault) -> None:
        """Take the database and the keys."""
        self._db = db
        self._vault = vault

    async def create(self, url: str, events: Sequence[str], integration_id: str | None) -> tuple[WebhookEndpoint, str]:
        """Store an endpoint; return it with its secret, which is not shown again."""
        secret = _new_secret()
        row = WebhookEndpoint(
            id=f"we_{secrets.token_hex(8)}",
            url=url,
            events=list(events),
            integration_id=integration_id,
            secret=self._vault.encrypt({"secret": secret}),
            created_at=utc_now(),
        )
        async with self._db.transaction() as session:
            session.add(row)
        return row, secret

    async def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint. Raises NotFound."""
        async with self._db.session() as session:
            return await _endpoint(session, endpoint_id)

    async def list(self, *, limit: int, offset: int) -> tuple[Sequence[WebhookEndpoint], int]:
        """Return some endpoints and how many there are."""
        query = select(WebhookEndpoint).order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
        async with self._db.session() as session:
            rows = (await session.execute(query.limit(limit).offset(offset))).scalars().all()
            total = (await session.execute(select(func.count()).select_from(WebhookEndpoint))).scalar_one()
        return rows, total

    async def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint with its deliveries. Raises NotFound."""
        async with self._db.transaction() as session:
            await session.delete(await _endpoint(session, endpoint_id))
            await session.execute(delete(WebhookDelivery).where(col(WebhookDelivery.endpoint_id) == endpoint_id))

    async def rotate(self, endpoint_id: str) -> str:
        """Give an endpoint a new secret; the old one signs along for 24 hours. Raises NotFound."""
        secret = _new_secret()
        async with self._db.transaction() as session:
            row = await _endpoint(session, endpoint_id)
            row.old_secret, row.old_secret_until = row.secret, utc_now() + OLD_SECRET_LIVES
            row.secret = self._vault.encrypt({"secret": secret})
        return secret

    async def enable(self, endpoint_id: str) -> WebhookEndpoint:
        """Let a disabled endpoint have events again. Raises NotFound."""
        async with self._db.transaction() as session:
            row = await _endpoint(session, endpoint_id)
            row.disabled_at, row.disabled_reason = None, None
        return row

    async def deliveries(self, endpoint_id: str, *, limit: int, offset: int) -> tuple[Sequence[WebhookDelivery], int]:
        """Return an endpoint's deliveries, newest first, and how many there are. Raises NotFound."""
        of = col(WebhookDelivery.endpoint_id) == endpoint_id
        order = (col(WebhookDelivery.created_at).desc(), col(WebhookDelivery.id))
        async with self._db.session() as session:
            await _endpoint(session, endpoint_id)
            query = select(WebhookDelivery).where(of).order_by(*order).limit(limit).offset(offset)
            rows = (await session.execute(query)).scalars().all()
            total = (await session.execute(select(func.count()).select_from(WebhookDelivery).where(of))).scalar_one()
        return rows, total

    async def again(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        """Make an ended delivery pending again, under its own id. Raises NotFound."""
        async with self._db.transaction() as session:
            row = await session.get(WebhookDelivery, delivery_id)
            if row is None or row.endpoint_id != endpoint_id:
                raise NotFound(f"there is no delivery {delivery_id!r} of {endpoint_id}")
            row.status, row.error, row.next_attempt_at = "pending", None, None
        return row

    async def letter(self, delivery_id: str) -> Letter | None:
        """Return what to send; None where it is to be sent no more (delivered, deleted, endpoint disabled)."""
        async with self._db.transaction() as session:
            row = await session.get(WebhookDelivery, delivery_id)
            if row is None or row.status != "pending":
                return None
            endpoint = await session.get(WebhookEndpoint, row.endpoint_id)
            if endpoint is None or endpoint.disabled_at is not None:
                row.status, row.error = "canceled", "the endpoint is disabled"
                return None
            sealed = [endpoint.secret]
            if endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > utc_now():
                sealed.append(endpoint.old_secret)
        opened = tuple(self._vault.decrypt(text)["secret"] for text in sealed)
        return Letter(endpoint.url, row.body, opened, row.created_at)

    async def note_attempt(
        self, delivery_id: str, *, status: int | None, error: str | None, next_attempt_at: datetime | None
    ) -> None:
        """Store how an attempt ended: without `error` delivered, without `next_attempt_at` given up."""
        async with self._db.transaction() as session:
            row = await session.get(WebhookDelivery, delivery_id)
            if row is None:
                return
            row.attempts += 1
            row.attempted_at, row.next_attempt_at = utc_now(), next_attempt_at
            row.response_status, row.error = status, error
            endpoint = await session.get(WebhookEndpoint, row.endpoint_id)
            if error is None:
                row.status = "delivered"
                if endpoint is not None:
                    endpoint.delivered_at = row.attempted_at
            elif next_attempt_at is None:
                row.status = "failed"

    async def disable_silent(self, delivery_id: str, reason: str, *, at_once: bool) -> str | None:
        """Disable the endpoint of a delivery that was given up, if it took nothing since; return its id if so."""
        async with self._db.transaction() as session:
            row = await session.get(WebhookDelivery, delivery_id)
            endpoint = await session.get(WebhookEndpoint, row.endpoint_id) if row else None
            if row is None or endpoint is None or endpoint.disabled_at is not None:
                return None
            if not at_once and endpoint.delivered_at is not None and endpoint.delivered_at > row.created_at:
                return None
            endpoint.disabled_at, endpoint.disabled_reason = utc_now(), reason
            return endpoint.id


async def post(session: AsyncSession, integration_id: str, event: str, subject: str, data: Mapping[str, Any]) -> None:
    """Put an event into the outbox of every endpoint that wants it, once per subject, in the caller's transaction."""
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.disabled_at).is_(None))
    wanting = [
        row
        for row in (await session.execute(query)).scalars()
        if event in row.events and row.integration_id in (None, integration_id)
    ]
    at = utc_now()
    body = {"type": event, "timestamp": views.time(at), "data": {"integration": integration_id, **data}}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    rows = [
        {
            "id": f"msg_{secrets.token_hex(12)}",
            "endpoint_id": row.id,
            "subject": subject,
            "event": event,
            "body": text,
            "status": "pending",
            "started": False,
            "attempts": 0,
            "created_at": at,
        }
        for row in wanting
    ]
    await upsert(session, WebhookDelivery, rows, ["endpoint_id", "subject"])


async def unstarted(session: AsyncSession, limit: int = 500) -> list[str]:
    """Deliveries whose workflow is not started yet, oldest first."""
    query = select(_DELIVERIES.c.id).where(_DELIVERIES.c.started.is_(False)).order_by(_DELIVERIES.c.created_at)
    return [row.id for row in (await session.execute(query.limit(limit))).all()]


async def started(session: AsyncSession, ids: Sequence[str]) -> None:
    """Note that these deliveries' workflows run."""
    if ids:
        await session.execute(update(_DELIVERIES).where(_DELIVERIES.c.id.in_(list(ids))).values(started=True))


async def _endpoint(session: AsyncSession, endpoint_id: str) -> WebhookEndpoint:
    row = await session.get(WebhookEndpoint, endpoint_id)
    if row is None:
        raise NotFound(f"there is no webhook endpoint {endpoint_id!r}")
    return row


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
