"""The HubSpot sandbox's wire: versions of the paths, official files, limits, index lag, errors, signed webhooks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from hubspot.utils.signature import Signature

from sandbox.hubspot.calls import DATES
from sandbox.hubspot.events import signed
from sandbox.kit.companies import company
from sandbox.kit.limits import Limits
from sandbox.kit.testing import SandboxThread
from tests.openapi import hubspot as official
from tests.sandbox.hubspot_portal import Portal, running_portal

COMPANIES = "/crm/v3/objects/companies"


@pytest.fixture(scope="module")
def running() -> Iterator[Portal]:
    with running_portal() as portal:
        yield portal


@pytest.fixture
def portal(running: Portal) -> Portal:
    running.control.post("/_sandbox/reset").raise_for_status()
    running.control.delete("/_sandbox/faults")
    running.tell("behaviour", {"indexLagSeconds": 0})
    running.connect()
    return running


def path_of(kind: str, version: str, rest: str = "") -> str:
    """An object's path in a version; the deals files are written with the type id (sheet 0)."""
    return f"/crm/v3/objects/{kind}{rest}" if version == "v3" else f"/crm/objects/{version}/{kind}{rest}"


@pytest.mark.parametrize("version", ["v3", *DATES])
@pytest.mark.parametrize(("kind", "name"), [("companies", "companies"), ("contacts", "contacts"), ("0-3", "deals")])
def test_answers_are_what_the_official_files_say(portal: Portal, kind: str, name: str, version: str) -> None:
    spec = official(f"{name}.{version}")
    title = {"companies": "name", "contacts": "firstname", "0-3": "dealname"}[kind]
    own = {"dealstage": "qualifiedtobuy"} if kind == "0-3" else {}

    def call(method: str, rest: str, body: Any = None, query: str = "") -> Any:
        path = path_of(kind, version, rest)
        if body is not None:
            spec.check_request(method, path, body)
        answer = portal.api(method, path + query, **({} if body is None else {"json": body}))
        shown = answer.json() if answer.content else None
        spec.check_response(method, path, answer.status_code, shown)
        return shown

    made = call("POST", "", {"properties": {title: "One", "alguna_id": "k1", **own}, "associations": []})
    batch = {"inputs": [{"properties": {title: "Two", **own}, "associations": [], "objectWriteTraceId": "1"}]}
    batch["inputs"].append({"properties": {"nope": "x"}, "associations": [], "objectWriteTraceId": "2"})
    partial = call("POST", "/batch/create", batch)
    assert (len(partial["results"]), partial["numErrors"]) == (1, 1)
    call("GET", f"/{made['id']}")
    call("GET", f"/{made['id']}x")
    call("GET", "", query=f"?limit=1&properties={title},city&archived=False")
    call("PATCH", f"/{made['id']}", {"properties": {title: "New"}})
    read = {"inputs": [{"id": "k1"}], "idProperty": "alguna_id", "properties": [title], "propertiesWithHistory": []}
    call("POST", "/batch/read", read)
    call("POST", "/batch/update", {"inputs": [{"id": made["id"], "properties": {title: "Newer"}}]})
    upsert = {"inputs": [{"id": "k2", "idProperty": "alguna_id", "properties": {title: "K2", **own}}]}
    call("POST", "/batch/upsert", upsert)
    filters = [{"filters": [{"propertyName": title, "operator": "EQ", "value": "k2"}]}]
    search = {"filterGroups": filters, "sorts": [], "properties": [], "limit": 5, "after": "0"}
    assert call("POST", "/search", search)["total"] == 1
    call("POST", "/batch/archive", {"inputs": [{"id": made["id"]}]})


def test_batches_with_failures_are_207_until_2026_09(portal: Portal) -> None:
    body = {"inputs": [{"id": "404404"}], "properties": []}
    statuses = [
        portal.api("POST", path_of("companies", version, "/batch/read"), json=body).status_code
        for version in ("v3", *DATES)
    ]
    assert statuses == [207, 207, 200]


def test_required_rules_hold_from_2026_09_on(portal: Portal) -> None:
    portal.set_up(requiredOnCreate={"companies": ["domain"]})
    body = {"properties": {"name": "No domain"}}
    statuses = [portal.api("POST", path_of("companies", version), json=body).status_code for version in ("v3", *DATES)]
    assert statuses == [201, 201, 400]


