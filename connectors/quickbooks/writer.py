"""Writing to QuickBooks: batches of up to 30 items, each with an outcome of its own (QuickBooks sheet 4).

Every batch has a `requestid`: sent again under it, Intuit gives the first answer and does nothing. It is made of the
operations as they stand, so that a later try of the same rows is another request. Items are told apart by `bId`, the id
of the item's first operation. Updates carry the `SyncToken` of the read that was compared with what the merge believed,
so a record that moves in between is refused (5010), never overwritten (I3).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors import writing
from connectors.protocols import Current, WriteRequest, WriteResult, WriteStatus
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.errors import STALE, fault_in
from connectors.quickbooks.records import Row
from connectors.quickbooks.spec import BATCH_ROWS, MINOR_VERSION, REPLAY_SECONDS, VENDOR, facts_of
from connectors.values import json_text
from connectors.writing import in_order, parts
from core.errors import ErrorType, RecordFailure, Transient
from core.records import Entity, Operation, OperationKind
from core.values import fingerprint

ROW = "row"
"""The key of `Current.context` under which the target's object is kept, as it was read."""

_KINDS = (OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE)
_AGAIN = frozenset({ErrorType.RATE_LIMIT})
_GONE = RecordFailure(ErrorType.NOT_FOUND, f"{VENDOR} has no such record any more")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch: what it carries out, and its body without `bId`; None and a failure where it cannot be."""

    operations: Sequence[Operation]
    body: Mapping[str, Any] | None
    failure: RecordFailure | None = None


class ObjectWriter(ABC):
    """What is written of one kind of object. Pure."""

    entity: Entity

    @property
    def name(self) -> str:
        """The object's name."""
        return facts_of(self.entity).object_name

    @abstractmethod
    def items(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> Iterator[Item]:
        """Make the items of operations of one kind."""

    @abstractmethod
    def results(self, operations: Sequence[Operation], row: Row) -> Iterator[WriteResult]:
        """Return the outcomes of an item's operations by the object that came back."""

    def item(self, operation: Operation, verb: str, values: Mapping[str, Any], **more: str) -> Item:
        """Return an item for one operation."""
        return Item([operation], {"operation": verb, **more, self.name: values})


def row_of(operation: Operation, current: Mapping[int, Current]) -> Row | None:
    """Return an operation's target as it was read just before; None where it is gone."""
    seen = current.get(operation.id)
    row = (seen.context or {}).get(ROW) if seen is not None else None
    return row if isinstance(row, Mapping) else None


def target(row: Row) -> dict[str, Any]:
    """Return what names the version of an object that a write is meant for."""
    return {"Id": row["Id"], "SyncToken": row["SyncToken"]}


def gone(operation: Operation) -> Item:
    """Return the item of an operation whose target is not there."""
    return Item([operation], None, _GONE)


def plan(
    writers: Mapping[Entity, ObjectWriter], operations: Sequence[Operation], current: Mapping[int, Current]
) -> list[WriteRequest]:
    """Put operations into batches: one kind and object each, no record twice."""
    requests: list[WriteRequest] = []
    for kind in _KINDS:
        chosen = sorted((one for one in operations if one.kind is kind), key=lambda one: (one.entity.value, one.id))
        for part in parts(chosen, BATCH_ROWS):
            items = list(writers[part[0].entity].items(part, current))
            for item in items:
                if item.body is None and item.failure is not None:
                    requests += [writing.local(writing.refusal(one, item.failure)) for one in item.operations]
            sent = [item for item in items if item.body is not None]
            if sent:
                requests.append(_request(sent))
    return requests


def _request(items: Sequence[Item]) -> WriteRequest:
    bodies = [{"bId": str(item.operations[0].id), **(item.body or {})} for item in items]
    body = json_text({"BatchItemRequest": bodies})
    carried = [one for item in items for one in item.operations]
    key = fingerprint([body, [[one.key, one.tries, str(one.planned_at)] for one in carried]])
    query = urlencode({"requestid": key, "minorversion": MINOR_VERSION})
    ids = tuple(one.id for one in carried)
    return WriteRequest(ids, "POST", f"/batch?{query}", body, idempotency_key=key, replay_seconds=REPLAY_SECONDS)


async def send(
    client: QuickBooksClient,
    writers: Mapping[Entity, ObjectWriter],
    request: WriteRequest,
    operations: Sequence[Operation],
) -> list[WriteResult]:
    """Send one stored request and return the outcome of each of its operations.

    Raises `Transient` where an item is missing from the answer.
    """
    if request.method == writing.LOCAL:
        return writing.local_results(request)
    chosen = in_order(request, operations)
    writer = writers[chosen[0].entity]
    body = await client.write(request.path, request.body)
    answers = {str(one.get("bId")): one for one in body.get("BatchItemResponse") or [] if isinstance(one, Mapping)}
    results: list[WriteResult] = []
    for group in _groups(request, chosen):
        answer = answers.get(str(group[0].id))
        if answer is None:
            raise Transient(f"{VENDOR}'s answer to a batch leaves out an item", outcome_unknown=True)
        results += _outcomes(writer, group, answer)
    return results


def _groups(request: WriteRequest, chosen: Sequence[Operation]) -> list[list[Operation]]:
    """The operations of each item: those from its `bId` up to the next one."""
    begins = {str(item["bId"]) for item in json.loads(request.body)["BatchItemRequest"]}
    groups: list[list[Operation]] = []
    for operation in chosen:
        if str(operation.id) in begins:
            groups.append([])
        groups[-1].append(operation)
    return groups


def _outcomes(writer: ObjectWriter, group: Sequence[Operation], answer: Mapping[str, Any]) -> Iterator[WriteResult]:
    failure = fault_in(answer)
    row = answer.get(writer.name)
    if failure is None and not isinstance(row, Mapping):
        raise Transient(f"{VENDOR}'s answer to a batch cannot be read", outcome_unknown=True)
    if failure is None and isinstance(row, Mapping):
        yield from writer.results(group, row)
        return
    assert failure is not None
    for operation in group:
        told = failure.record_failure(creating=operation.kind is OperationKind.CREATE)
        if failure.code == STALE:
            yield WriteResult(operation.id, WriteStatus.MOVED, operation.target_id, failure=told)
        else:
            yield writing.refusal(operation, told, again=_AGAIN)
