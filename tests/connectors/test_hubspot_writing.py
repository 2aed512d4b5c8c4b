"""Writing to HubSpot: batches with outcomes by row, markers, associations, refusals of all kinds, missing markers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.hubspot.errors import failure_of
from connectors.hubspot.writer import refusal, refused
from connectors.protocols import Connector, WriteResult, WriteStatus
from core.errors import ErrorType, Permission, Transient
from core.records import Entity, Operation, OperationKind, Side
from tests.connectors.support import Control, operation

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE


def op(
    number: int, entity: Entity, kind: OperationKind, values: dict[str, Any] | None = None, **more: Any
) -> Operation:
    return operation(number, entity, kind, Side.EXTERNAL, values, **more)


async def send(connector: Connector, *operations: Operation) -> dict[int, WriteResult]:
    """Send operations and return the results by operation."""
    await connector.describe(operations[0].entity)
    results: dict[int, WriteResult] = {}
    for request in connector.plan(operations, {}):
        results |= {one.operation_id: one for one in await connector.send(request, operations, [])}
    assert results.keys() == {one.id for one in operations}
    return results


async def test_rows_are_told_apart_in_whatever_order_they_come(hubspot: Control, hubspot_connector: Connector) -> None:
    creates = [op(n, Entity.ACCOUNTS, CREATE, {"name": f"Works {n}"}) for n in range(1, 251)]
    results = await send(hubspot_connector, *creates)
    assert {one.status for one in results.values()} == {WriteStatus.DONE}
    assert len(await hubspot.calls("/batch/create")) == 3
    for number in (1, 100, 250):
        row = await hubspot.record(Entity.ACCOUNTS, str(results[number].target_id))
        assert row["properties"]["name"] == f"Works {number}"
        assert row["properties"]["alguna_id"] == f"source-{number}"
        record = results[number].record
        assert record is not None
        assert record.fields == {"name": f"Works {number}"}


async def test_i2_the_same_create_again_names_the_record_that_is_there(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    first = await send(hubspot_connector, op(1, Entity.ACCOUNTS, CREATE, {"name": "One"}))
    again = await send(
        hubspot_connector,
        op(2, Entity.ACCOUNTS, CREATE, {"name": "Two"}),
        op(3, Entity.ACCOUNTS, CREATE, {"name": "Over"}, source_id="source-1"),
    )
    assert (again[2].status, again[3].status) == (WriteStatus.DONE, WriteStatus.EXISTS)
    assert again[3].target_id == first[1].target_id
    assert (await hubspot.record(Entity.ACCOUNTS, str(first[1].target_id)))["properties"]["name"] == "One"


async def test_i2_a_contact_made_twice_is_found_by_its_marker_and_a_strangers_address_is_a_duplicate(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    mine = op(1, Entity.CONTACTS, CREATE, {"email": "ada@mail.example"})
    first = (await send(hubspot_connector, mine))[1]
    stranger = (await hubspot.create(Entity.CONTACTS, {"properties": {"email": "held@mail.example"}}))["id"]
    results = await send(
        hubspot_connector,
        op(2, Entity.CONTACTS, CREATE, {"email": "Ada@mail.example"}, source_id="source-1"),
        op(3, Entity.CONTACTS, CREATE, {"email": "HELD@mail.example"}),
        op(4, Entity.CONTACTS, CREATE, {"email": "free@mail.example"}),
    )
    assert (results[2].status, results[2].target_id) == (WriteStatus.EXISTS, first.target_id)
    assert results[4].status is WriteStatus.DONE
    failure = results[3].failure
    assert failure is not None
    assert (results[3].status, failure.type) == (WriteStatus.REJECTED, ErrorType.DUPLICATE)
    assert stranger in failure.message


@pytest.mark.parametrize(("entity", "types"), [(Entity.CONTACTS, [1, 279]), (Entity.SUBSCRIPTIONS, [5, 341])])
async def test_a_create_belongs_to_its_company_at_once(
    hubspot: Control, hubspot_connector: Connector, entity: Entity, types: list[int]
) -> None:
    [company] = await hubspot.seed(Entity.ACCOUNTS, 1)
    values = {"email": "a@mail.example"} if entity is Entity.CONTACTS else {"dealname": "D", "dealstage": "closedwon"}
    results = await send(hubspot_connector, op(1, entity, CREATE, values, parent_id=company))
    row = await hubspot.record(entity, str(results[1].target_id))
    assert row["associations"] == {"companies": [{"id": company, "types": types}]}
    assert len([call for call in await hubspot.calls() if call["method"] != "GET"]) == 1


async def test_a_bad_row_does_not_hold_back_the_others(hubspot: Control, hubspot_connector: Connector) -> None:
    ids = await hubspot.seed(Entity.ACCOUNTS, 2)
    results = await send(
        hubspot_connector,
        op(1, Entity.ACCOUNTS, UPDATE, {"industry": "Nonsense"}, target_id=ids[0]),
        op(2, Entity.ACCOUNTS, UPDATE, {"city": None, "numberofemployees": 12}, target_id=ids[1]),
        op(3, Entity.ACCOUNTS, UPDATE, {"city": "Hull"}, target_id="404"),
        op(4, Entity.ACCOUNTS, CREATE, {"name": "Fine", "nothing": "x"}),
        op(5, Entity.ACCOUNTS, CREATE, {"name": "Fine"}),
    )
    statuses = {number: one.status for number, one in results.items()}
    assert statuses == {
        1: WriteStatus.REJECTED,
        2: WriteStatus.DONE,
        3: WriteStatus.NOT_FOUND,
        4: WriteStatus.REJECTED,
        5: WriteStatus.DONE,
    }
    failures = {number: results[number].failure for number in (1, 4)}
    assert {n: (f.type, f.field, f.vendor_code) for n, f in failures.items() if f} == {
        1: (ErrorType.FIELD_VALIDATION, "industry", "INVALID_OPTION"),
        4: (ErrorType.FIELD_VALIDATION, "nothing", "PROPERTY_DOESNT_EXIST"),
    }
    row = (await hubspot.record(Entity.ACCOUNTS, ids[1]))["properties"]
    assert ("city" in row, row["numberofemployees"]) == (False, "12")


async def test_the_reply_tells_what_was_kept(hubspot: Control, hubspot_connector: Connector) -> None:
    results = await send(hubspot_connector, op(1, Entity.CONTACTS, CREATE, {"email": "Mixed@Mail.Example"}))
    record = results[1].record
    assert record is not None
    assert record.fields == {"email": "mixed@mail.example"}
    assert hubspot_connector.normalise(Entity.CONTACTS, {"email": "Mixed@Mail.Example", "firstname": ""}) == {
        "email": "mixed@mail.example",
        "firstname": None,
    }


async def test_locked_rows_are_tried_again(hubspot: Control, hubspot_connector: Connector) -> None:
    await hubspot.fault("partial_failure", "/batch/create", times=1)
    creates = [op(n, Entity.ACCOUNTS, CREATE, {"name": f"Row {n}"}) for n in range(1, 5)]
    results = await send(hubspot_connector, *creates)
    assert [one.status for one in results.values()].count(WriteStatus.RETRY) == 2
    again = await send(hubspot_connector, *(one for one in creates if results[one.id].status is WriteStatus.RETRY))
    assert {one.status for one in again.values()} == {WriteStatus.DONE}


async def test_archiving_puts_into_the_bin_however_often(hubspot: Control, hubspot_connector: Connector) -> None:
    [company] = await hubspot.seed(Entity.ACCOUNTS, 1)
    for number in (1, 2):
        results = await send(hubspot_connector, op(number, Entity.ACCOUNTS, ARCHIVE, target_id=company))
        assert results[number].status is WriteStatus.DONE
    assert await hubspot.total(Entity.ACCOUNTS) == 0


async def test_two_writes_to_one_record_go_in_two_requests(hubspot_connector: Connector) -> None:
    twice = [op(n, Entity.ACCOUNTS, UPDATE, {"city": str(n)}, target_id="7") for n in (1, 2)]
    assert [request.operation_ids for request in hubspot_connector.plan(twice, {})] == [(1,), (2,)]


def answered(status: int, body: object) -> httpx.Response:
    request = httpx.Request("POST", "http://127.0.0.1/crm/v3/objects/contacts/batch/create")
    return httpx.Response(status, json=body, request=request)


def test_a_refusal_without_row_numbers_finds_the_guilty_row_by_its_value() -> None:
    rows = [op(n, Entity.CONTACTS, CREATE, {"email": email}) for n, email in enumerate(("a", "b@mail.example"), 1)]
    embedded = '[{"isValid":false,"message":"Email address a is invalid","error":"INVALID_EMAIL","name":"email"'
    message = f'Property values were not valid: {embedded},"propertyValue":"a"}}]'
    body = {"status": "error", "message": message, "category": "VALIDATION_ERROR"}
    found = {one.operation_id: one.status for one in refused(answered(400, body), rows)}
    assert found == {1: WriteStatus.REJECTED, 2: WriteStatus.RETRY}
    taken = "Cannot set PropertyValueCoordinates{portalId=1, objectTypeId=0-1, propertyName=alguna_id, value=source-2}"
    body = {"status": "error", "message": f"{taken} on 9001. 8123 already has that value."}
    results = {one.operation_id: one for one in refused(answered(400, body), rows)}
    assert results[1].status is WriteStatus.RETRY
    assert (results[2].status, results[2].target_id) == (WriteStatus.EXISTS, "8123")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"category": "CONFLICT", "message": "Contact already exists. Existing ID: 601"}, ErrorType.DUPLICATE),
        ({"category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects"}, ErrorType.NOT_FOUND),
        ({"category": "VALIDATION_ERROR", "message": "8 already has that value."}, ErrorType.DUPLICATE),
        ({"category": "VALIDATION_ERROR", "message": "anything"}, ErrorType.FIELD_VALIDATION),
        ({"category": "RATE_LIMITS", "message": "limit"}, ErrorType.RATE_LIMIT),
        ({"category": "MISSING_SCOPES", "message": "scopes"}, ErrorType.PERMISSION),
        ({"message": "something new"}, ErrorType.TRANSIENT),
    ],
)
def test_items_of_a_batch_are_judged_by_category(body: dict[str, Any], expected: ErrorType) -> None:
    assert failure_of(body).type() is expected
    result = refusal(op(1, Entity.CONTACTS, CREATE, {}), failure_of(body))
    retried = expected in (ErrorType.TRANSIENT, ErrorType.RATE_LIMIT)
    assert (result.status is WriteStatus.RETRY) is retried


async def test_an_answer_that_leaves_out_a_row_has_an_unknown_outcome(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    create = op(1, Entity.ACCOUNTS, CREATE, {"name": "One"})
    [request] = hubspot_connector.plan([create], {})
    await hubspot.fault("malformed_body", "/batch/create", "POST")
    with pytest.raises(Transient) as unclear:
        await hubspot_connector.send(request, [create], [])
    assert unclear.value.outcome_unknown


async def test_a_missing_scope_is_a_permission_error(hubspot: Control, hubspot_connector: Connector) -> None:
    await hubspot.post("records/setup", {"missingScopes": ["crm.objects.companies.write"]})
    create = op(1, Entity.ACCOUNTS, CREATE, {"name": "One"})
    [request] = hubspot_connector.plan([create], {})
    with pytest.raises(Permission, match="scopes"):
        await hubspot_connector.send(request, [create], [])


async def test_a_missing_marker_is_made_at_connect_where_the_app_may(
    hubspot: Control, hubspot_connector: Connector
) -> None:
    given = await hubspot.credentials()
    headers = {"Authorization": f"Bearer {given['accessToken']}"}
    async with httpx.AsyncClient(base_url=hubspot.url, headers=headers, trust_env=False) as http:
        for kind in ("companies", "deals"):
            await http.delete(f"/crm/v3/properties/{kind}/alguna_id")
    await hubspot.post("records/setup", {"missingScopes": ["crm.schemas.deals.write"]})
    await hubspot_connector.check()
    assert "alguna_id" in (await hubspot_connector.describe(Entity.ACCOUNTS)).fields
    assert "alguna_id" not in (await hubspot_connector.describe(Entity.SUBSCRIPTIONS)).fields
    results = await send(hubspot_connector, op(1, Entity.ACCOUNTS, CREATE, {"name": "Marked"}))
    assert results[1].status is WriteStatus.DONE
