"""The NetSuite sandbox against the PyPI client `netsuite`, unchanged: an independent witness of the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kit.companies import company
from tests.sandbox.netsuite_account import Account, Client, RequestError, running_account


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with running_account() as account:
        yield account


@pytest.fixture(scope="module")
def started(running: Account) -> Iterator[Client]:
    """One client for all tests: TBA tokens outlive a reset."""
    running.connect()
    with running.client() as client:
        yield client


@pytest.fixture
def account(running: Account) -> Account:
    running.begin()
    return running


@pytest.fixture
def client(account: Account, started: Client) -> Client:
    return started


def a_customer(client: Client, name: str = "Plain Harbor Ltd", **more: Any) -> str:
    return client.create("customer", {"companyName": name, "subsidiary": {"id": "1"}, **more})


def an_invoice(client: Client, customer: str, **more: Any) -> str:
    lines = [{"item": {"id": "11"}, "quantity": 2, "rate": 50.0, "description": "Seats"}]
    body = {"entity": {"id": customer}, "tranDate": "2026-11-02", "item": {"items": lines}, **more}
    return client.create("invoice", body)


def test_creates_reads_updates_upserts_and_deletes(client: Client) -> None:
    address = {"addr1": "1 Pier Road", "city": "Hull", "zip": "HU1 1AA", "country": {"id": "GB"}}
    book = {"items": [{"defaultBilling": True, "addressBookAddress": address}]}
    made = a_customer(client, externalId="alguna-cus-1", addressBook=book, email="a@plain-harbor.example")
    row = client.get("customer", "eid:alguna-cus-1")
    assert (row["id"], row["companyName"], row["entityId"]) == (made, "Plain Harbor Ltd", "Plain Harbor Ltd")
    assert (row["subsidiary"]["refName"], row["currency"]["refName"]) == ("Parent Company", "USD")
    assert row["lastModifiedDate"].endswith(":00Z"), "whole minutes"
    assert "phone" not in row, "blanks are left out"
    [line] = row["addressBook"]["items"]
    assert (line["addressBookAddress"]["country"]["id"], line["defaultBilling"]) == ("GB", True)

    plain = client.call("get", f"/record/v1/customer/{made}")
    assert set(plain["addressBook"]) == {"links"}, "sublists are links unless they are asked for"
    only = client.call("get", f"/record/v1/Customer/{made}", params={"fields": "email"})
    assert set(only) == {"links", "id", "email"}

    client.call("patch", f"/record/v1/customer/{made}", json={"phone": "+44 555 0100", "email": None})
    row = client.get("customer", made)
    assert (row["phone"], "email" in row) == ("+44 555 0100", False)
    client.call("put", "/record/v1/customer/eid:alguna-cus-1", json={"comments": "again"})
    client.call("put", "/record/v1/customer/eid:alguna-cus-2", json={"companyName": "Two", "subsidiary": {"id": "1"}})
    assert client.get("customer", made)["comments"] == "again"
    assert client.get("customer", "eid:alguna-cus-2")["companyName"] == "Two"

    client.call("delete", f"/record/v1/customer/{made}")
    with pytest.raises(RequestError) as gone:
        client.get("customer", made)
    assert (gone.value.status, gone.value.code) == (404, "NONEXISTENT_ID")


def test_pages_of_a_collection_hold_ids_only_and_filter_by_q(client: Client, account: Account) -> None:
    ids = account.seed("accounts", 7)
    first = client.call("get", "/record/v1/customer", params={"limit": 3})
    assert [one["id"] for one in first["items"]] == ids[:3]
    assert (first["count"], first["hasMore"], first["totalResults"]) == (3, True, 7)
    assert set(first["items"][0]) == {"links", "id"}
    last = client.call("get", "/record/v1/customer", params={"limit": 3, "offset": 6})
    assert ([one["id"] for one in last["items"]], last["hasMore"]) == (ids[6:], False)
    with pytest.raises(RequestError) as odd:
        client.call("get", "/record/v1/customer", params={"limit": 3, "offset": 2})
    assert odd.value.code == "INVALID_PARAMETER"

    name = company(7, 2).name.split()[0]
    found = client.call("get", "/record/v1/customer", params={"q": f'companyName START_WITH "{name}"'})
    assert ids[2] in [one["id"] for one in found["items"]]
    day = {"q": 'dateCreated ON_OR_AFTER "1/1/2026" AND isInactive IS false'}
    assert client.call("get", "/record/v1/customer", params=day)["totalResults"] == 7
    account.set_up(dateFormat="DD.MM.YYYY")
    with pytest.raises(RequestError) as unparsed:
        client.call("get", "/record/v1/customer", params=day)
    assert "Unparseable date" in unparsed.value.detail
    with pytest.raises(RequestError) as hidden:
        client.call("get", "/record/v1/customer", params={"q": "custentity_alguna_rev EMPTY"})
    assert hidden.value.code == "NONEXISTENT_FIELD"


def test_suiteql_gives_text_without_nulls_a_page_at_a_time(client: Client, account: Account) -> None:
    ids = account.seed("invoices", 12)
    query = "SELECT t.id, t.tranid, t.foreigntotal, t.trandate, t.memo, c.symbol AS cur FROM transaction t"
    query += " JOIN currency c ON c.id = t.currency WHERE t.type = 'CustInvc' ORDER BY t.id"
    page = client.call("suiteql", query)
    assert (page["count"], page["hasMore"], page["totalResults"]) == (10, True, 12), "ten rows by default"
    row = page["items"][0]
    raw = account.person("GET", f"invoices/{ids[0]}")
    assert row["id"] == ids[0]
    assert float(row["foreigntotal"]) == raw["total"]
    assert row["cur"] == raw["currency"]["refName"]
    assert "memo" not in row, "nulls are left out"
    assert all(isinstance(value, str) for name, value in row.items() if name != "links")
    year, month, day = raw["tranDate"].split("-")
    assert row["trandate"] == f"{int(month)}/{int(day)}/{year}", "a bare date is in the user's own format"
    rest = client.call("suiteql", query, limit=10, offset=10)
    assert [one["id"] for one in rest["items"]] == ids[10:]

    bound = client.call("suiteql", "SELECT COUNT(*) AS n FROM transaction WHERE id IN (?, ?)", json={"params": ids[:2]})
    assert bound["items"][0]["n"] == "2"
    for query, text in (("SELECT nope FROM customer", "Unknown identifier"), ("SELECT id FROM nope", "was not found")):
        with pytest.raises(RequestError) as bad:
            client.call("suiteql", query)
        assert text in bad.value.detail


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"companyName": "No Home"}, "USER_ERROR", "Please enter value(s) for: Primary Subsidiary"),
        ({"companyName": "taken ltd", "subsidiary": {"id": "1"}}, "USER_ERROR", "with this ID already exists"),
        ({"companyName": "X", "subsidiary": {"id": "1"}, "externalId": "e1"}, "USER_ERROR", "entity already exists"),
        ({"companyName": "X", "subsidiary": {"id": "9"}}, "INVALID_CONTENT", "invalid Field Value 9"),
        ({"companyName": "X", "subsidiary": {"id": "1"}, "typo": 1}, "NONEXISTENT_FIELD", "typo"),
        ({"companyName": "X" * 84, "subsidiary": {"id": "1"}}, "USER_ERROR", "maximum number ( 83 )"),
    ],
)
def test_a_customer_is_refused_in_the_vendors_words(client: Client, body: dict[str, Any], code: str, text: str) -> None:
    a_customer(client, "Taken Ltd", externalId="e1")
    with pytest.raises(RequestError) as refused:
        client.create("customer", body)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert text in refused.value.detail


def test_unknown_names_are_dropped_in_silence_unless_the_header_says_otherwise(client: Client) -> None:
    body = {"companyName": "Loose", "subsidiary": {"id": "1"}, "typo": 1}
    headers = {"X-NetSuite-PropertyNameValidation": "warning"}
    answer = client.call("request", "POST", "/record/v1/customer", json=body, headers=headers)
    assert answer["status"] == 204


def test_an_invoice_adds_up_and_payments_settle_it_in_parts(client: Client) -> None:
    customer = a_customer(client)
    first, second = an_invoice(client, customer, externalId="inv-1"), an_invoice(client, customer)
    row = client.get("invoice", first)
    assert (row["subtotal"], row["total"], row["amountRemaining"], row["status"]["id"]) == (100.0, 100.0, 100.0, "A")
    assert [(one["line"], one["amount"]) for one in row["item"]["items"]] == [(1, 100.0)]

    apply = [{"doc": {"id": first}, "apply": True, "amount": 60}, {"doc": {"id": second}, "apply": True, "amount": 40}]
    payment = client.create(
        "customerPayment", {"customer": {"id": customer}, "payment": 100, "apply": {"items": apply}, "externalId": "p1"}
    )
    assert [client.get("invoice", one)["amountRemaining"] for one in (first, second)] == [40.0, 60.0]
    shown = client.get("customerpayment", "eid:p1")
    assert (shown["id"], shown["applied"], shown["unapplied"]) == (payment, 100.0, 0.0)

    over = {"items": [{"doc": {"id": first}, "apply": True, "amount": 41}]}
    with pytest.raises(RequestError) as refused:
        client.create("customerPayment", {"customer": {"id": customer}, "payment": 41, "apply": over})
    assert "exceeds the open balance" in refused.value.detail

    rest = client.call("request", "POST", f"/record/v1/invoice/{first}/!transform/customerPayment", json={})
    assert rest["status"] == 204
    assert client.get("invoice", first)["status"]["refName"] == "Paid In Full"
    links = client.call("suiteql", f"SELECT nextdoc FROM nexttransactionlinelink WHERE previousdoc = {first}")
    assert links["count"] == 2

    undone = {"apply": {"items": [{"doc": {"id": second}, "apply": False}]}}
    client.call("patch", f"/record/v1/customerPayment/{payment}", json=undone)
    assert client.get("invoice", second)["amountRemaining"] == 100.0
    assert client.get("customerPayment", payment)["unapplied"] == 40.0
    with pytest.raises(RequestError) as wrong:
        client.get("invoice", payment)
    assert (wrong.value.status, wrong.value.detail) == (400, "Transaction type specified is incorrect.")


def test_lines_without_a_key_are_added_and_replace_takes_the_others_away(client: Client) -> None:
    invoice = an_invoice(client, a_customer(client))
    path = f"/record/v1/invoice/{invoice}"
    line = {"item": {"id": "12"}, "quantity": 1, "rate": 10}
    client.call("patch", path, json={"item": {"items": [line]}})
    assert [one["line"] for one in client.get("invoice", invoice)["item"]["items"]] == [1, 2]
    client.call("patch", path, json={"item": {"items": [{"line": 2, "quantity": 3}]}})
    assert client.get("invoice", invoice)["total"] == 130.0
    client.call("patch", path, params={"replace": "item"}, json={"item": {"items": [line]}})
    row = client.get("invoice", invoice)
    assert ([one["amount"] for one in row["item"]["items"]], row["total"]) == ([10.0], 10.0)


def test_tax_is_given_by_details_that_override(client: Client) -> None:
    customer = a_customer(client)
    lines = [{"item": {"id": "11"}, "quantity": 3, "rate": 3.33, "taxDetailsReference": "L1"}]
    detail = {"taxDetailsReference": "L1", "taxType": {"id": "1"}, "taxCode": {"id": "1"}}
    details = [{**detail, "taxBasis": 9.99, "taxRate": 20, "taxAmount": 2.0}]
    more = {"item": {"items": lines}, "taxDetailsOverride": True, "taxDetails": {"items": details}}
    row = client.get("invoice", an_invoice(client, customer, **more))
    assert (row["subtotal"], row["taxTotal"], row["total"]) == (9.99, 2.0, 11.99)


def test_periods_close_and_a_void_leaves_nothing_but_the_record(client: Client, account: Account) -> None:
    customer = a_customer(client)
    invoice = an_invoice(client, customer)
    account.person("PATCH", f"invoices/{invoice}", {"voided": True})
    row = client.get("invoice", invoice)
    assert (row["total"], row["memo"], row["status"]["refName"]) == (0.0, "VOID", "Voided")
    voided = client.call("suiteql", f"SELECT voided, status FROM transaction WHERE id = {invoice}")
    assert (voided["items"][0]["voided"], voided["items"][0]["status"]) == ("T", "V")
    account.set_up(closedBefore="2026-12-01")
    with pytest.raises(RequestError) as closed:
        an_invoice(client, customer)
    assert "closed" in closed.value.detail
    with pytest.raises(RequestError) as depends:
        client.call("delete", f"/record/v1/customer/{customer}")
    assert "dependent records" in depends.value.detail


def test_an_invoice_that_waits_for_approval_takes_no_payment(client: Client, account: Account) -> None:
    account.set_up(invoiceApproval=True)
    customer = a_customer(client)
    invoice = an_invoice(client, customer)
    assert client.get("invoice", invoice)["approvalStatus"]["refName"] == "Pending Approval"
    body = {"customer": {"id": customer}, "payment": 5, "apply": {"items": [{"doc": {"id": invoice}, "amount": 5}]}}
    with pytest.raises(RequestError) as refused:
        client.create("customerPayment", body)
    assert "not approved" in refused.value.detail


def test_smaller_habits_of_the_records_are_there_too(client: Client) -> None:
    address = {"defaultBilling": True, "addressBookAddress": {"addr1": "1 Pier Road", "country": {"id": "GB"}}}
    customer = a_customer(client, addressBook={"items": [address]})
    [line] = client.get("customer", customer)["addressBook"]["items"]
    child = client.call("get", f"/record/v1/customer/{customer}/addressBook/{line['id']}")
    assert child["addressBookAddress"]["addr1"] == "1 Pier Road"

    lines = {"items": [{"item": {"externalId": "none"}, "quantity": 1}]}
    path = f"/record/v1/customer/{customer}/!transform/invoice"
    unknown = client.call("request", "POST", path, json={"item": lines})
    assert (unknown["status"], "invalid Field Value none" in unknown["text"]) == (400, True)
    made = client.call("request", "POST", path, json={"item": {"items": [{"item": 12, "quantity": 2}]}})
    invoice = made["headers"]["location"].rpartition("/")[2]
    shown = client.get("invoice", invoice, simpleEnumFormat="true")
    assert (shown["status"], shown["total"]) == ("A", 98.0), "the item's own price"

    other = an_invoice(client, customer)
    body = {"customer": {"id": customer}, "payment": 100, "autoApply": True}
    payment = client.create("customerPayment", body)
    assert client.get("customerPayment", payment)["applied"] == 100.0, "NetSuite itself picks the oldest"
    assert [client.get("invoice", one)["amountPaid"] for one in (invoice, other)] == [98.0, 2.0]
    for method, path, status in (
        ("DELETE", f"/record/v1/invoice/{invoice}", 400),
        ("PUT", f"/record/v1/customer/{customer}", 400),
        ("GET", "/record/v1/salesOrder/1", 404),
        ("GET", "/system/v1/governanceLimits", 403),
        ("PATCH", "/record/v1/customer", 400),
    ):
        assert client.call("request", method, path, json={})["status"] == status, path


def test_the_catalog_describes_the_records(client: Client) -> None:
    schema = client.call("jsonschema", "customer")
    assert schema["properties"]["companyName"]["maxLength"] == 83
    assert schema["properties"]["balance"]["readOnly"]
    spec = client.call("openapi", ["invoice", "customerPayment"])
    assert set(spec["components"]["schemas"]) == {"invoice", "customerPayment"}


def test_a_wrong_signature_realm_or_revoked_token_is_an_invalid_login(account: Account) -> None:
    account_id = account.credentials["account"]
    for others in ({"tokenSecret": "wrong"}, {"account": account_id.replace("_SB1", "_SB2")}):
        with account.client(**others) as stranger, pytest.raises(RequestError) as refused:
            stranger.call("get", "/record/v1/customer")
        assert (refused.value.status, refused.value.code) == (401, "INVALID_LOGIN")
    other = account.control.get("/_sandbox/credentials", params={"account": "2"}).json()
    with account.client(**{name: other[name] for name in other if name != "limits"}) as ours:
        assert ours.call("get", "/record/v1/customer")["count"] == 0
        account.tell("auth?account=2", {"action": "revoke_grant"})
        with pytest.raises(RequestError) as dead:
            ours.call("get", "/record/v1/customer")
        assert dead.value.status == 401


def test_more_calls_at_once_than_slots_are_refused_with_429(account: Account) -> None:
    account.tell("limits", {"enabled": True, "scale": 1.0})
    account.tell("behaviour", {"latencyMs": 300})
    with account.client() as ours:
        outcomes = ours.at_once(12, "get", "/record/v1/customer")
    refused = [json.loads(one["error"]["text"]) for one in outcomes if "error" in one]
    assert len(refused) == 7
    assert refused[0]["o:errorDetails"][0]["o:errorCode"] == "CONCURRENCY_LIMIT_EXCEEDED"
    assert {one["status"] for one in refused} == {429}


def test_a_late_answer_is_fetched_and_its_key_works_once(client: Client) -> None:
    headers = {"Prefer": "respond-async", "X-NetSuite-Idempotency-Key": "0a8f"}
    body = {"companyName": "Later", "subsidiary": {"id": "1"}}
    taken = client.call("request", "POST", "/record/v1/customer", json=body, headers=headers)
    assert taken["status"] == 202
    job = taken["headers"]["location"].rpartition("/services/rest")[2]
    assert client.call("get", f"{job}/task/1")["progress"] == "succeeded"
    result = client.call("request", "GET", f"{job}/task/1/result")
    assert (result["status"], "customer" in result["headers"]["location"]) == (204, True)
    again = client.call("request", "POST", "/record/v1/customer", json=body, headers=headers)
    refused = RequestError(again["status"], again["text"])
    assert (refused.status, refused.code) == (400, "IDEMPOTENCY_ERROR")

    batch = {"Prefer": "respond-async", "Content-Type": "application/vnd.oracle.resource+json; type=collection"}
    items = {"items": [{**body, "companyName": "B1"}, {**body, "companyName": "Later"}]}
    taken = client.call("request", "POST", "/record/v1/customer", json=items, headers=batch)
    job = taken["headers"]["location"].rpartition("/services/rest")[2]
    progress = [client.call("get", f"{job}/task/{number}")["progress"] for number in (1, 2)]
    assert progress == ["succeeded", "failed"]
