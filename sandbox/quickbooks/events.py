"""Webhooks: hints of what changed, signed with the verifier token, in the new and the old body (sheet 7)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Any
from uuid import uuid4

from sandbox.kit.webhooks import Delivery, Webhooks
from sandbox.quickbooks.books import Change
from sandbox.quickbooks.schema import ACCOUNT, CUSTOMER, EMPLOYEE, INVOICE, ITEM, PAYMENT, VENDOR
from sandbox.quickbooks.setup import Setup

_TOLD = (CUSTOMER, VENDOR, EMPLOYEE, INVOICE, PAYMENT, ITEM, ACCOUNT)
# The words of the new format; a void is not "voided" there.
_WORDS = {"Create": "created", "Update": "updated", "Delete": "deleted", "Merge": "merged", "Void": "void"}


class Events:
    def __init__(self, webhooks: Webhooks, setup: Setup, realm_id: str) -> None:
        self._webhooks = webhooks
        self._setup = setup
        self._realm_id = realm_id

    def announce(self, change: Change) -> None:
        """Send one change in the format that the app is set to."""
        if not self._webhooks.wanted or change.kind not in _TOLD:
            return
        shape = self._cloud_event if self._setup.webhook_format == "cloudevents" else self._classic
        body = json.dumps(shape(change)).encode()
        self._webhooks.send(Delivery(body, partial(signed, body, self._setup.webhook_format)))

    def _cloud_event(self, change: Change) -> list[dict[str, Any]]:
        name = change.kind.name
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{uuid4()}-{name}-{change.id}",
            "source": "intuit.dsnBrandSandbox=",
            "type": f"qbo.{name.lower()}.{_WORDS[change.operation]}.v1",
            "datacontenttype": "application/json",
            "time": change.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "intuitentityid": change.id,
            "intuitaccountid": self._realm_id,
        }
        return [{**event, "data": {"deletedid": change.deleted_id}} if change.deleted_id else event]

    def _classic(self, change: Change) -> dict[str, Any]:
        entity: dict[str, Any] = {
            "name": change.kind.name,
            "id": change.id,
            "operation": change.operation,
            "lastUpdated": change.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        }
        if change.deleted_id:
            entity["deletedId"] = change.deleted_id
        notification = {"realmId": self._realm_id, "dataChangeEvent": {"entities": [entity]}}
        return {"eventNotifications": [notification]}


def signed(body: bytes, schema: str, verifier_token: str) -> Mapping[str, str]:
    """The headers of one attempt."""
    digest = hmac.new(verifier_token.encode(), body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "intuit-signature": base64.b64encode(digest).decode(),
        "intuit-t-id": str(uuid4()),
        "intuit-notification-schema-version": "2.0" if schema == "cloudevents" else "1.0",
        "user-agent": "intuit_notification_server/0.1",
    }
