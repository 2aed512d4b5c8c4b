"""Writing to Xero: batches with outcomes by row, numbers that are taken, whole addresses, documents, refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.protocols import Connector, NeedsOptions, WriteResult, WriteStatus
from connectors.xero.errors import failure_of, to_error
from core.errors import Conflict, ErrorType, FieldValidation, NotFound, Permission, Transient
from core.records import Entity, Operation, OperationKind, Side
from tests.connectors.support import Control, operation
from tests.openapi import xero as official

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE
LINE = {"description": "Seats", "quantity": 2, "unitPrice": 50, "amount": 100, "taxCode": "OUTPUT2", "account": "200"}
TAKEN = "The contact name X is already assigned to another contact. The contact name must be unique."


@pytest.fixture
async def connector(xero: Control) -> AsyncIterator[Connector]:
    made = (await xero.services()).connect("xero")
    yield made
    await made.close()


def op(
    number: int, entity: Entity, kind: OperationKind, values: dict[str, Any] | None = None, **more: Any
) -> Operation:
    return operation(number, entity, kind, Side.EXTERNAL, values, **more)


def bill(number: int, contact_id: str, *lines: dict[str, Any], **values: Any) -> Operation:
    """A create of an invoice over 120.00, unless told otherwise."""
    given = {"Date": "2026-05-01", "Total": Decimal(120), "LineItems": list(lines) or [LINE], **values}
    return op(number, Entity.INVOICES, CREATE, given, parent_id=contact_id)


async def send(connector: Connector, *operations: Operation) -> dict[int, WriteResult]:
    """Send operations and return the results by operation."""
    results: dict[int, WriteResult] = {}
    asked = [one for one in operations if connector.needs_current(one, 0)]
    current = await connector.current(asked, []) if asked else {}
    for request in connector.plan(operations, current):
        chosen = [one for one in operations if one.id in request.operation_ids]
        results |= {one.operation_id: one for one in await connector.send(request, chosen, [])}
    assert results.keys() == {one.id for one in operations}
    return results


async def test_rows_are_told_apart_by_their_numbers_fifty_a_call(xero: Control, connector: Connector) -> None:
    creates = [op(n, Entity.ACCOUNTS, CREATE, {"Name": f"Works {n}"}) for n in range(1, 102)]
    results = await send(connector, *creates)
    assert {one.status for one in results.values()} == {WriteStatus.DONE}
    assert len(await xero.calls("/Contacts")) == 3
    for number in (1, 50, 101):
        row = await xero.record(Entity.ACCOUNTS, str(results[number].target_id))
        assert (row["Name"], row["ContactNumber"]) == (f"Works {number}", f"source-{number}")


async def test_a_bad_row_leaves_the_others_alone(xero: Control, connector: Connector) -> None:
    await xero.create(Entity.ACCOUNTS, {"Name": "Taken Works"})
    results = await send(
        connector,
        op(1, Entity.ACCOUNTS, CREATE, {"Name": "Good Works"}),
        op(2, Entity.ACCOUNTS, CREATE, {"Name": "taken works"}),
        op(3, Entity.ACCOUNTS, CREATE, {"Name": "Bad Works", "EmailAddress": "none"}),
    )
    assert results[1].status is WriteStatus.DONE
    failures = [results[number].failure for number in (2, 3)]
    assert [(one.type, one.field) for one in failures if one] == [
        (ErrorType.DUPLICATE, "Name"),
        (ErrorType.FIELD_VALIDATION, "EmailAddress"),
    ]
    assert (await xero.get("records/accounts", limit=9))["total"] == 2, "a PUT overwrites nobody"


async def test_i2_a_taken_number_names_the_record_that_is_there(xero: Control, connector: Connector) -> None:
    first = await send(connector, op(1, Entity.ACCOUNTS, CREATE, {"Name": "One"}))
    again = await send(connector, op(2, Entity.ACCOUNTS, CREATE, {"Name": "Two"}, source_id="source-1"))
    assert (again[2].status, again[2].target_id) == (WriteStatus.EXISTS, first[1].target_id)


async def test_innocent_rows_of_a_broken_batch_are_sent_again(xero: Control, connector: Connector) -> None:
    await xero.fault("partial_failure", "/Contacts", times=1)
    results = await send(connector, *(op(n, Entity.ACCOUNTS, CREATE, {"Name": f"Works {n}"}) for n in range(1, 5)))
    assert [one.status for _, one in sorted(results.items())].count(WriteStatus.RETRY) == 2


async def test_a_row_that_failed_alone_is_not_answered_with_that_failure_again(
    xero: Control, connector: Connector
) -> None:
    create = op(1, Entity.ACCOUNTS, CREATE, {"Name": "Works"})
    await xero.fault("partial_failure", "/Contacts", times=1)
    assert (await send(connector, create))[1].status is WriteStatus.RETRY
    assert (await send(connector, replace(create, tries=1)))[1].status is WriteStatus.DONE


async def test_a_change_of_one_part_leaves_the_rest_of_an_address(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    before = await xero.record(Entity.ACCOUNTS, contact_id)
    changed = {"Addresses.POBOX.City": "Newport", "Phones.MOBILE.PhoneNumber": "555 0199"}
    await send(connector, op(1, Entity.ACCOUNTS, UPDATE, changed, target_id=contact_id))
    after = await xero.record(Entity.ACCOUNTS, contact_id)
    postal = {one["AddressType"]: one for one in after["Addresses"]}["POBOX"]
    known = {one["AddressType"]: one for one in before["Addresses"]}["POBOX"]
    assert postal == {**known, "City": "Newport"}
    assert {one["PhoneType"]: one["PhoneNumber"] for one in after["Phones"]}["MOBILE"] == "555 0199"


async def test_a_contact_is_archived_and_one_that_is_unknown_not_found(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    missing = "00000000-0000-4000-8000-000000000404"
    results = await send(
        connector,
        op(1, Entity.ACCOUNTS, ARCHIVE, target_id=contact_id),
        op(2, Entity.ACCOUNTS, ARCHIVE, target_id=missing),
    )
    assert (results[1].status, results[2].status) == (WriteStatus.DONE, WriteStatus.NOT_FOUND)
    found = await connector.read(Entity.ACCOUNTS, [contact_id], [])
    assert found[contact_id].deleted
    late = await send(connector, op(3, Entity.ACCOUNTS, UPDATE, {"LastName": "Late"}, target_id=contact_id))
    assert late[3].status is WriteStatus.NOT_FOUND, "Xero itself would change it"


async def test_an_invoice_is_approved_with_all_that_xero_asks_for(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    by_sku = {"quantity": 3, "unitPrice": "33.3333", "amount": "100.00", "sku": "SEAT-PRO", "taxCode": "OUTPUT2"}
    results = await send(connector, bill(1, contact_id, by_sku, InvoiceNumber="INV-7", CurrencyCode="USD"))
    row = await xero.record(Entity.INVOICES, str(results[1].target_id))
    assert (row["InvoiceNumber"], row["Status"], row["Total"], row["DueDateString"]) == (
        "INV-7",
        "AUTHORISED",
        120.0,
        "2026-05-01T00:00:00",
    )
    (line,) = row["LineItems"]
    assert (line["ItemCode"], line["AccountCode"], line["Description"]) == ("SEAT-PRO", "200", "Professional seat")
    assert (line["Quantity"], line["UnitAmount"]) == (3.0, 33.3333)


@pytest.mark.parametrize(
    ("currency", "amount", "total", "made"),
    [("JPY", "1000", "1200", "1200.0"), ("USD", "10.01", "12.01", "12.01"), ("KWD", "1.234", "1.481", None)],
)
async def test_i3_totals_of_all_decimals_are_kept_or_refused(
    xero: Control, connector: Connector, currency: str, amount: str, total: str, made: str | None
) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    line = {**LINE, "quantity": 1, "unitPrice": amount, "amount": amount}
    results = await send(connector, bill(1, contact_id, line, CurrencyCode=currency, Total=total))
    if made is None:
        failure = results[1].failure
        assert failure is not None
        assert (failure.field, "1.481 KWD in Alguna" in failure.message) == ("Total", True)
        assert await xero.total(Entity.INVOICES) == 0
    else:
        assert str((await xero.record(Entity.INVOICES, str(results[1].target_id)))["Total"]) == made


async def test_a_small_difference_becomes_a_rounding_line_and_a_large_one_none(
    xero: Control, connector: Connector
) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    lines = [{**LINE, "quantity": 1, "unitPrice": "0.13", "amount": "0.13", "taxCode": "TAX002"}] * 3
    results = await send(
        connector, bill(1, contact_id, *lines, Total="0.46"), bill(2, contact_id, *lines, Total="0.60")
    )
    row = await xero.record(Entity.INVOICES, str(results[1].target_id))
    last = row["LineItems"][-1]
    assert (row["Total"], last["AccountCode"], last["LineAmount"], last["TaxType"]) == (0.46, "860", 0.01, "NONE")
    failure = results[2].failure
    assert failure is not None
    assert "0.15 apart" in failure.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"sku": "NOPE"}, "Xero has no item with the code `NOPE`"),
        ({"account": None}, "has no account: set entityOptions.invoices.salesAccount"),
        ({"taxCode": "X9"}, "Xero has no active tax rate `X9`"),
        ({"description": None}, "has no description"),
        ({"nonsense": 1}, "line 1 has no `nonsense`"),
    ],
)
async def test_a_line_that_is_not_mapped_refuses_the_document_by_its_number(
    xero: Control, connector: Connector, line: dict[str, Any], told: str
) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    results = await send(connector, bill(1, contact_id, {**LINE, **line}), bill(2, contact_id))
    failure = results[1].failure
    assert failure is not None
    assert (results[1].status, failure.field, told in failure.message) == (WriteStatus.REJECTED, "LineItems", True)
    assert results[2].status is WriteStatus.DONE, "the other document of the batch is not held up"


async def test_a_total_that_xero_makes_of_a_changed_rate_is_told(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    wrong = bill(1, contact_id)
    current = await connector.current([wrong], [])
    context = {**(current[1].context or {}), "rates": {"OUTPUT2": Decimal(20), "TAX002": Decimal(20), "NONE": 0}}
    other = bill(1, contact_id, {**LINE, "taxCode": "TAX002"})
    [request] = connector.plan([other], {1: type(current[1])(None, context)})
    [result] = await connector.send(request, [other], [])
    assert (result.status, result.failure is not None) == (WriteStatus.DONE, True)
    assert result.failure is not None
    assert "total 119 GBP" in result.failure.message
    assert "120 in Alguna" in result.failure.message


async def test_i2_a_lost_invoice_is_found_by_number_contact_and_total(xero: Control, connector: Connector) -> None:
    ours, stranger = await xero.seed(Entity.ACCOUNTS, 2)
    create = bill(1, ours, InvoiceNumber="INV-7")
    await send(connector, create)
    assert (await connector.find_created([create], []))[1].parent_id == ours
    for other in (bill(1, stranger, InvoiceNumber="INV-7"), bill(1, ours, InvoiceNumber="INV-7", Total=Decimal(7))):
        assert await connector.find_created([other], []) == {}
    again = await send(connector, bill(2, stranger, InvoiceNumber="INV-7"))
    assert again[2].failure is not None
    assert (again[2].status, again[2].failure.type) == (WriteStatus.REJECTED, ErrorType.DUPLICATE)


async def test_payments_are_made_found_again_and_deleted(xero: Control, connector: Connector) -> None:
    [contact_id] = await xero.seed(Entity.ACCOUNTS, 1)
    invoice_id = str((await send(connector, bill(1, contact_id)))[1].target_id)
    values = {"Amount": Decimal("50.5"), "Date": "2026-06-01", "Account": "090"}
    pays = [op(n, Entity.PAYMENTS, CREATE, values, parent_id=invoice_id) for n in (1, 2)]
    made = await send(connector, *pays)
    assert {one.status for one in made.values()} == {WriteStatus.DONE}
    assert len({one.target_id for one in made.values()}) == 2
    assert (await connector.find_created([pays[1]], []))[2].id == made[2].target_id

    too_much = op(3, Entity.PAYMENTS, CREATE, {**values, "Amount": 100}, parent_id=invoice_id)
    [refused] = (await send(connector, too_much)).values()
    assert refused.failure is not None
    assert (refused.status, refused.failure.type) == (WriteStatus.REJECTED, ErrorType.CONFLICT)
    again = op(4, Entity.PAYMENTS, CREATE, {**values, "Amount": 100}, parent_id=invoice_id, source_id="source-1")
    assert (await send(connector, again))[4].status is WriteStatus.EXISTS

    void = op(5, Entity.INVOICES, ARCHIVE, target_id=invoice_id)
    [kept] = (await send(connector, void)).values()
    assert kept.failure is not None
    assert kept.failure.type is ErrorType.CONFLICT
    gone = await send(connector, *(op(n, Entity.PAYMENTS, ARCHIVE, target_id=made[n].target_id) for n in (1, 2)))
    assert {one.status for one in gone.values()} == {WriteStatus.DONE}
    assert (await send(connector, void))[5].status is WriteStatus.DONE
    assert (await xero.get("records/invoices", limit=1))["total"] == 0


async def test_requests_are_what_the_official_file_says(xero: Control, connector: Connector) -> None:
    spec = official()
    address = {"Addresses.POBOX.City": "Hull", "Phones.DEFAULT.PhoneNumber": "1", "EmailAddress": "a@b.example"}
    made = await send(connector, op(1, Entity.ACCOUNTS, CREATE, {"Name": "One", **address}))
    contact_id = str(made[1].target_id)
    await send(connector, op(2, Entity.ACCOUNTS, UPDATE, {"LastName": "Oak"}, target_id=contact_id))
    invoice_id = str((await send(connector, bill(3, contact_id)))[3].target_id)
    values = {"Amount": Decimal(120), "Date": "2026-06-01", "Account": "090"}
    paid = await send(connector, op(4, Entity.PAYMENTS, CREATE, values, parent_id=invoice_id))
    await send(connector, op(5, Entity.PAYMENTS, ARCHIVE, target_id=paid[4].target_id))
    await send(connector, op(6, Entity.INVOICES, ARCHIVE, target_id=invoice_id))
    writes = [one for one in await xero.calls("/api.xro/2.0") if one["method"] != "GET"]
    for call in writes:
        spec.check_request(call["method"], call["path"].removeprefix("/api.xro/2.0"), call["body"])
    assert len(writes) == 6


@pytest.mark.parametrize(
    ("messages", "type_", "field"),
    [
        (["Email address must be valid"], ErrorType.FIELD_VALIDATION, "EmailAddress"),
        ([TAKEN], ErrorType.DUPLICATE, "Name"),
        (["Email address must be valid", TAKEN], ErrorType.DUPLICATE, "EmailAddress"),
        (["Invoice # must be unique."], ErrorType.DUPLICATE, "InvoiceNumber"),
        (["The TaxType code 'x' cannot be used with account code 'y'."], ErrorType.FIELD_VALIDATION, "LineItems"),
        (["Organisation is not subscribed to currency EUR"], ErrorType.FIELD_VALIDATION, "CurrencyCode"),
        (["Invoice not of valid status for modification"], ErrorType.CONFLICT, None),
        (["The contact with the specified contact details has been archived. …"], ErrorType.CONFLICT, None),
        (["The document date cannot be before the period lock date, …"], ErrorType.FIELD_VALIDATION, "Date"),
        (["Invoice could not be found"], ErrorType.NOT_FOUND, None),
        (["Account could not be found"], ErrorType.FIELD_VALIDATION, None),
    ],
)
def test_each_message_has_its_type_and_field(messages: list[str], type_: ErrorType, field: str | None) -> None:
    failure = failure_of(messages)
    assert (failure.type, failure.field) == (type_, field)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (400, b'{"ErrorNumber":14,"Type":"PostDataInvalidException","Message":"The string"}', FieldValidation),
        (400, b"Supplied parameter 'ContactIds' cannot be parsed.", FieldValidation),
        (400, b'{"Detail":"Idempotency Key: `k` is used with a different request."}', Conflict),
        (401, b'{"detail":"AuthorizationUnsuccessful"}', Permission),
        (403, b"", Permission),
        (404, b"The resource you're looking for cannot be found", NotFound),
        (500, b"<html>", Transient),
        (501, b'{"ErrorNumber":20,"Message":"not implemented"}', FieldValidation),
        (503, b"The Organisation is offline", Transient),
    ],
)
def test_each_status_has_its_error(status: int, content: bytes, error: type[Exception]) -> None:
    request = httpx.Request("PUT", "https://api.xero.com/api.xro/2.0/Contacts")
    assert type(to_error(httpx.Response(status, content=content, request=request))) is error


async def test_options_are_found_where_there_is_no_choice_and_named_elsewhere(
    xero: Control, connector: Connector
) -> None:
    assert isinstance(connector, NeedsOptions)
    (account,) = await connector.needs(Entity.PAYMENTS, {}, True)
    assert [(account.option, one.value) for one in account.candidates] == [("paymentAccount", "090")]
    found = {one.option: one for one in await connector.needs(Entity.INVOICES, {}, True)}
    assert [one.value for one in found["salesAccount"].candidates] == ["200"]
    rates = {"20": "OUTPUT2", "8": "TAX001", "19": "TAX002", "13": "TAX003", "10": "TAX004", "0": "NONE"}
    assert [one.value for one in found["taxMap"].candidates] == [rates]
    assert await connector.needs(Entity.INVOICES, {}, False) == []
    wrong: dict[str, Any] = {
        "salesAccount": "999",
        "taxMap": {"20": "X"},
        "itemMap": {"items": {"p": "NOPE"}, "default": None},
    }
    told = {one.option: one.reason for one in await connector.needs(Entity.INVOICES, wrong, True)}
    assert told.keys() == wrong.keys()
    assert all(f"`{name}`" in told[option] for option, name in zip(wrong, ("999", "X", "NOPE"), strict=True))
    (bank,) = await connector.needs(Entity.PAYMENTS, {"paymentAccount": "200"}, True)
    assert "no account in Xero that payments can be booked to" in bank.reason
    assert await connector.needs(Entity.ACCOUNTS, {}, True) == []
