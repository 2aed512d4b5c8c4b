"""Xero's webhooks: signatures over the bytes as they came, the intent to receive, whose events they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.events import BadSignatureError, Delivery
from connectors.xero.events import XeroEvents
from core.records import Entity
from sandbox.xero.events import body_of, signed

KEY = "test-webhook-key"
INTENT = b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "ALGUNASANDBOXENTROPY"}'
SIGNATURE = "rDBNG1dwQBezQ/B55HQVmXMpZzpEk4skqCgiZGcIXDE="
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def delivery(body: bytes, signature: str) -> Delivery:
    return Delivery("POST", "https://sync.example.test/webhooks/xero", {"x-xero-signature": signature}, body)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "resourceId": "c1",
        "tenantId": "t1",
        "eventCategory": "CONTACT",
        "eventType": "UPDATE",
        "eventDateUtc": "2026-05-01T14:32:04.198",
        **changes,
    }


def test_the_intent_to_receive_is_taken_and_names_nothing() -> None:
    good = delivery(INTENT, SIGNATURE)
    XeroEvents().check(good, KEY, "t1", NOW)
    assert (XeroEvents().account_ids(good), XeroEvents().events(good, "t1")) == ([], [])
    answer = XeroEvents().answer(good, KEY)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("body", "signature", "key"),
    [
        (INTENT, "s" + SIGNATURE[1:], KEY),
        (INTENT, "", KEY),
        (INTENT, SIGNATURE, "another-key"),
        (json.dumps(json.loads(INTENT)).encode(), SIGNATURE, KEY),
    ],
)
def test_what_is_not_signed_over_these_bytes_is_refused(body: bytes, signature: str, key: str) -> None:
    with pytest.raises(BadSignatureError):
        XeroEvents().check(delivery(body, signature), key, "t1", NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"events": 1}', b"\xff"])
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadSignatureError):
        XeroEvents().account_ids(delivery(body, ""))


def test_events_name_the_records_of_one_organisation() -> None:
    invoice = event(resourceId="i1", eventCategory="INVOICE")
    listed = [event(), invoice, event(tenantId="t2"), event(eventCategory="CREDITNOTE"), event(resourceId=None)]
    body = body_of(listed, 7)
    found = delivery(body, signed(body, KEY)["x-xero-signature"])
    receiver = XeroEvents()
    receiver.check(found, KEY, "t1", NOW)
    assert receiver.account_ids(found) == ["t1", "t2"]
    assert [(one.entity, one.record_id) for one in receiver.events(found, "t1")] == [
        (Entity.ACCOUNTS, "c1"),
        (Entity.INVOICES, "i1"),
    ]
    assert receiver.events(found, "t1")[0].id == "t1/c1/2026-05-01T14:32:04.198", "the same when it is sent again"
