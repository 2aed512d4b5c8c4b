"""Salesforce's error bodies, in every shape they come in (Salesforce sheet 6)."""

from __future__ import annotations

import httpx
import pytest

from connectors.protocols import WriteStatus
from connectors.salesforce.errors import Failure, failures_of, to_error
from connectors.salesforce.writer import plan, refusal, unreadable_row
from core.errors import Conflict, ErrorType, FieldValidation, NotFound, Permission, SyncError, Transient
from core.records import Entity, OperationKind, Side
from tests.connectors.support import operation

URL = "https://acme.my.salesforce.com/services/data/v66.0/x"


def answered(status: int, *, method: str = "GET", text: str = "", json: object = None) -> httpx.Response:
    request = httpx.Request(method, URL)
    if json is not None:
        return httpx.Response(status, json=json, request=request)
    return httpx.Response(status, text=text, request=request)


@pytest.mark.parametrize("status", [406, 420, 500, 502, 503])
@pytest.mark.parametrize("text", ["", "<html><body>Server too busy</body></html>", '{"half'])
def test_a_body_that_is_no_json_never_breaks_the_reading(status: int, text: str) -> None:
    read, write = to_error(answered(status, text=text)), to_error(answered(status, method="POST", text=text))
    assert isinstance(read, Transient)
    assert not read.outcome_unknown
    assert isinstance(write, Transient)
    assert write.outcome_unknown


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "MALFORMED_QUERY", FieldValidation),
        (400, "INVALID_FIELD", FieldValidation),
        (404, "NOT_FOUND", NotFound),
        (403, "INSUFFICIENT_ACCESS", Permission),
        (403, "SOMETHING_NEW", Permission),
        (400, "SOMETHING_NEW", FieldValidation),
        (400, "QUERY_TIMEOUT", Transient),
        (409, "VERSION_MISMATCH", Conflict),
        (500, "UNKNOWN_EXCEPTION", Transient),
    ],
)
def test_codes_and_statuses_become_error_types(status: int, code: str, expected: type[SyncError]) -> None:
    error = to_error(answered(status, json=[{"message": "told so", "errorCode": code}]))
    assert type(error) is expected
    assert error.vendor_code == code
    assert "told so" in error.message


def test_a_lock_that_was_refused_did_not_write() -> None:
    body = [{"message": "unable to obtain exclusive access", "errorCode": "UNABLE_TO_LOCK_ROW", "fields": []}]
    error = to_error(answered(400, method="PATCH", json=body))
    assert isinstance(error, Transient)
    assert not error.outcome_unknown


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_names_the_record_that_it_met(key: str) -> None:
    result = {"matchResults": [{"matchRecords": [{"record": {"Id": "001000000000001AAA"}}]}]}
    body = [{"message": "Use one of these records?", "errorCode": "DUPLICATES_DETECTED", key: result}]
    [failure] = failures_of(answered(400, json=body))
    told = failure.record_failure()
    assert told.type is ErrorType.DUPLICATE
    assert "001000000000001AAA" in told.message


def test_a_trigger_that_met_a_lock_is_tried_again() -> None:
    failure = Failure("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "trigger: UNABLE_TO_LOCK_ROW, unable to obtain …")
    create = operation(1, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL)
    assert refusal(create, failure).status is WriteStatus.RETRY


def test_a_reference_that_names_fields_is_a_bad_lookup_and_not_a_missing_row() -> None:
    update = operation(1, Entity.CONTACTS, OperationKind.UPDATE, Side.EXTERNAL, target_id="003000000000001AAA")
    row = Failure("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    lookup = Failure("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ("RecordTypeId",))
    assert refusal(update, row).status is WriteStatus.NOT_FOUND
    assert refusal(update, lookup).status is WriteStatus.REJECTED


def test_a_duplicate_marker_whose_holder_is_not_told_is_no_guess() -> None:
    create = operation(1, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL)
    vague = Failure("DUPLICATE_VALUE", "duplicate value found: <unknown> duplicates value on record with id: <unknown>")
    assert refusal(create, vague).status is WriteStatus.REJECTED


@pytest.mark.parametrize("guilty", [0, 1, 2])
def test_the_row_that_the_vendors_parser_choked_on_is_found_by_its_column(guilty: int) -> None:
    creates = [
        operation(number, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL, {"Name": f"N{number} }}],[{{"})
        for number in range(3)
    ]
    [request] = plan(creates, {}, {})
    column = request.body.index(f"N{guilty} ") + 3
    message = f"Cannot deserialize instance of date from VALUE_STRING value x at [line:1, column:{column}]"
    assert unreadable_row(request.body, Failure("JSON_PARSER_ERROR", message)) == guilty
    assert unreadable_row(request.body, Failure("JSON_PARSER_ERROR", "no column")) is None
