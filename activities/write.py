"""The write step: send the chunk's operations in vendor-sized requests and store every outcome (I2, I3, I7).

The order is always the same: take the leases, look at targets whose read is old, drop those that moved, store the
requests, send them, store the outcomes with their effects. A reply that does not come leaves its request open; the next
attempt settles it before it sends anything.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from activities.announce import wake_conflicts
from activities.calls import calls_made, count_calls
from activities.circuits import count_results, hold_back
from activities.contracts import ChunkRef, ChunkResult
from activities.described import back_to_the_merge, is_unknown_field
from activities.engine import Engine, PassContext, connection_of
from activities.failures import raise_worst
from activities.outcomes import store_results
from activities.relating import with_parent
from activities.settle import settle
from activities.stopping import hand_over_if_asked
from activities.vanished import judged, look_after
from connectors.protocols import Connector, Current, WriteRequest, WriteResult, WriteStatus
from core import failpoints
from core.compare import equal
from core.documents import split_allocation
from core.errors import AuthExpired, ErrorType, RateLimit, RecordFailure, SyncError, Transient
from core.records import Entity, Operation, OperationKind, Side
from store import conflicts, passes, staging, writes
from store.types import utc_now
from store.writes import OpenOperation, Outgoing

MAX_TRIES = 5
WAIT_TRIES = 3
"""So often a pass looks whether a system is ready by now; then the record waits for the next one."""
RETRY_SECONDS = 0.5

MOST_SPLITS = 32
"""How often the requests of one batch are halved to find the rows for which they were refused as a whole."""

_OF_A_ROW = frozenset({ErrorType.FIELD_VALIDATION, ErrorType.DUPLICATE, ErrorType.NOT_FOUND})
_NOT_TOLD_APART = "several rows spoil the request that carries this record; the others are sought next time: {}"


async def write(engine: Engine, chunk: ChunkRef) -> ChunkResult:
    """Send what the chunk needs; see `SyncSteps.write`."""
    context = await engine.open(chunk.of)
    before = calls_made(context)
    async with engine.turn(context) as session:
        epoch = await passes.next_epoch(session, chunk.of.pass_id, chunk.number)
    # Only this chunk's own, of earlier attempts: those of chunks in work beside it are on their way.
    await settle(engine, context, chunk.of.pass_id, chunk.number)
    sent = 0
    # Last the markers of records that were made in Alguna.
    for side in (Side.EXTERNAL, Side.ALGUNA, Side.EXTERNAL):
        sent += await _write_side(engine, context, chunk, epoch, side)
    await count_calls(engine, context, before)
    async with engine.turn(context) as session:
        await staging.drop_chunk(session, chunk.of.pass_id, chunk.number)
        reached = await writes.links_done(session, chunk.of.pass_id, chunk.number)
        ended = await conflicts.carried_out(session, context.scope, reached, chunk.of.pass_id, chunk.number)
        await passes.set_chunk_state(session, chunk.of.pass_id, chunk.number, "written")
    await wake_conflicts(engine, context, ended)
    return ChunkResult(records=sent, proceed=False)


async def _write_side(engine: Engine, context: PassContext, chunk: ChunkRef, epoch: int, side: Side) -> int:
    """Send the operations towards one side, some requests at a time, until none is left; return how many."""
    connector, sent = context.connectors[side], 0
    while True:
        async with engine.db.session() as session:
            waiting = await writes.planned(session, chunk.of.pass_id, chunk.number, side)
        if not waiting:
            return sent
        slots = asyncio.Semaphore(engine.options.sends[side])
        batches = _batches(waiting, context.facts[side].batch)

        async def send(batch: list[OpenOperation], slots: asyncio.Semaphore = slots) -> None:
            async with slots:
                hand_over_if_asked()
                await _write_batch(engine, context, chunk, epoch, connector, batch)

        results = await asyncio.gather(*(send(batch) for batch in batches), return_exceptions=True)
        raise_worst([item for item in results if isinstance(item, BaseException)])
        sent += len(waiting)
        if any(item.tries for item in waiting):
            await asyncio.sleep(RETRY_SECONDS)


def _batches(waiting: Sequence[OpenOperation], size: int) -> list[list[OpenOperation]]:
    """Cut operations into batches of one kind. Those that share a parent resource, or a payment, stay together."""
    ordered = sorted(waiting, key=lambda item: (item.operation.kind, _family(item, size), item.operation.id))
    batches: list[list[OpenOperation]] = []
    for item in ordered:
        last = batches[-1] if batches else None
        same = last is not None and last[-1].operation.kind is item.operation.kind
        joined = size == 1 and item.operation.parent_id is not None
        together = last is not None and joined and last[-1].operation.parent_id == item.operation.parent_id
        if last is not None and same and (len(last) < size or together):
            last.append(item)
        else:
            batches.append([item])
    return batches


def _family(item: OpenOperation, size: int) -> str:
    """What keeps operations together: the parent, or, where several go into one request, their payment."""
    operation = item.operation
    if operation.entity is Entity.PAYMENTS and size > 1:
        return split_allocation(operation.source_id)[0]
    return operation.parent_id or ""


async def _write_batch(
    engine: Engine,
    context: PassContext,
    chunk: ChunkRef,
    epoch: int,
    connector: Connector,
    batch: list[OpenOperation],
) -> None:
    """Write one batch under its leases, but for what an open circuit stops."""
    async with engine.turn(context) as session:
        stopped = await hold_back(session, context, batch, chunk.number)
    batch = [item for item in batch if item.operation.id not in stopped]
    operations = [item.operation for item in batch]
    if not operations:
        return
    async with engine.leases.hold(connector.leases(operations)):
        current = await _look(engine, context, connector, batch, epoch)
        early = _moved(context, batch, current)
        opened = {item.operation.id: item for item in batch}
        if early:
            async with engine.turn(context) as session:
                await store_results(session, context, opened, early, certain=False, sent=False)
        settled = {result.operation_id for result in early}
        rest = [item.operation for item in batch if item.operation.id not in settled]
        waiting, splits = deque[Sequence[Operation]]([rest]), 0
        while waiting:
            requests = connector.plan(waiting.popleft(), current)
            ids = await _store(engine, context, chunk, epoch, connector.side, requests)
            for request_id, request in zip(ids, requests, strict=False):
                halves = await _send(
                    engine, context, chunk, connector, request_id, request, opened, may_split=splits < MOST_SPLITS
                )
                waiting += halves
                splits += bool(halves)


async def _look(
    engine: Engine, context: PassContext, connector: Connector, batch: list[OpenOperation], epoch: int
) -> dict[int, Current]:
    """Read the targets whose last read is too old to overwrite them on its word.

    So is one from before a death, however soon somebody goes on: people see that nothing moves, and edit.
    """
    now, ages = utc_now(), dict[int, float]()
    for item in batch:
        died = epoch > 1 or item.read_at < engine.started_at
        ages[item.operation.id] = math.inf if died else (now - item.read_at).total_seconds()
    stale = [
        operation
        for operation in (item.operation for item in batch)
        if connector.needs_current(operation, ages[operation.id])
        or (operation.kind is not OperationKind.CREATE and ages[operation.id] > engine.options.stale_read_seconds)
    ]
    if not stale:
        return {}
    return await connector.current(stale, context.plan.paths(connector.side))


def _moved(context: PassContext, batch: list[OpenOperation], current: Mapping[int, Current]) -> list[WriteResult]:
    """Find the operations whose target is not as the merge believed: they go back to the merge, or are gone."""
    results: list[WriteResult] = []
    for item in batch:
        operation = item.operation
        seen = current.get(operation.id)
        if seen is None:
            continue
        record = seen.record
        if operation.kind is OperationKind.CREATE:
            if record is not None:
                results.append(WriteResult(operation.id, WriteStatus.EXISTS, record.id))
        elif record is None or record.deleted:
            results.append(judged(operation, record))
        else:
            held = with_parent(context, record)
            if not all(equal(held.get(name), value) for name, value in operation.expected.items()):
                results.append(WriteResult(operation.id, WriteStatus.MOVED, operation.target_id, record))
    return results


async def _store(
    engine: Engine,
    context: PassContext,
    chunk: ChunkRef,
    epoch: int,
    side: Side,
    requests: Sequence[WriteRequest],
) -> list[int]:
    outgoing = [
        Outgoing(
            request.method,
            request.path,
            request.body,
            request.headers,
            request.idempotency_key,
            request.replay_seconds,
            request.operation_ids,
        )
        for request in requests
    ]
    async with engine.turn(context) as session:
        ids = await writes.store_requests(
            session, context.scope, side, chunk.of.pass_id, chunk.number, epoch, outgoing, utc_now()
        )
        failpoints.reach("request:storing")
    failpoints.reach("request:stored")
    if requests and not ids:
        raise Transient("a newer attempt has taken this chunk over")
    return ids


async def _send(
    engine: Engine,
    context: PassContext,
    chunk: ChunkRef,
    connector: Connector,
    request_id: int,
    request: WriteRequest,
    opened: Mapping[int, OpenOperation],
    *,
    may_split: bool,
) -> list[Sequence[Operation]]:
    """Send one stored request and store its outcome. A lost reply leaves it open for `settle`.

    Returns the halves of a request that was refused as a whole for what may be one row of it: they are sent anew.
    """
    operations = [opened[number].operation for number in request.operation_ids]
    at = utc_now()
    try:
        results = await connector.send(request, operations, context.plan.paths(connector.side))
    except Transient as error:
        if not error.outcome_unknown:
            await _not_sent(engine, context, request_id, request)
        raise
    except (RateLimit, AuthExpired):
        await _not_sent(engine, context, request_id, request)
        raise
    except SyncError as error:
        if len(operations) > 1 and error.type in _OF_A_ROW:
            if may_split:
                await _not_sent(engine, context, request_id, request)
                middle = len(operations) // 2
                return [operations[:middle], operations[middle:]]
            failure = RecordFailure(ErrorType.TRANSIENT, _NOT_TOLD_APART.format(error.message))
        else:
            failure = RecordFailure(error.type, error.message, vendor_code=error.vendor_code)
        results = [WriteResult(item.id, WriteStatus.REJECTED, failure=failure) for item in operations]
    results = await _without_gone_fields(engine, context, connector, operations, results, at)
    results = await look_after(connector, {item.id: item for item in operations}, results)
    results = [_give_up(item, opened[item.operation_id]) for item in results]
    async with engine.turn(context) as session:
        if await writes.settle_request(session, request_id):
            sent = {item.id: opened[item.id] for item in operations}
            await store_results(session, context, sent, results, chunk=chunk.number)
            await count_results(session, context, sent, results, engine.options.circuit_failures)
        failpoints.reach("outcome:storing")
    failpoints.reach("outcome:stored")
    return []


async def _without_gone_fields(
    engine: Engine,
    context: PassContext,
    connector: Connector,
    operations: Sequence[Operation],
    results: list[WriteResult],
    sent_at: datetime,
) -> list[WriteResult]:
    """Where rows were refused for a field that is gone by now, merge them anew without it (pain P19)."""
    if not any(map(is_unknown_field, results)):
        return results
    connection_id = connection_of(context.ref, connector.side)
    described = await engine.schemas.newer(connection_id, connector, context.ref.entity, sent_at)
    facts = context.facts[connector.side]
    return back_to_the_merge(described, operations, results, {facts.marker, facts.parent})


async def _not_sent(engine: Engine, context: PassContext, request_id: int, request: WriteRequest) -> None:
    """The vendor certainly did nothing: the operations may go into a new request."""
    async with engine.turn(context) as session:
        if await writes.settle_request(session, request_id):
            await writes.plan_again(session, request.operation_ids)


def _give_up(result: WriteResult, item: OpenOperation) -> WriteResult:
    """A row that is locked again and again becomes an open error instead of holding up its pass."""
    if result.status is WriteStatus.WAIT and item.tries < WAIT_TRIES:
        return replace(result, status=WriteStatus.RETRY)
    if result.status is not WriteStatus.RETRY or item.tries < MAX_TRIES:
        return result
    failure = result.failure or RecordFailure(ErrorType.TRANSIENT, "not carried out after several tries")
    return WriteResult(result.operation_id, WriteStatus.REJECTED, failure=failure)
