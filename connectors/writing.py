"""Writing in batches, the same for every vendor: what goes into one request, and what became of its operations."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.protocols import WriteRequest, WriteResult, WriteStatus
from connectors.values import json_text
from core.errors import ErrorType, RecordFailure
from core.records import Operation, Record

# The method of a request that is answered here: the vendor could not take it, so nothing is sent.
LOCAL = ""


def parts(operations: Sequence[Operation], size: int) -> Iterator[list[Operation]]:
    """Cut operations of one kind into requests, in order: one entity each, at most `size`, no record twice."""
    part: list[Operation] = []
    held: set[str] = set()
    for operation in operations:
        record = operation.target_id or operation.source_id
        if len(part) == size or record in held or (part and part[0].entity is not operation.entity):
            yield part
            part, held = [], set()
        part.append(operation)
        held.add(record)
    if part:
        yield part


def in_order(request: WriteRequest, operations: Sequence[Operation]) -> list[Operation]:
    """Return a request's operations in the order of its body."""
    by_id = {operation.id: operation for operation in operations}
    return [by_id[one] for one in request.operation_ids]


def refusal(
    operation: Operation, failure: RecordFailure, *, holder: str | None = None, again: Collection[ErrorType] = ()
) -> WriteResult:
    """Return the outcome of an operation that the vendor refused.

    `holder` is the id of the record that holds our marker, or the unique key that stands for one: the create was done
    before. `again` are the error types that another try may mend, besides passing ones.
    """
    if holder is not None:
        return WriteResult(operation.id, WriteStatus.EXISTS, holder, failure=failure)
    if failure.type is ErrorType.TRANSIENT or failure.type in again:
        return retry(operation, failure)
    gone = failure.type is ErrorType.NOT_FOUND and operation.target_id is not None
    status = WriteStatus.NOT_FOUND if gone else WriteStatus.REJECTED
    return WriteResult(operation.id, status, operation.target_id, failure=failure)


def retry(operation: Operation, failure: RecordFailure) -> WriteResult:
    """Return the outcome of an innocent row of a failed batch, or of one that met a lock."""
    return WriteResult(operation.id, WriteStatus.RETRY, operation.target_id, failure=failure)


def done(operations: Sequence[Operation]) -> list[WriteResult]:
    """Return the outcome of operations that were carried out, where the vendor's answer shows no values."""
    return [WriteResult(one.id, WriteStatus.DONE, one.target_id) for one in operations]


def adopted(results: Sequence[WriteResult], found: Mapping[int, Record]) -> list[WriteResult]:
    """Return results in which a create counts as done before where its record was found.

    A record that is deleted or out of use cannot be worked with: the create stays refused, with what to do about it.
    """
    return [_adopted(one, found[one.operation_id]) if one.operation_id in found else one for one in results]


def _adopted(result: WriteResult, record: Record) -> WriteResult:
    if not record.deleted:
        return replace(result, status=WriteStatus.EXISTS, target_id=record.id)
    message = (
        f"{record.entity} {record.id} holds this record's mark, and is out of use: take it into use, or remove its mark"
    )
    return replace(result, failure=RecordFailure(ErrorType.DUPLICATE, message))


def local(result: WriteResult) -> WriteRequest:
    """Return a request that stands for an operation whose outcome is known without a call."""
    failure = result.failure
    outcome = {
        "status": result.status.value,
        "target_id": result.target_id,
        "failure": [failure.type.value, failure.message, failure.field] if failure else None,
    }
    return WriteRequest((result.operation_id,), LOCAL, "", json_text(outcome))


def local_results(request: WriteRequest) -> list[WriteResult]:
    """Return the outcome that such a request stands for."""
    outcome = json.loads(request.body)
    told = outcome["failure"]
    failure = RecordFailure(ErrorType(told[0]), told[1], told[2]) if told else None
    status, target = WriteStatus(outcome["status"]), outcome["target_id"]
    return [WriteResult(one, status, target, failure=failure) for one in request.operation_ids]
