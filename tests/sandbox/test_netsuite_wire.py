"""The NetSuite sandbox's wire: both logins, SuiteQL's odd habits, limits, languages, signed events, what is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from sandbox.kit.companies import company
from sandbox.kit.testing import SandboxThread
from sandbox.netsuite.tba import signature
from tests.sandbox.netsuite_account import RECORDS, SUITEQL, Account, running_account

TOKEN = "/services/rest/auth/oauth2/v1/token"


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with running_account() as account:
        yield account


@pytest.fixture
def account(running: Account) -> Account:
    running.begin()
    return running


def a_customer(account: Account, name: str = "Plain Harbor Ltd", **more: Any) -> str:
    return account.make("customer", companyName=name, subsidiary={"id": "1"}, **more)


def asked(account: Account, key: ECKey | RSAKey, alg: str = "ES256", kid: str = "", **claims: Any) -> httpx.Response:
    """The token endpoint's answer to an assertion, good unless claims say otherwise."""
    now = int(time.time())
    good = {"iss": account.credentials["clientId"], "scope": ["restlets", "rest_webservices"], "iat": now}
    good |= {"exp": now + 600, "aud": account.url + TOKEN}
    header = {"typ": "JWT", "alg": alg, "kid": kid or account.credentials["certificateId"]}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(header, {**good, **claims}, key, algorithms=[alg]),
    }
    return account.control.post(TOKEN, data=form)


def test_a_signed_assertion_gives_an_hour_without_a_refresh_token(account: Account) -> None:
    key = ECKey.import_key(account.credentials["privateKey"])
    answer = asked(account, key).json()
    assert (int(answer["expires_in"]), set(answer)) == (3600, {"access_token", "expires_in", "token_type"})
    assert account.api("GET", f"{RECORDS}/customer", token=answer["access_token"]).status_code == 200
    assert asked(account, key, scope="rest_webservices").status_code == 200, "a text will do as well"
    account.tell("auth", {"action": "expire_access_token"})
    refused = account.api("GET", f"{RECORDS}/customer", token=answer["access_token"])
    assert (refused.status_code, refused.json()["o:errorDetails"][0]["o:errorCode"]) == (401, "INVALID_LOGIN")
    assert "invalid_token" in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "ci-1.other"},
        {"aud": "https://elsewhere.example/token"},
        {"scope": ["restlets"]},
        {"exp": 1},
        {"exp": int(time.time()) + 7200},
    ],
)
def test_an_assertion_with_wrong_claims_is_refused(account: Account, claims: dict[str, Any]) -> None:
    answer = asked(account, ECKey.import_key(account.credentials["privateKey"]), **claims)
    assert (answer.status_code, answer.json()["error"]) in ((400, "invalid_grant"), (400, "invalid_client"))


def test_keys_are_elliptic_or_rsa_with_pss_and_die_when_they_are_revoked(account: Account) -> None:
    own = rsa.generate_private_key(65537, 2048)
    pem = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = own.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    account.set_up(certificates=[{"id": "mine", "publicKey": public.decode()}])
    key = RSAKey.import_key(pem)
    assert asked(account, key, "PS256", "mine").status_code == 200
    assert asked(account, key, "RS256", "mine").json() == {"error": "invalid_grant"}
    assert asked(account, key, "PS256", "nobodys").status_code == 400
    account.tell("auth", {"action": "revoke_grant"})
    dead = asked(account, ECKey.import_key(account.credentials["privateKey"]))
    assert dead.json() == {"error": "invalid_grant"}


def test_the_signature_is_that_of_the_known_vector() -> None:
    given = {
        "oauth_consumer_key": "ck",
        "oauth_token": "tk",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1700000000",
        "oauth_nonce": "abcdef123456",
        "oauth_version": "1.0",
    }
    url = "https://1234567-sb1.suitetalk.api.netsuite.com/services/rest/record/v1/customer"
    query = "limit=5&q=email%20START_WITH%20%22a%20b%22"
    made = signature("GET", url, query, given, "cs", "ts")
    assert made == "wAMe3sdZa4Mz29V02pGg4ZBNSwVPR/2I8CX3D+nyuag="


def test_a_signed_call_cannot_be_sent_twice(account: Account) -> None:
    known = account.credentials
    given = {
        "realm": known["account"],
        "oauth_consumer_key": known["consumerKey"],
        "oauth_token": known["tokenId"],
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": "nonce-0001",
        "oauth_version": "1.0",
    }
    path = f"{RECORDS}/customer"
    secrets = known["consumerSecret"], known["tokenSecret"]
    given["oauth_signature"] = signature("GET", account.url + path, "", given, *secrets)
    header = "OAuth " + ", ".join(f'{name}="{httpx.QueryParams({"": value})!s}"' for name, value in given.items())
    headers = {"Authorization": header.replace('"=', '"')}
    statuses = [account.control.get(path, headers=headers).status_code for _ in range(2)]
    assert statuses == [200, 401]


