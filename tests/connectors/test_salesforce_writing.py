"""Salesforce: rows of a batch stand for themselves, and each refusal becomes the outcome that helps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from connectors.protocols import Connector, Current, WriteRequest, WriteResult, WriteStatus
from core.errors import ErrorType, FieldValidation, Permission, RateLimit
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.support import Control, MemoryTokens, Services, operation

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE


def account(number: int, kind: OperationKind, target_id: str | None = None, **values: Value) -> Operation:
    return operation(number, Entity.ACCOUNTS, kind, Side.EXTERNAL, values, target_id=target_id)


async def write(
    connector: Connector, operations: Sequence[Operation], current: dict[int, Current] | None = None
) -> dict[int, WriteResult]:
    results: dict[int, WriteResult] = {}
    for request in connector.plan(operations, current or {}):
        results |= {one.operation_id: one for one in await connector.send(request, operations, [])}
    return results


def rows(request: WriteRequest) -> int:
    return len(request.operation_ids)


def test_operations_go_in_calls_of_200_and_one_record_never_twice_in_a_call(salesforce_connector: Connector) -> None:
    creates = [account(number, CREATE, Name="N") for number in range(1, 402)]
    assert [rows(request) for request in salesforce_connector.plan(creates, {})] == [200, 200, 1]
    twice = [account(1, UPDATE, "001000000000001AAA", Name="A"), account(2, UPDATE, "001000000000001AAA", Name="B")]
    assert [request.operation_ids for request in salesforce_connector.plan(twice, {})] == [(1,), (2,)]


async def test_one_bad_row_leaves_the_others_alone(salesforce: Control, salesforce_connector: Connector) -> None:
    results = await write(
        salesforce_connector,
        [
            account(1, CREATE, Name="Good"),
            account(2, CREATE, Name="x" * 256),
            account(3, CREATE, Name=None),
            account(4, CREATE, Name="Good too", Nothing__c="x"),
            account(5, CREATE, Name="Not a number", MRR__c="many"),
        ],
    )
    assert results[1].status is WriteStatus.DONE
    codes = {}
    for number in (2, 3, 4, 5):
        failure = results[number].failure
        assert results[number].status is WriteStatus.REJECTED
        assert failure is not None
        assert failure.type is ErrorType.FIELD_VALIDATION
        codes[number] = (failure.vendor_code, failure.field)
    assert codes[2] == ("STRING_TOO_LONG", "Name")
    assert codes[3] == ("REQUIRED_FIELD_MISSING", "Name")
    assert codes[4][0] == "INVALID_FIELD"
    assert codes[5][0] == "JSON_PARSER_ERROR"
    assert await salesforce.total(Entity.ACCOUNTS) == 1


async def test_numbers_are_sent_as_exact_json_numbers(salesforce: Control, salesforce_connector: Connector) -> None:
    create = account(1, CREATE, Name="Exact", MRR__c=Decimal("12345678901.10"))
    [request] = salesforce_connector.plan([create], {})
    assert '"MRR__c":12345678901.10' in request.body
    [made] = await salesforce_connector.send(request, [create], [])
    found = await salesforce_connector.read(Entity.ACCOUNTS, [str(made.target_id)], ["MRR__c"])
    assert found[str(made.target_id)].fields["MRR__c"] == Decimal("12345678901.1")


async def test_a_create_with_a_marker_in_use_tells_whose_it_is(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    held = await salesforce.create(Entity.ACCOUNTS, {"Name": "Held", "Alguna_Customer_ID__c": "source-2"})
    results = await write(salesforce_connector, [account(1, CREATE, Name="A"), account(2, CREATE, Name="B")])
    assert results[1].status is WriteStatus.DONE
    assert (results[2].status, results[2].target_id) == (WriteStatus.EXISTS, held["Id"])
    assert (await salesforce.record(Entity.ACCOUNTS, held["Id"]))["Name"] == "Held"


async def test_an_update_that_takes_anothers_marker_is_a_duplicate(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    await salesforce.create(Entity.ACCOUNTS, {"Name": "Held", "Alguna_Customer_ID__c": "cus_1"})
    other = await salesforce.create(Entity.ACCOUNTS, {"Name": "Other"})
    results = await write(salesforce_connector, [account(1, UPDATE, other["Id"], Alguna_Customer_ID__c="cus_1")])
    assert results[1].status is WriteStatus.REJECTED
    assert results[1].failure is not None
    assert results[1].failure.type is ErrorType.DUPLICATE


async def test_updates_and_archives_of_gone_rows(salesforce: Control, salesforce_connector: Connector) -> None:
    gone, kept, last = await salesforce.seed(Entity.ACCOUNTS, 3)
    await salesforce.delete(f"records/accounts/{gone}")
    results = await write(
        salesforce_connector,
        [
            account(1, UPDATE, gone, Name="X"),
            account(2, UPDATE, kept, Name="Y"),
            account(3, UPDATE, "001000000000000AAA", Name="Z"),
            account(4, ARCHIVE, gone),
            account(5, ARCHIVE, last),
        ],
    )
    assert {number: result.status.value for number, result in results.items()} == {
        1: "not_found", 2: "done", 3: "not_found", 4: "done", 5: "done",
    }  # fmt: skip
    found = await salesforce_connector.read(Entity.ACCOUNTS, [kept, last], ["Name"])
    assert (found[kept].fields["Name"], found[last].deleted) == ("Y", True)


async def test_rows_that_somebody_holds_are_to_be_tried_again(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    await salesforce.fault("partial_failure", "composite/sobjects", "POST", times=1)
    operations = [account(number, CREATE, Name=f"N{number}") for number in range(1, 5)]
    results = await write(salesforce_connector, operations)
    locked = [one for one in results.values() if one.status is WriteStatus.RETRY]
    done = [one for one in results.values() if one.status is WriteStatus.DONE]
    assert len(locked) == 2
    assert len(done) == 2
    assert all(one.failure and one.failure.vendor_code == "UNABLE_TO_LOCK_ROW" for one in locked)
    assert await salesforce.total(Entity.ACCOUNTS) == 2


async def test_a_duplicate_rule_and_a_validation_rule_of_the_admin(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    rules = {
        "duplicateRules": [{"sobject": "Account", "fields": ["Name"]}],
        "validationRules": [
            {"sobject": "Account", "field": "Phone", "pattern": r"\+.*", "message": "Phone must begin with +"}
        ],
    }
    await salesforce.post("records/setup", rules)
    await salesforce.create(Entity.ACCOUNTS, {"Name": "Twin"})
    results = await write(
        salesforce_connector, [account(1, CREATE, Name="Twin"), account(2, CREATE, Name="Caller", Phone="1")]
    )
    first, second = results[1].failure, results[2].failure
    assert first is not None
    assert second is not None
    assert (first.type, first.vendor_code) == (ErrorType.DUPLICATE, "DUPLICATES_DETECTED")
    assert (second.type, second.field, second.message) == (
        ErrorType.FIELD_VALIDATION, "Phone", "Phone must begin with +",
    )  # fmt: skip


async def test_a_duplicate_rule_that_only_alerts_lets_rows_pass_where_the_connection_says_so(
    salesforce: Control,
) -> None:
    alerts = {"sobject": "Account", "fields": ["Name"]}
    await salesforce.create(Entity.ACCOUNTS, {"Name": "Twin"})
    await salesforce.create(Entity.ACCOUNTS, {"Name": "Only"})
    outcomes: dict[int, WriteResult] = {}
    for setting, rule in (("allow", alerts), ("block", alerts), ("allow", {**alerts, "allowSave": False})):
        await salesforce.post("records/setup", {"duplicateRules": [rule]})
        values = {**await salesforce.credentials(), "duplicateRules": setting}
        connector = Services(MemoryTokens("int_salesforce", values)).connect("salesforce")
        number = len(outcomes) + 1
        outcomes |= await write(connector, [account(number, CREATE, Name="Twin" if number == 1 else "Only")])
        await connector.close()
    assert [one.status for one in outcomes.values()] == [WriteStatus.DONE, WriteStatus.REJECTED, WriteStatus.REJECTED]


async def test_a_duplicate_setting_that_there_is_not_is_refused_by_name(salesforce: Control) -> None:
    values = {**await salesforce.credentials(), "duplicateRules": "maybe"}
    connector = Services(MemoryTokens("int_salesforce", values)).connect("salesforce")
    with pytest.raises(FieldValidation, match=r"credentials\.duplicateRules"):
        await connector.check()
    await connector.close()


async def test_a_single_update_of_a_row_moved_since_it_was_read_does_not_happen(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    [record_id] = await salesforce.seed(Entity.ACCOUNTS, 1)
    update = account(1, UPDATE, record_id, Name="Ours")
    assert salesforce_connector.needs_current(update, age=11.0)
    assert not salesforce_connector.needs_current(update, age=9.0)
    current = await salesforce_connector.current([update], ["Name"])
    await asyncio.sleep(1.1)  # the guard sees whole seconds
    await salesforce.patch(Entity.ACCOUNTS, record_id, {"Name": "Theirs"})

    results = await write(salesforce_connector, [update], current)

    assert results[1].status is WriteStatus.MOVED
    assert (await salesforce.record(Entity.ACCOUNTS, record_id))["Name"] == "Theirs"


async def test_a_single_guarded_update_that_is_refused_names_the_field(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    [record_id] = await salesforce.seed(Entity.ACCOUNTS, 1)
    update = account(1, UPDATE, record_id, Name="x" * 300)
    results = await write(salesforce_connector, [update], await salesforce_connector.current([update], ["Name"]))
    assert results[1].status is WriteStatus.REJECTED
    assert results[1].failure is not None
    assert (results[1].failure.vendor_code, results[1].failure.field) == ("STRING_TOO_LONG", "Name")


async def test_children_are_created_under_their_parent(salesforce: Control, salesforce_connector: Connector) -> None:
    [parent] = await salesforce.seed(Entity.ACCOUNTS, 1)
    values: dict[str, Any] = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-01"}
    create = operation(1, Entity.SUBSCRIPTIONS, CREATE, Side.EXTERNAL, values, parent_id=parent)
    results = await write(salesforce_connector, [create])
    row = await salesforce.record(Entity.SUBSCRIPTIONS, str(results[1].target_id))
    assert (row["AccountId"], row["Alguna_Subscription_ID__c"]) == (parent, "source-1")


async def test_values_are_predicted_as_the_org_stores_them(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    await salesforce_connector.describe(Entity.ACCOUNTS)
    sent: dict[str, Value] = {"Name": "  Padded ", "MRR__c": Decimal("10.50"), "Phone": "", "NumberOfEmployees": "7"}
    create = operation(1, Entity.ACCOUNTS, CREATE, Side.EXTERNAL, sent)
    results = await write(salesforce_connector, [create])
    record_id = str(results[1].target_id)
    found = await salesforce_connector.read(Entity.ACCOUNTS, [record_id], list(sent))
    assert found[record_id].fields == salesforce_connector.normalise(Entity.ACCOUNTS, sent)


async def test_i6_a_process_that_has_not_read_the_fields_sends_no_amount_that_would_be_rounded(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    good, bad = (
        account(1, CREATE, Name="N", MRR__c=Decimal("1.50")),
        account(2, CREATE, Name="M", MRR__c=Decimal("1.505")),
    )
    [blind] = salesforce_connector.plan([good, bad], {})
    results = {one.operation_id: one for one in await salesforce_connector.send(blind, [good, bad], [])}
    assert (results[1].status, results[2].status) == (WriteStatus.RETRY, WriteStatus.REJECTED)
    assert results[2].failure is not None
    assert (results[2].failure.field, "1.505 would be rounded" in results[2].failure.message) == ("MRR__c", True)
    [told, request] = salesforce_connector.plan([good, bad], {})
    assert (told.operation_ids, request.operation_ids) == ((2,), (1,))
    assert [one.status for one in await salesforce_connector.send(told, [bad], [])] == [WriteStatus.REJECTED]
    assert [one.status for one in await salesforce_connector.send(request, [good], [])] == [WriteStatus.DONE]


async def test_the_api_switched_off_is_the_connections_failure_not_the_records(
    salesforce: Control, salesforce_connector: Connector
) -> None:
    [request] = salesforce_connector.plan([create := account(1, CREATE, Name="N")], {})
    await salesforce_connector.send(request, [create], [])
    await salesforce.post("records/setup", {"apiEnabled": False})
    with pytest.raises(Permission):
        await salesforce_connector.send(request, [create], [])


async def test_the_usage_header_reaches_the_budget_and_a_spent_day_is_told_as_such(
    salesforce: Control, salesforce_services: Services, salesforce_connector: Connector
) -> None:
    await salesforce.seed(Entity.ACCOUNTS, 1)
    await salesforce_connector.describe(Entity.ACCOUNTS)
    assert salesforce_services.budget.reports[-1][0] is not None
    await salesforce.post("limits", {"enabled": True, "scale": 0.0002})

    async def call_on() -> None:
        for _ in range(5):
            await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])

    with pytest.raises(RateLimit) as limited:
        await call_on()

    assert limited.value.quota
    assert salesforce_services.budget.blocks[-1] == (600.0, True)
    used, allowed = salesforce_services.budget.reports[-1]
    assert used is not None
    assert used == allowed == 3


async def test_too_many_calls_at_once_are_a_matter_of_seconds(
    salesforce: Control, salesforce_services: Services, salesforce_connector: Connector
) -> None:
    await salesforce_connector.describe(Entity.ACCOUNTS)
    await salesforce.fault("rate_limit", "/query", retryAfter=0)
    for _ in range(3):
        with pytest.raises(RateLimit):
            await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    assert [quota for _, quota in salesforce_services.budget.blocks] == [False, False, False]
    assert all(2.0 <= seconds <= 5.0 for seconds, _ in salesforce_services.budget.blocks)


async def test_a_spent_limit_without_a_time_is_met_with_growing_waits(
    salesforce: Control, salesforce_services: Services, salesforce_connector: Connector
) -> None:
    await salesforce_connector.describe(Entity.ACCOUNTS)
    await salesforce.fault("rate_limit", "/query", retryAfter=120)
    for _ in range(3):
        with pytest.raises(RateLimit):
            await salesforce_connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    waits = [seconds for seconds, _ in salesforce_services.budget.blocks]
    assert [round(wait / expected) for wait, expected in zip(waits, (2, 4, 8), strict=True)] == [1, 1, 1]
