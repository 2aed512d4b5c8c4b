"""The transform step: merge the chunk's records and store the operations that follow (I3, I12).

Everything that follows from one chunk is stored in one transaction, so a repeated attempt finds it done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.announce import wake_conflicts
from activities.auditing import store_trails
from activities.contracts import ChunkRef, ChunkResult
from activities.creating import decide_alone
from activities.decided import Decided, Pair
from activities.engine import Engine, PassContext
from activities.merging import decide_pair
from core import failpoints
from core.flips import STOPPED
from core.records import PARENT_OF, OperationKind, Record, Side
from store import conflicts, deletions, endings, errors, links, parked, parting, passes, sightings, staging, writes
from store.deletions import Verdict
from store.endings import Ending
from store.links import LinkState
from store.scope import Scope
from store.staging import StagedRecord
from store.tables.runs import Pass
from store.tables.sync import Reading
from store.types import utc_now

CLAIMED, TRANSFORMED = "claimed", "transformed"


async def transform(engine: Engine, chunk: ChunkRef) -> ChunkResult:
    """Merge the chunk's records and store operations, bases, conflicts and errors; see `SyncSteps.transform`."""
    context = await engine.open(chunk.of)
    async with engine.db.session() as session:
        if await passes.chunk_state(session, chunk.of.pass_id, chunk.number) != CLAIMED:
            return ChunkResult(records=0, proceed=True)
        staged = await staging.of_chunk(session, context.scope, chunk.of.pass_id, chunk.number)
        found = await links.by_ids(session, sorted({item.link_id for item in staged if item.link_id is not None}))
        # A link may have ended since its record was staged.
        states = {number: state for number, state in found.items() if state.status == "active"}
        decisions = await conflicts.decisions(session, context.scope, "fields", [str(number) for number in states])
        stopped = [state for state in states.values() if STOPPED in state.flips]
        retried = await errors.retrying(session, context.scope, stopped) if stopped else set()
    parents = await _parents(engine, context, staged, states.values())
    buried = await _buried(engine, context, staged)
    decided = Decided(waits=await _waits(engine, context, staged, parents))
    read_at = await _read_at(engine, context)

    def decide() -> None:
        for pair in _pairs(staged, states, decisions, read_at):
            pair.retried = pair.link.id in retried
            decide_pair(context, decided, pair, parents)
        for item in staged:
            if item.link_id is None or item.link_id not in states:
                tomb = buried.get((item.record.side, item.record.id))
                decide_alone(context, decided, item, parents[item.record.side], tomb)

    # In a thread: slow custom functions may not hold up heartbeats and other integrations (I11).
    await asyncio.to_thread(decide)
    closed = await _store(engine, context, chunk, decided, decisions, staged)
    failpoints.reach("operations:stored")
    await wake_conflicts(engine, context, closed)
    return ChunkResult(records=len(staged), proceed=bool(decided.planned))


def _pairs(
    staged: Iterable[StagedRecord],
    states: Mapping[int, LinkState],
    decisions: Mapping[str, Mapping[str, Any]],
    read_at: Mapping[Side, datetime],
) -> list[Pair]:
    pairs: dict[int, Pair] = {}
    for item in staged:
        if item.link_id is not None and item.link_id in states:
            fresh = Pair(states[item.link_id], {}, decisions.get(str(item.link_id)), read_at)
            pairs.setdefault(item.link_id, fresh).staged[item.record.side] = item
    return list(pairs.values())


async def _parents(
    engine: Engine, context: PassContext, staged: Iterable[StagedRecord], children: Collection[LinkState]
) -> dict[Side, dict[str, LinkState]]:
    """The links of the parents of staged records, and of those known of linked children, by their id on each side."""
    parent = PARENT_OF.get(context.ref.entity)
    found: dict[Side, dict[str, LinkState]] = {side: {} for side in Side}
    if parent is None:
        return found
    scope = Scope(context.scope.integration_id, parent)
    async with engine.db.session() as session:
        for side in Side:
            ids = {item.record.parent_id for item in staged if item.record.side is side and item.record.parent_id}
            ids |= {parent_id for child in children if (parent_id := child.kinship.seen.get(side)) is not None}
            linked = await links.active(session, scope, side, sorted(ids))
            # Nothing can be created under a parent that is deleted there.
            found[side] = {key: state for key, state in linked.items() if state.gone is not side.other}
    return found


async def _store_deletions(session: AsyncSession, decided: Decided) -> None:
    for gone in (*Side, None):
        ended = [link_id for link_id, side in decided.unlinked if side is gone]
        await links.tombstone(session, ended, "deleted on the other side" if gone else "deleted on both", gone=gone)
    for side in Side:
        for verdict in Verdict:
            kept = [link_id for link_id, lost, said in decided.lost if (lost, said) == (side, verdict)]
            await deletions.note(session, kept, side, verdict)


