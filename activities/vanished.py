"""Targets that a write did not find: gone, or merged into another record, to which their link then moves (P13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.protocols import Connector, WriteResult, WriteStatus
from core.records import Operation, OperationKind, Record


def judged(operation: Operation, record: Record | None) -> WriteResult:
    """The result of an operation whose target is not there: what was merged is merged again under its new id."""
    archives = operation.kind is OperationKind.ARCHIVE
    if record is not None and record.merged_into is not None and not archives:
        return WriteResult(operation.id, WriteStatus.MOVED, operation.target_id, record)
    return WriteResult(operation.id, WriteStatus.NOT_FOUND, operation.target_id)


async def look_after(
    connector: Connector, operations: Mapping[int, Operation], results: Sequence[WriteResult]
) -> list[WriteResult]:
    """Read the targets that a write did not find, in one call where the system can, and judge them anew."""
    missing = {
        result.operation_id: operations[result.operation_id]
        for result in results
        if result.status is WriteStatus.NOT_FOUND and operations[result.operation_id].target_id
    }
    if not missing:
        return list(results)
    entity = next(iter(missing.values())).entity
    found = await connector.read(entity, {one.target_id for one in missing.values() if one.target_id}, ())
    judgements = {number: _again_or_judged(one, found.get(one.target_id or "")) for number, one in missing.items()}
    return [replace(judgements.get(one.operation_id, one), failure=one.failure) for one in results]


def _again_or_judged(operation: Operation, record: Record | None) -> WriteResult:
    """A write that does not find what a read shows proves nothing: it is tried again."""
    if record is not None and not record.deleted:
        return WriteResult(operation.id, WriteStatus.RETRY, operation.target_id)
    return judged(operation, record)
