"""Passes, their counts, reads and cursors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, Side
from store.database import upsert
from store.scope import Scope, table_of
from store.tables.runs import Pass, Run, RunPass
from store.tables.sync import Chunk, Cursor, Reading, SharedScan

PASSES, RUN_PASSES, RUNS = table_of(Pass), table_of(RunPass), table_of(Run)
CURSORS, READINGS, CHUNKS = table_of(Cursor), table_of(Reading), table_of(Chunk)


@dataclass(slots=True)
class Tally:
    """Counts of outcomes to add to a pass: (target side, outcome) -> number, and plain counts by name."""

    outcomes: dict[tuple[Side, str], int] = field(default_factory=dict)
    plain: dict[str, int] = field(default_factory=dict)

    def add(self, target: Side, outcome: str, number: int = 1) -> None:
        """Count records that ended in one way on their way to a side."""
        if number:
            self.outcomes[target, outcome] = self.outcomes.get((target, outcome), 0) + number

    def note(self, name: str, number: int = 1) -> None:
        """Count something that is no outcome of its own (linked, conflicts, parked, drift)."""
        if number:
            self.plain[name] = self.plain.get(name, 0) + number


async def open_pass(
    session: AsyncSession,
    scope: Scope,
    pass_id: str,
    *,
    mode: str,
    run_ids: Sequence[str],
    config_version: int,
    at: datetime,
) -> Pass:
    """Return the pass, made at its first call. Runs that joined later are added at each call."""
    known = await session.get(Pass, pass_id)
    if known is None:
        known = Pass(
            id=pass_id,
            integration_id=scope.integration_id,
            entity=scope.entity.value,
            mode=mode,
            config_version=config_version,
            started_at=at,
        )
        session.add(known)
        await session.flush()
    await upsert(
        session, RUN_PASSES, [{"run_id": run, "pass_id": pass_id} for run in run_ids], ["run_id", "pass_id"], []
    )
    return known


async def revive(session: AsyncSession, pass_id: str, fields: AbstractSet[str]) -> Pass:
    """Decide once, before a pass reads, which fields it takes up again after they were gone; then it reads all."""
    known = await session.get_one(Pass, pass_id, with_for_update=True)
    if known.revived is None:
        known.revived = sorted(fields)
        if fields and known.mode == "incremental":
            known.mode = "full"
        session.add(known)
    return known


async def last_adopted_version(session: AsyncSession, scope: Scope) -> int | None:
    """The newest version of the configuration under which a pass of the entity was completed; rehearsals aside."""
    done = (scope.covers(PASSES), PASSES.c.state == "completed", ~_of_runs(RUNS.c.dry_run.is_(True)))
    query = select(func.max(PASSES.c.config_version)).where(*done)
    found = (await session.execute(query)).scalar_one()
    return None if found is None else int(found)


def _of_runs(which: ColumnElement[bool], of: FromClause = PASSES) -> ColumnElement[bool]:
    """Whether a pass serves such a run."""
    served = (RUN_PASSES.c.pass_id == of.c.id) & (RUN_PASSES.c.run_id == RUNS.c.id)
    return exists().where(served, which)


def outlived() -> ColumnElement[bool]:
    """Whether a pass may be forgotten: it did not complete, or a later one of its entity answers for it.

    The newest one must stay, however old: it tells which configuration the entity was synced under
    (`last_version`, `last_adopted_version`).
    """
    later = PASSES.alias("later")
    same = (later.c.integration_id == PASSES.c.integration_id) & (later.c.entity == PASSES.c.entity)
    read = (later.c.state == "completed") & later.c.mode.in_(["incremental", "full"])
    whole = ~_of_runs(RUNS.c.dry_run.is_(True) | RUNS.c.direction.is_not(None), later)
    answers = exists().where(same, read, whole, later.c.completed_at > PASSES.c.completed_at)
    return (PASSES.c.state != "completed") | answers


async def has_read(session: AsyncSession, pass_id: str) -> bool:
    """Whether a pass has begun to read a side."""
    query = select(READINGS.c.side).where(READINGS.c.pass_id == pass_id).limit(1)
    return (await session.execute(query)).first() is not None


async def has_begun(session: AsyncSession, pass_id: str) -> bool:
    """Whether a pass has begun to read a side, or to work on what it found in the inbox."""
    return await session.get(Chunk, (pass_id, 1)) is not None or await has_read(session, pass_id)


async def hold(session: AsyncSession, pass_id: str) -> None:
    """Wait for the turn to change what belongs to a pass, and keep it until the end of the transaction.

    Where the database has one writer at a time, the transaction itself is the turn.
    """
    if session.get_bind().dialect.name != "sqlite":
        await session.execute(select(PASSES.c.id).where(PASSES.c.id == pass_id).with_for_update())


async def add_counts(session: AsyncSession, pass_id: str, tally: Tally, calls: Mapping[str, int] | None = None) -> None:
    """Add counts and API calls to a pass."""
    if not tally.outcomes and not tally.plain and not calls:
        return
    known = await session.get(Pass, pass_id, with_for_update=True, populate_existing=True)
    if known is None:
        return
    counts: dict[str, Any] = {
        key: dict(value) if isinstance(value, dict) else value for key, value in known.counts.items()
    }
    for (target, outcome), number in tally.outcomes.items():
        side = counts.setdefault(target.value, {})
        side[outcome] = side.get(outcome, 0) + number
    for name, number in tally.plain.items():
        counts[name] = counts.get(name, 0) + number
    known.counts = counts
    if calls:
        known.calls = {side: known.calls.get(side, 0) + calls.get(side, 0) for side in {*known.calls, *calls}}
    session.add(known)


async def cursor(session: AsyncSession, scope: Scope, side: Side) -> str | None:
    """The cursor that the last completed read of a side left."""
    row = await session.get(Cursor, (scope.integration_id, scope.entity.value, side.value))
    return row.cursor if row else None


async def has_cursors(session: AsyncSession, scope: Scope) -> bool:
    """Whether both sides were read to the end at least once."""
    query = select(CURSORS.c.side).where(scope.covers(CURSORS))
    return len((await session.execute(query)).all()) == len(Side)


async def last_version(session: AsyncSession, scope: Scope) -> int | None:
    """The config version of the last completed pass that read the sides, and could act on all that it read."""
    reading_pass = (PASSES.c.state == "completed") & PASSES.c.mode.in_(["incremental", "full"])
    reading_pass &= ~_of_runs(RUNS.c.dry_run.is_(True) | RUNS.c.direction.is_not(None))
    mine = (PASSES.c.integration_id == scope.integration_id) & (PASSES.c.entity == scope.entity.value)
    query = select(PASSES.c.config_version).where(mine, reading_pass).order_by(PASSES.c.completed_at.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def move_cursors(
    session: AsyncSession, scope: Scope, pass_id: str, sides: Collection[Side], at: datetime
) -> None:
    """At the end of a pass: let the completed reads' cursors of these sides become the entity's."""
    among = READINGS.c.side.in_([side.value for side in sides])
    query = select(READINGS).where(READINGS.c.pass_id == pass_id, READINGS.c.complete, among)
    rows = [
        {**scope.columns(), "side": row.side, "cursor": row.cursor, "moved_at": at}
        for row in (await session.execute(query)).all()
    ]
    await upsert(session, CURSORS, rows, ["integration_id", "entity", "side"], ["cursor", "moved_at"])


async def reading(session: AsyncSession, pass_id: str, side: Side, *, full: bool, at: datetime) -> Reading:
    """The read of a side in this pass, made at its first call."""
    known = await session.get(Reading, (pass_id, side.value))
    if known is None:
        known = Reading(pass_id=pass_id, side=side.value, full=full, started_at=at)
        session.add(known)
        await session.flush()
    return known


async def advance(
    session: AsyncSession,
    pass_id: str,
    side: Side,
    *,
    was: str | None,
    position: str | None,
    cursor: str | None,
    complete: bool,
    scan: str | None = None,
    alone: int = 0,
) -> bool:
    """Store where a read stands, in the same transaction as its page.

    `scan` is the pass that keeps what a scan of everything shows; `alone` adds to the records without a link. False
    when the read does not stand at `was` any more, because another attempt has gone on with it: then the page is stored
    already.
    """
    moved = await session.execute(
        update(READINGS)
        .where(
            READINGS.c.pass_id == pass_id,
            READINGS.c.side == side.value,
            READINGS.c.position.is_not_distinct_from(was),
            READINGS.c.complete.is_(False),
        )
        .values(position=position, cursor=cursor, complete=complete, scan=scan, alone=READINGS.c.alone + alone)
        .returning(READINGS.c.pass_id)
    )
    return moved.first() is not None


async def verified(session: AsyncSession, pass_id: str, side: Side) -> None:
    """Note that what a side's scan has not shown was asked for by id."""
    changed = (READINGS.c.pass_id == pass_id, READINGS.c.side == side.value)
    await session.execute(update(READINGS).where(*changed).values(verified=True))


