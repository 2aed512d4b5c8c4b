"""Intuit's webhooks: hints signed with the app's verifier token, in the new and the old body (QuickBooks sheet 7).

One POST may speak of several companies. There is no time in what is signed, and own writes are told of too: a delivery
that comes again is known by its ids, and a record is always read again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.events import Answer, BadSignatureError, Delivery, Event
from core.records import Entity

_ENTITIES = {"customer": Entity.ACCOUNTS, "invoice": Entity.INVOICES, "payment": Entity.PAYMENTS}


@dataclass(frozen=True, slots=True)
class _Hint:
    realm: str
    name: str
    record_id: str
    identity: str


class QuickBooksEvents:
    """See `connectors.events.EventReceiver`. The secret is the app's verifier token."""

    token_in_path = False
    tells_of = frozenset(_ENTITIES.values())

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The companies that the events are of."""
        return sorted({hint.realm for hint in _hints(delivery.body)})

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Check the signature of the raw body."""
        expected = base64.b64encode(hmac.new(secret.encode(), delivery.body, hashlib.sha256).digest())
        given = delivery.headers.get("intuit-signature", "").encode()
        if not hmac.compare_digest(expected, given):
            raise BadSignatureError("the signature does not fit")

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """One hint per record; of a merge both the one that is gone and the one that lives on."""
        found = []
        for hint in _hints(delivery.body):
            entity = _ENTITIES.get(hint.name)
            if entity is not None and account_id in (None, hint.realm):
                found.append(Event(f"{hint.identity}/{hint.record_id}", entity, hint.record_id))
        return found

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """200 within three seconds."""
        return Answer(200)


def _hints(body: bytes) -> Iterator[_Hint]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("the body is not JSON") from None
    if isinstance(said, list):
        for event in said:
            if isinstance(event, dict):
                yield from _of_cloud_event(event)
    elif isinstance(said, dict) and isinstance(said.get("eventNotifications"), list):
        for one in said["eventNotifications"]:
            if isinstance(one, dict):
                yield from _of_notification(one)
    else:
        raise BadSignatureError("the body is neither an array of events nor notifications")


def _of_cloud_event(event: dict[str, Any]) -> Iterator[_Hint]:
    kind = str(event.get("type", "")).split(".")
    data = event.get("data")
    merged = data.get("deletedid") if isinstance(data, dict) else None
    for record_id in (event.get("intuitentityid"), merged):
        if record_id and len(kind) > 1:
            yield _Hint(str(event.get("intuitaccountid", "")), kind[1], str(record_id), str(event.get("id", "")))


def _of_notification(one: dict[str, Any]) -> Iterator[_Hint]:
    realm, change = str(one.get("realmId", "")), one.get("dataChangeEvent")
    entities = change.get("entities") if isinstance(change, dict) else None
    for entity in entities if isinstance(entities, list) else []:
        if not isinstance(entity, dict):
            continue
        identity = "/".join(str(entity.get(key, "")) for key in ("name", "operation", "lastUpdated"))
        for record_id in (entity.get("id"), entity.get("deletedId")):
            if record_id:
                yield _Hint(realm, str(entity.get("name", "")).lower(), str(record_id), f"{realm}/{identity}")
