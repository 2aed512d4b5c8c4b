"""Writing to HubSpot: batches of up to 100 records, each with an outcome of its own (HubSpot sheet 4).

A create carries the unique marker and goes by batch create, never by upsert: sent a second time it is refused with the
first one's id, and can never lay values onto a record that a person has edited since (I2, I3). Every row carries its
operation's id as `objectWriteTraceId`, which makes a batch partial; results come in any order, and are told apart by
marker, id and trace, never by place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx

from connectors import writing
from connectors.failures import object_in, unreadable
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import Failure, failure_in, failure_of
from connectors.hubspot.records import record_of, wire_text
from connectors.hubspot.schema import ObjectSchema
from connectors.hubspot.spec import BATCH_ROWS, MARKER, PRIMARY_COMPANY, VENDOR, objects
from connectors.protocols import WriteRequest, WriteResult, WriteStatus
from connectors.values import json_text
from connectors.writing import done, in_order, parts, retry
from core.errors import ErrorType
from core.records import Operation, OperationKind
from core.values import Value

_ACTIONS = {
    OperationKind.CREATE: "/batch/create",
    OperationKind.UPDATE: "/batch/update",
    OperationKind.ARCHIVE: "/batch/archive",
}
_DEFINED = "HUBSPOT_DEFINED"
# Refusals of a whole batch that are about its rows, and certain: nothing was written.
_REFUSED = frozenset({400, 409})
_AGAIN = frozenset({ErrorType.RATE_LIMIT, ErrorType.CONFLICT})


def plan(operations: Sequence[Operation]) -> list[WriteRequest]:
    """Put operations into requests: one kind and type each, at most 100 rows, no record twice.

    Paths are without the version of the API, which the connection's setting adds when they are sent.
    """
    requests = []
    for kind in _ACTIONS:
        chosen = sorted((one for one in operations if one.kind is kind), key=lambda one: (one.entity.value, one.id))
        for part in parts(chosen, BATCH_ROWS):
            body = json_text({"inputs": [_input(one) for one in part]})
            path = objects(part[0].entity, _ACTIONS[kind])
            requests.append(WriteRequest(tuple(one.id for one in part), "POST", path, body))
    return requests


async def send(
    client: HubSpotClient, schema: ObjectSchema | None, request: WriteRequest, operations: Sequence[Operation]
) -> list[WriteResult]:
    """Send one stored request and return the outcome of each of its rows."""
    chosen = in_order(request, operations)
    response = await client.request(request.method, request.path, request.body, accept=_REFUSED)
    if not response.is_success:
        return list(refused(response, chosen))
    if chosen[0].kind is OperationKind.ARCHIVE:
        return done(chosen)
    return _outcomes(response, schema, chosen)


def _input(operation: Operation) -> dict[str, Any]:
    if operation.kind is OperationKind.ARCHIVE:
        return {"id": operation.target_id}
    values: dict[str, Value] = dict(operation.values)
    row: dict[str, Any] = {"objectWriteTraceId": str(operation.id)}
    if operation.kind is OperationKind.UPDATE:
        return {"id": operation.target_id, **row, "properties": _properties(values)}
    values.setdefault(MARKER, operation.source_id)
    filled = {name: value for name, value in values.items() if value is not None}
    return {**row, "properties": _properties(filled), "associations": _associations(operation)}


def _properties(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: wire_text(value) for name, value in sorted(values.items())}


def _associations(operation: Operation) -> list[dict[str, Any]]:
    number = PRIMARY_COMPANY.get(operation.entity)
    if number is None or operation.parent_id is None:
        return []
    types = [{"associationCategory": _DEFINED, "associationTypeId": number}]
    return [{"to": {"id": operation.parent_id}, "types": types}]


def _outcomes(response: httpx.Response, schema: ObjectSchema | None, chosen: Sequence[Operation]) -> list[WriteResult]:
    """Match what came back to the rows. Raises `Transient` where rows are missing from it without a reason."""
    body = object_in(VENDOR, response)
    rows, items = body.get("results"), body.get("errors") or []
    if not isinstance(rows, list) or not isinstance(items, list):
        raise unreadable(VENDOR, response)
    failures = [failure_of(item) for item in items if isinstance(item, dict)]
    written = _written(schema, rows, chosen)
    results = list(written.values())
    left = [one for one in chosen if one.id not in written]
    nobodys = [failure for failure in failures if not _names_a_row(failure)]
    for operation in left:
        failure = next((one for one in failures if _is_about(one, operation)), None) or next(iter(nobodys), None)
        if failure is None:
            raise unreadable(VENDOR, response)
        results.append(refusal(operation, failure))
    return results


def _written(
    schema: ObjectSchema | None, rows: Sequence[Mapping[str, Any]], chosen: Sequence[Operation]
) -> dict[int, WriteResult]:
    by_trace = {str(one.id): one for one in chosen}
    by_target = {one.target_id: one for one in chosen if one.target_id is not None}
    by_marker = {wire_text(one.values.get(MARKER) or one.source_id): one for one in chosen if one.target_id is None}
    written: dict[int, WriteResult] = {}
    for row in rows:
        properties = row.get("properties") or {}
        operation = (
            by_trace.get(str(row.get("objectWriteTraceId")))
            or by_target.get(str(row.get("id")))
            or by_marker.get(str(properties.get(MARKER)))
        )
        if operation is not None:
            record = record_of(operation.entity, schema, row, _sent(operation), operation.parent_id)
            written[operation.id] = WriteResult(operation.id, WriteStatus.DONE, record.id, record)
    return written


def _sent(operation: Operation) -> Collection[str]:
    return operation.values.keys()


def _names_a_row(failure: Failure) -> bool:
    return bool(failure.context.get("objectWriteTraceId") or failure.context.get("ids"))


def _is_about(failure: Failure, operation: Operation) -> bool:
    if str(operation.id) in map(str, failure.context.get("objectWriteTraceId") or ()):
        return True
    return _is_named(failure, operation)


def _is_named(failure: Failure, operation: Operation) -> bool:
    return operation.target_id is not None and operation.target_id in map(str, failure.context.get("ids") or ())


def refused(response: httpx.Response, chosen: Sequence[Operation]) -> Iterator[WriteResult]:
    """Yield the outcomes of a batch refused as a whole: the guilty rows, as far as they can be told, and the others."""
    failure, status = failure_in(response), response.status_code
    guilty = {one.id for one in chosen if _is_guilty(failure, one)} or {one.id for one in chosen}
    for operation in chosen:
        if operation.id in guilty:
            yield refusal(operation, failure, status)
        else:
            yield retry(operation, failure.record_failure(status))


def _is_guilty(failure: Failure, operation: Operation) -> bool:
    """Whether a refusal without row numbers is about this row: it holds the value, or the property, that was named."""
    holder = failure.holder()
    if holder is not None:
        return wire_text(operation.values.get(holder[0]) or operation.source_id) == holder[1]
    if _is_named(failure, operation):
        return True
    if failure.field is None or failure.field not in operation.values:
        return False
    return failure.value is None or wire_text(operation.values[failure.field]) == failure.value


def refusal(operation: Operation, failure: Failure, status: int | None = None) -> WriteResult:
    """Return the outcome of a row that HubSpot refused."""
    holder = failure.holder()
    ours = operation.kind is OperationKind.CREATE and holder is not None and holder[0] == MARKER
    return writing.refusal(
        operation, failure.record_failure(status), holder=holder[2] if holder and ours else None, again=_AGAIN
    )