def test_an_object_has_many_names_and_an_unknown_one_is_refused(portal: Portal) -> None:
    company = portal.make(name="Named")
    for alias in ("companies", "company", "COMPANY", "0-2"):
        assert portal.api("GET", f"/crm/v3/objects/{alias}/{company}").json()["id"] == company
    refused = portal.api("GET", "/crm/v3/objects/xyz/1")
    assert (refused.status_code, refused.json()["message"]) == (400, "Unable to infer object type from: xyz")


def test_a_search_sees_writes_later_and_reads_by_id_at_once(portal: Portal) -> None:
    portal.tell("behaviour", {"indexLagSeconds": 30})
    company = portal.make(name="Late", alguna_id="c1")
    assert portal.search("companies")["total"] == 0
    read = {"inputs": [{"id": "c1"}], "idProperty": "alguna_id", "properties": ["name"]}
    assert portal.api("POST", f"{COMPANIES}/batch/read", json=read).json()["results"][0]["id"] == company
    assert [row["id"] for row in portal.api("GET", COMPANIES).json()["results"]] == [company]


def test_a_search_pages_to_the_cap_and_not_past_it(portal: Portal) -> None:
    portal.seed("accounts", 3)
    assert portal.search("companies", limit=200, after="9800")["total"] == 3
    for body in ({"limit": 200, "after": "9801"}, {"limit": 201}, {"limit": 1, "query": "x" * 3000}):
        assert portal.api("POST", f"{COMPANIES}/search", json=body).status_code == 400
    many = [{"filters": [{"propertyName": "name", "operator": "EQ", "value": "x"}] * 4}] * 5
    assert portal.api("POST", f"{COMPANIES}/search", json={"filterGroups": many}).status_code == 400
    cursor = portal.api("POST", f"{COMPANIES}/search", json={"after": "a-list-cursor"})
    assert "Cannot deserialize value of type" in cursor.json()["message"]


def test_text_is_found_in_lower_case_and_options_as_they_are(portal: Portal) -> None:
    portal.make(name="Mixed Case", industry="RETAIL")
    for value, found in (("mixed case", 1), ("Mixed Case", 0)):
        among = {"propertyName": "name", "operator": "IN", "values": [value]}
        assert portal.search("companies", among)["total"] == found
    assert portal.search("companies", {"propertyName": "name", "operator": "EQ", "value": "MIXED case"})["total"] == 1
    assert portal.search("companies", {"propertyName": "industry", "operator": "EQ", "value": "retail"})["total"] == 0


def test_ids_of_one_millisecond_are_paged_by_their_number(portal: Portal) -> None:
    inputs = [{"properties": {"name": f"Row {number}"}} for number in range(100)]
    portal.api("POST", f"{COMPANIES}/batch/create", json={"inputs": inputs})
    seen: list[str] = []
    last = "0"
    while page := portal.search(
        "companies",
        {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "0"},
        {"propertyName": "hs_object_id", "operator": "GT", "value": last},
        sorts=["hs_object_id"],
        limit=30,
    )["results"]:
        seen += [row["id"] for row in page]
        last = seen[-1]
    assert len(seen) == len(set(seen)) == 100
    assert len({row["updatedAt"] for row in portal.api("GET", f"{COMPANIES}?limit=100").json()["results"]}) == 1


def test_missing_scopes_are_named(portal: Portal) -> None:
    portal.set_up(missingScopes=["crm.objects.deals.read"])
    refused = portal.api("GET", "/crm/v3/objects/deals")
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.deals.read"]}


def test_limits_answer_in_two_shapes_and_private_apps_hear_of_the_day() -> None:
    with running_portal(Limits(enabled=True, scale=0.1)) as portal:
        portal.connect()
        answers = [portal.api("GET", COMPANIES) for _ in range(12)]
        assert [answer.status_code for answer in answers] == [200] * 11 + [429]
        assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "11"
        assert "X-HubSpot-RateLimit-Daily" not in answers[0].headers
        body = answers[-1].json()
        assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
        assert "Retry-After" not in answers[-1].headers
        searches = [portal.api("POST", f"{COMPANIES}/search", json={}) for _ in range(3)]
        assert [answer.status_code for answer in searches] == [200, 429, 429]
        assert searches[-1].json()["category"] == "RATE_LIMITS"
        assert "X-HubSpot-RateLimit-Max" not in searches[0].headers
        private = portal.person("GET", "setup/portal")["privateAppToken"]
        own = portal.api("GET", COMPANIES, token=private)
        assert own.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "62499"


