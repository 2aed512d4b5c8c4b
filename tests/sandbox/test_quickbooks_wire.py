"""What the QuickBooks sandbox enforces and answers on the wire, beyond what the vendor's own clients show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from sandbox.kit.companies import company as sample_company
from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from sandbox.quickbooks.events import signed
from tests.sandbox.quickbooks_company import Running, running_company


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with running_company() as company:
        yield company


@pytest.fixture
def company(running: Running) -> Running:
    return running.fresh()


def test_a_sparse_update_keeps_and_a_full_one_empties_what_is_not_sent(company: Running) -> None:
    made = company.make(DisplayName="Kept", Notes="n", CompanyName="c")
    target = {"Id": made["Id"], "DisplayName": "Kept"}
    sparse = company.post("customer", {**target, "SyncToken": "0", "sparse": True, "Notes": ""})["Customer"]
    assert (sparse.get("Notes"), sparse["CompanyName"], sparse["sparse"]) == (None, "c", False)
    full = company.post("customer?operation=update", {**target, "SyncToken": 1})["Customer"]
    assert "CompanyName" not in full
    assert company.refused("customer", target)["element"] == "SyncToken"


def test_names_are_unique_over_customers_vendors_and_employees(company: Running) -> None:
    company.person("POST", "vendors", {"DisplayName": "Held"})
    error = company.refused("customer", {"DisplayName": " held "})
    assert (error["code"], "Vendor" in error["Detail"]) == ("6240", True)
    assert company.query("SELECT * FROM Customer WHERE Active IN (true, false)") == {}


def test_typographic_quotes_cannot_be_asked_for(company: Running) -> None:
    company.make(DisplayName="O\u2019Brien")
    answer = company.api("GET", "query", params={"query": "SELECT * FROM Customer WHERE DisplayName = 'O\u2019Brien'"})
    assert answer.json()["Fault"]["Error"][0]["code"] == "4000"
    assert company.query("SELECT * FROM Customer WHERE DisplayName LIKE 'O%Brien'")["maxResults"] == 1


def test_pages_end_and_have_bounds(company: Running) -> None:
    company.seed("accounts", 4)
    page = "SELECT * FROM Customer ORDERBY Metadata.LastUpdatedTime STARTPOSITION {} MAXRESULTS {}"
    assert company.query(page.format(1, 2))["maxResults"] == 2
    assert company.query(page.format(5, 2)) == {}
    for start, most in ((0, 2), (1, 1001), (1, 0)):
        answer = company.api("GET", "query", params={"query": page.format(start, most)})
        assert (answer.status_code, answer.json()["Fault"]["Error"][0]["code"]) == (400, "4001")


def test_times_are_pacific_in_whole_seconds_and_compare_with_their_offset(company: Running) -> None:
    stamp = company.make(DisplayName="Timed")["MetaData"]["LastUpdatedTime"]
    at = datetime.fromisoformat(stamp)
    assert at.utcoffset() in (timedelta(hours=-8), timedelta(hours=-7))
    for text, found in ((at.astimezone(UTC).isoformat(), True), ((at + timedelta(seconds=1)).isoformat(), False)):
        asked = company.query(f"SELECT * FROM Customer WHERE MetaData.LastUpdatedTime >= '{text}'")
        assert ("Customer" in asked) is found


def test_changes_are_cut_at_a_thousand_and_at_thirty_days(company: Running) -> None:
    company.seed("accounts", 1003)
    since = (datetime.now(UTC) - timedelta(days=29)).isoformat()
    answer = company.api("GET", "cdc", params={"entities": "Customer,Payment", "changedSince": since}).json()
    [customers, payments] = answer["CDCResponse"][0]["QueryResponse"]
    assert (len(customers["Customer"]), payments) == (1000, {})
    old = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    for entities, moment in (("Customer", old), ("TaxCode", since)):
        refused = company.api("GET", "cdc", params={"entities": entities, "changedSince": moment})
        assert refused.status_code == 400


def test_a_batch_is_replayed_as_a_whole_and_bounded(company: Running) -> None:
    items = [{"bId": f"b{n}", "operation": "create", "Customer": {"DisplayName": f"C{n}"}} for n in range(30)]
    first = company.post("batch?requestid=r-1", {"BatchItemRequest": items})
    assert [one["bId"] for one in first["BatchItemResponse"]] != [one["bId"] for one in items], "any order"
    again = company.post("batch?requestid=r-1", {"BatchItemRequest": items})
    assert again["BatchItemResponse"] == first["BatchItemResponse"]
    assert company.query("SELECT COUNT(*) FROM Customer") == {"totalCount": 30}
    assert company.refused("batch", {"BatchItemRequest": [*items, items[0]]})["code"] == "1040"
    assert company.refused("batch", {"BatchItemRequest": []})["Detail"] == "Batch Request is Empty"
    assert company.refused(f"batch?requestid={'r' * 37}", {"BatchItemRequest": items})["code"] == "2050"
    company.tell("faults", {"fault": "partial_failure", "times": 1})
    mixed = company.post("batch", {"BatchItemRequest": [{"bId": "q", "Query": "SELECT COUNT(*) FROM Customer"}] * 2})
    assert sorted("Fault" in one for one in mixed["BatchItemResponse"]) == [False, True]


def test_a_refused_write_can_be_sent_again_under_its_id(company: Running) -> None:
    assert company.refused("customer?requestid=r-2", {})["code"] == "6090"
    made = company.post("customer?requestid=r-2", {"DisplayName": "Now"})["Customer"]
    company.set_up(requestIdSeconds=0)
    assert company.refused("customer?requestid=r-2", {"DisplayName": "Now"})["code"] == "6240"
    assert company.person("GET", f"accounts/{made['Id']}")["DisplayName"] == "Now"


def test_a_merge_moves_what_the_loser_had(company: Running) -> None:
    keep, lose = (company.make(DisplayName=name)["Id"] for name in ("Keep", "Lose"))
    made = company.bill(lose)
    company.person("PATCH", f"accounts/{lose}", {"mergedInto": keep})
    assert company.api("GET", f"customer/{lose}").json()["Fault"]["Error"][0]["code"] == "610"
    assert company.person("GET", f"invoices/{made['Id']}")["CustomerRef"] == {"value": keep, "name": "Keep"}


def test_one_bad_address_can_break_a_page(company: Running) -> None:
    company.person("POST", "accounts", {"DisplayName": "Bad", "PrimaryEmailAddr": {"Address": "a@b.example, c"}})
    assert company.refused("customer", {"DisplayName": "X", "PrimaryEmailAddr": {"Address": "no"}})["code"] == "2210"
    assert company.query("SELECT * FROM Customer")["maxResults"] == 1
    company.set_up(badEmailBreaksPages=True)
    answer = company.api("GET", "query", params={"query": "SELECT * FROM Customer"})
    assert answer.json()["Fault"]["Error"][0]["code"] == "4002"


def test_errors_of_the_gateway_are_in_lower_case(company: Running) -> None:
    answer = company.api("GET", "customer/1", token="eyJ-1.unknown")
    error = answer.json()["fault"]["error"][0]
    assert (answer.status_code, error["code"], answer.json()["fault"]["type"]) == (401, "3200", "AUTHENTICATION")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    other = company.api("GET", "customer/1", realm="9130000000000009")
    assert (other.status_code, other.json()["fault"]["error"][0]["code"]) == (403, "3100")
    assert company.api("GET", "customer/999").headers["intuit_tid"]
    assert company.api("GET", "nothing/1").json()["Fault"]["Error"][0]["code"] == "500"
    company.tell("faults", {"fault": "error_503", "times": 1})
    assert company.api("GET", "customer/1").headers["content-type"].startswith("text/html")


def test_limits_come_in_three_shapes_and_count_batches_apart() -> None:
    with running_company(Limits(enabled=True, scale=0.1)) as company:
        company.connect()
        shapes = {"json": (429, "application/json"), "xml": (429, "text/xml"), "forbidden": (403, "application/json")}
        batch = {"BatchItemRequest": [{"bId": "1", "Query": "SELECT COUNT(*) FROM Customer"}]}
        for shape, (status, kind) in shapes.items():
            company.tell("reset", {})
            company.set_up(throttleShape=shape)
            statuses = [company.api("POST", "batch", json=batch).status_code for _ in range(7)]
            assert statuses[0] == 200
            answer = company.api("POST", "batch", json=batch)
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, kind)
            assert "003001" in answer.text
            assert "retry-after" not in answer.headers


def test_too_many_calls_at_once_are_throttled(company: Running) -> None:
    company.tell("limits", {"scale": 1})
    company.tell("behaviour", {"latencyMs": 300})
    with ThreadPoolExecutor(14) as pool:
        statuses = list(pool.map(lambda _: company.api("GET", "customer/1").status_code, range(14)))
    assert statuses.count(429) >= 2


def test_a_refresh_token_rotates_and_the_old_one_lasts_a_while(company: Running) -> None:
    def refresh(token: str) -> httpx.Response:
        basic = (company.credentials["clientId"], company.credentials["clientSecret"])
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return company.control.post("/oauth2/v1/tokens/bearer", data=form, auth=basic,
                                    headers={"x-include-refresh-token-hard-expires-in": "true"})  # fmt: skip

    old = company.credentials["refreshToken"]
    same = refresh(old).json()
    assert (same["refresh_token"], same["x_refresh_token_hard_expires_in"] > 4 * 365 * 86_400) == (old, True)
    company.set_up(refreshRotationSeconds=0)
    assert refresh(old).json()["refresh_token"] != old
    assert refresh(old).status_code == 200, "a lost answer costs nothing"
    company.set_up(oldRefreshTokenSeconds=0)
    newest = refresh(refresh(old).json()["refresh_token"]).json()
    company.set_up(refreshRotationSeconds=0, oldRefreshTokenSeconds=0)
    used = newest["refresh_token"]
    assert refresh(used).status_code == 200
    assert (refresh(used).status_code, refresh(used).json()["error"]) == (400, "invalid_grant")
    wrong = company.control.post("/oauth2/v1/tokens/bearer", data={}, auth=("x", "y"))
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})


class _Taken:
    """What a webhook receiver was sent."""

    def __init__(self, wanted: int) -> None:
        self.bodies: list[tuple[dict[str, str], str]] = []
        self._wanted = wanted
        self._done = Event()

    def add(self, headers: dict[str, str], body: str) -> None:
        self.bodies.append((headers, body))
        if len(self.bodies) >= self._wanted:
            self._done.set()

    def wait(self) -> bool:
        return self._done.wait(20)


def _receiver(taken: _Taken) -> HTTPServer:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            taken.add({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return HTTPServer(("127.0.0.1", 0), Receiver)


def test_webhooks_are_signed_as_the_vendors_client_checks_in_both_bodies(company: Running) -> None:
    taken = _Taken(5)
    with _receiver(taken) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/hooks"
        company.tell("webhooks", {"url": url, "secret": "test-verifier-0001"})
        made = company.make(DisplayName="Told")
        company.person("PATCH", f"accounts/{made['Id']}", {"Notes": "x"})
        bill = company.bill(made["Id"])
        company.person("PATCH", f"invoices/{bill['Id']}", {"voided": True})
        company.set_up(webhookFormat="classic")
        company.person("DELETE", f"invoices/{bill['Id']}")
        arrived = taken.wait()
        company.tell("webhooks", {"url": None})
        server.shutdown()
        serving.join()
    assert arrived
    client = company.client(verifier_token="test-verifier-0001")
    for headers, body in taken.bodies:
        assert client.validate_webhook_signature(body, headers["intuit-signature"])
    events = [json.loads(body) for _, body in taken.bodies]
    types = {event[0]["type"] for event in events if isinstance(event, list)}
    assert types == {
        "qbo.customer.created.v1",
        "qbo.customer.updated.v1",
        "qbo.invoice.created.v1",
        "qbo.invoice.void.v1",
    }
    assert {e[0]["intuitaccountid"] for e in events if isinstance(e, list)} == {company.credentials["realmId"]}
    [classic] = [event["eventNotifications"][0] for event in events if isinstance(event, dict)]
    assert classic["realmId"] == company.credentials["realmId"]
    assert classic["dataChangeEvent"]["entities"][0]["operation"] == "Delete"


def test_a_signature_is_the_keyed_hash_of_the_raw_body() -> None:
    body = b'{"eventNotifications":[{"realmId":"310687"}]}'
    value = signed(body, "classic", "test-verifier-0001")["intuit-signature"]
    assert value == "EWrl1h9y66tCaeB5monKlHYP5uvebxWR3LxSxLlXlKk="


def test_people_see_inactive_and_deleted_records_when_they_ask(company: Running) -> None:
    [first, second] = company.seed("accounts", 2)
    company.person("DELETE", f"accounts/{first}")
    [bill] = company.seed("invoices", 1, offset=1)
    company.person("DELETE", f"invoices/{bill}")
    assert [company.person("GET", f"{entity}")["total"] for entity in ("accounts", "invoices")] == [1, 0]
    assert company.person("GET", "accounts?deleted=true")["total"] == 2
    assert company.person("GET", f"invoices/{bill}?deleted=true")["status"] == "Deleted"
    back = company.person("PATCH", f"accounts/{first}", {"Active": True})
    assert not back["DisplayName"].endswith("(deleted)")
    replaced = company.person("PUT", f"accounts/{second}", {"DisplayName": "Only"})
    assert "BillAddr" not in replaced
    refused = company.control.patch(f"/_sandbox/records/accounts/{second}", json={"DisplayName": "a:b"})
    assert (refused.status_code, "2040" in refused.json()["detail"]) == (400, True)


def test_seeds_are_the_companies_of_all_sandboxes(company: Running) -> None:
    [payment] = company.seed("payments", 1, offset=4)
    sample = sample_company(7, 4)
    paid = company.person("GET", f"payments/{payment}")
    bill = company.person("GET", f"invoices/{paid['Line'][0]['LinkedTxn'][0]['TxnId']}")
    owner = company.person("GET", f"accounts/{bill['CustomerRef']['value']}")
    assert owner["PrimaryEmailAddr"]["Address"] == sample.contacts[0].email
    assert owner["CurrencyRef"]["value"] == sample.currency
    net = sum(one.quantity * one.unit_price for one in sample.lines)
    assert bill["TotalAmt"] == pytest.approx(float(net * (1 + sample.tax_rate)), abs=0.01)
    assert (paid["TotalAmt"], bill["Balance"]) == (bill["TotalAmt"], 0.0)
    assert company.seed("payments", 1, offset=4) == [payment]


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}
    for run in range(2):
        sandbox = SandboxThread("quickbooks", data_dir=tmp_path)
        sandbox.start()
        with httpx.Client(base_url=sandbox.url, trust_env=False) as control:
            company = Running(sandbox.url, control, kept)
            if run == 0:
                company.connect()
                kept = company.credentials
                ids = company.seed("payments", 2)
                company.post("customer?requestid=kept", {"DisplayName": "Kept"})
            assert company.seed("payments", 2) == ids
            assert (
                company.post("customer?requestid=kept", {"DisplayName": "Other"})["Customer"]["DisplayName"] == "Kept"
            )
            paid = company.person("GET", f"payments/{ids[1]}")
            bill = company.person("GET", f"invoices/{paid['Line'][0]['LinkedTxn'][0]['TxnId']}")
            assert bill["Balance"] == 0.0
        sandbox.stop()
