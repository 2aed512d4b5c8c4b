"""Writing to Salesforce: sObject Collections of up to 200 rows, each row with an outcome of its own (sheet 4.3).

A create carries the unique marker in its body and goes by POST, never by upsert: sent a second time it is refused with
the first one's id, and can never lay values onto a row that a person has edited since (I2, I3). An update that stands
alone goes to the row itself, where `If-Unmodified-Since` guards it (sheet 4.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any

import httpx

from connectors import writing
from connectors.failures import json_in, unreadable
from connectors.protocols import Current, WriteRequest, WriteResult, WriteStatus
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.errors import Failure, failure_of, failures_of, to_error
from connectors.salesforce.ids import normalise_id
from connectors.salesforce.spec import API, VENDOR, WRITE_ROWS, facts_of
from connectors.values import json_text
from connectors.writing import done, in_order, local, parts, retry
from core.errors import ErrorType, RecordFailure
from core.records import Operation, OperationKind
from core.values import Value

_COLLECTIONS = f"{API}/composite/sobjects"
_METHODS = {OperationKind.CREATE: "POST", OperationKind.UPDATE: "PATCH", OperationKind.ARCHIVE: "DELETE"}
_RECORDS = '"records":['
_COLUMN = re.compile(r"\[line:1, column:(\d+)\]")
# Statuses of a single row's call that are its outcome, not the connection's.
_ROW_STATUSES = frozenset({400, 403, 404, 409, 412})


def plan(
    operations: Sequence[Operation], current: Mapping[int, Current], unfit: Mapping[int, RecordFailure]
) -> list[WriteRequest]:
    """Put operations into requests: one kind and type each, at most 200 rows, no row twice, children by parent.

    Those that are `unfit` (by their ids) are refused here, and nothing of them is sent.
    """
    requests = [local(writing.refusal(one, unfit[one.id])) for one in operations if one.id in unfit]
    for kind in OperationKind:
        chosen = sorted((one for one in operations if one.kind is kind and one.id not in unfit), key=_place)
        requests += [_request(kind, part, current) for part in parts(chosen, WRITE_ROWS)]
    return requests


async def send(client: SalesforceClient, request: WriteRequest, operations: Sequence[Operation]) -> list[WriteResult]:
    """Send one stored request. Row results are matched by place, which the vendor promises, and counted."""
    if request.method == writing.LOCAL:
        return writing.local_results(request)
    chosen = in_order(request, operations)
    single = not request.path.startswith(_COLLECTIONS)
    response = await client.request(
        request.method,
        request.path,
        request.body or None,
        headers=request.headers,
        accept=_ROW_STATUSES if single or len(chosen) == 1 else frozenset({400}),
    )
    if single or not response.is_success:
        return _whole(response, request, chosen)
    rows = _rows(response)
    if len(rows) != len(chosen):
        raise unreadable(VENDOR, response)
    return [row_result(operation, row) for operation, row in zip(chosen, rows, strict=True)]


def row_result(operation: Operation, row: Mapping[str, Any]) -> WriteResult:
    """Return the outcome of one Collections row."""
    target = normalise_id(str(row.get("id") or "")) or operation.target_id
    if row.get("success") is True and target:
        return WriteResult(operation.id, WriteStatus.DONE, target_id=target)
    errors = [failure_of(one) for one in row.get("errors") or [] if isinstance(one, Mapping)]
    return refusal(operation, errors[0] if errors else Failure("", "Salesforce refused the row without a reason"))


def refusal(operation: Operation, failure: Failure) -> WriteResult:
    """Return the outcome of a row that Salesforce refused."""
    told = failure.record_failure()
    held = failure.duplicate_of()
    if operation.kind is OperationKind.CREATE and held and held[0] == facts_of(operation.entity).marker:
        return writing.refusal(operation, told, holder=held[1])
    if operation.kind is OperationKind.ARCHIVE and failure.code == "ENTITY_IS_DELETED":
        return WriteResult(operation.id, WriteStatus.DONE, target_id=operation.target_id)
    return writing.refusal(operation, told)


def _place(operation: Operation) -> tuple[str, str, int]:
    """Children of one parent side by side, so that no two requests fight for its lock (sheet 4.3, 5)."""
    return operation.parent_id or "", operation.target_id or operation.source_id, operation.id


def _request(kind: OperationKind, part: Sequence[Operation], current: Mapping[int, Current]) -> WriteRequest:
    ids = tuple(one.id for one in part)
    if kind is OperationKind.ARCHIVE:
        targets = ",".join(str(one.target_id) for one in part)
        return WriteRequest(ids, "DELETE", f"{_COLLECTIONS}?ids={targets}&allOrNone=false", "")
    if kind is OperationKind.UPDATE and len(part) == 1:
        guarded = _guarded(part[0], current.get(part[0].id))
        if guarded is not None:
            return guarded
    body = json_text({"allOrNone": False, "records": [_row(one) for one in part]})
    return WriteRequest(ids, _METHODS[kind], _COLLECTIONS, body)


def _guarded(operation: Operation, current: Current | None) -> WriteRequest | None:
    """An update of one row on the condition that it is as we have just read it."""
    record = current.record if current else None
    if record is None or record.deleted or record.modified_at is None:
        return None
    path = f"{API}/sobjects/{facts_of(operation.entity).object_name}/{operation.target_id}"
    headers = {"If-Unmodified-Since": format_datetime(record.modified_at, usegmt=True)}
    body = json_text(dict(sorted(operation.values.items())))
    return WriteRequest((operation.id,), "PATCH", path, body, headers=headers)


def _row(operation: Operation) -> dict[str, Value]:
    facts = facts_of(operation.entity)
    row: dict[str, Value] = {"attributes": {"type": facts.object_name}}
    values = dict(operation.values)
    if operation.kind is OperationKind.CREATE:
        if facts.marker:
            values.setdefault(facts.marker, operation.source_id)
        if facts.parent and operation.parent_id:
            values.setdefault(facts.parent, operation.parent_id)
    else:
        row["id"] = operation.target_id
    return row | dict(sorted(values.items()))


def _rows(response: httpx.Response) -> list[dict[str, Any]]:
    body = json_in(VENDOR, response)
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise unreadable(VENDOR, response)
    return body


def _whole(response: httpx.Response, request: WriteRequest, chosen: Sequence[Operation]) -> list[WriteResult]:
    """The outcome of a call that stands or falls as one."""
    if response.is_success:
        return done(chosen)
    failures = failures_of(response)
    failure = failures[0] if failures else Failure("", f"Salesforce answered {response.status_code}")
    if response.status_code == 412:
        moved = RecordFailure(ErrorType.CONFLICT, "the record was changed meanwhile", vendor_code="412")
        return [WriteResult(one.id, WriteStatus.MOVED, target_id=one.target_id, failure=moved) for one in chosen]
    guilty = unreadable_row(request.body, failure) if len(chosen) > 1 else None
    if guilty is None and len(chosen) > 1:
        # Nothing tells which row it was: whoever sent them finds it by sending fewer.
        raise to_error(response)
    return [
        refusal(one, failure) if guilty is None or place == guilty else retry(one, failure.record_failure())
        for place, one in enumerate(chosen)
    ]


def unreadable_row(body: str, failure: Failure) -> int | None:
    """Return the place of the row on which the vendor's parser gave up, by the column that it tells (sheet 6)."""
    found = _COLUMN.search(failure.message)
    start = body.find(_RECORDS)
    if failure.code != "JSON_PARSER_ERROR" or found is None or start < 0:
        return None
    column, end, place = int(found[1]), start + len(_RECORDS), 0
    while end < len(body) and body[end - 1] != "]":
        end = json.JSONDecoder().raw_decode(body, end)[1] + 1
        if column <= end:
            return place
        place += 1
    return None