def test_times_are_whole_minutes_in_utc_and_the_users_own_in_suiteql(account: Account) -> None:
    made = a_customer(account)
    shown = account.api("GET", f"{RECORDS}/customer/{made}").json()["lastModifiedDate"]
    form = "YYYY-MM-DD HH24:MI:SS"
    query = f"SELECT TO_CHAR(lastmodifieddate, '{form}') AS at FROM customer WHERE id = ?"
    account.set_up(timeZone="Asia/Kolkata")
    [row] = account.rows(query, made)
    utc, own = (time.strptime(text, "%Y-%m-%d %H:%M:%S") for text in (shown[:19].replace("T", " "), row["at"]))
    assert time.mktime(own) - time.mktime(utc) == 19_800
    since = f"SELECT id FROM customer WHERE lastmodifieddate >= TO_TIMESTAMP(?, '{form}')"
    assert account.rows(since, row["at"]) == [{"id": made}]
    assert account.rows(since, "2099-01-01 00:00:00") == []


def test_dates_are_read_in_the_users_format_and_no_other(account: Account) -> None:
    account.seed("invoices", 3)
    count = "SELECT COUNT(*) AS n FROM transaction WHERE trandate >= "
    assert account.rows(f"{count}'1/31/2024'") == [{"n": "3"}]
    assert account.rows(f"{count}TO_DATE('2024-01-31', 'YYYY-MM-DD')") == [{"n": "3"}]
    assert account.query(f"{count}'2024-01-31'")["status"] == 400
    account.set_up(dateFormat="YYYY-MM-DD")
    assert account.rows(f"{count}'2024-01-31'") == [{"n": "3"}]


def test_a_query_needs_its_header_pages_by_multiples_and_ends_at_the_cap(account: Account) -> None:
    ids = account.seed("accounts", 5)
    bare = account.api("POST", SUITEQL, json={"q": "SELECT id FROM customer"})
    assert (bare.status_code, bare.json()["o:errorDetails"][0]["o:errorCode"]) == (400, "INVALID_HEADER")
    for page in ("?limit=1001", "?limit=2&offset=3"):
        assert account.query("SELECT id FROM customer", page=page)["status"] == 400
    account.set_up(mostRows=4)
    page = account.query("SELECT id FROM customer ORDER BY id", page="?limit=2&offset=2")
    assert ([row["id"] for row in page["items"]], page["hasMore"], page["totalResults"]) == (ids[2:4], False, 4)
    assert account.query("SELECT id FROM customer ORDER BY id", page="?limit=2&offset=4")["status"] == 400


def test_rows_without_an_order_come_in_none(account: Account) -> None:
    ids = account.seed("accounts", 50)
    found = [row["id"] for row in account.rows("SELECT id, email FROM customer")]
    assert (sorted(found, key=int), found == ids) == (ids, False)


@pytest.mark.parametrize("query", ["DELETE FROM customer", "SELECT id FROM customer LIMIT 1", "SELECT id; SELECT 1"])
def test_what_suiteql_has_not_is_refused(account: Account, query: str) -> None:
    assert account.query(query)["status"] == 400


def test_the_role_hides_tables_and_forbids_records(account: Account) -> None:
    account.set_up(missingPermissions=["ADMI_DELETEDRECORD", "TRAN_CUSTINVC"])
    assert "was not found" in account.query("SELECT recordid FROM deletedrecord")["o:errorDetails"][0]["detail"]
    refused = account.api("GET", f"{RECORDS}/invoice")
    assert (refused.status_code, refused.json()["o:errorDetails"][0]["o:errorCode"]) == (403, "INSUFFICIENT_PERMISSION")


def test_a_deletion_leaves_a_row_among_the_deleted(account: Account) -> None:
    made = a_customer(account)
    account.person("DELETE", f"accounts/{made}")
    assert account.rows("SELECT recordid, type, deletedby FROM deletedrecord") == [
        {"recordid": made, "type": "customer", "deletedby": "34"}
    ]


def test_a_user_of_another_language_has_to_ask_for_the_companys(account: Account) -> None:
    account.set_up(userLanguage="it_IT")
    refused = account.api("GET", f"{RECORDS}/customer")
    assert refused.json()["o:errorDetails"][0]["o:errorCode"] == "INVALID_HEADER"
    assert account.api("GET", f"{RECORDS}/customer", headers={"Accept-Language": "en-US"}).status_code == 200


