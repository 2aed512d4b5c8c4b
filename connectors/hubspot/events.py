"""HubSpot's webhooks: arrays of events with signature v3, sent to one URL for all portals of an app (sheet 7).

They come in any order and more than once, and their ids are not unique; what our own app wrote is left out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from connectors.events import MAX_AGE_SECONDS, Answer, BadSignatureError, Delivery, Event
from core.records import Entity

_KINDS = {"company": Entity.ACCOUNTS, "contact": Entity.CONTACTS, "deal": Entity.SUBSCRIPTIONS}
_TYPE_IDS = {"0-2": Entity.ACCOUNTS, "0-1": Entity.CONTACTS, "0-3": Entity.SUBSCRIPTIONS}
_IDENTITY = ("portalId", "subscriptionId", "objectId", "fromObjectId", "propertyName", "occurredAt", "eventId")
# HubSpot decodes these, and nothing else, in the URI before it signs it.
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


class HubSpotEvents:
    """See `connectors.events.EventReceiver`. The secret is the app's client secret."""

    token_in_path = False

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The portals that the events are of."""
        return sorted({str(event["portalId"]) for event in _parsed(delivery.body) if event.get("portalId")})

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Check signature and age (5 minutes, either way)."""
        timestamp = delivery.headers.get("x-hubspot-request-timestamp", "")
        if not timestamp.isascii() or not timestamp.isdecimal():
            raise BadSignatureError("the request has no timestamp")
        if abs(now.timestamp() * 1000 - int(timestamp)) > MAX_AGE_SECONDS * 1000:
            raise BadSignatureError("the request is too old, or a clock is wrong")
        signed = delivery.method.encode() + _uri(delivery.url).encode() + delivery.body + timestamp.encode()
        expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest())
        given = delivery.headers.get("x-hubspot-signature-v3", "").encode()
        if not hmac.compare_digest(expected, given):
            raise BadSignatureError("the signature does not fit")

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """One hint per record that somebody else than our app changed."""
        found: list[Event] = []
        for event in _parsed(delivery.body):
            entity = _entity(event)
            ours = event.get("changeSource") == "INTEGRATION" and event.get("sourceId") == str(event.get("appId"))
            if entity is None or ours or (account_id and str(event.get("portalId")) != account_id):
                continue
            identity = "/".join(str(event.get(key, "")) for key in _IDENTITY)
            found += [Event(f"{identity}/{record_id}", entity, record_id) for record_id in _records(event)]
        return found

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """Any 2xx will do."""
        return Answer(204)


def _entity(event: dict[str, Any]) -> Entity | None:
    """The kind of record, of a classic subscription by its name, of a generic one by its type id."""
    kind = str(event.get("subscriptionType", "")).partition(".")[0]
    return _TYPE_IDS.get(str(event.get("objectTypeId"))) if kind == "object" else _KINDS.get(kind)


def _records(event: dict[str, Any]) -> Iterator[str]:
    """The ids that an event names: of a merge the records that were and the one that is, of a link its one end."""
    merged = event.get("mergedObjectIds")
    named = [event.get(key) for key in ("objectId", "fromObjectId", "newObjectId", "primaryObjectId")]
    for one in dict.fromkeys([*named, *(merged if isinstance(merged, list) else [])]):
        if isinstance(one, int) or (isinstance(one, str) and one.isdecimal()):
            yield str(one)


def _uri(url: str) -> str:
    for code, char in _DECODED.items():
        url = url.replace(code, char).replace(code.lower(), char)
    return url


def _parsed(body: bytes) -> list[dict[str, Any]]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("the body is not JSON") from None
    if not isinstance(said, list):
        raise BadSignatureError("the body is not an array of events")
    return [event for event in said if isinstance(event, dict)]
