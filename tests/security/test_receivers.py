"""What anybody can send to the open receivers: forged, odd, deep and explosive deliveries are refused (I9)."""

from __future__ import annotations

import hashlib
import hmac
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.events import BadSignatureError, Delivery, EventReceiver
from connectors.registry import ALGUNA, PROVIDERS, provider_spec

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{ENTITIES}]><x>&a9;</x>'.encode()
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
BODIES = {
    "empty": b"",
    "zeros": b"\x00" * 1000,
    "not utf-8": b"\xff\xfe{}",
    "a number": b"1e400",
    "null": b"null",
    "a list": b"[]",
    "lists of lists": b"[" * 200_000 + b"]" * 200_000,
    "objects of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "elements of elements": b"<a>" * 100_000 + b"</a>" * 100_000,
    "an xml bomb": BOMB,
    "an xml bomb in another encoding": BOMB.decode().replace("?>", ' encoding="UTF-16"?>', 1).encode("utf-16"),
    "an outside entity": OUTSIDE,
    "other types": json.dumps([{"portalId": [], "objectId": {}, "eventId": None}, 7, None, "x"]).encode(),
    "a huge integer": b'{"portalId": ' + b"9" * 10_000 + b"}",
}
SIGNATURES = ["", "x", "\u00e9\u00ff", "v1,", "v1,!!!", "v1," + "A" * 44, "A" * 100_000, "=" * 44]
NAMES = [
    "svix-signature",
    "webhook-signature",
    "x-hubspot-signature-v3",
    "intuit-signature",
    "x-xero-signature",
    "x-external-sync-signature",
    "x-signature",
]


def deliveries(body: bytes) -> Iterator[Delivery]:
    now = str(int(datetime.now(UTC).timestamp()))
    for signature in SIGNATURES:
        headers = dict.fromkeys(NAMES, signature) | {"svix-id": "msg_1", "svix-timestamp": now}
        headers |= {"webhook-id": "msg_1", "webhook-timestamp": now, "x-hubspot-request-timestamp": f"{now}000"}
        yield Delivery("POST", "https://sync.example/webhooks/x", headers, body, token=signature or None)
    yield Delivery("POST", "https://sync.example/webhooks/x", {}, body)
    wrong = hmac.new(b"another secret", body, hashlib.sha256).hexdigest()
    yield Delivery("POST", "https://sync.example/webhooks/x", dict.fromkeys(NAMES, wrong), body, token=wrong)


def check(receiver: EventReceiver, delivery: Delivery) -> None:
    """What the API does with a delivery before it believes it."""
    accounts = receiver.account_ids(delivery)
    receiver.check(delivery, SECRET, next(iter(accounts), None), datetime.now(UTC))


@pytest.mark.parametrize("name", [ALGUNA, *PROVIDERS])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_i9_what_the_vendor_did_not_sign_is_refused_and_nothing_else_happens(name: str, body: bytes) -> None:
    receiver = provider_spec(name).receiver()
    tracemalloc.start()
    for delivery in deliveries(body):
        with pytest.raises(BadSignatureError):
            check(receiver, delivery)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20
