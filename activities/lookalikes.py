"""Records that may be what a create of ours made, where nothing readable says so (ADR 10; I2).

Those that are linked belong to other payments or invoices. Of the rest, one is taken for it, none means that nothing
was made, and several are for a person to tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import Engine, PassContext
from connectors.protocols import FindsLookalikes, WriteResult, WriteStatus
from core.errors import ErrorType, RecordFailure
from core.records import Record
from store import links
from store.writes import OpenOperation


async def judge_lookalikes(
    engine: Engine, context: PassContext, connector: FindsLookalikes, creates: Sequence[OpenOperation]
) -> tuple[list[WriteResult], dict[int, Record], list[OpenOperation]]:
    """Settle anonymous creates whose key is forgotten: results, records to merge again, and those never carried out."""
    target = creates[0].operation.target
    found = await connector.lookalikes([item.operation for item in creates], context.plan.paths(target))
    results, fresh, absent, taken = list[WriteResult](), dict[int, Record](), list[OpenOperation](), set[str]()
    async with engine.db.session() as session:
        free = await unlinked(session, context, found)
    for item in creates:
        left = [record for record in free.get(item.operation.id, []) if record.id not in taken]
        if not left:
            absent.append(item)
        elif len(left) == 1:
            taken.add(left[0].id)
            fresh[item.operation.id] = left[0]
            results.append(WriteResult(item.operation.id, WriteStatus.DONE, left[0].id))
        else:
            results.append(WriteResult(item.operation.id, WriteStatus.REJECTED, failure=_several(item, left)))
    return results, fresh, absent


async def pick_lookalikes(
    session: AsyncSession, context: PassContext, results: Sequence[WriteResult]
) -> list[WriteResult]:
    """Say which record a create made whose system does not say it: the first lookalike that has no link."""
    unnamed = {one.operation_id: one.lookalikes for one in results if one.target_id is None and one.lookalikes}
    free, taken, picked = await unlinked(session, context, unnamed), set[str](), list[WriteResult]()
    for result in results:
        if result.operation_id not in unnamed:
            picked.append(result)
            continue
        record = next((one for one in free[result.operation_id] if one.id not in taken), None)
        if record is None:
            failure = RecordFailure(ErrorType.INTERNAL, "the write was confirmed, but all records like it are linked")
            picked.append(WriteResult(result.operation_id, WriteStatus.REJECTED, failure=failure))
            continue
        taken.add(record.id)
        picked.append(replace(result, target_id=record.id, record=record))
    return picked


async def unlinked(
    session: AsyncSession, context: PassContext, found: Mapping[int, Sequence[Record]]
) -> dict[int, list[Record]]:
    """The records among these that have no link."""
    records = [record for some in found.values() for record in some]
    if not records:
        return {}
    side = records[0].side
    bound = await links.active(session, context.scope, side, sorted({record.id for record in records}))
    return {number: [record for record in some if record.id not in bound] for number, some in found.items()}


def _several(item: OpenOperation, left: Sequence[Record]) -> RecordFailure:
    operation = item.operation
    listed = ", ".join(record.id for record in left[:5])
    message = (
        f"the reply to a write of this record was lost, and {len(left)} records could be what it made ({listed}): "
        f"link the right one to {operation.source_id}, or remove what is there twice"
    )
    return RecordFailure(ErrorType.DUPLICATE, message)
