"""The HubSpot sandbox against hubspot-api-client, unchanged: an independent witness of the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hubspot.crm.associations.v4 import AssociationSpec, BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.companies import ApiException as CompaniesError
from hubspot.crm.companies import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts import ApiException as ContactsError
from hubspot.crm.properties import PropertyCreate
from hubspot.oauth import ApiException as OAuthError
from urllib3.util.retry import Retry

from tests.sandbox.hubspot_portal import Client, Portal, running_portal


@pytest.fixture(scope="module")
def running() -> Iterator[Portal]:
    with running_portal() as portal:
        yield portal


@pytest.fixture
def portal(running: Portal) -> Portal:
    running.control.post("/_sandbox/reset").raise_for_status()
    running.control.delete("/_sandbox/faults")
    running.connect()
    return running


@pytest.fixture
def hub(portal: Portal) -> Client:
    return portal.client()


def made(hub: Client, kind: str = "companies", **properties: str) -> str:
    body = SimplePublicObjectInputForCreate(properties=properties, associations=[])
    return str(getattr(hub.crm, kind).basic_api.create(body).id)


def body_of(caught: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(caught.value.body)
    return body


def test_creates_reads_updates_and_archives_a_record(hub: Client) -> None:
    api = hub.crm.companies.basic_api
    company_id = made(hub, name="Plain Harbor Ltd", domain="plain-harbor.example")
    row = api.get_by_id(company_id, properties=["name", "phone", "website", "no_such_property"])
    assert row.properties["name"] == "Plain Harbor Ltd"
    assert row.properties["phone"] is None
    assert row.properties["website"] == "plain-harbor.example", "the domain fills in the website"
    assert "no_such_property" not in row.properties
    assert row.properties["hs_object_id"] == row.id == company_id
    assert not row.archived

    changed = api.update(company_id, SimplePublicObjectInput(properties={"phone": "+44 555 0100", "name": ""}))
    assert changed.properties == {
        "name": None,
        "phone": "+44 555 0100",
        "hs_object_id": company_id,
        "hs_lastmodifieddate": changed.properties["hs_lastmodifieddate"],
    }
    assert changed.updated_at > row.updated_at

    api.archive(company_id)
    with pytest.raises(CompaniesError) as gone:
        api.get_by_id(company_id)
    assert (gone.value.status, body_of(gone)["message"]) == (404, "resource not found")
    archived = api.get_by_id(company_id, archived=True)
    assert archived.archived
    assert archived.archived_at is not None
    api.archive(company_id)


def test_pages_through_a_list_and_its_recycle_bin(hub: Client, portal: Portal) -> None:
    ids = portal.seed("accounts", 23)
    for record_id in ids[:3]:
        hub.crm.companies.basic_api.archive(record_id)
    first = hub.crm.companies.basic_api.get_page(limit=15, properties=["name", "domain"])
    assert [row.id for row in first.results] == ids[3:18]
    assert first.paging.next.after == ids[18]
    second = hub.crm.companies.basic_api.get_page(limit=15, after=first.paging.next.after)
    assert [row.id for row in second.results] == ids[18:]
    assert second.paging is None
    assert [row.id for row in hub.crm.companies.get_all()] == ids[3:]
    bin_page = hub.crm.companies.basic_api.get_page(archived=True)
    assert [(row.id, row.archived) for row in bin_page.results] == [(one, True) for one in ids[:3]]


def test_searches_with_filters_a_sort_and_offsets(hub: Client, portal: Portal) -> None:
    portal.seed("subscriptions", 40)
    open_deal = {"propertyName": "dealstage", "operator": "NEQ", "value": "closedwon"}
    large = {"propertyName": "amount", "operator": "GTE", "value": "20000"}
    sort = {"propertyName": "amount", "direction": "DESCENDING"}
    request = PublicObjectSearchRequest(
        filter_groups=[{"filters": [open_deal]}, {"filters": [large]}],
        sorts=[sort],
        properties=["amount", "dealstage"],
        limit=5,
    )
    rows, after = [], None
    while True:
        request.after = after
        page = hub.crm.deals.search_api.do_search(request)
        rows += page.results
        if page.paging is None:
            break
        after = page.paging.next.after
    amounts = [float(row.properties["amount"]) for row in rows]
    assert page.total == len(rows) > 5
    assert amounts == sorted(amounts, reverse=True)
    assert all(row.properties["dealstage"] != "closedwon" or float(row.properties["amount"]) >= 20000 for row in rows)


def test_batches_create_read_update_and_upsert_by_the_unique_property(hub: Client) -> None:
    api = hub.crm.companies.batch_api
    inputs = [{"properties": {"name": f"Row {n}", "alguna_id": f"c{n}"}, "associations": []} for n in range(5)]
    created = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    by_key = {row.properties["alguna_id"]: row.id for row in created.results}
    assert sorted(by_key) == ["c0", "c1", "c2", "c3", "c4"]

    wanted = [{"id": "c1"}, {"id": "c9"}]
    read = api.read(
        BatchReadInputSimplePublicObjectId(
            inputs=wanted, id_property="alguna_id", properties=["name"], properties_with_history=[]
        )
    )
    assert [row.id for row in read.results] == [by_key["c1"]]
    assert read.errors[0].context == {"ids": ["c9"]}

    updates = [{"id": by_key["c1"], "properties": {"name": "Changed"}}]
    assert api.update(BatchInputSimplePublicObjectBatchInput(inputs=updates)).results[0].properties["name"] == "Changed"

    upserts = [
        {"id": "c1", "idProperty": "alguna_id", "properties": {"name": "Again"}},
        {"id": "c7", "idProperty": "alguna_id", "properties": {"name": "New"}},
    ]
    laid = api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=upserts))
    assert {row.properties["name"]: row.new for row in laid.results} == {"Again": False, "New": True}

    api.archive(BatchInputSimplePublicObjectId(inputs=[{"id": by_key["c0"]}]))
    assert len(hub.crm.companies.get_all()) == 5


def test_a_batch_is_all_or_nothing_without_trace_ids_and_partial_with_them(hub: Client) -> None:
    api = hub.crm.contacts.batch_api
    held = made(hub, "contacts", email="Held@Mail.Example")
    rows = [{"email": "held@mail.example"}, {"email": "no address"}, {"email": "free@mail.example"}]
    inputs = [{"properties": row, "associations": []} for row in rows]
    with pytest.raises(ContactsError) as refused:
        api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert refused.value.status == 400
    assert body_of(refused)["errors"][0]["code"] == "INVALID_EMAIL"
    with pytest.raises(ContactsError) as refused:
        api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=[inputs[0], inputs[2]]))
    assert (refused.value.status, body_of(refused)["message"]) == (409, "Contact already exists")
    assert len(hub.crm.contacts.get_all()) == 1

    traced = [{**one, "objectWriteTraceId": f"row-{place}"} for place, one in enumerate(inputs)]
    answer = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=traced))
    assert [row.properties["email"] for row in answer.results] == ["free@mail.example"]
    assert answer.num_errors == 2
    contexts = {error.category: error.context for error in answer.errors}
    assert contexts == {
        "CONFLICT": {"objectWriteTraceId": ["row-0"], "existingId": [held]},
        "VALIDATION_ERROR": {"objectWriteTraceId": ["row-1"]},
    }


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nothing": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"numberofemployees": "many"}, "INVALID_LONG"),
        ({"industry": "Retail"}, "INVALID_OPTION"),
        ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
    ],
)
def test_bad_values_are_named(hub: Client, properties: dict[str, str], code: str) -> None:
    with pytest.raises(CompaniesError) as refused:
        made(hub, name="Bad", **properties)
    body = body_of(refused)
    assert (refused.value.status, body["category"]) == (400, "VALIDATION_ERROR")
    embedded = json.loads(body["message"].removeprefix("Property values were not valid: "))
    assert [(one["name"], one["error"]) for one in embedded] == [(next(iter(properties)), code)]
    assert body["errors"][0]["code"] == code


def test_a_taken_key_is_refused_with_the_record_that_holds_it(hub: Client) -> None:
    first = made(hub, name="First", alguna_id="c1")
    with pytest.raises(CompaniesError) as refused:
        made(hub, name="Second", alguna_id="c1")
    assert refused.value.status == 400
    assert f"{first} already has that value." in body_of(refused)["message"]
    person = made(hub, "contacts", email="one@mail.example")
    with pytest.raises(ContactsError) as conflict:
        made(hub, "contacts", email="ONE@mail.example")
    assert (conflict.value.status, body_of(conflict)["category"]) == (409, "CONFLICT")
    assert body_of(conflict)["message"] == f"Contact already exists. Existing ID: {person}"


def test_a_repeated_id_refuses_the_whole_batch(hub: Client) -> None:
    one = made(hub, name="Once")
    inputs = [{"id": one, "properties": {"name": name}} for name in ("A", "B")]
    with pytest.raises(CompaniesError) as refused:
        hub.crm.companies.batch_api.update(BatchInputSimplePublicObjectBatchInput(inputs=inputs))
    assert body_of(refused)["message"] == f"Duplicate IDs found in batch input: [{one}]. IDs must be unique"


def test_associates_by_default_and_by_label(hub: Client) -> None:
    company, other = made(hub, name="One"), made(hub, name="Two")
    contact = made(hub, "contacts", email="person@mail.example")
    v4 = hub.crm.associations.v4
    v4.basic_api.create_default("contacts", contact, "companies", company)
    spec = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)]
    v4.basic_api.create("contacts", contact, "companies", other, spec)

    page = v4.basic_api.get_page("contacts", contact, "companies")
    held = {int(one.to_object_id): [kind.type_id for kind in one.association_types] for one in page.results}
    assert held == {int(company): [279], int(other): [279, 1]}
    read = v4.batch_api.get_page(
        "companies", "contacts", BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": other}, {"id": company}])
    )
    assert {one._from.id: int(one.to[0].to_object_id) for one in read.results} == {
        company: int(contact),
        other: int(contact),
    }
    row = hub.crm.contacts.basic_api.get_by_id(contact, associations=["companies"])
    assert {one.id for one in row.associations["companies"].results} == {company, other}

    v4.basic_api.archive("contacts", contact, "companies", company)
    page = v4.basic_api.get_page("contacts", contact, "companies")
    assert [int(one.to_object_id) for one in page.results] == [int(other)]


def test_a_create_takes_its_association_along(hub: Client) -> None:
    company = made(hub, name="Parent")
    link = {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]}
    body = SimplePublicObjectInputForCreate(
        properties={"dealname": "Deal", "dealstage": "qualifiedtobuy"}, associations=[link]
    )
    deal = hub.crm.deals.basic_api.create(body)
    assert deal.properties["pipeline"] == "default"
    page = hub.crm.associations.v4.basic_api.get_page("deals", deal.id, "companies")
    assert [kind.type_id for kind in page.results[0].association_types] == [341, 5]


def test_a_merge_leaves_one_record_that_knows_the_other(hub: Client) -> None:
    keep, lose = made(hub, name="Keep"), made(hub, name="Lose", phone="123")
    hub.crm.companies.basic_api.merge(PublicMergeInput(primary_object_id=keep, object_id_to_merge=lose))
    row = hub.crm.companies.basic_api.get_by_id(lose, properties=["name", "phone", "hs_merged_object_ids"])
    assert row.id == keep
    assert (row.properties["name"], row.properties["phone"]) == ("Keep", "123")
    assert row.properties["hs_merged_object_ids"] == lose
    stage = {"dealstage": "qualifiedtobuy"}
    first, second = (made(hub, "deals", dealname=name, **stage) for name in ("A", "B"))
    merged = hub.crm.deals.basic_api.merge(PublicMergeInput(primary_object_id=first, object_id_to_merge=second))
    assert merged.id not in (first, second), "deals that merge get a new id"


def test_describes_properties_pipelines_and_owners(hub: Client) -> None:
    found = {one.name: one for one in hub.crm.properties.core_api.get_all("companies").results}
    assert found["alguna_id"].has_unique_value
    assert found["hs_object_id"].modification_metadata.read_only_value
    assert hub.crm.owners.owners_api.get_page().results[0].email == "sales@portal.example"
    stages = hub.crm.pipelines.pipelines_api.get_all("deals").results[0].stages
    assert [stage.id for stage in stages][-2:] == ["closedwon", "closedlost"]
    new = PropertyCreate(
        name="billing_ref", label="Ref", group_name="dealinformation", type="string", field_type="text",
        has_unique_value=True,
    )  # fmt: skip
    assert hub.crm.properties.core_api.create("deals", new).has_unique_value
    made(hub, "deals", dealname="D", dealstage="qualifiedtobuy", billing_ref="r1")
    assert hub.crm.deals.basic_api.get_by_id("r1", id_property="billing_ref").properties["dealname"] == "D"


def test_a_contact_is_found_and_forgotten_by_its_address(hub: Client) -> None:
    person = made(hub, "contacts", email="A+B@mail.example", firstname="Ada")
    row = hub.crm.contacts.basic_api.get_by_id("a+b@mail.example", id_property="email")
    assert (row.id, row.properties["email"]) == (person, "a+b@mail.example")
    hub.crm.contacts.basic_api.purge({"objectId": person})
    for archived in (False, True):
        with pytest.raises(ContactsError):
            hub.crm.contacts.basic_api.get_by_id(person, archived=archived)


def test_tokens_come_from_a_refresh_and_die(hub: Client, portal: Portal) -> None:
    own = {
        "client_id": portal.credentials["clientId"],
        "client_secret": portal.credentials["clientSecret"],
        "refresh_token": portal.credentials["refreshToken"],
        "grant_type": "refresh_token",
    }
    tokens = hub.oauth.tokens_api.create(**own)
    assert (tokens.refresh_token, tokens.expires_in) == (own["refresh_token"], 1800)
    assert hub.oauth.access_tokens_api.get(tokens.access_token).hub_id
    portal.tell("auth", {"action": "expire_access_token"})
    with pytest.raises(CompaniesError) as expired:
        hub.crm.companies.basic_api.get_page()
    assert (expired.value.status, body_of(expired)["category"]) == (401, "EXPIRED_AUTHENTICATION")
    hub.access_token = hub.oauth.tokens_api.create(**own).access_token
    assert hub.crm.companies.basic_api.get_page().results == []
    portal.tell("auth", {"action": "revoke_grant"})
    with pytest.raises(OAuthError) as dead:
        hub.oauth.tokens_api.create(**own)
    assert body_of(dead)["status"] == "BAD_REFRESH_TOKEN"
    with pytest.raises(CompaniesError) as refused:
        hub.crm.companies.basic_api.get_page()
    assert body_of(refused)["category"] == "INVALID_AUTHENTICATION"


def test_the_clients_own_retries_ride_out_a_rate_limit(portal: Portal) -> None:
    hub = portal.client(retry=Retry(total=3, status_forcelist=(429, 502), allowed_methods=None, backoff_factor=0.01))
    rule = {"fault": "rate_limit", "times": 2, "match": {"path": "/search"}}
    portal.tell("faults", rule)
    assert hub.crm.companies.search_api.do_search(PublicObjectSearchRequest(limit=1)).total == 0