@pytest.mark.parametrize(("currency", "amount"), [("6", 12.5), ("1", 0.005), ("7", 0.0005)])
def test_amounts_have_the_decimals_of_their_currency(account: Account, currency: str, amount: float) -> None:
    customer = a_customer(account, currency={"id": currency})
    line = {"item": {"id": "11"}, "quantity": 1, "amount": amount}
    body = {"entity": {"id": customer}, "item": {"items": [line]}}
    refused = account.api("POST", f"{RECORDS}/invoice", json=body)
    assert (refused.status_code, "amount" in refused.json()["o:errorDetails"][0]["detail"]) == (400, True)


def test_faults_have_the_vendors_shape_and_a_limit_holds(account: Account) -> None:
    fault = {"match": {"method": "GET", "path": "/customer"}, "fault": "rate_limit", "times": 1, "retryAfter": 0.2}
    account.tell("faults", fault)
    for _ in range(2):
        limited = account.api("GET", f"{RECORDS}/customer")
        assert (limited.status_code, limited.json()["o:errorCode"]) == (429, "USER_ERROR")
        assert "retry-after" not in limited.headers
    deadline = time.monotonic() + 10
    while account.api("GET", f"{RECORDS}/customer").status_code == 429:
        assert time.monotonic() < deadline
    account.tell("faults", {**fault, "fault": "error_500"})
    assert account.api("GET", f"{RECORDS}/customer").json()["o:errorDetails"][0]["o:errorCode"] == "UNEXPECTED_ERROR"


def test_the_script_tells_what_others_save_and_signs_it(account: Account) -> None:
    taken: list[tuple[dict[str, str], bytes]] = []
    done = Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((dict(self.headers.items()), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            if len(taken) == 3:
                done.set()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        account.tell("webhooks", {"url": f"http://127.0.0.1:{server.server_port}/hooks", "secret": "test-secret-0001"})
        ours = a_customer(account)
        account.person("PATCH", f"accounts/{ours}", {"phone": "+44 555 0100"})
        theirs = account.person("POST", "accounts", {"companyName": "Told Works", "subsidiary": {"id": "1"}})
        account.person("DELETE", f"accounts/{theirs['id']}")
        arrived = done.wait(20)
        account.tell("webhooks", {"url": None})
        server.shutdown()
        serving.join()
    assert arrived
    for headers, body in taken:
        lower = {name.lower(): value for name, value in headers.items()}
        signed = lower["x-alguna-timestamp"].encode() + b"." + body
        digest = hmac.new(b"test-secret-0001", signed, hashlib.sha256).hexdigest()
        assert lower["x-alguna-signature"] == f"v1={digest}"
        assert lower["x-alguna-delivery"] == json.loads(body)["id"]
    events = {event["event"]: event for event in (json.loads(body) for _, body in taken)}
    assert set(events) == {"create", "edit", "delete"}
    assert (events["edit"]["recordId"], events["edit"]["changed"]) == (ours, ["phone"])
    assert events["edit"]["executionContext"] == "USERINTERFACE"


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    for run in range(2):
        sandbox = SandboxThread("netsuite", data_dir=tmp_path)
        sandbox.start()
        with httpx.Client(base_url=sandbox.url, trust_env=False) as control:
            account = Account(sandbox.url, control)
            ids = account.seed("payments", 3)
            if run == 0:
                account.connect()
                kept, credentials = ids, account.credentials
            account.credentials = credentials
            assert account.rows("SELECT COUNT(*) AS n FROM nexttransactionlinelink") == [{"n": "3"}]
        sandbox.stop()
        assert ids == kept


def test_seeds_are_the_companies_of_all_sandboxes(account: Account) -> None:
    [payment] = account.seed("payments", 1, offset=2)
    sample = company(7, 2)
    [customer] = account.person("GET", "accounts")["data"]
    assert (customer["email"], customer["currency"]["refName"]) == (sample.contacts[0].email, sample.currency)
    [invoice] = account.person("GET", "invoices")["data"]
    assert invoice["subtotal"] == float(sum(line.unit_price * line.quantity for line in sample.lines))
    assert account.person("GET", f"payments/{payment}")["payment"] == pytest.approx(invoice["total"] / 2, abs=0.01)


def test_a_person_replaces_a_record_and_is_told_what_is_wrong(account: Account) -> None:
    made = a_customer(account, email="a@plain-harbor.example", comments="x")
    replaced = account.person("PUT", f"accounts/{made}", {"companyName": "Only Ltd"})
    assert ("comments" in replaced, "email" in replaced, replaced["companyName"]) == (False, False, "Only Ltd")
    refused = account.control.patch(f"/_sandbox/records/accounts/{made}", json={"email": "none"})
    assert (refused.status_code, "Invalid email" in refused.json()["detail"]) == (400, True)
