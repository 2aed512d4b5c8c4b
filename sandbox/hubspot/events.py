"""Webhooks: arrays of events with HubSpot's signatures, each event a hint and no record (sheet 7)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.hubspot.records import Change
from sandbox.kit.webhooks import Delivery, Webhooks

_MOST = 100
_UNTOLD = frozenset({"hs_lastmodifieddate", "lastmodifieddate", "num_unique_conversion_events"})
# Only these are decoded in a URI before it is signed.
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


class Events:
    """Sends what changed, under the names of the classic subscriptions; the app is subscribed to everything."""

    def __init__(self, webhooks: Webhooks, portal_id: int, app_id: int) -> None:
        self._webhooks = webhooks
        self._portal_id = portal_id
        self._app_id = app_id
        self._count = 0

    def announce(self, changes: list[Change]) -> None:
        """Send changes, at most a hundred in one message."""
        url = self._webhooks.url
        told = [one for one in changes if one.more.get("propertyName") not in _UNTOLD]
        if url is None or not self._webhooks.wanted:
            return
        for start in range(0, len(told), _MOST):
            body = json.dumps([self._event(one) for one in told[start : start + _MOST]]).encode()
            self._webhooks.send(Delivery(body, partial(signed, url, body)))

    def _event(self, change: Change) -> dict[str, Any]:
        self._count += 1
        own = {} if change.kind == "associationChange" else {"objectId": int(change.id)}
        return {
            "eventId": self._count,
            "subscriptionId": int(change.object.type_id.partition("-")[2]) * 100 + len(change.kind),
            "portalId": self._portal_id,
            "appId": self._app_id,
            "occurredAt": round(change.edit.at.timestamp() * 1000),
            "subscriptionType": f"{change.object.singular}.{change.kind}",
            "attemptNumber": 0,
            **own,
            **change.more,
            "changeSource": change.edit.source,
            "sourceId": change.edit.source_id,
        }


def signed(url: str, body: bytes, secret: str) -> Mapping[str, str]:
    """The headers of one attempt: signature v3 over method, URI, body and time, and the older v1."""
    uri = url
    for code, char in _DECODED.items():
        uri = uri.replace(code, char).replace(code.lower(), char)
    timestamp = str(round(time.time() * 1000))
    content = b"POST" + uri.encode() + body + timestamp.encode()
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": timestamp,
        "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
    }
