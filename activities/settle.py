"""Settling requests whose outcome is unknown, before anything is read or merged (design 3.2; I2, I3, I7).

A create is looked up by its marker: found, it is linked and merged; absent, it is sent again (the byte-identical
request under its key where the vendor keeps keys, else in a new request). An update is never sent again blindly: the
target is read, and what is there tells whether the update was carried out.

Where nothing readable tells what we made (`EntityFacts.anonymous`), the order is the other way round: as long as the
vendor knows the key, the byte-identical request tells for certain; only then lookalikes are judged.
"""

from __future__ import annotations

from datetime import timedelta

from activities.engine import Engine, PassContext
from activities.lookalikes import judge_lookalikes
from activities.outcomes import store_results
from activities.relating import with_parent
from activities.vanished import judged
from connectors.protocols import Connector, FindsLookalikes, WriteRequest, WriteResult, WriteStatus
from core import failpoints
from core.merge import LostUpdate, judge_lost_update
from core.records import OperationKind, Record
from store import writes
from store.types import utc_now
from store.writes import OpenOperation, OpenRequest


async def settle(engine: Engine, context: PassContext, pass_id: str | None = None, chunk: int | None = None) -> None:
    """Settle the entity's open requests, or those of one chunk. Raises a SyncError when the vendor cannot be asked."""
    async with engine.db.session() as session:
        open_requests = await writes.unsettled(session, context.scope, pass_id, chunk)
    for request in open_requests:
        await _settle_one(engine, context, request)


async def _settle_one(engine: Engine, context: PassContext, request: OpenRequest) -> None:
    connector = context.connectors[request.side]
    async with engine.db.session() as session:
        opened = {item.operation.id: item for item in await writes.operations(session, request.operation_ids)}
    if context.facts[request.side].anonymous and await _settle_by_key(engine, context, connector, request, opened):
        return
    creates = [item for item in opened.values() if item.operation.kind is OperationKind.CREATE]
    others = [item for item in opened.values() if item.operation.kind is not OperationKind.CREATE]
    results, fresh, absent = await _settle_creates(engine, context, connector, creates)
    more, seen, undone = await _settle_updates(context, connector, others)
    failpoints.reach("settle:looked")
    replayed = await _replay(context, connector, request, opened, absent + undone)
    if replayed is not None:
        results, absent, undone = [*results, *replayed], [], []
    async with engine.turn(context) as session:
        if not await writes.settle_request(session, request.id):
            return
        await store_results(session, context, opened, [*results, *more], fresh={**fresh, **seen}, certain=False)
        await writes.plan_again(session, [item.operation.id for item in absent + undone])
        failpoints.reach("settle:storing")
    failpoints.reach("settle:stored")


async def _settle_by_key(
    engine: Engine,
    context: PassContext,
    connector: Connector,
    request: OpenRequest,
    opened: dict[int, OpenOperation],
) -> bool:
    """Send the request of anonymous creates again under its key; return whether that was possible."""
    results = await _replay(context, connector, request, opened, list(opened.values()))
    if results is None:
        return False
    async with engine.turn(context) as session:
        if await writes.settle_request(session, request.id):
            await store_results(session, context, opened, results)
        failpoints.reach("settle:storing")
    failpoints.reach("settle:stored")
    return True


async def _settle_creates(
    engine: Engine, context: PassContext, connector: Connector, creates: list[OpenOperation]
) -> tuple[list[WriteResult], dict[int, Record], list[OpenOperation]]:
    """Look for what these creates made: results and records of those found, and the ones that are absent."""
    if not creates:
        return [], {}, []
    target = creates[0].operation.target
    if isinstance(connector, FindsLookalikes) and context.facts[target].anonymous:
        return await judge_lookalikes(engine, context, connector, creates)
    found = await connector.find_created([item.operation for item in creates], context.plan.paths(target))
    results, fresh = [], {}
    for item in creates:
        record = found.get(item.operation.id)
        if record is None:
            continue
        # Our own row, untouched since: what it holds is what the vendor made of our values. Else a person edited it:
        # what was sent is the base, and the record goes back to the merge as a newer change.
        untouched = record if record.modified_by_us else None
        results.append(WriteResult(item.operation.id, WriteStatus.DONE, record.id, untouched))
        if untouched is None:
            fresh[item.operation.id] = record
    absent = [item for item in creates if item.operation.id not in found]
    return results, fresh, absent


async def _settle_updates(
    context: PassContext, connector: Connector, updates: list[OpenOperation]
) -> tuple[list[WriteResult], dict[int, Record], list[OpenOperation]]:
    """Judge lost updates by what the targets hold now: results, records to merge again, and those not carried out."""
    if not updates:
        return [], {}, []
    operation = updates[0].operation
    ids = [item.operation.target_id for item in updates if item.operation.target_id]
    now = await connector.read(operation.entity, ids, context.plan.paths(operation.target))
    results, fresh, undone = [], {}, []
    for item in updates:
        record = now.get(item.operation.target_id or "")
        if record is None or record.deleted:
            results.append(judged(item.operation, record))
        elif item.operation.kind is OperationKind.ARCHIVE or _not_committed(context, item, record):
            undone.append(item)
        else:
            results.append(WriteResult(item.operation.id, WriteStatus.DONE, item.operation.target_id))
            fresh[item.operation.id] = record
    return results, fresh, undone


def _not_committed(context: PassContext, item: OpenOperation, record: Record) -> bool:
    operation, held = item.operation, with_parent(context, record)
    sent = {name: value for name, value in operation.values.items() if name in held}
    if not sent:
        # Only the marker was written: sending it again changes nothing else.
        return True
    return judge_lost_update(operation.expected, sent, held) is LostUpdate.NOT_COMMITTED


async def _replay(
    context: PassContext,
    connector: Connector,
    request: OpenRequest,
    opened: dict[int, OpenOperation],
    missing: list[OpenOperation],
) -> list[WriteResult] | None:
    """Send the byte-identical request again, if all of it is missing and the vendor still knows its key."""
    if not missing or len(missing) != len(request.operation_ids) or request.idempotency_key is None:
        return None
    if any(item.operation.kind is not OperationKind.CREATE for item in missing):
        return None
    age = utc_now() - (request.first_sent_at or utc_now())
    if age >= timedelta(seconds=request.replay_seconds):
        return None
    again = WriteRequest(
        request.operation_ids,
        request.method,
        request.path,
        request.body,
        request.idempotency_key,
        request.replay_seconds,
        request.headers,
    )
    operations = [opened[number].operation for number in request.operation_ids]
    return await connector.send(again, operations, context.plan.paths(request.side))