def test_errors_of_the_gateway_are_html(portal: Portal) -> None:
    portal.tell("faults", {"fault": "error_503", "times": 1})
    answer = portal.api("GET", COMPANIES)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")


def test_too_many_properties_make_the_url_too_long(portal: Portal) -> None:
    names = ",".join(f"property_number_{number}" for number in range(1000))
    assert portal.api("GET", f"{COMPANIES}?properties={names}").status_code == 414


def test_an_association_moves_no_modification_time(portal: Portal) -> None:
    [company], [contact] = portal.seed("accounts", 1), portal.seed("contacts", 1, offset=20)
    before = portal.person("GET", f"contacts/{contact}")
    after = portal.person("PATCH", f"contacts/{contact}", {"associations": [company]})
    assert after["associations"] == {"companies": [{"id": company, "types": [1, 279]}]}
    assert after["updatedAt"] == before["updatedAt"]


def test_a_refresh_can_rotate_and_the_old_token_still_works(portal: Portal) -> None:
    portal.set_up(refreshTokenRotation=True)
    old = portal.credentials["refreshToken"]
    first = portal.token(grant_type="refresh_token", refresh_token=old).json()
    assert first["refresh_token"] != old
    again = portal.token("/oauth/v1/token", grant_type="refresh_token", refresh_token=old)
    assert again.status_code == 200
    inspected = portal.token("/oauth/v3/token/introspect", token=first["access_token"]).json()
    assert (inspected["active"], inspected["hub_id"]) == (True, first["hub_id"])
    assert portal.token("/oauth/v3/token/introspect", token="CK-1.unknown").json() == {"active": False}
    wrong = portal.token(grant_type="refresh_token", refresh_token=old, client_secret="no")
    assert (wrong.status_code, wrong.json()["status"]) == (400, "BAD_CLIENT_SECRET")


def test_the_consent_page_gives_a_code_that_becomes_tokens(portal: Portal) -> None:
    query = {"client_id": portal.credentials["clientId"], "redirect_uri": "http://127.0.0.1/back", "state": "s"}
    page = portal.control.get("/oauth/authorize", params=query)
    assert "Connect app" in page.text
    sent = portal.control.post("/oauth/authorize", params=query, data={"decision": "allow"}, follow_redirects=False)
    code = httpx.URL(sent.headers["location"]).params["code"]
    form = {"grant_type": "authorization_code", "redirect_uri": query["redirect_uri"]}
    tokens = portal.token(**form, code=code).json()
    assert portal.api("GET", COMPANIES, token=tokens["access_token"]).status_code == 200
    assert portal.token(**form, code=code).json()["status"] == "BAD_AUTH_CODE"


def test_webhooks_carry_the_signature_that_the_official_helper_takes(portal: Portal) -> None:
    taken: list[tuple[dict[str, str], str]] = []
    done = Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()
            if len(taken) == 3:
                done.set()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/hooks"
        portal.tell("webhooks", {"url": url, "secret": "test-secret-0001"})
        made = portal.person("POST", "accounts", {"properties": {"name": "Told Works"}})
        portal.api("PATCH", f"{COMPANIES}/{made['id']}", json={"properties": {"city": "Hull"}})
        portal.person("DELETE", f"accounts/{made['id']}")
        arrived = done.wait(20)
        portal.tell("webhooks", {"url": None})
        server.shutdown()
        serving.join()
    assert arrived
    for headers, body in taken:
        assert Signature.is_valid(
            signature=headers["x-hubspot-signature-v3"],
            client_secret="test-secret-0001",
            request_body=body,
            http_uri=url,
            signature_version="v3",
            timestamp=headers["x-hubspot-request-timestamp"],
        )
    events = [event for _, body in taken for event in json.loads(body)]
    kinds = {event["subscriptionType"]: event for event in events}
    assert set(kinds) == {"company.creation", "company.propertyChange", "company.deletion"}
    assert all(event["objectId"] == int(made["id"]) for event in events)
    city = next(event for event in events if event.get("propertyName") == "city")
    assert (city["propertyValue"], city["changeSource"], city["sourceId"]) == (
        "Hull",
        "INTEGRATION",
        str(city["appId"]),
    )
    assert re.fullmatch(r"userId:\d+", kinds["company.deletion"]["sourceId"])


