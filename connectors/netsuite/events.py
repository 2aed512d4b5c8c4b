"""What the SuiteScript of our documentation sends after a save: signed JSON, a hint and no record (sheet 7)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.events import MAX_AGE_SECONDS, Answer, BadSignatureError, Delivery, Event
from connectors.netsuite.spec import RECORD_TYPES
from core.records import Entity


class NetSuiteEvents:
    """See `connectors.events.EventReceiver`. The secret is the one that the script signs with."""

    token_in_path = False

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The account that the script runs in."""
        account = _parsed(delivery.body).get("account")
        if not isinstance(account, str) or not account:
            raise BadSignatureError("the body names no account")
        return [account.upper().replace("-", "_")]

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Check signature and age (5 minutes, either way)."""
        timestamp = delivery.headers.get("x-alguna-timestamp", "")
        if not timestamp.isascii() or not timestamp.isdecimal():
            raise BadSignatureError("the request has no timestamp")
        if abs(now.timestamp() - int(timestamp)) > MAX_AGE_SECONDS:
            raise BadSignatureError("the request is too old, or a clock is wrong")
        signed = timestamp.encode() + b"." + delivery.body
        expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        given = delivery.headers.get("x-alguna-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise BadSignatureError("the signature does not fit")

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """The hint about the record that was saved. A payment is named whole; a read of it gives its allocations."""
        said = _parsed(delivery.body)
        entity = _entity(said)
        record_id, own = str(said.get("recordId") or ""), said.get("id")
        account = str(said.get("account") or "").upper().replace("-", "_")
        if entity is None or not record_id.isdecimal() or not own or (account_id and account != account_id):
            return []
        return [Event(str(own), entity, record_id)]

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """The script only looks at the status."""
        return Answer()


def _entity(said: dict[str, Any]) -> Entity | None:
    return RECORD_TYPES.get(str(said.get("recordType", "")).lower())


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadSignatureError("the body is not JSON") from None
    if not isinstance(said, dict):
        raise BadSignatureError("the body is no object")
    return said
