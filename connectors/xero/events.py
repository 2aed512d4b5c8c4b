"""Xero's webhooks: events of contacts and invoices, signed over the bytes as they came (Xero sheet 7).

One URL serves all organisations of an app. Before Xero sends events it asks for the intent to receive: bodies without
events, some of them with a wrong signature, which must be answered 401.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.events import Answer, BadSignatureError, Delivery, Event
from core.records import Entity

_KINDS = {"CONTACT": Entity.ACCOUNTS, "INVOICE": Entity.INVOICES}


class XeroEvents:
    """See `connectors.events.EventReceiver`. The secret is the webhook signing key, used as the text that it is."""

    token_in_path = False
    tells_of = frozenset(_KINDS.values())

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The organisations that the events are of; none of the intent to receive."""
        return sorted({str(event["tenantId"]) for event in _parsed(delivery.body) if event.get("tenantId")})

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Check the signature; it holds no time, so what is sent twice is told apart by its events."""
        expected = base64.b64encode(hmac.new(secret.encode(), delivery.body, hashlib.sha256).digest())
        given = delivery.headers.get("x-xero-signature", "").encode()
        if not hmac.compare_digest(expected, given):
            raise BadSignatureError("the signature does not fit")

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """One hint per record; an event has no id of its own, so what it says is its id."""
        found: list[Event] = []
        for event in _parsed(delivery.body):
            entity, record_id = _KINDS.get(str(event.get("eventCategory"))), event.get("resourceId")
            if entity is None or not record_id or (account_id and event.get("tenantId") != account_id):
                continue
            identity = "/".join(str(event.get(key, "")) for key in ("tenantId", "resourceId", "eventDateUtc"))
            found.append(Event(identity, entity, str(record_id)))
        return found

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """Empty (sheet 7)."""
        return Answer(200)


def _parsed(body: bytes) -> list[dict[str, Any]]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("the body is not JSON") from None
    events = said.get("events") if isinstance(said, dict) else None
    if not isinstance(events, list):
        raise BadSignatureError("the body holds no list of events")
    return [event for event in events if isinstance(event, dict)]
