"""The Xero sandbox's wire: the official file, tenants, scopes, tokens, limits, errors, signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.kit.companies import company
from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from sandbox.xero.events import signed
from tests.openapi import xero as official
from tests.sandbox.xero_organisation import Organisation, running_organisation


def test_requests_and_answers_are_what_the_official_file_says(organisation: Organisation) -> None:
    spec = official()

    def call(method: str, path: str, body: Any = None, query: str = "", status: int = 200) -> Any:
        if body is not None:
            spec.check_request(method, path, body)
        answer = organisation.api(method, path + query, **({} if body is None else {"json": body}))
        assert answer.status_code == status, answer.text
        spec.check_response(method, path, status, answer.json())
        return answer.json()

    people = [{"FirstName": "Ada", "LastName": "Oak", "EmailAddress": "ada@one.example", "IncludeInEmails": True}]
    address = {"AddressType": "POBOX", "AddressLine1": "1 Dock Road", "City": "Hull", "Country": "United Kingdom"}
    contact = {"Name": "One Works", "ContactNumber": "A1", "ContactPersons": people, "Addresses": [address]}
    made = call("PUT", "/Contacts", {"Contacts": [contact]})["Contacts"][0]
    call("PUT", "/Contacts", {"Contacts": [contact]}, status=400)
    call("PUT", "/Contacts", {"Contacts": [contact, {"Name": "Two Works"}]}, "?summarizeErrors=false")
    call("POST", f"/Contacts/{made['ContactID']}", {"Contacts": [{"LastName": "Elm"}]})
    call("GET", f"/Contacts/{made['ContactID']}")
    call("GET", "/Contacts", query="?page=1&pageSize=1")
    invoice = {
        "Type": "ACCREC",
        "Contact": {"ContactID": made["ContactID"]},
        "Date": "2026-05-01",
        "DueDate": "2026-05-31",
        "Status": "AUTHORISED",
        "LineItems": [{"ItemCode": "SEAT-PRO", "Quantity": 3}],
    }
    issued = call("PUT", "/Invoices", {"Invoices": [invoice]}, "?unitdp=4")["Invoices"][0]
    assert (issued["Total"], issued["LineItems"][0]["UnitAmount"]) == (176.40, 49.0)
    call("PUT", "/Invoices", {"Invoices": [{**invoice, "LineItems": []}]}, status=400)
    call("GET", "/Invoices", query="?page=1&unitdp=4")
    call("GET", f"/Invoices/{issued['InvoiceID']}")
    payment = {"Invoice": {"InvoiceID": issued["InvoiceID"]}, "Account": {"Code": "090"}, "Amount": 76.4}
    paid = call("PUT", "/Payments", {"Payments": [{**payment, "Date": "2026-05-02", "Reference": "op-1"}]})
    call("GET", "/Payments", query="?page=1")
    call("POST", f"/Payments/{paid['Payments'][0]['PaymentID']}", {"Status": "DELETED"})
    call("POST", f"/Invoices/{issued['InvoiceID']}", {"Invoices": [{"Status": "VOIDED"}]})
    for path in ("/Organisation", "/Accounts", "/Items", "/TaxRates", "/Currencies"):
        call("GET", path)


def test_dates_come_in_both_forms_and_go_in_as_three(organisation: Organisation) -> None:
    contact_id = organisation.contact(Name="Dates House")
    for sent in ("2026-01-02", "2026-01-02T00:00:00", "/Date(1767312000000+0000)/", "/Date(1767312000000+1300)/"):
        row = organisation.invoice(contact_id, Date=sent)
        assert (row["Date"], row["DateString"]) == ("/Date(1767312000000+0000)/", "2026-01-02T00:00:00")
        assert re.fullmatch(r"/Date\(\d{13}\+0000\)/", row["UpdatedDateUTC"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["UpdatedDateUTCString"])
    body = {"Type": "ACCREC", "Contact": {"ContactID": contact_id}, "Date": "2026-01-02 00:00:00"}
    refused = organisation.api("PUT", "/Invoices", json=body)
    assert (refused.status_code, refused.json()["ErrorNumber"]) == (400, 14)
    assert "Elements" not in refused.json()


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00", "%a, %d %b %Y %H:%M:%S GMT"])
def test_if_modified_since_is_taken_in_three_forms(organisation: Organisation, form: str) -> None:
    organisation.seed("accounts", 2)
    later = datetime.now(UTC) + timedelta(minutes=1)
    for at, count in ((later, 0), (later - timedelta(hours=1), 2)):
        rows = organisation.rows("GET", "/Contacts", headers={"If-Modified-Since": at.strftime(form)})
        assert len(rows) == count
    refused = organisation.api("GET", "/Contacts", headers={"If-Modified-Since": "2026-01-02T03:04:05.123"})
    assert refused.status_code == 412


def test_whoever_does_not_ask_for_json_is_given_xml(organisation: Organisation) -> None:
    answer = organisation.api("GET", "/Currencies", headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Currency><Code>GBP</Code>" in answer.text


def test_whole_call_errors_have_their_own_shapes(organisation: Organisation) -> None:
    missing = organisation.api("GET", "/Contacts/00000000-0000-4000-8000-000000000001")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert missing.text == "The resource you're looking for cannot be found"
    unknown = organisation.api("GET", "/Contacts?IDs=nonsense")
    assert (unknown.status_code, unknown.text) == (400, "Supplied parameter 'IDs' cannot be parsed.")
    assert organisation.api("DELETE", "/Accounts").json()["ErrorNumber"] == 20
    assert organisation.api("PUT", "/Contacts", content=b"").json()["ErrorNumber"] == 17
    answer = organisation.api("GET", "/Invoices?where=Total=%3D%22x%22")
    assert answer.status_code == 200, "no row, nothing to compare"
    organisation.seed("invoices", 1)
    assert organisation.api("GET", "/Invoices?where=Total=%3D%22x%22").json()["ErrorNumber"] == 16
    named = organisation.rows("GET", "/Invoices")
    assert named[0]["Contact"].keys() == {"ContactID", "Name"}


def test_tenants_scopes_and_tokens_are_told_apart(organisation: Organisation) -> None:
    wrong = organisation.api("GET", "/Contacts", token="xat-1.nonsense")
    assert (wrong.status_code, wrong.json()["Detail"]) == (401, "AuthenticationUnsuccessful")
    assert organisation.api("GET", "/Contacts", tenant="").status_code == 403
    organisation.set_up(otherTenants=["Second Books"])
    organisation.seed("accounts", 1)
    token = {"Authorization": f"Bearer {organisation.credentials['accessToken']}"}
    tenants = {row["tenantName"]: row for row in organisation.control.get("/connections", headers=token).json()}
    assert set(tenants) == {"Sample Organisation", "Second Books"}
    other = tenants["Second Books"]
    assert organisation.api("GET", "/Contacts", tenant=other["tenantId"]).json()["Contacts"] == []
    gone = organisation.control.delete(f"/connections/{other['id']}", headers=token)
    assert gone.status_code == 204
    refused = organisation.api("GET", "/Contacts", tenant=other["tenantId"])
    assert (refused.status_code, refused.json()["Title"]) == (403, "Forbidden")
    organisation.set_up(missingScopes=["accounting.payments", "accounting.payments.read"])
    denied = organisation.api("GET", "/Payments")
    assert (denied.status_code, denied.json()["Detail"]) == (401, "AuthorizationUnsuccessful")
    assert "insufficient_scope" in denied.headers["www-authenticate"]


def test_a_rotated_refresh_token_may_be_retried_for_half_an_hour(organisation: Organisation) -> None:
    old = organisation.credentials["refreshToken"]
    first = organisation.token(grant_type="refresh_token", refresh_token=old).json()
    again = organisation.token(grant_type="refresh_token", refresh_token=old).json()
    assert len({old, first["refresh_token"], again["refresh_token"]}) == 3
    organisation.tell("behaviour", {"clockSkewSeconds": 1801})
    late = organisation.token(grant_type="refresh_token", refresh_token=old)
    assert (late.status_code, late.json()) == (400, {"error": "invalid_grant"})
    newest = organisation.token(grant_type="refresh_token", refresh_token=again["refresh_token"])
    assert newest.status_code == 200
    organisation.tell("behaviour", {"clockSkewSeconds": 62 * 86_400})
    unused = organisation.token(grant_type="refresh_token", refresh_token=newest.json()["refresh_token"])
    assert unused.json() == {"error": "invalid_grant"}
    wrong = organisation.token(grant_type="refresh_token", refresh_token=old, client_secret="no")
    assert wrong.json() == {"error": "invalid_client"}


def test_the_consent_page_names_the_organisations_and_gives_a_code(organisation: Organisation) -> None:
    organisation.set_up(otherTenants=["Second Books"])
    query = {
        "response_type": "code",
        "client_id": organisation.credentials["clientId"],
        "redirect_uri": "http://localhost/back",
        "scope": "offline_access accounting.contacts",
        "state": "s",
    }
    page = organisation.control.get("/identity/connect/authorize", params=query)
    assert "Second Books" in page.text
    sent = organisation.control.post("/identity/connect/authorize", params=query, data={"decision": "allow"})
    code = httpx.URL(sent.headers["location"]).params["code"]
    basic = (organisation.credentials["clientId"], organisation.credentials["clientSecret"])
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": query["redirect_uri"]}
    tokens = organisation.control.post("/connect/token", data=form, auth=basic).json()
    assert (tokens["expires_in"], tokens["scope"]) == (1800, query["scope"])
    assert organisation.api("GET", "/Contacts", token=tokens["access_token"]).status_code == 200
    assert organisation.api("GET", "/Invoices", token=tokens["access_token"]).status_code == 401
    assert organisation.control.post("/connect/token", data=form, auth=basic).json() == {"error": "invalid_grant"}
    by_address = {**query, "redirect_uri": "http://127.0.0.1/back"}
    assert organisation.control.get("/identity/connect/authorize", params=by_address).status_code == 400
    broad = {**query, "scope": "accounting.transactions"}
    refused = organisation.control.get("/identity/connect/authorize", params=broad, follow_redirects=False)
    assert httpx.URL(refused.headers["location"]).params["error"] == "invalid_scope"


def test_an_idempotency_key_lasts_six_minutes_and_keeps_errors(organisation: Organisation) -> None:
    key = {"Idempotency-Key": "k-1"}
    bad = {"Contacts": [{"Name": "Once", "EmailAddress": "no"}]}
    assert organisation.api("PUT", "/Contacts", json=bad, headers=key).status_code == 400
    assert organisation.api("PUT", "/Contacts", json=bad, headers=key).status_code == 400
    other = organisation.api("PUT", "/Contacts?summarizeErrors=false", json=bad, headers=key)
    assert "is used with a different request" in other.json()["Detail"], "the URL counts as well"
    organisation.tell("behaviour", {"clockSkewSeconds": 361})
    good = {"Contacts": [{"Name": "Once"}]}
    assert organisation.api("PUT", "/Contacts", json=good, headers=key).status_code == 200
    assert organisation.api("PUT", "/Contacts", json=good, headers={"Idempotency-Key": "x" * 129}).status_code == 400


def test_limits_are_told_by_headers_and_each_429_says_which() -> None:
    with running_organisation(Limits(enabled=True, scale=0.1)) as organisation:
        organisation.connect()
        answers = [organisation.api("GET", "/Currencies") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 6 + [429]
        assert [answer.headers["X-MinLimit-Remaining"] for answer in answers[:2]] == ["5", "4"]
        assert answers[0].headers["X-DayLimit-Remaining"] == "499"
        limited = answers[-1].headers
        assert limited["X-Rate-Limit-Problem"] == "minute"
        assert 1 <= int(limited["Retry-After"]) <= 60
        organisation.tell("limits", {"scale": 1})
        organisation.tell("faults", {"fault": "slow", "retryAfter": 1.5})
        calls = [threading.Thread(target=organisation.api, args=("GET", "/Currencies")) for _ in range(8)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        statuses = [call["status"] for call in organisation.control.get("/_sandbox/calls").json()["data"]][-8:]
        assert sorted(statuses) == [200] * 5 + [429] * 3
        organisation.control.delete("/_sandbox/faults")
        organisation.set_up(plan="starter")
        assert organisation.api("GET", "/Currencies").headers["X-DayLimit-Remaining"] == "999"


class Receiver(BaseHTTPRequestHandler):
    """Takes what is signed with the key and answers 401 to the rest, as Xero asks."""

    key = "test-webhook-key"
    taken: list[dict[str, Any]]
    answers: list[int]
    done: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        digest = base64.b64encode(hmac.new(self.key.encode(), body, hashlib.sha256).digest()).decode()
        good = hmac.compare_digest(digest, self.headers["x-xero-signature"])
        self.taken += [json.loads(body)] if good else []
        self.answers.append(200 if good else 401)
        self.send_response(self.answers[-1])
        self.end_headers()
        if sum(len(one["events"]) for one in self.taken) == 4:
            self.done.set()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_webhooks_are_signed_and_begin_with_the_intent_to_receive(organisation: Organisation) -> None:
    Receiver.taken, Receiver.answers, Receiver.done = [], [], threading.Event()
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        organisation.tell("webhooks", {"url": f"http://127.0.0.1:{server.server_port}/h", "secret": Receiver.key})
        made = organisation.person("POST", "accounts", {"Name": "Told Works"})
        invoice = organisation.invoice(made["ContactID"])
        pay = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": "090"}, "Amount": 1}
        organisation.rows("PUT", "/Payments", json=pay)
        organisation.person("DELETE", f"accounts/{made['ContactID']}")
        arrived = Receiver.done.wait(20)
        organisation.tell("webhooks", {"url": None})
        server.shutdown()
        serving.join()
    assert arrived
    assert Receiver.answers.count(401) == 2
    intents = [one for one in Receiver.taken if not one["events"]]
    assert [(one["firstEventSequence"], one["lastEventSequence"]) for one in intents] == [(0, 0), (0, 0)]
    events = {one["firstEventSequence"]: one["events"][0] for one in Receiver.taken if one["events"]}
    told = [(events[n]["eventCategory"], events[n]["eventType"], events[n]["resourceId"]) for n in sorted(events)]
    assert told == [
        ("CONTACT", "CREATE", made["ContactID"]),
        ("INVOICE", "CREATE", invoice["InvoiceID"]),
        ("INVOICE", "UPDATE", invoice["InvoiceID"]),
        ("CONTACT", "UPDATE", made["ContactID"]),
    ]
    assert all(one["tenantId"] == organisation.credentials["tenantId"] for one in events.values())


def test_the_signature_is_over_the_bytes_as_they_came() -> None:
    body = b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "ALGUNASANDBOXENTROPY"}'
    headers = signed(body, "test-webhook-key")
    assert headers["x-xero-signature"] == "rDBNG1dwQBezQ/B55HQVmXMpZzpEk4skqCgiZGcIXDE="


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    for run in range(2):
        sandbox = SandboxThread("xero", data_dir=tmp_path)
        sandbox.start()
        with httpx.Client(base_url=sandbox.url, trust_env=False) as control:
            organisation = Organisation(sandbox.url, control)
            ids = organisation.seed("payments", 3)
            if run == 0:
                organisation.connect()
                organisation.set_up(otherTenants=["Second Books"])
                kept, credentials = ids, organisation.credentials
            organisation.credentials = credentials
            assert organisation.person("GET", "setup/organisation")["tenants"].keys() >= {"Second Books"}
            rows = organisation.rows("GET", "/Payments?page=1")
            assert {row["PaymentID"] for row in rows} == set(ids)
        sandbox.stop()
        assert ids == kept


def test_seeds_are_the_companies_of_all_sandboxes(organisation: Organisation) -> None:
    [contact_id] = organisation.seed("accounts", 1, offset=4)
    sample = company(7, 4)
    row = organisation.person("GET", f"accounts/{contact_id}")
    assert (row["EmailAddress"], row["Addresses"][0]["City"]) == (sample.contacts[0].email, sample.address.city)
    assert row["Name"].startswith(sample.name.rpartition(" ")[0])
    organisation.seed("payments", 8)
    for invoice in organisation.rows("GET", "/Invoices?page=1"):
        net = sum(line["LineAmount"] for line in invoice["LineItems"])
        assert invoice["SubTotal"] == pytest.approx(net)
        assert invoice["AmountPaid"] > 0
