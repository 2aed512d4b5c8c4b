"""Webhooks: what changed of contacts and invoices, signed; and the intent to receive (sheet 7)."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import partial

import httpx

from sandbox.kit.webhooks import Delivery, Webhooks
from sandbox.xero.books import Books

SIGNATURE = "x-xero-signature"
_RESOURCES = {"CONTACT": "Contacts", "INVOICE": "Invoices"}


class Events:
    """Sends each change by itself. Payments have no events of their own; their invoice has one."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._count = 0

    def announce(self, books: Books, category: str, record_id: str, new: bool) -> None:
        if not self._webhooks.wanted:
            return
        self._count += 1
        at = books.clock.now()
        event = {
            "resourceUrl": f"https://api.xero.com/api.xro/2.0/{_RESOURCES[category]}/{record_id}",
            "resourceId": record_id,
            "tenantId": books.tenant_id,
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": "CREATE" if new else "UPDATE",
            "eventDateUtc": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}",
        }
        body = body_of([event], self._count)
        self._webhooks.send(Delivery(body, partial(signed, body)))

    def ask_intent(self) -> None:
        """What Xero sends when a URL is set: good ones want a 200, those with a wrong signature a 401."""
        for good in (True, False, True, False):
            body = body_of([], 0)
            headers = partial(signed, body) if good else partial(_mis_signed, body)
            self._webhooks.send(Delivery(body, headers, _taken if good else _turned_away))


def body_of(events: list[dict[str, str]], sequence: int) -> bytes:
    """With the vendor's irregular spaces, so that only the bytes as they came can be verified."""
    listed = json.dumps(events, separators=(",", ":"))
    entropy = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(20))
    text = f'{{"events":{listed},"firstEventSequence": {sequence},"lastEventSequence": {sequence}, '
    return (text + f'"entropy": "{entropy}"}}').encode()


def signed(body: bytes, key: str) -> Mapping[str, str]:
    """The key looks like base64 and is used as the text that it is."""
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return {"Content-Type": "application/json; charset=utf-8", SIGNATURE: base64.b64encode(digest).decode()}


def _mis_signed(body: bytes, key: str) -> Mapping[str, str]:
    """Wrong by one character."""
    headers = dict(signed(body, key))
    last = headers[SIGNATURE][0]
    return {**headers, SIGNATURE: ("A" if last != "A" else "B") + headers[SIGNATURE][1:]}


def _taken(response: httpx.Response) -> bool:
    return response.is_success


def _turned_away(response: httpx.Response) -> bool:
    return response.status_code == 401
