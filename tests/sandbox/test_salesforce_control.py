"""The Salesforce sandbox under the control API: people's edits, faults, clock, accounts, seeds, messages, restarts."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from sandbox.kit.testing import SandboxThread
from tests.sandbox.salesforce_org import DATA, Org, running_org


@pytest.fixture(scope="module")
def running() -> Iterator[Org]:
    with running_org() as org:
        yield org


@pytest.fixture
def org(running: Org) -> Org:
    running.control.post("/_sandbox/webhooks", json={"url": None})
    running.control.post("/_sandbox/reset").raise_for_status()
    running.connect()
    return running


def test_a_person_edits_under_another_name_and_can_restore_and_merge(org: Org) -> None:
    ours = org.make("Ours", Phone="1", AccountNumber="7")
    theirs = org.control.post("/_sandbox/records/accounts", json={"Name": "Theirs"}).json()
    assert theirs["LastModifiedById"] != org.api("GET", f"sobjects/Account/{ours}").json()["LastModifiedById"]
    edited = org.control.put(f"/_sandbox/records/accounts/{ours}", json={"Name": "Edited"}).json()
    assert (edited["Name"], edited["Phone"], edited["LastModifiedById"]) == ("Edited", None, theirs["LastModifiedById"])
    refused = org.control.patch(f"/_sandbox/records/accounts/{ours}", json={"Email__c": "nonsense"})
    assert (refused.status_code, refused.json()["detail"][:21]) == (400, "INVALID_EMAIL_ADDRESS")

    org.control.delete(f"/_sandbox/records/accounts/{ours}")
    assert org.control.get("/_sandbox/records/accounts").json()["total"] == 1
    assert org.control.get("/_sandbox/records/accounts", params={"deleted": "true"}).json()["total"] == 2
    org.control.patch(f"/_sandbox/records/accounts/{ours}", json={"IsDeleted": False})
    child = org.api("POST", "sobjects/Contact", json={"LastName": "Moved", "AccountId": ours}).json()["id"]
    org.control.patch(f"/_sandbox/records/accounts/{ours}", json={"MasterRecordId": theirs["Id"]})
    rows = org.query("SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true", "queryAll")["records"]
    assert [(row["Id"], row["MasterRecordId"]) for row in rows] == [(ours, theirs["Id"])]
    assert org.api("GET", f"sobjects/Contact/{child}").json()["AccountId"] == theirs["Id"]


def test_a_limit_holds_as_long_as_the_fault_says(org: Org) -> None:
    rule = {"match": {"path": "/query"}, "fault": "rate_limit", "times": 1, "retryAfter": 0.5}
    org.control.post("/_sandbox/faults", json=rule)
    refused = org.api("GET", "query", params={"q": "SELECT Id FROM Account"})
    assert refused.status_code == 403
    assert refused.json() == [
        {
            "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
        }
    ]
    assert "retry-after" not in refused.headers
    assert org.api("GET", "limits").status_code == 403
    time.sleep(0.6)
    assert org.api("GET", "limits").status_code == 200


def test_a_limit_of_minutes_is_the_daily_one(org: Org) -> None:
    org.control.post("/_sandbox/faults", json={"fault": "rate_limit", "times": 1, "retryAfter": 3600})
    for _ in range(2):
        assert org.api("GET", "limits").json()[0]["message"] == "TotalRequests Limit exceeded."
    org.control.post("/_sandbox/limits", json={"enabled": False})
    assert org.api("GET", "limits").status_code == 200
    assert "limits" not in org.control.get("/_sandbox/credentials").json()


def test_a_dropped_reply_leaves_the_write(org: Org) -> None:
    org.control.post("/_sandbox/faults", json={"match": {"method": "POST"}, "fault": "drop_after_commit", "times": 1})
    with pytest.raises(httpx.TransportError):
        org.api("POST", "sobjects/Account", json={"Name": "Written"})
    assert org.query("SELECT Name FROM Account")["records"][0]["Name"] == "Written"


def test_the_clock_can_be_wrong(org: Org) -> None:
    org.behave(clockSkewSeconds=-3600)
    row = org.api("GET", f"sobjects/Account/{org.make()}").json()
    behind = datetime.now(UTC) - datetime.fromisoformat(row["SystemModstamp"])
    assert timedelta(minutes=59) < behind < timedelta(minutes=61)


def test_accounts_are_told_apart_by_their_tokens(org: Org) -> None:
    org.make()
    other = org.control.get("/_sandbox/credentials", params={"account": "two"}).json()
    asked = org.api("GET", "query", params={"q": "SELECT Id FROM Account"}, token=other["accessToken"])
    assert asked.json()["totalSize"] == 0
    form = {"grant_type": "refresh_token", "refresh_token": other["refreshToken"]}
    client = (other["clientId"], other["clientSecret"])
    tokens = org.control.post("/services/oauth2/token", data=form, auth=client).json()
    assert tokens["access_token"].split("!")[1].startswith("two.")


def test_seeds_know_their_parents_and_themselves(org: Org) -> None:
    contacts = org.seed("contacts", 4)
    accounts = org.seed("accounts", 2)
    assert org.seed("accounts", 2) == accounts
    rows = org.query("SELECT AccountId, Alguna_Contact_ID__c FROM Contact ORDER BY Id")["records"]
    assert {row["AccountId"] for row in rows} == set(accounts)
    assert {row["Alguna_Contact_ID__c"] for row in rows} == {None}
    assert len(set(contacts)) == 4
    deal = org.api("GET", f"sobjects/Opportunity/{org.seed('subscriptions', 1)[0]}").json()
    assert deal["AccountId"] == accounts[0]
    assert org.query("SELECT count() FROM Account")["totalSize"] == 2


def test_outbound_messages_are_sent_until_acknowledged(org: Org) -> None:
    received: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            answer = b"<Ack>true</Ack>" if len(received) > 1 else b"<Ack>false</Ack>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        org.control.post("/_sandbox/webhooks", json={"url": f"http://127.0.0.1:{server.server_port}/hook"})
        record_id = org.make("Tom & Co")
        deadline = time.monotonic() + 10
        while org.control.get("/_sandbox/webhooks").json()["sent"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.shutdown()
    assert len(received) == 2
    assert received[0] == received[1]
    assert f"<sf:Id>{record_id}</sf:Id><sf:Name>Tom &amp; Co</sf:Name>".encode() in received[0]
    assert b"<OrganizationId>00D" in received[0]


def test_the_data_directory_keeps_rows_and_grants(tmp_path: Path) -> None:
    first = SandboxThread("salesforce", data_dir=tmp_path)
    first.start()
    with httpx.Client(base_url=first.url, trust_env=False) as client:
        known = client.get("/_sandbox/credentials").json()
        ids = client.post("/_sandbox/seed", json={"entity": "accounts", "count": 3, "seed": 7}).json()["ids"]
    first.stop()
    second = SandboxThread("salesforce", data_dir=tmp_path)
    second.start()
    with httpx.Client(base_url=second.url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {known['accessToken']}"}
        rows = client.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account"}, headers=headers).json()["records"]
        assert [row["Id"] for row in rows] == ids
        made_id = client.post(f"{DATA}/sobjects/Account", json={"Name": "New"}, headers=headers).json()["id"]
        assert made_id not in ids
        form = {"grant_type": "refresh_token", "refresh_token": known["refreshToken"]}
        app = (known["clientId"], known["clientSecret"])
        assert client.post("/services/oauth2/token", data=form, auth=app).status_code == 200
    second.stop()