async def looked_again(session: AsyncSession, pass_id: str, cursor: str | None) -> None:
    """Note a read after writes: it leaves the newer cursor, and there is nothing unread of our own."""
    await session.execute(
        update(READINGS)
        .where(READINGS.c.pass_id == pass_id, READINGS.c.side == Side.EXTERNAL.value)
        .values(cursor=cursor, complete=True)
    )
    await session.execute(
        update(PASSES).where(PASSES.c.id == pass_id).values(written=False, rounds=PASSES.c.rounds + 1)
    )


async def note_written(session: AsyncSession, pass_id: str) -> None:
    """Note that the external side was written since it was last read."""
    await session.execute(update(PASSES).where(PASSES.c.id == pass_id).values(written=True))


async def close_pass(session: AsyncSession, pass_id: str, *, parked: int, at: datetime) -> None:
    """End a pass that has nothing left to do. Ending it again changes nothing."""
    known = await session.get(Pass, pass_id)
    if known is None or known.state != "running":
        return
    tally = Tally()
    if parked:
        tally.note("parked", parked)
    await add_counts(session, pass_id, tally)
    await session.execute(
        update(PASSES)
        .where(PASSES.c.id == pass_id, PASSES.c.state == "running")
        .values(state="completed", completed_at=at)
    )


