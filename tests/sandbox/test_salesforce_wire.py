"""The Salesforce sandbox where clients leave off: cursors, conditions, Collections, Composite."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

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


def account(name: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, "Name": name, **values}


# Queries


def test_a_locator_dies_with_the_session_that_made_it(org: Org) -> None:
    org.seed("accounts", 450)
    options: dict[str, Any] = {
        "headers": {"Sforce-Query-Options": "batchSize=200"},
        "params": {"q": "SELECT Id FROM Account"},
    }
    page = org.api("GET", "query/", **options).json()
    assert (len(page["records"]), page["totalSize"]) == (200, 450)
    following = org.api("GET", page["nextRecordsUrl"]).json()
    assert following["nextRecordsUrl"].endswith("-400")
    tokens = org.token(grant_type="refresh_token", refresh_token=org.credentials["refreshToken"]).json()
    stale = org.api("GET", page["nextRecordsUrl"], token=tokens["access_token"])
    assert (stale.status_code, stale.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_the_eleventh_open_cursor_closes_the_first(org: Org) -> None:
    org.seed("accounts", 201)
    options: dict[str, Any] = {
        "headers": {"Sforce-Query-Options": "batchSize=1"},
        "params": {"q": "SELECT Id FROM Account"},
    }
    urls = [org.api("GET", "query", **options).json()["nextRecordsUrl"] for _ in range(11)]
    gone = org.api("GET", urls[0])
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert org.api("GET", urls[1]).json()["done"]


def test_keyset_walk_through_rows_of_one_second_misses_nothing(org: Org) -> None:
    ids = org.seed("accounts", 700)
    found: list[str] = []
    where = "SystemModstamp > 2020-01-01T00:00:00Z"
    while True:
        soql = f"SELECT Id, SystemModstamp FROM Account WHERE {where} ORDER BY SystemModstamp ASC, Id ASC LIMIT 200"
        rows = org.query(soql)["records"]
        if not rows:
            break
        found += [row["Id"] for row in rows]
        stamp, last = rows[-1]["SystemModstamp"].replace("+0000", "Z"), rows[-1]["Id"]
        where = f"((SystemModstamp = {stamp} AND Id > '{last}') OR SystemModstamp > {stamp})"
    assert found == sorted(found)
    assert sorted(found) == sorted(ids)


def test_late_commits_are_found_by_key_at_once_and_by_scans_only_later(org: Org) -> None:
    record_id = org.make("Early")
    org.behave(commitLagSeconds=1)
    org.control.patch(f"/_sandbox/records/accounts/{record_id}", json={"Name": "Late"})
    scan = "SELECT Name FROM Account WHERE SystemModstamp > 2020-01-01T00:00:00Z"
    assert [row["Name"] for row in org.query(scan)["records"]] == ["Early"]
    assert org.query(f"SELECT Name FROM Account WHERE Id = '{record_id}'")["records"][0]["Name"] == "Late"
    asked = datetime.now(UTC)
    while [row["Name"] for row in org.query(scan)["records"]] != ["Late"]:
        assert datetime.now(UTC) - asked < timedelta(seconds=10)
        time.sleep(0.05)
    stamp = org.api("GET", f"sobjects/Account/{record_id}").json()["SystemModstamp"]
    assert datetime.fromisoformat(stamp) <= asked


def test_hidden_fields_are_unknown(org: Org) -> None:
    record_id = org.make()
    org.set_up(hiddenFields=["Account.Phone"])
    described = org.api("GET", "sobjects/account/describe/").json()["fields"]
    assert "Phone" not in {field["name"] for field in described}
    assert org.api("GET", "query", params={"q": "SELECT Phone FROM Account"}).json()[0]["errorCode"] == "INVALID_FIELD"
    refused = org.api("PATCH", f"sobjects/Account/{record_id}", json={"Phone": "1"})
    assert refused.json()[0]["message"] == "No such column 'Phone' on sobject of type Account"


# Rows


def test_names_are_case_insensitive_and_slashes_may_trail(org: Org) -> None:
    record_id = org.make("Slash")
    assert org.api("GET", f"sobjects/ACCOUNT/{record_id}/", params={"fields": "nAmE"}).json()["Name"] == "Slash"
    assert org.api("PATCH", f"sobjects/account/{record_id}", json={"phone": "1"}).status_code == 204
    assert org.query("select PHONE from account")["records"][0]["Phone"] == "1"
    assert org.control.get("/services/data/").json()[-1]["version"] == "66.0"


def test_conditions_on_rows(org: Org) -> None:
    record_id = org.make()
    row = org.api("GET", f"sobjects/Account/{record_id}")
    modified = datetime.fromisoformat(row.json()["LastModifiedDate"])
    assert row.headers["last-modified"] == format_datetime(modified, usegmt=True)
    before = {"If-Unmodified-Since": format_datetime(modified - timedelta(seconds=1), usegmt=True)}
    same = {"If-Unmodified-Since": row.headers["last-modified"]}
    url = f"sobjects/Account/{record_id}"
    assert org.api("PATCH", url, json={"Phone": "1"}, headers=before).status_code == 412
    assert org.api("PATCH", url, json={"Phone": "1"}, headers={"If-Unmodified-Since": "soon"}).status_code == 400
    assert org.api("PATCH", url, json={"Phone": "1"}, headers={"If-Match": '"other"'}).status_code == 412
    assert org.api("PATCH", url, json={"Phone": "1"}, headers=same).status_code == 204
    assert org.api("GET", url, headers={"If-None-Match": org.api("GET", url).headers["etag"]}).status_code == 304
    contact = org.api("POST", "sobjects/Contact", json={"LastName": "Rowan"}).json()["id"]
    assert "etag" not in org.api("GET", f"sobjects/Contact/{contact}").headers


def test_links_by_the_parents_external_id(org: Org) -> None:
    parent = org.make(Alguna_Customer_ID__c="cus_1")
    child = org.api(
        "POST", "sobjects/Contact", json={"LastName": "Rowan", "Account": {"Alguna_Customer_ID__c": "cus_1"}}
    ).json()["id"]
    assert org.api("GET", f"sobjects/Contact/{child}").json()["AccountId"] == parent
    orphan = org.api("POST", "sobjects/Contact", json={"LastName": "R", "Account": {"Alguna_Customer_ID__c": "no"}})
    assert orphan.json()[0]["message"] == (
        "Foreign key external ID: no not found for field Alguna_Customer_ID__c in entity Account"
    )


def test_duplicate_rules_block_until_the_header_allows(org: Org) -> None:
    first = org.make("Same Name")
    org.set_up(duplicateRules=[{"sobject": "Account", "fields": ["Name"]}])
    refused = org.api("POST", "sobjects/Account", json={"Name": "same name"})
    assert refused.status_code == 400
    error = refused.json()[0]
    assert (error["errorCode"], error["message"]) == ("DUPLICATES_DETECTED", "Use one of these records?")
    assert error["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    allowed = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    assert org.api("POST", "sobjects/Account", json={"Name": "same name"}, headers=allowed).status_code == 201
    org.set_up(duplicateRules=[{"sobject": "Account", "fields": ["Name"], "allowSave": False}])
    assert org.api("POST", "sobjects/Account", json={"Name": "same name"}, headers=allowed).status_code == 400


# Collections and Composite


def test_collections_upsert_by_key(org: Org) -> None:
    url = "composite/sobjects/Account/Alguna_Customer_ID__c"
    rows = [account(f"N{number}", Alguna_Customer_ID__c=f"cus_{number}") for number in range(200)]
    first = org.api("PATCH", url, json={"allOrNone": False, "records": rows}).json()
    assert all(result["created"] and result["success"] for result in first)
    second = org.api("PATCH", url, json={"records": rows}).json()
    assert [(one["id"], one["created"]) for one in second] == [(one["id"], False) for one in first]
    over = org.api("PATCH", url, json={"records": [*rows, account("x", Alguna_Customer_ID__c="x")]})
    assert (over.status_code, over.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")

    rows = [account("A", Alguna_Customer_ID__c="d"), account("B", Alguna_Customer_ID__c="d"), account("C")]
    results = org.api("PATCH", url, json={"records": rows}).json()
    assert [result["errors"][0]["statusCode"] for result in results] == ["DUPLICATE_VALUE"] * 2 + ["MISSING_ARGUMENT"]
    assert all("id" not in result and result["created"] is False for result in results)


def test_collections_all_or_none_takes_everything_back(org: Org) -> None:
    record_id = org.make("Before")
    rows = [
        {"attributes": {"type": "Account"}, "id": record_id, "Name": "After"},
        {"attributes": {"type": "Account"}, "id": "001000000000001AAA", "Name": "Nobody"},
    ]
    results = org.api("PATCH", "composite/sobjects", json={"allOrNone": True, "records": rows}).json()
    codes = [result["errors"][0]["statusCode"] for result in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"]
    assert org.api("GET", f"sobjects/Account/{record_id}").json()["Name"] == "Before"
    org.api("PATCH", "composite/sobjects", json={"allOrNone": False, "records": rows})
    assert org.api("GET", f"sobjects/Account/{record_id}").json()["Name"] == "After"


def test_collections_read_and_delete_many(org: Org) -> None:
    one, two = org.make("One"), org.make("Two")
    body = {"ids": [two, "001000000000001AAA", one[:15]], "fields": ["Name"]}
    rows = org.api("POST", "composite/sobjects/Account", json=body).json()
    assert [row and row["Name"] for row in rows] == ["Two", None, "One"]
    assert org.api("GET", "composite/sobjects/Account", params={"ids": one, "fields": "Nope"}).status_code == 400
    results = org.api("DELETE", "composite/sobjects", params={"ids": f"{one},{one},{two}"}).json()
    assert [result["success"] for result in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"


def test_collections_take_ten_runs_of_types(org: Org) -> None:
    rows = [account("A"), {"attributes": {"type": "Contact"}, "LastName": "B"}] * 6
    assert org.api("POST", "composite/sobjects", json={"records": rows}).status_code == 400
    assert org.api("POST", "composite/sobjects", json={"records": rows[:10]}).status_code == 200


def test_the_partial_failure_fault_locks_some_rows(org: Org) -> None:
    match = {"method": "PATCH", "path": "composite/sobjects"}
    org.control.post("/_sandbox/faults", json={"match": match, "fault": "partial_failure", "times": 1})
    url = "composite/sobjects/Account/Alguna_Customer_ID__c"
    rows = [account(f"N{number}", Alguna_Customer_ID__c=f"cus_{number}") for number in range(5)]
    results = org.api("PATCH", url, json={"records": rows}).json()
    assert [result["success"] for result in results] == [False, True, True, False, True]
    assert results[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    again = org.api("PATCH", url, json={"records": rows}).json()
    assert [result["created"] for result in again] == [True, False, False, True, False]


def test_composite_refers_to_what_came_before(org: Org) -> None:
    calls = [
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "acc", "body": {"Name": "Parent"}},
        {
            "method": "POST",
            "url": f"{DATA}/sobjects/Contact",
            "referenceId": "con",
            "body": {"LastName": "Child", "AccountId": "@{acc.id}"},
        },
        {"method": "GET", "url": f"{DATA}/query?q=SELECT+Account.Name+FROM+Contact", "referenceId": "found"},
    ]
    answers = org.api("POST", "composite", json={"allOrNone": True, "compositeRequest": calls}).json()
    replies = {one["referenceId"]: one for one in answers["compositeResponse"]}
    assert [one["httpStatusCode"] for one in replies.values()] == [201, 201, 200]
    assert replies["found"]["body"]["records"][0]["Account"]["Name"] == "Parent"
    calls[2] = {"method": "GET", "url": f"{DATA}/sobjects/Account/001000000000001AAA", "referenceId": "found"}
    answers = org.api("POST", "composite", json={"allOrNone": True, "compositeRequest": calls}).json()
    assert [one["body"][0]["errorCode"] for one in answers["compositeResponse"]] == [
        "PROCESSING_HALTED",
        "PROCESSING_HALTED",
        "NOT_FOUND",
    ]
    assert org.query("SELECT count() FROM Account")["totalSize"] == 1
    stale = {"If-Unmodified-Since": "Tue, 10 Nov 2020 12:00:00 GMT"}
    change: dict[str, Any] = {
        "method": "PATCH",
        "url": f"{DATA}/sobjects/Account/{replies['acc']['body']['id']}",
        "referenceId": "a",
    }
    change |= {"body": {"Phone": "1"}, "httpHeaders": stale}
    answers = org.api("POST", "composite", json={"compositeRequest": [change]}).json()["compositeResponse"]
    assert answers[0]["httpStatusCode"] == 412
    batch = {"batchRequests": [{"method": "GET", "url": "v66.0/limits"}, {"method": "GET", "url": "v66.0/nothing"}]}
    result = org.api("POST", "composite/batch", json=batch).json()
    assert (result["hasErrors"], [one["statusCode"] for one in result["results"]]) == (True, [200, 404])
