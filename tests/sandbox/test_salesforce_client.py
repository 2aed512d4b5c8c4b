"""The Salesforce sandbox against simple-salesforce, unchanged: an independent witness of the wire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id, format_soql

from tests.sandbox.salesforce_org import Client, Org, content_of, running_org


@pytest.fixture(scope="module")
def running() -> Iterator[Org]:
    with running_org() as org:
        yield org


@pytest.fixture
def org(running: Org) -> Org:
    running.control.post("/_sandbox/reset").raise_for_status()
    running.connect()
    return running


@pytest.fixture
def sf(org: Org) -> Client:
    return org.client()


def test_creates_reads_updates_and_deletes_a_row(sf: Client) -> None:
    made = sf.Account.create({"Name": "  Plain Harbor Ltd ", "Phone": "", "MRR__c": 12.345, "BillingCity": "Hull"})
    assert made["success"]
    assert len(made["id"]) == 18

    row = sf.Account.get(made["id"])
    assert row["Name"] == "Plain Harbor Ltd"
    assert row["Phone"] is None
    assert row["MRR__c"] == 12.35
    assert row["BillingAddress"]["city"] == "Hull"
    assert row["SystemModstamp"].endswith(".000+0000")
    assert row["attributes"] == {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{made['id']}"}

    assert sf.Account.update(made["id"], {"BillingCity": None, "Phone": "+44 555 0100"}) == 204
    row = sf.Account.get(made["id"][:15])
    assert row["BillingAddress"] is None
    assert row["Phone"] == "+44 555 0100"

    assert sf.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get(made["id"])
    with pytest.raises(SalesforceResourceNotFound) as deleted_twice:
        sf.Account.delete(made["id"])
    assert content_of(deleted_twice) == [
        {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}
    ]


def test_pages_through_more_rows_than_one_page_holds(org: Org, sf: Client) -> None:
    ids = org.seed("accounts", 4_500)
    first = sf.query("SELECT Id, Name, Owner.Name FROM Account")
    assert (first["totalSize"], first["done"], len(first["records"])) == (4_500, False, 2_000)
    assert first["nextRecordsUrl"].startswith("/services/data/v66.0/query/0r8")
    found = sf.query_all("SELECT Id, Name, Owner.Name FROM Account")
    assert sorted(row["Id"] for row in found["records"]) == sorted(ids)
    assert {row["Owner"]["Name"] for row in found["records"]} == {"Sample Person"}


def test_queries_with_the_operators_of_soql(sf: Client) -> None:
    for name, mrr in (("Alpha % Ltd", 10), ("alpha_beta", 20), ("O'Neill \\ Sons", None)):
        sf.Account.create({"Name": name, "MRR__c": mrr})

    def names(where: str) -> list[str]:
        return [row["Name"] for row in sf.query(f"SELECT Name FROM Account WHERE {where} ORDER BY Name")["records"]]

    assert names("MRR__c > 10") == ["alpha_beta"]
    assert names("MRR__c != 10") == ["alpha_beta", "O'Neill \\ Sons"]
    assert names("MRR__c = null OR (MRR__c <= 20 AND NOT Name LIKE '%beta')") == ["Alpha % Ltd", "O'Neill \\ Sons"]
    assert names("Name = 'ALPHA_BETA'") == ["alpha_beta"]
    assert names(r"Name LIKE 'alpha\_%'") == ["alpha_beta"]
    assert names(r"Name LIKE '%\%%'") == ["Alpha % Ltd"]
    assert names("Name NOT IN ('Alpha % Ltd', 'alpha_beta')") == ["O'Neill \\ Sons"]
    assert names(format_soql("Name = {}", "O'Neill \\ Sons")) == ["O'Neill \\ Sons"]
    assert len(names("CreatedDate > 2020-01-01T00:00:00+01:00 AND IsDeleted = false")) == 3
    second = sf.query("SELECT Name FROM Account ORDER BY MRR__c DESC NULLS LAST, Id LIMIT 1 OFFSET 1")["records"]
    assert [row["Name"] for row in second] == ["Alpha % Ltd"]
    assert sf.query("SELECT count() FROM Account WHERE Name LIKE 'alpha%'")["totalSize"] == 2
    grouped = sf.query("SELECT IsDeleted, COUNT(Id), MAX(MRR__c) top FROM Account GROUP BY IsDeleted")["records"]
    assert grouped == [{"attributes": {"type": "AggregateResult"}, "IsDeleted": False, "expr0": 3, "top": 20.0}]


def test_upserts_by_external_id_with_characters_that_need_encoding(sf: Client) -> None:
    key = "cus/1 ü+?"
    path = format_external_id("Alguna_Customer_ID__c", key)
    assert sf.Account.upsert(path, {"Name": "Made"}) == 201
    assert sf.Account.upsert(path, {"Name": "Changed"}) == 200
    rows = sf.query_all(format_soql("SELECT Name FROM Account WHERE Alguna_Customer_ID__c = {}", key))["records"]
    assert [row["Name"] for row in rows] == ["Changed"]
    assert sf.Account.get(path)["Name"] == "Changed"

    with pytest.raises(SalesforceMalformedRequest) as named_twice:
        sf.Account.upsert(path, {"Name": "x", "Alguna_Customer_ID__c": key})
    assert content_of(named_twice)[0]["message"] == (
        "The Alguna_Customer_ID__c field should not be specified in the sobject data."
    )
    with pytest.raises(SalesforceResourceNotFound) as no_key:
        sf.Account.upsert("Phone/1", {"Name": "x"})
    assert content_of(no_key)[0]["message"] == ("Provided external ID field does not exist or is not accessible: Phone")


def test_a_key_that_names_several_rows_is_refused_and_nothing_written(sf: Client) -> None:
    for first in ("Ada", "Alba"):
        sf.Contact.create({"LastName": "Same", "FirstName": first, "Email": "same@plain.example"})
    with pytest.raises(SalesforceMoreThanOneRecord) as several:
        sf.Contact.upsert("Email/same@plain.example", {"Title": "Director"})
    assert len(content_of(several)) == 2
    assert content_of(several)[0].startswith("/services/data/v66.0/sobjects/Contact/003")
    assert sf.query("SELECT count() FROM Contact WHERE Title != null")["totalSize"] == 0


def test_deleting_an_account_takes_its_children_and_query_all_still_sees_them(org: Org, sf: Client) -> None:
    account = sf.Account.create({"Name": "Parent"})["id"]
    contact = sf.Contact.create({"LastName": "Child", "FirstName": "Ada", "AccountId": account})["id"]
    deal = sf.Opportunity.create(
        {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-11-01", "AccountId": account, "Amount": 80}
    )["id"]
    assert sf.Contact.get(contact)["Name"] == "Ada Child"
    row = sf.Opportunity.get(deal)
    assert (row["IsClosed"], row["IsWon"], row["Probability"], row["Fiscal"]) == (True, True, 100.0, "2026 4")
    assert row["ExpectedRevenue"] == 80.0

    sf.Account.delete(account)
    assert sf.query("SELECT Id FROM Contact")["totalSize"] == 0
    gone = sf.query_all("SELECT Id, IsDeleted, Account.Name FROM Contact", include_deleted=True)["records"]
    assert [(one["Id"], one["IsDeleted"]) for one in gone] == [(contact, True)]
    assert sf.query_all("SELECT Id FROM Opportunity WHERE IsDeleted = true", include_deleted=True)["totalSize"] == 1

    end = datetime.now(UTC) + timedelta(minutes=2)
    deleted = sf.Contact.deleted(end - timedelta(minutes=10), end)
    assert [one["id"] for one in deleted["deletedRecords"]] == [contact]
    assert sf.Contact.updated(end - timedelta(minutes=10), end)["ids"] == []


def test_collections_answer_per_row(sf: Client) -> None:
    rows = [
        {"attributes": {"type": "Account"}, "Name": "Good"},
        {"attributes": {"type": "Account"}, "Name": "x" * 256},
        {"attributes": {"type": "Contact"}, "FirstName": "Nameless"},
        {"Name": "Typeless"},
    ]
    results = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
    assert [result["success"] for result in results] == [True, False, False, False]
    assert results[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "STRING_TOO_LONG",
                "message": f"Account Name: data value too large: {'x' * 256} (max length=255)",
                "fields": ["Name"],
            }
        ],
    }
    assert [result["errors"][0]["statusCode"] for result in results[2:]] == [
        "REQUIRED_FIELD_MISSING",
        "JSON_PARSER_ERROR",
    ]


def test_describe_tells_what_can_be_written(sf: Client) -> None:
    assert {one["name"] for one in sf.describe()["sobjects"]} >= {"Account", "Contact", "Opportunity", "User"}
    fields = {one["name"]: one for one in sf.Account.describe()["fields"]}
    marker = fields["Alguna_Customer_ID__c"]
    assert (marker["externalId"], marker["unique"], marker["caseSensitive"], marker["length"]) == (
        True,
        True,
        True,
        255,
    )
    assert (fields["MRR__c"]["type"], fields["MRR__c"]["precision"], fields["MRR__c"]["scale"]) == ("currency", 18, 2)
    assert not fields["BillingAddress"]["createable"]
    assert fields["BillingStreet"]["compoundFieldName"] == "BillingAddress"
    required = [
        one["name"]
        for one in sf.Opportunity.describe()["fields"]
        if one["createable"] and not one["nillable"] and not one["defaultedOnCreate"]
    ]
    assert required == ["Name", "StageName", "CloseDate"]
    children = {one["childSObject"]: one["cascadeDelete"] for one in sf.Account.describe()["childRelationships"]}
    assert children["Contact"]
    assert sf.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"


def test_limits_and_usage_are_told(sf: Client) -> None:
    before = sf.limits()["DailyApiRequests"]
    sf.query("SELECT Id FROM Account")
    after = sf.limits()["DailyApiRequests"]
    assert before["Max"] == 150_000
    assert before["Remaining"] - after["Remaining"] == 2
    usage = sf.api_usage["api-usage"]
    assert (usage.used, usage.total) == (150_000 - after["Remaining"], 150_000)


@pytest.mark.parametrize(
    ("values", "code", "fields"),
    [
        ({"Phone": "1"}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"Name": "A", "Email__c": "not an address"}, "INVALID_EMAIL_ADDRESS", ["Email__c"]),
        ({"Name": "A", "MRR__c": ""}, "JSON_PARSER_ERROR", None),
        ({"Name": "A", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR", None),
        ({"Name": 5}, "JSON_PARSER_ERROR", None),
        ({"Name": "A", "Nonsense": 1}, "INVALID_FIELD", None),
        (
            {"Name": "A", "SystemModstamp": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["SystemModstamp"],
        ),
        ({"Name": "A", "BillingAddress": {"city": "Hull"}}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["BillingAddress"]),
        ({"Name": "A", "ParentId": "003000000000000AAA"}, "MALFORMED_ID", ["ParentId"]),
        ({"Name": "A", "ParentId": "001000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
        ({"Name": "A", "MRR__c": 10**17}, "NUMBER_OUTSIDE_VALID_RANGE", ["MRR__c"]),
    ],
)
def test_refuses_bad_values(sf: Client, values: dict[str, object], code: str, fields: list[str] | None) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Account.create(values)
    assert content_of(refused)[0]["errorCode"] == code
    assert content_of(refused)[0].get("fields") == fields
    assert sf.query("SELECT count() FROM Account")["totalSize"] == 0


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"StageName": "Nonsense"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"CloseDate": "2026-11-01T00:00:00Z"}, "JSON_PARSER_ERROR"),
        ({"CloseDate": ""}, "JSON_PARSER_ERROR"),
        ({"CloseDate": None}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_refuses_bad_opportunities(sf: Client, values: dict[str, object], code: str) -> None:
    good = {"Name": "Deal", "StageName": "Qualification", "CloseDate": "2026-11-01"}
    made = sf.Opportunity.create(good)["id"]
    with pytest.raises(SalesforceMalformedRequest) as not_made:
        sf.Opportunity.create({**good, **values})
    with pytest.raises(SalesforceMalformedRequest) as not_changed:
        sf.Opportunity.update(made, values)
    assert [content_of(caught)[0]["errorCode"] for caught in (not_made, not_changed)] == [code, code]


def test_a_unique_key_is_taken_once_with_regard_to_case_until_its_row_is_deleted(sf: Client) -> None:
    first = sf.Account.create({"Name": "One", "Alguna_Customer_ID__c": "cus_a"})["id"]
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Account.create({"Name": "Two", "Alguna_Customer_ID__c": "cus_a"})
    assert content_of(refused) == [
        {
            "message": f"duplicate value found: Alguna_Customer_ID__c duplicates value on record with id: {first[:15]}",
            "errorCode": "DUPLICATE_VALUE",
            "fields": [],
        }
    ]
    sf.Account.create({"Name": "Other case", "Alguna_Customer_ID__c": "CUS_A"})
    sf.Account.delete(first)
    sf.Account.create({"Name": "Two", "Alguna_Customer_ID__c": "cus_a"})


def test_bad_queries_are_explained(sf: Client) -> None:
    with pytest.raises(SalesforceMalformedRequest) as unknown:
        sf.query("SELECT Id, Nonsense FROM Account")
    error = content_of(unknown)[0]
    assert error["errorCode"] == "INVALID_FIELD"
    assert error["message"].split("\n") == [
        "",
        "SELECT Id, Nonsense FROM Account",
        "           ^",
        "ERROR at Row:1:Column:12",
        "No such column 'Nonsense' on entity 'Account'. If you are attempting to use a custom field, be sure to append "
        "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate "
        "names.",
    ]
    for soql, code in (
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id FRM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'a'", "INVALID_FIELD"),
    ):
        with pytest.raises(SalesforceMalformedRequest) as refused:
            sf.query(soql)
        assert content_of(refused)[0]["errorCode"] == code, soql
    with pytest.raises(SalesforceGeneralError) as too_long:
        sf.query("SELECT Id FROM Account WHERE Name = '" + "x" * 17_000 + "'")
    assert too_long.value.status == 414


def test_logs_in_with_client_credentials_and_with_a_signed_assertion(org: Org) -> None:
    known = org.credentials
    login = {"consumer_key": known["clientId"], "consumer_secret": known["clientSecret"], "domain": "acme.my"}
    assert org.client(**login).query("SELECT Id FROM Account")["done"]
    signed = {"username": known["username"], "consumer_key": known["clientId"], "privatekey": known["privateKey"]}
    assert org.client(**signed, domain="test").Account.create({"Name": "By JWT"})["success"]

    with pytest.raises(SalesforceAuthenticationFailed, match="invalid client credentials"):
        org.client(**{**login, "consumer_secret": "wrong"})
    org.control.post("/_sandbox/auth", json={"action": "revoke_grant"})
    with (
        pytest.warns(UserWarning, match="self-authorize"),
        pytest.raises(SalesforceAuthenticationFailed, match="user hasn't approved this consumer"),
    ):
        org.client(**signed, domain="test")
    org.control.post("/_sandbox/auth", json={"action": "restore"})
    assert org.client(**signed, domain="test").query("SELECT Id FROM Account")["totalSize"] == 1


def test_an_expired_session_is_told(org: Org, sf: Client) -> None:
    org.control.post("/_sandbox/auth", json={"action": "expire_access_token"})
    with pytest.raises(SalesforceExpiredSession) as expired:
        sf.query("SELECT Id FROM Account")
    assert content_of(expired) == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_the_daily_allowance_ends(org: Org, sf: Client) -> None:
    org.control.post("/_sandbox/limits", json={"scale": 0.0002})
    for _ in range(3):
        sf.query("SELECT Id FROM Account")
    with pytest.raises(SalesforceRefusedRequest) as refused:
        sf.query("SELECT Id FROM Account")
    assert content_of(refused) == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
