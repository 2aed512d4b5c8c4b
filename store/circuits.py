"""Causes that have refused many writes in a row: counted, open, or probed; and the records that wait for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.database import upsert
from store.scope import Scope, table_of
from store.tables.circuits import Circuit, HeldRecord

CIRCUITS, HELD = table_of(Circuit), table_of(HeldRecord)
OPEN = ("open", "probing")


async def of(session: AsyncSession, scope: Scope) -> list[Circuit]:
    """All circuits of an entity: those that count, and those that are open."""
    return list((await session.execute(select(Circuit).where(scope.covers(CIRCUITS)))).scalars())


async def count(
    session: AsyncSession, scope: Scope, pattern: str, cause: str, pass_id: str, number: int, at: datetime
) -> Circuit:
    """Count failures in a row of one pattern and cause within a pass; return the circuit."""
    mine = (scope.covers(CIRCUITS), CIRCUITS.c.pattern == pattern)
    known = (await session.execute(select(Circuit).where(*mine).with_for_update())).scalar_one_or_none()
    if known is None:
        known = Circuit(
            integration_id=scope.integration_id,
            entity=scope.entity.value,
            pattern=pattern,
            cause=cause,
            pass_id=pass_id,
            opened_at=at,
        )
    elif known.state not in OPEN and (known.cause, known.pass_id) != (cause, pass_id):
        known.cause, known.pass_id, known.failures = cause, pass_id, 0
    known.failures += number
    session.add(known)
    await session.flush()
    return known


async def set_state(session: AsyncSession, circuit: Circuit, state: str, pass_id: str, probe: int | None) -> bool:
    """Move a circuit on, if nobody else has meanwhile; `probe` is the operation that tries it."""
    mine = (CIRCUITS.c.id == circuit.id, CIRCUITS.c.state == circuit.state, CIRCUITS.c.pass_id == circuit.pass_id)
    moved = update(CIRCUITS).where(*mine).values(state=state, pass_id=pass_id, probe=probe).returning(CIRCUITS.c.id)
    return (await session.execute(moved)).first() is not None


async def close(session: AsyncSession, circuit: Circuit) -> None:
    """Forget a circuit and what waits for it."""
    await session.execute(delete(HELD).where(HELD.c.circuit_id == circuit.id))
    await session.execute(delete(CIRCUITS).where(CIRCUITS.c.id == circuit.id))


async def hold(session: AsyncSession, circuit: Circuit, source_ids: Collection[str]) -> None:
    """Note records whose write was not sent."""
    rows = [{"circuit_id": circuit.id, "source_id": source_id} for source_id in source_ids]
    await upsert(session, HELD, rows, ["circuit_id", "source_id"])


async def held(session: AsyncSession, circuit: Circuit, limit: int | None = None) -> Sequence[str]:
    """The records that wait for a circuit, by their id on the side they come from."""
    query = select(HELD.c.source_id).where(HELD.c.circuit_id == circuit.id).order_by(HELD.c.source_id).limit(limit)
    return (await session.execute(query)).scalars().all()


async def is_held(session: AsyncSession, scope: Scope, record_ids: Collection[str]) -> bool:
    """Whether one of these records waits for a circuit."""
    query = (
        select(func.count())
        .select_from(HELD.join(CIRCUITS, CIRCUITS.c.id == HELD.c.circuit_id))
        .where(scope.covers(CIRCUITS), HELD.c.source_id.in_(list(record_ids)))
    )
    return bool((await session.execute(query)).scalar_one())