def test_a_uri_is_decoded_where_hubspot_decodes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.hubspot.events.time.time", lambda: 1790000000.0)
    body = b'[{"eventId":1,"objectId":7}]'
    base = "https://sync.example.test/hooks/hubspot"
    values = [signed(url, body, "test-secret-0001")["X-HubSpot-Signature-v3"] for url in (base, f"{base}?t=a%40b.c")]
    assert values == ["rpPHbI/Xugg5ik2bEAMcPWJ6E0MlUg8JTN5IwZG6Y/s=", "jYeAVaw6B0vDa0DCEkrY5ywWBPlyMr7aXtWAn35swoI="]


def test_a_person_edits_restores_and_merges_under_another_name(portal: Portal) -> None:
    ours = portal.make(name="Ours", phone="1")
    theirs = portal.person("POST", "accounts", {"properties": {"name": "Theirs"}})
    assert theirs["properties"]["hs_object_source"] == "CRM_UI"
    edited = portal.person("PATCH", f"accounts/{ours}", {"properties": {"name": "Edited"}})
    assert (edited["properties"]["name"], edited["properties"]["phone"]) == ("Edited", "1")
    replaced = portal.person("PUT", f"accounts/{ours}", {"properties": {"name": "Only"}})
    assert "phone" not in replaced["properties"]
    refused = portal.control.patch(f"/_sandbox/records/accounts/{ours}", json={"properties": {"industry": "?"}})
    assert (refused.status_code, "INVALID_OPTION" in refused.json()["detail"]) == (400, True)
    portal.person("DELETE", f"accounts/{ours}")
    assert portal.person("GET", "accounts")["total"] == 1
    assert portal.person("GET", "accounts?deleted=true")["total"] == 2
    portal.person("PATCH", f"accounts/{ours}", {"archived": False})
    [contact] = portal.seed("contacts", 1)
    portal.person("PATCH", f"contacts/{contact}", {"associations": [ours]})
    portal.person("PATCH", f"accounts/{ours}", {"mergedInto": theirs["id"]})
    assert portal.person("GET", f"contacts/{contact}")["associations"]["companies"][0]["id"] == theirs["id"]
    assert portal.api("GET", f"{COMPANIES}/{ours}").json()["id"] == theirs["id"]


def test_the_state_outlives_the_process(tmp_path: Path) -> None:
    for run in range(2):
        sandbox = SandboxThread("hubspot", data_dir=tmp_path)
        sandbox.start()
        with httpx.Client(base_url=sandbox.url, trust_env=False) as control:
            portal = Portal(sandbox.url, control)
            ids = portal.seed("contacts", 3)
            if run == 0:
                portal.connect()
                kept, token = ids, portal.credentials["accessToken"]
                new = {"name": "ref", "label": "Ref", "groupName": "contactinformation"}
                more = {"type": "string", "fieldType": "text", "hasUniqueValue": True}
                portal.api("POST", "/crm/v3/properties/contacts", json={**new, **more})
            assert portal.person("GET", f"contacts/{ids[2]}")["associations"]["companies"]
            assert portal.api("GET", "/crm/v3/properties/contacts/ref", token=token).json()["hasUniqueValue"]
        sandbox.stop()
        assert ids == kept


def test_seeds_are_the_companies_of_all_sandboxes(portal: Portal) -> None:
    [company_id] = portal.seed("accounts", 1, offset=4)
    sample = company(7, 4)
    row = portal.person("GET", f"accounts/{company_id}")["properties"]
    assert (row["domain"], row["city"]) == (sample.domain, sample.address.city)
    [contact] = portal.seed("contacts", 1, offset=8)
    assert portal.person("GET", f"contacts/{contact}")["properties"]["email"] == sample.contacts[0].email
