"""Alguna's webhooks: camelCase payloads in the Standard Webhooks envelope, signed the Svix way (Alguna sheet 3)."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from sandbox.kit.clock import Clock, iso
from sandbox.kit.vendor import Record
from sandbox.kit.webhooks import Delivery, Webhooks


class Events:
    """Sends the organisation's events; nothing happens while no URL is set."""

    def __init__(self, webhooks: Webhooks, clock: Clock) -> None:
        self._webhooks = webhooks
        self._clock = clock

    def subscription(self, event: str, row: Record, ended_at: str | None) -> None:
        data = _picked(row, "id", "name", "currency", "status", "activated_at", "created_at", "updated_at")
        contract = row["contract"]
        data |= {
            "accountId": row["customer_id"],
            "contractStartDate": contract["start_date"],
            "contractEndDate": contract["end_date"],
            "endedAt": ended_at,
        }
        self._send(f"subscription.{event}", data)

    def version(self, row: Record, customer_id: str) -> None:
        data = {"accountId": customer_id, **_picked(row, "id", "subscription_id", "status")}
        self._send("subscription.version.updated", data)

    def invoice(self, event: str, row: Record) -> None:
        keys = ("id", "currency", "description", "status", "total", "billing_period_start", "billing_period_end")
        data = {"accountId": row["customer_id"], **_picked(row, *keys, "created_at", "updated_at")}
        self._send(f"invoice.{event}", data)

    def line_item_deleted(self, line_item_id: str, invoice_id: str) -> None:
        self._send("lineitem.deleted", {"id": line_item_id, "invoiceId": invoice_id, "status": "deleted"})

    def payment(self, event: str, row: Record) -> None:
        data = _picked(row, "id", "amount", "currency", "status", "invoice_id", "created_at", "updated_at")
        data |= {
            "accountId": row["customer_id"],
            "allocations": [_picked(part, "invoice_id", "amount") for part in row["allocations"]],
        }
        self._send(f"payment.{event}", data)

    def _send(self, event: str, data: Record) -> None:
        if self._webhooks.url is None:
            return
        message_id = f"msg_{secrets.token_hex(12)}"
        envelope = {"type": event, "timestamp": iso(self._clock.now()), "data": data}
        body = json.dumps(envelope, separators=(",", ":")).encode()

        def headers(secret: str) -> Mapping[str, str]:
            now = datetime.now(UTC)
            signature = Webhook(secret).sign(message_id, now, body.decode())
            return {
                "content-type": "application/json",
                "svix-id": message_id,
                "svix-timestamp": str(int(now.timestamp())),
                "svix-signature": signature,
            }

        self._webhooks.send(Delivery(body, headers))


def _picked(row: Record, *keys: str) -> dict[str, Any]:
    """The named keys of a v2 row, in camelCase."""
    return {_camel(key): row[key] for key in keys}


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)
