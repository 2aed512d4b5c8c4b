"""Alguna's webhooks: sent through Svix in the Standard Webhooks form (Alguna sheet 3).

There is no event about customers and contacts: those are found by scans alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from connectors.events import Answer, BadSignatureError, Delivery, Event
from core.records import Entity

_KINDS = {"subscription": Entity.SUBSCRIPTIONS, "invoice": Entity.INVOICES, "payment": Entity.PAYMENTS}
_OF_A_PARENT = {
    "subscription.version.updated": (Entity.SUBSCRIPTIONS, "subscriptionId"),
    "lineitem.deleted": (Entity.INVOICES, "invoiceId"),
}


class AlgunaEvents:
    """See `connectors.events.EventReceiver`. One organisation, so one URL."""

    token_in_path = False
    tells_of = frozenset(_KINDS.values())

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """None: there is one Alguna organisation."""
        return ()

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Check signature and age (5 minutes); headers may be called svix-* or webhook-*."""
        headers = {
            f"webhook-{part}": delivery.headers.get(f"svix-{part}") or delivery.headers.get(f"webhook-{part}") or ""
            for part in ("id", "timestamp", "signature")
        }
        try:
            Webhook(secret).verify(delivery.body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError, RuntimeError) as error:
            raise BadSignatureError(str(error) or "the signature does not fit") from None

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """The record that the event is about."""
        said = _parsed(delivery.body)
        kind, data = str(said.get("type", "")), said.get("data")
        entity, key = _OF_A_PARENT.get(kind, (_KINDS.get(kind.partition(".")[0]), "id"))
        record_id = data.get(key) if isinstance(data, dict) else None
        if entity is None or not isinstance(record_id, str):
            return []
        delivery_id = delivery.headers.get("svix-id") or delivery.headers.get("webhook-id") or ""
        return [Event(delivery_id, entity, record_id)]

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """Any 2xx will do."""
        return Answer(204)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("the body is not JSON") from None
    return said if isinstance(said, dict) else {}