async def end_pass(
    session: AsyncSession, pass_id: str, state: str, problem: dict[str, Any] | None, at: datetime
) -> None:
    """End a pass that failed or was canceled."""
    await session.execute(
        update(PASSES)
        .where(PASSES.c.id == pass_id, PASSES.c.state == "running")
        .values(state=state, problem=problem, completed_at=at)
    )


async def share_scan(
    session: AsyncSession,
    run_ids: Sequence[str],
    entity: Entity,
    side: Side,
    *,
    unchanged: int,
    skipped: int,
    cursor: str | None,
    complete: bool,
    scan: str | None = None,
    alone: int = 0,
) -> None:
    """Note a page of an entity that came along with its parent's scan, for the runs that also want this entity."""
    for run in run_ids:
        known = await session.get(SharedScan, (run, entity.value, side.value))
        known = known or SharedScan(run_id=run, entity=entity.value, side=side.value)
        known.unchanged += unchanged
        known.skipped += skipped
        known.alone += alone
        known.cursor, known.complete, known.scan = cursor, complete, scan
        session.add(known)
    await session.flush()


async def shared_scan(session: AsyncSession, run_ids: Sequence[str], entity: Entity, side: Side) -> SharedScan | None:
    """The complete scan of an entity's side that one of these runs has made along with its parent's."""
    for run in run_ids:
        found = await session.get(SharedScan, (run, entity.value, side.value))
        if found is not None and found.complete:
            return found
    return None


async def next_epoch(session: AsyncSession, pass_id: str, chunk: int) -> int:
    """Begin an attempt to write a chunk: every older attempt loses the right to send."""
    await session.execute(
        update(CHUNKS).where(CHUNKS.c.pass_id == pass_id, CHUNKS.c.number == chunk).values(epoch=CHUNKS.c.epoch + 1)
    )
    query = select(CHUNKS.c.epoch).where(CHUNKS.c.pass_id == pass_id, CHUNKS.c.number == chunk)
    return int((await session.execute(query)).scalar_one())


async def chunk_state(session: AsyncSession, pass_id: str, chunk: int) -> str:
    """How far a chunk came: claimed, matched, transformed, written."""
    query = select(CHUNKS.c.state).where(CHUNKS.c.pass_id == pass_id, CHUNKS.c.number == chunk)
    return str((await session.execute(query)).scalar_one())


async def set_chunk_state(session: AsyncSession, pass_id: str, chunk: int, state: str) -> None:
    """Note how far a chunk came, in the transaction that did it."""
    await session.execute(
        update(CHUNKS).where(CHUNKS.c.pass_id == pass_id, CHUNKS.c.number == chunk).values(state=state)
    )
