"""What the account's small user event script sends after each save: signed JSON, a hint and no record (sheet 7).

NetSuite has no webhooks of its own; the script that the documentation gives is deployed here. It keeps quiet about
what the integration's own user saves over REST, and about invoices that change only because a payment settles them.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import partial
from uuid import uuid4

from sandbox.kit.clock import iso
from sandbox.kit.webhooks import Delivery, Webhooks
from sandbox.netsuite.api import INTEGRATION_USER
from sandbox.netsuite.records import Change, Records

_UNTOLD = frozenset({"lastModifiedDate", "_by"})


class Events:
    def __init__(self, webhooks: Webhooks, records: Records, account: str) -> None:
        self._webhooks = webhooks
        self._records = records
        self._account = account
        records.listeners.append(self.announce)

    def announce(self, change: Change) -> None:
        """Send one save or deletion by somebody else."""
        ours = change.edit.context == "RESTWEBSERVICES" and change.edit.user == INTEGRATION_USER
        if ours or change.derived or self._webhooks.url is None:
            return
        delivery = str(uuid4())
        body = json.dumps({"id": delivery, **self._event(change)}).encode()
        self._webhooks.send(Delivery(body, partial(signed, delivery, body)))

    def _event(self, change: Change) -> dict[str, object]:
        before, after = change.before or {}, change.after or {}
        name = "create" if change.before is None else "delete" if change.after is None else "edit"
        changed = sorted(key for key in {*before, *after} - _UNTOLD if before.get(key) != after.get(key))
        return {
            "account": self._account,
            "recordType": change.kind.name.lower(),
            "recordId": change.id,
            "externalId": (after or before).get("externalId"),
            "event": name,
            "executionContext": change.edit.context,
            "userId": change.edit.user,
            "occurredAt": iso(self._records.clock.now()),
            "changed": changed if name == "edit" else [],
        }


def signed(delivery: str, body: bytes, secret: str) -> Mapping[str, str]:
    """The headers of one attempt: the time, and the signature over it and the body."""
    timestamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Alguna-Timestamp": timestamp,
        "X-Alguna-Signature": f"v1={digest}",
        "X-Alguna-Delivery": delivery,
    }
