"""Alguna: whole lists that keep what was there, refusals before the call, keys that repeat and never collide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from alguna import AsyncAlguna

from connectors.protocols import Connector, WriteRequest, WriteResult, WriteStatus
from core.errors import ErrorType, Transient
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.support import Control, operation

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE
PARTS = {
    "billingAddress.line1": "1 Dock Rd",
    "billingAddress.city": "Hull",
    "billingAddress.state": "Yorkshire",
    "billingAddress.postalCode": "HU1",
    "billingAddress.country": "GBR",
}


def account(number: int, kind: OperationKind, values: dict[str, Value], target_id: str | None = None) -> Operation:
    return operation(number, Entity.ACCOUNTS, kind, Side.ALGUNA, values, target_id=target_id)


def contact(
    number: int,
    kind: OperationKind,
    parent_id: str,
    values: dict[str, Value] | None = None,
    target_id: str | None = None,
) -> Operation:
    return operation(number, Entity.CONTACTS, kind, Side.ALGUNA, values, target_id=target_id, parent_id=parent_id)


async def write(connector: Connector, *operations: Operation) -> dict[int, WriteResult]:
    needy = [one for one in operations if connector.needs_current(one, age=0.0)]
    current = await connector.current(needy, ["name", "email"]) if needy else {}
    results: dict[int, WriteResult] = {}
    for request in connector.plan(operations, current):
        sent = await connector.send(request, operations, ["name", "email", "billingAddress.line1", "isPrimary"])
        results |= {one.operation_id: one for one in sent}
    return results


async def customer(alguna: Control, *emails: str, **values: Any) -> dict[str, Any]:
    contacts = [{"email": one, "is_primary": place == 0, "first_name": one[:2]} for place, one in enumerate(emails)]
    made: dict[str, Any] = await alguna.create(
        Entity.ACCOUNTS, {"name": "Acme", "currency": "GBP", "contacts": contacts, **values}
    )
    return made


def posts(calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [call for call in calls if call["method"] in ("POST", "PATCH")]


async def test_the_primary_contact_takes_the_accounts_email_and_the_others_stay(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna, "ida@acme.example", "bo@acme.example")
    results = await write(alguna_connector, account(1, UPDATE, {"email": "new@acme.example"}, made["id"]))
    record = results[1].record
    assert record is not None
    assert record.fields["email"] == "new@acme.example"
    after = (await alguna.record(Entity.ACCOUNTS, made["id"]))["contacts"]
    assert [(one["id"], one["email"], one["first_name"]) for one in after] == [
        (made["contacts"][0]["id"], "new@acme.example", "id"),
        (made["contacts"][1]["id"], "bo@acme.example", "bo"),
    ]


async def test_only_sent_fields_are_in_the_request(alguna: Control, alguna_connector: Connector) -> None:
    made = await customer(alguna, "ida@acme.example")
    await write(alguna_connector, account(1, UPDATE, {"name": "Acme Two"}, made["id"]))
    assert [call["body"] for call in posts(await alguna.calls())] == [{"name": "Acme Two"}]


async def test_an_address_needs_all_of_its_parts(alguna: Control, alguna_connector: Connector) -> None:
    made = await customer(alguna)
    partly: dict[str, Value] = {key: value for key, value in PARTS.items() if key != "billingAddress.state"}
    refused = await write(alguna_connector, account(1, UPDATE, partly, made["id"]))
    failure = refused[1].failure
    assert refused[1].status is WriteStatus.REJECTED
    assert failure is not None
    assert (failure.type, failure.field) == (ErrorType.FIELD_VALIDATION, "billingAddress.state")
    assert posts(await alguna.calls()) == []

    whole = await write(alguna_connector, account(2, UPDATE, dict(PARTS), made["id"]))
    one_part = await write(alguna_connector, account(3, UPDATE, {"billingAddress.line1": "2 Dock Rd"}, made["id"]))
    assert whole[2].status is one_part[3].status is WriteStatus.DONE
    stored = (await alguna.record(Entity.ACCOUNTS, made["id"]))["billing_address"]
    assert (stored["line1"], stored["city"]) == ("2 Dock Rd", "Hull")
    await write(alguna_connector, account(4, UPDATE, dict.fromkeys(PARTS), made["id"]))
    assert (await alguna.record(Entity.ACCOUNTS, made["id"]))["billing_address"] is None


async def test_a_create_without_currency_or_with_a_field_alguna_has_not_is_refused_by_name(
    alguna: Control, alguna_connector: Connector
) -> None:
    results = await write(
        alguna_connector,
        account(1, CREATE, {"name": "A"}),
        account(2, CREATE, {"name": "A", "currency": "EUR", "website": "x"}),
        account(3, CREATE, {"name": "A", "currency": "EUR", "firstName": "Ida"}),
        account(4, CREATE, {"name": "A", "currency": "Euro"}),
    )
    failures = [results[number].failure for number in (1, 2, 3, 4)]
    assert [failure and failure.field for failure in failures] == ["currency", "website", "email", "currency"]
    assert len(posts(await alguna.calls())) == 1, "only what the API alone can judge is sent"
    assert await alguna.total(Entity.ACCOUNTS) == 0


async def test_several_changes_to_one_customers_contacts_are_one_request(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna, "ida@acme.example", "bo@acme.example", "cy@acme.example")
    ida, bo, cy = (one["id"] for one in made["contacts"])
    results = await write(
        alguna_connector,
        contact(1, CREATE, made["id"], {"email": "di@acme.example"}),
        contact(2, UPDATE, made["id"], {"lastName": "Berg"}, bo),
        contact(3, ARCHIVE, made["id"], target_id=ida),
        contact(4, UPDATE, made["id"], {"lastName": "X"}, "cont_gone"),
    )
    assert {number: result.status.value for number, result in results.items()} == {
        1: "done", 2: "done", 3: "done", 4: "not_found",
    }  # fmt: skip
    after = (await alguna.record(Entity.ACCOUNTS, made["id"]))["contacts"]
    assert [(one["id"], one["last_name"], one["is_primary"]) for one in after] == [
        (bo, "Berg", True), (cy, None, False), (results[1].target_id, None, False),
    ]  # fmt: skip
    assert len(posts(await alguna.calls())) == 1


async def test_a_contact_that_becomes_primary_takes_that_from_the_other(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna, "ida@acme.example", "bo@acme.example")
    await write(alguna_connector, contact(1, UPDATE, made["id"], {"isPrimary": True}, made["contacts"][1]["id"]))
    after = (await alguna.record(Entity.ACCOUNTS, made["id"]))["contacts"]
    assert [one["is_primary"] for one in after] == [False, True]


async def test_a_contact_with_a_known_email_is_linked_and_not_doubled(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna, "ida@acme.example")
    create = contact(1, CREATE, made["id"], {"email": "IDA@acme.example"})
    current = await alguna_connector.current([create], ["email"])
    known = current[1].record
    assert known is not None
    assert known.id == made["contacts"][0]["id"]
    results = await write(alguna_connector, create)
    assert (results[1].status, results[1].target_id) == (WriteStatus.EXISTS, known.id)
    twins = await write(
        alguna_connector,
        contact(2, CREATE, made["id"], {"email": "twin@acme.example"}),
        contact(3, CREATE, made["id"], {"email": "Twin@acme.example"}),
    )
    assert (twins[2].status, twins[3].status) == (WriteStatus.DONE, WriteStatus.REJECTED)


async def test_a_contact_whose_reply_is_lost_is_found_by_its_customer_and_email(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna)
    create = contact(1, CREATE, made["id"], {"email": "ida@acme.example"})
    [request] = alguna_connector.plan([create], await alguna_connector.current([create], []))
    await alguna.fault("drop_after_commit", "/customers", "PATCH", times=1)
    with pytest.raises(Transient) as lost:
        await alguna_connector.send(request, [create], [])
    assert lost.value.outcome_unknown
    found = await alguna_connector.find_created([create], ["email"])
    assert found[1].parent_id == made["id"]
    assert await alguna_connector.find_created([contact(2, CREATE, made["id"], {"email": "no@acme.example"})], []) == {}


async def test_one_refused_contact_names_itself_and_the_innocent_are_tried_again(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna)
    results = await write(
        alguna_connector,
        contact(1, CREATE, made["id"], {"email": "ida@acme.example"}),
        contact(2, CREATE, made["id"], {"email": "no address"}),
    )
    assert results[2].status is WriteStatus.REJECTED
    assert results[1].status in (WriteStatus.RETRY, WriteStatus.REJECTED)
    assert results[2].failure is not None
    assert results[2].failure.type is ErrorType.FIELD_VALIDATION


async def test_leases_name_the_customers_that_are_changed(alguna_connector: Connector) -> None:
    operations = [
        account(1, UPDATE, {"name": "A"}, "cust_1"),
        contact(2, CREATE, "cust_1", {"email": "x@acme.example"}),
        contact(3, CREATE, "cust_2", {"email": "x@acme.example"}),
        account(4, CREATE, {"name": "B", "currency": "EUR"}),
    ]
    assert alguna_connector.leases(operations) == ["alguna/customer/cust_1", "alguna/customer/cust_2"]


async def test_the_marker_of_a_linked_customer_joins_its_other_aliases(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna, aliases=["crm-7", "int_salesforce:old"])
    await write(alguna_connector, account(1, UPDATE, {"aliases": "001X"}, made["id"]))
    assert (await alguna.record(Entity.ACCOUNTS, made["id"]))["aliases"] == ["crm-7", "int_salesforce:001X"]


async def test_an_alias_of_another_customer_is_told_as_existing_or_duplicate(
    alguna: Control, alguna_connector: Connector
) -> None:
    held = await customer(alguna, aliases=["int_salesforce:source-1"])
    other = await customer(alguna)
    results = await write(
        alguna_connector,
        account(1, CREATE, {"name": "A", "currency": "EUR"}),
        account(2, UPDATE, {"aliases": "source-1"}, other["id"]),
    )
    assert (results[1].status, results[1].target_id) == (WriteStatus.EXISTS, held["id"])
    assert results[2].status is WriteStatus.REJECTED
    assert results[2].failure is not None
    assert results[2].failure.type is ErrorType.DUPLICATE


async def test_a_subscription_is_made_as_a_draft_and_only_name_and_metadata_can_change(
    alguna: Control, alguna_connector: Connector
) -> None:
    parent = await customer(alguna)
    create = operation(1, Entity.SUBSCRIPTIONS, CREATE, Side.ALGUNA, {"name": "Plan"}, parent_id=parent["id"])
    made = (await write(alguna_connector, create))[1]
    row = await alguna.record(Entity.SUBSCRIPTIONS, str(made.target_id))
    assert (row["status"], row["currency"]) == ("draft", "GBP")
    assert row["metadata"] == {"external_sync_int_salesforce": "source-1"}
    assert (await alguna_connector.find_created([create], []))[1].id == made.target_id

    target = {"target_id": made.target_id}
    results = await write(
        alguna_connector,
        operation(2, Entity.SUBSCRIPTIONS, UPDATE, Side.ALGUNA, {"name": "New", "metadata.tier": "gold"}, **target),
        operation(3, Entity.SUBSCRIPTIONS, UPDATE, Side.ALGUNA, {"status": "active"}, **target),
        operation(4, Entity.SUBSCRIPTIONS, UPDATE, Side.ALGUNA, {"name": "X"}, target_id="sub_gone"),
        operation(5, Entity.ACCOUNTS, ARCHIVE, Side.ALGUNA, target_id=parent["id"]),
    )
    assert {number: result.status.value for number, result in results.items()} == {
        2: "done", 3: "rejected", 4: "not_found", 5: "rejected",
    }  # fmt: skip
    row = await alguna.record(Entity.SUBSCRIPTIONS, str(made.target_id))
    assert (row["name"], row["metadata"]["tier"], len(row["metadata"])) == ("New", "gold", 2)


async def test_a_call_that_still_runs_under_our_key_is_asked_again_later(
    alguna: Control, alguna_connector: Connector
) -> None:
    create = account(1, CREATE, {"name": "Slow", "currency": "EUR"})
    [request] = alguna_connector.plan([create], {})
    await alguna.fault("slow", "/customers", "POST", times=1, retryAfter=1)
    first = asyncio.create_task(alguna_connector.send(request, [create], []))
    await asyncio.sleep(0.3)
    with pytest.raises(Transient) as running:
        await alguna_connector.send(request, [create], [])
    assert running.value.outcome_unknown
    assert running.value.retry_after == 1.0
    assert (await first)[0].status is WriteStatus.DONE
    assert (await alguna_connector.send(request, [create], []))[0].status is WriteStatus.DONE
    assert await alguna.total(Entity.ACCOUNTS) == 1


async def test_the_same_change_made_again_after_a_persons_edit_is_a_request_of_its_own(
    alguna: Control, alguna_connector: Connector
) -> None:
    made = await customer(alguna)
    change = account(1, UPDATE, {"name": "Ours"}, made["id"])
    await write(alguna_connector, change)
    await alguna.patch(Entity.ACCOUNTS, made["id"], {"name": "Theirs"})
    await write(alguna_connector, change)
    assert (await alguna.record(Entity.ACCOUNTS, made["id"]))["name"] == "Ours"


async def test_a_corrected_create_is_not_answered_with_the_refusal_of_the_first(
    alguna: Control, alguna_connector: Connector
) -> None:
    assert (await write(alguna_connector, account(1, CREATE, {"name": "A", "currency": "Euro"})))[1].failure is not None
    fixed = await write(alguna_connector, account(1, CREATE, {"name": "A", "currency": "EUR"}))
    assert fixed[1].status is WriteStatus.DONE


async def test_a_refusal_that_alguna_remembers_is_not_the_last_word(
    alguna: Control, alguna_connector: Connector
) -> None:
    held = await customer(alguna, aliases=["int_salesforce:source-1"])
    other = await customer(alguna)
    change = account(1, UPDATE, {"aliases": "source-1"}, other["id"])
    assert (await write(alguna_connector, change))[1].status is WriteStatus.REJECTED
    await alguna.patch(Entity.ACCOUNTS, held["id"], {"aliases": []})
    remembered = (await write(alguna_connector, change))[1]
    assert (remembered.status, remembered.failure and remembered.failure.type) == (
        WriteStatus.RETRY,
        ErrorType.DUPLICATE,
    )
    again = replace(change, tries=1, planned_at=datetime.now(UTC))
    assert (await write(alguna_connector, again))[1].status is WriteStatus.DONE


async def test_our_bytes_are_those_of_the_official_sdk(alguna_connector: Connector) -> None:
    """The SDK is an independent witness of the wire form: the same call, made through it, has the same body."""
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json={})

    values: dict[str, Value] = {"name": "Zoë & Co", "currency": "EUR", "email": "z@acme.example", **PARTS}
    [planned] = alguna_connector.plan([account(1, CREATE, values)], {})
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        sdk = AsyncAlguna(base_url="http://alguna.example", api_key="k", httpx_client=http)
        await sdk.customers.create(**_arguments(planned))
    assert sent == [planned.body.encode()]


def _arguments(request: WriteRequest) -> dict[str, Any]:
    arguments: dict[str, Any] = json.loads(request.body)
    return arguments
