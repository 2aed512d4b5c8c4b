"""What the SuiteScript of the documentation sends: checked by its signature, age and account; a hint only."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.events import BadSignatureError, Delivery
from connectors.registry import provider_spec
from core.records import Entity

SECRET = "test-secret-0001"
NOW = datetime(2026, 11, 2, 10, 15, tzinfo=UTC)
RECEIVER = provider_spec("netsuite").receiver()


def delivery(at: datetime = NOW, secret: str = SECRET, **changes: Any) -> Delivery:
    said = {"id": "d-1", "account": "1234567_SB1", "recordType": "invoice", "recordId": "1045", "event": "edit"}
    body = json.dumps({**said, **changes}).encode()
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-alguna-timestamp": stamp, "x-alguna-signature": f"v1={digest}"}
    return Delivery("POST", "https://sync.example.test/webhooks/netsuite", headers, body)


@pytest.mark.parametrize(
    ("kind", "entity"),
    [("customer", Entity.ACCOUNTS), ("invoice", Entity.INVOICES), ("customerpayment", Entity.PAYMENTS)],
)
def test_an_event_names_the_record_that_was_saved(kind: str, entity: Entity) -> None:
    one = delivery(recordType=kind)
    assert RECEIVER.account_ids(one) == ["1234567_SB1"]
    RECEIVER.check(one, SECRET, "1234567_SB1", NOW + timedelta(seconds=299))
    [event] = RECEIVER.events(one, "1234567_SB1")
    assert (event.id, event.entity, event.record_id) == ("d-1", entity, "1045")
    assert RECEIVER.answer(one, SECRET).status == 200


@pytest.mark.parametrize(
    "changes", [{"recordType": "salesorder"}, {"account": "7654321"}, {"recordId": None}, {"id": ""}]
)
def test_what_is_not_ours_to_read_is_left_out(changes: dict[str, Any]) -> None:
    assert RECEIVER.events(delivery(**changes), "1234567_SB1") == []


@pytest.mark.parametrize(
    "one",
    [
        delivery(secret="another-secret"),
        delivery(at=NOW - timedelta(seconds=301)),
        delivery(at=NOW + timedelta(seconds=301)),
        Delivery("POST", "https://sync.example.test/", {}, b"{}"),
        Delivery("POST", "https://sync.example.test/", {"x-alguna-timestamp": "now"}, b"{}"),
    ],
)
def test_a_forged_or_stale_event_is_refused(one: Delivery) -> None:
    with pytest.raises(BadSignatureError):
        RECEIVER.check(one, SECRET, "1234567_SB1", NOW)


@pytest.mark.parametrize("body", [b"no json", b"[]", b"{}"])
def test_a_body_that_names_no_account_is_nobodys(body: bytes) -> None:
    with pytest.raises(BadSignatureError):
        RECEIVER.account_ids(Delivery("POST", "https://sync.example.test/", {}, body))
