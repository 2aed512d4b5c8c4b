"""The control API: faults that really happen on the wire, the call log, records, accounts."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.sandbox.alguna_client import Running, running_alguna

BODY = {"name": "Harbor Optics Ltd", "currency": "GBP"}


@pytest_asyncio.fixture
async def alguna() -> AsyncIterator[Running]:
    async with running_alguna() as running:
        yield running


async def total(alguna: Running) -> int:
    return int((await alguna.control("GET", "records/accounts"))["total"])


async def create(alguna: Running, **options: Any) -> httpx.Response:
    return await alguna.http.post("/customers", json=BODY, **options)


@pytest.mark.parametrize(("fault", "left"), [("drop_before_commit", 0), ("drop_after_commit", 1)])
async def test_dropped_call_gets_no_reply(alguna: Running, fault: str, left: int) -> None:
    await alguna.fault(fault, "POST", "^/customers$", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(alguna)
    assert await total(alguna) == left
    assert (await create(alguna)).status_code == 200
    assert [call["status"] for call in (await alguna.control("GET", "calls"))["data"]] == [0, 200]


async def test_timeout_never_answers_and_does_not_hold_up_the_end() -> None:
    async with running_alguna() as alguna:
        await alguna.fault("timeout")
        with pytest.raises(httpx.ReadTimeout):
            await create(alguna, timeout=0.3)
        assert await total(alguna) == 0
        with pytest.raises(httpx.ReadTimeout):
            await alguna.http.get("/customers", timeout=0.3)
        started = time.monotonic()
    assert time.monotonic() - started < 5


async def test_rate_limit_and_errors_have_the_vendors_shape(alguna: Running) -> None:
    for fault, status in (("rate_limit", 429), ("error_500", 500), ("error_503", 503)):
        await alguna.fault(fault, times=1, retryAfter=7)
        answer = await create(alguna, headers={"Idempotency-Key": fault})
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["Transient-Error"] == "true"
        assert answer.headers.get("Retry-After") == (None if status == 500 else "7")
    assert await total(alguna) == 0


async def test_malformed_body_is_a_200_of_a_write_that_happened(alguna: Running) -> None:
    await alguna.fault("malformed_body", times=1)
    answer = await create(alguna)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert await total(alguna) == 1


@pytest.mark.parametrize(("fault", "status", "left"), [("empty_body", 200, 1), ("wrong_type", 200, 1)])
async def test_spoilt_answers_are_of_writes_that_happened(alguna: Running, fault: str, status: int, left: int) -> None:
    await alguna.fault(fault, times=1)
    answer = await create(alguna)
    assert (answer.status_code, await total(alguna)) == (status, left)
    assert answer.text == "" or answer.headers["content-type"].startswith("text/html")


async def test_a_truncated_answer_breaks_off_after_the_write(alguna: Running) -> None:
    await alguna.fault("truncated_body", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await create(alguna)
    assert await total(alguna) == 1


@pytest.mark.parametrize(("fault", "status"), [("html_error", 502), ("redirect", 307)])
async def test_what_answers_in_the_vendors_place_writes_nothing(alguna: Running, fault: str, status: int) -> None:
    await alguna.fault(fault, times=1)
    answer = await create(alguna)
    assert (answer.status_code, await total(alguna)) == (status, 0)
    assert answer.headers.get("location", "").startswith("http://elsewhere.invalid") == (fault == "redirect")


async def test_slow_call_takes_its_time(alguna: Running) -> None:
    await alguna.fault("slow", times=1, retryAfter=0.4)
    started = time.monotonic()
    assert (await create(alguna)).status_code == 200
    assert time.monotonic() - started >= 0.4


async def test_fault_strikes_every_third_matching_call_so_many_times(alguna: Running) -> None:
    await alguna.fault("error_503", "POST", "customers", every=3, times=2)
    await alguna.http.get("/customers")
    assert [(await create(alguna)).status_code for _ in range(10)] == [200, 200, 503] * 2 + [200] * 4
    rules = (await alguna.control("GET", "faults"))["data"]
    assert [(rule["matched"], rule["fired"]) for rule in rules] == [(10, 2)]
    await alguna.control("DELETE", "faults")
    assert (await alguna.control("GET", "faults"))["data"] == []


async def test_fault_may_strike_one_method_or_the_other(alguna: Running) -> None:
    await alguna.fault("error_503", "post|patch", "customers")
    assert (await create(alguna)).status_code == 503
    assert (await alguna.http.get("/customers")).status_code == 200


async def test_fault_with_a_probability_strikes_about_so_often(alguna: Running) -> None:
    await alguna.fault("error_500", probability=0.5)
    struck = [(await alguna.http.get("/customers")).status_code for _ in range(60)].count(500)
    assert 15 <= struck <= 45


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("faults", {"fault": "rate_limit", "match": {"path": "("}}, "regular expression"),
        ("faults", {"fault": "earthquake"}, "fault"),
        ("faults", {"fault": "partial_failure"}, "alguna cannot"),
        ("faults", {"fault": "slow", "often": 3}, "often"),
        ("seed", {"entity": "accounts"}, "count"),
        ("seed", {"entity": "opportunities", "count": 1}, "no entity opportunities"),
        ("behaviour", {"indexLagSeconds": 3}, "indexLagSeconds"),
        ("auth", {"action": "explode"}, "action"),
        ("limits", {"scale": 0}, "scale"),
        ("reset?account=../x", None, "account"),
    ],
)
async def test_bad_control_call_names_what_is_wrong(alguna: Running, path: str, body: Any, complaint: str) -> None:
    answer = await alguna.http.post(f"/_sandbox/{path}", json=body)
    assert 400 <= answer.status_code < 500
    assert complaint in answer.json()["detail"]


async def test_call_log_is_complete_and_can_be_read_from_a_point_on(alguna: Running) -> None:
    await create(alguna)
    await alguna.http.get("/customers", params={"limit": 5, "sort": "name:asc"})
    await alguna.http.post("/customers", content=b"not json")
    log = await alguna.control("GET", "calls")
    assert log["counts"] == {"POST /customers": 2, "GET /customers": 1}
    first, second, third = log["data"]
    assert (first["body"], first["status"], first["query"]) == (BODY, 200, "")
    assert (second["body"], second["query"]) == (None, "limit=5&sort=name%3Aasc")
    assert (third["body"], third["status"]) == ("not json", 400)
    assert (await alguna.control("GET", f"calls?since={second['seq']}"))["data"] == [third]
    assert (await alguna.control("GET", f"calls?since={second['at']}"))["data"] == [second, third]
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    answer = await alguna.http.get("/_sandbox/calls", params={"since": later})
    assert answer.json() == {"data": [], "counts": {}, "total": 0}
    await alguna.control("DELETE", "calls")
    assert (await alguna.control("GET", "calls"))["total"] == 0


def call_many_times(alguna: Running, times: int) -> None:
    """Over one bare connection with the answers read in bulk, as a client library would take a minute for it."""
    host, port = alguna.url.removeprefix("http://").split(":")
    request = f"GET /customers/lookup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alguna.key}\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for _ in range(0, times, 50):
            connection.sendall(request * 50)
            answers = b""
            while answers.count(b"HTTP/1.1 400") < 50:
                answers += connection.recv(1 << 16)


async def test_call_log_keeps_more_than_ten_thousand_calls(alguna: Running) -> None:
    await alguna.control("POST", "limits", {"enabled": False})
    await asyncio.to_thread(call_many_times, alguna, 10_050)
    log = await alguna.control("GET", "calls")
    assert (log["total"], len(log["data"])) == (10_050, 10_050)
    assert log["counts"] == {"GET /customers/lookup": 10_050}


async def test_person_edits_a_contact_and_its_customer_moves(alguna: Running) -> None:
    (contact_id,) = await alguna.seed("contacts", 1)
    contact = await alguna.control("GET", f"records/contacts/{contact_id}")
    customer = await alguna.control("GET", f"records/accounts/{contact['customer_id']}")
    await alguna.control("PATCH", f"records/contacts/{contact_id}", {"first_name": "Nova"})
    changed = await alguna.control("GET", f"records/accounts/{customer['id']}")
    assert changed["contacts"] == [{**customer["contacts"][0], "first_name": "Nova"}]
    assert changed["updated_at"] > customer["updated_at"]
    made = await alguna.control(
        "POST",
        "records/contacts",
        {"customer_id": customer["id"], "email": "new@harbor.example", "is_primary": True},
    )
    assert not (await alguna.control("GET", f"records/contacts/{contact_id}"))["is_primary"]
    await alguna.control("DELETE", f"records/contacts/{made['id']}")
    assert (await alguna.control("GET", f"records/contacts/{contact_id}"))["is_primary"]
    assert (await alguna.control("GET", "calls"))["total"] == 0


async def test_person_edits_obey_the_vendors_rules(alguna: Running) -> None:
    ids = await alguna.seed("accounts", 2)
    other = await alguna.control("GET", f"records/accounts/{ids[1]}")
    for body, status in (
        ({"aliases": other["aliases"]}, 409),
        ({"billing_address": {"line1": "1 Dock Road"}}, 422),
        ({"currency": "pounds"}, 422),
    ):
        answer = await alguna.http.patch(f"/_sandbox/records/accounts/{ids[0]}", json=body)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
    replaced = await alguna.control("PUT", f"records/accounts/{ids[0]}", {"name": "Renamed", "currency": "EUR"})
    assert (replaced["id"], replaced["contacts"], replaced["billing_address"]) == (ids[0], [], None)


async def test_person_changes_price_and_state_of_a_subscription(alguna: Running) -> None:
    (subscription_id,) = await alguna.seed("subscriptions", 1)
    await alguna.control("PATCH", f"records/subscriptions/{subscription_id}", {"mrr": "321.00", "name": "Dearer"})
    revenue = await alguna.sdk.subscriptions.get_revenue(subscription_id)
    assert (revenue.mrr, revenue.arr) == ("321.00", "3852.00")
    versions = await alguna.sdk.subscription_versions.list(subscription_id)
    assert len(versions.data) == 2
    await alguna.control("PATCH", f"records/subscriptions/{subscription_id}", {"status": "canceled"})
    assert (await alguna.sdk.subscriptions.get(subscription_id)).status == "canceled"


async def test_person_deletes_a_customer_with_all_that_belongs_to_it(alguna: Running) -> None:
    for entity in ("subscriptions", "payments"):
        await alguna.seed(entity, 2)
    first = (await alguna.control("GET", "records/accounts?limit=1"))["data"][0]["id"]
    await alguna.control("DELETE", f"records/accounts/{first}")
    for entity in ("accounts", "subscriptions", "invoices", "payments"):
        assert (await alguna.control("GET", f"records/{entity}"))["total"] == 1, entity
    assert (await alguna.http.get(f"/customers/{first}")).status_code == 404


async def test_voided_payment_opens_its_invoice_again(alguna: Running) -> None:
    payment_ids = await alguna.seed("payments", 2)
    payment = await alguna.control("GET", f"records/payments/{payment_ids[1]}")
    invoice = await alguna.sdk.invoices.get(payment["invoice_id"])
    assert invoice.status == "paid"
    await alguna.control("PATCH", f"records/payments/{payment['id']}", {"status": "voided"})
    again = await alguna.sdk.invoices.get(invoice.id)
    assert (again.status, again.amount_remaining) == ("issued", invoice.total)


async def test_seeding_is_repeatable_and_never_makes_a_record_twice(alguna: Running) -> None:
    ids = await alguna.seed("accounts", 5)
    assert await alguna.seed("accounts", 5) == ids
    more = await alguna.control("POST", "seed", {"entity": "accounts", "count": 3, "seed": 7, "offset": 4})
    assert more["ids"][0] == ids[4]
    await alguna.seed("contacts", 10)
    assert await total(alguna) == 7
    other = await alguna.control("POST", "seed?account=2", {"entity": "accounts", "count": 5, "seed": 7})
    mine = (await alguna.control("GET", "records/accounts?limit=5"))["data"]
    theirs = (await alguna.control("GET", "records/accounts?account=2"))["data"]
    assert [row["name"] for row in mine] == [row["name"] for row in theirs]
    assert not {row["id"] for row in mine} & set(other["ids"])


async def test_accounts_share_nothing_and_keys_lead_to_their_own(alguna: Running) -> None:
    await alguna.seed("accounts", 2)
    granted = await alguna.control("GET", "credentials?account=2")
    key = {"Authorization": f"Bearer {granted['apiKey']}"}
    assert (await alguna.http.get("/customers", headers=key)).json()["data"] == []
    await alguna.http.post("/customers", json=BODY, headers=key)
    await alguna.control("POST", "auth?account=2", {"action": "expire_access_token"})
    assert (await alguna.http.get("/customers", headers=key)).status_code == 401
    assert len((await alguna.http.get("/customers")).json()["data"]) == 2
    assert (await alguna.http.get("/customers?account=2")).status_code == 401
    assert (await alguna.control("GET", "calls?account=2"))["counts"] == {"GET /customers": 3, "POST /customers": 1}
    assert (await alguna.control("GET", "calls"))["counts"] == {"GET /customers": 1}


async def test_reset_empties_everything_but_keeps_keys(alguna: Running) -> None:
    await alguna.seed("accounts", 2)
    await alguna.fault("error_500")
    await alguna.control("POST", "limits", {"enabled": False, "scale": 3})
    await alguna.control("POST", "auth", {"action": "revoke_grant"})
    await alguna.control("POST", "reset")
    assert (await alguna.http.get("/customers")).json()["data"] == []
    assert await alguna.control("GET", "limits") == {"enabled": True, "scale": 10}
    assert (await alguna.control("GET", "calls"))["total"] == 1