async def _waits(
    engine: Engine,
    context: PassContext,
    staged: Iterable[StagedRecord],
    linked: Mapping[Side, Mapping[str, LinkState]],
) -> dict[tuple[Side, str], str]:
    """Why the parents that have no link have none."""
    parent, found = PARENT_OF.get(context.ref.entity), dict[tuple[Side, str], str]()
    if parent is None:
        return found
    async with engine.db.session() as session:
        for side in Side:
            ids = {one.record.parent_id for one in staged if one.record.side is side and one.record.parent_id}
            ids -= linked[side].keys()
            reasons = await parked.reasons(session, Scope(context.scope.integration_id, parent), side, ids)
            found |= {(side, parent_id): why for parent_id, why in reasons.items()}
    return found


async def _buried(
    engine: Engine, context: PassContext, staged: Iterable[StagedRecord]
) -> dict[tuple[Side, str], LinkState]:
    async with engine.db.session() as session:
        return {
            (side, record_id): tomb
            for side in Side
            for record_id, tomb in (
                await links.tombstoned(session, context.scope, side, [r.id for r in _alone(staged) if r.side is side])
            ).items()
        }


def _alone(staged: Iterable[StagedRecord]) -> list[Record]:
    return [item.record for item in staged if item.link_id is None]


async def _read_at(engine: Engine, context: PassContext) -> dict[Side, datetime]:
    """Since when each side is known not to have changed, apart from what was staged: when its read began."""
    async with engine.db.session() as session:
        times = {side: await session.get(Reading, (context.ref.pass_id, side.value)) for side in Side}
        known = await session.get(Pass, context.ref.pass_id)
    fallback = known.started_at if known else utc_now()
    return {side: reading.started_at if reading else fallback for side, reading in times.items()}


async def _presume(
    session: AsyncSession, context: PassContext, decided: Decided, staged: Iterable[StagedRecord], at: datetime
) -> None:
    """A record that was read as it is known, and counted so, may be written: its partner has changed (I6)."""
    taken = {(item.link_id, item.record.side) for item in staged}
    for side in Side:
        unread = {
            item.link_id: item
            for item in decided.planned
            if item.kind is OperationKind.UPDATE and item.target is side.other and (item.link_id, side) not in taken
        }
        ids = [link_id for link_id in unread if link_id is not None]
        counted = await sightings.scanned(session, context.ref.pass_id, side, ids)
        pairs = [(unread[link_id].source_id, unread[link_id].target_id) for link_id in sorted(counted)]
        known = [Ending(side.other, "unchanged", *(pair if side is Side.ALGUNA else reversed(pair))) for pair in pairs]
        await endings.presume(session, context.scope, context.ref.pass_id, known, at)


async def _store(
    engine: Engine,
    context: PassContext,
    chunk: ChunkRef,
    decided: Decided,
    answers: Mapping[str, object],
    staged: Iterable[StagedRecord],
) -> list[int]:
    """Store all that was decided, with these answers of people; return the ids of conflicts that ended."""
    scope, pass_id, at = context.scope, chunk.of.pass_id, utc_now()
    run_id = chunk.of.run_id
    async with engine.turn(context) as session:
        if await passes.chunk_state(session, pass_id, chunk.number) != CLAIMED:
            return []
        await writes.plan(session, scope, pass_id, chunk.number, decided.planned, at)
        await links.save(session, decided.links, at=at)
        await _store_deletions(session, decided)
        await parting.part(session, decided.parted)
        await conflicts.put(session, scope, decided.questions, run_id, at, answers)
        # A decision that needs writes counts as carried out when they are done.
        writing = {str(item.link_id) for item in decided.planned}
        settled = [subject for subject in decided.answered if subject not in writing]
        await conflicts.carry_out(session, scope, writing.intersection(decided.answered), pass_id, chunk.number)
        closed = await conflicts.close(session, scope, "fields", settled, "resolved")
        closed += await conflicts.close(session, scope, "fields", decided.untroubled, "closed")
        closed += await conflicts.close(session, scope, "match", decided.unasked, "closed")
        await errors.open_errors(session, scope, run_id, decided.failed, at)
        for target in Side:
            await errors.close_errors(session, scope, target, decided.agreed[target], run_id)
            mended = errors.of_fields_before(at)
            await errors.close_errors(session, scope, target, decided.merged[target], run_id, mended)
        for side, kept in decided.remembered.items():
            await links.remember_unlinked(session, scope, side, kept, context.config_version)
        await _presume(session, context, decided, staged, at)
        await endings.record(session, scope, pass_id, decided.endings, at, chunk=chunk.number, tally=decided.tally)
        await store_trails(session, context, decided.trails, at)
        await staging.park(session, decided.parked)
        await passes.set_chunk_state(session, pass_id, chunk.number, TRANSFORMED)
        failpoints.reach("operations:storing")
        if not decided.planned:
            await staging.drop_chunk(session, pass_id, chunk.number)
    return closed
