"""Lists for people: runs, records of a run, errors, conflicts, links; filtered, counted, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from store.scope import Scope, table_of
from store.tables.runs import ConflictRow, Outcome, Pass, RecordError, Run, RunPass
from store.tables.sync import Link

RUNS, PASSES, RUN_PASSES, OUTCOMES = table_of(Run), table_of(Pass), table_of(RunPass), table_of(Outcome)
ERRORS, CONFLICTS, LINKS = table_of(RecordError), table_of(ConflictRow), table_of(Link)

LIVE_RUNS = ("queued", "running", "paused")

T = TypeVar("T", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """One page of a list, and how many rows the whole list has."""

    rows: Sequence[T]
    total: int


async def _part(session: AsyncSession, query: Select[Any], limit: int, offset: int) -> Part[Any]:
    total = (await session.execute(select(func.count()).select_from(query.order_by(None).subquery()))).scalar_one()
    rows = (await session.execute(query.limit(limit).offset(offset))).scalars().all()
    return Part(rows, int(total))


def _where(query: Select[Any], **equal: str | None) -> Select[Any]:
    """Narrow a query of one table by those columns for which a value is given."""
    table = query.get_final_froms()[0]
    for name, value in equal.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


async def list_runs(
    session: AsyncSession,
    integration_id: str,
    *,
    limit: int,
    offset: int,
    status: str | None = None,
    trigger: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Part[Run]:
    """Runs, newest first; `begin` and `end` bound the time at which they were asked for."""
    query = select(Run).where(RUNS.c.integration_id == integration_id)
    query = _where(query, status=status, trigger=trigger).order_by(RUNS.c.created_at.desc(), RUNS.c.id)
    if begin is not None:
        query = query.where(RUNS.c.created_at >= begin)
    if end is not None:
        query = query.where(RUNS.c.created_at <= end)
    return await _part(session, query, limit, offset)


async def live_runs(session: AsyncSession, integration_id: str) -> Sequence[Run]:
    """Runs that have not ended, oldest first."""
    query = select(Run).where(RUNS.c.integration_id == integration_id, RUNS.c.status.in_(LIVE_RUNS))
    return (await session.execute(query.order_by(RUNS.c.created_at))).scalars().all()


async def last_completed(session: AsyncSession, integration_id: str, status: str | None = None) -> datetime | None:
    """When a run last ended, in any way or with this status. Dry runs do not count."""
    query = select(func.max(col(Run.completed_at))).where(RUNS.c.integration_id == integration_id, ~RUNS.c.dry_run)
    if status is not None:
        query = query.where(RUNS.c.status == status)
    return (await session.execute(query)).scalar_one()


async def passes_of_runs(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, list[Pass]]:
    """The passes of several runs, by run, in the order they began."""
    found: dict[str, list[Pass]] = {run_id: [] for run_id in run_ids}
    query = (
        select(RUN_PASSES.c.run_id, Pass)
        .join(Pass, PASSES.c.id == RUN_PASSES.c.pass_id)
        .where(RUN_PASSES.c.run_id.in_(list(run_ids)))
        .order_by(PASSES.c.started_at)
    )
    for run_id, one in (await session.execute(query)).all():
        found[run_id].append(one)
    return found


async def list_outcomes(
    session: AsyncSession,
    run_id: str,
    *,
    limit: int,
    offset: int,
    entity: str | None = None,
    outcome: str | None = None,
) -> Part[Outcome]:
    """How the records of a run ended, in the order they did; those without any change only when asked for."""
    mine = select(RUN_PASSES.c.pass_id).where(RUN_PASSES.c.run_id == run_id)
    query = _where(select(Outcome).where(OUTCOMES.c.pass_id.in_(mine)), entity=entity, outcome=outcome)
    if outcome is None:
        query = query.where(OUTCOMES.c.outcome != "unchanged")
    return await _part(session, query.order_by(OUTCOMES.c.id), limit, offset)


async def list_errors(
    session: AsyncSession,
    integration_id: str,
    *,
    limit: int,
    offset: int,
    status: str | None = None,
    type: str | None = None,
    entity: str | None = None,
    run_id: str | None = None,
) -> Part[RecordError]:
    """Record errors, the last seen first."""
    query = select(RecordError).where(ERRORS.c.integration_id == integration_id)
    query = _where(query, status=status, type=type, entity=entity, run_id=run_id)
    return await _part(session, query.order_by(ERRORS.c.seen_at.desc(), ERRORS.c.id.desc()), limit, offset)


async def list_conflicts(
    session: AsyncSession,
    integration_id: str,
    *,
    limit: int,
    offset: int,
    status: str | None = None,
    entity: str | None = None,
    kind: str | None = None,
) -> Part[ConflictRow]:
    """Conflicts, the last changed first."""
    query = select(ConflictRow).where(CONFLICTS.c.integration_id == integration_id)
    query = _where(query, status=status, entity=entity, kind=kind)
    return await _part(session, query.order_by(CONFLICTS.c.changed_at.desc(), CONFLICTS.c.id.desc()), limit, offset)


async def list_links(
    session: AsyncSession, scope: Scope, *, limit: int, offset: int, status: str | None = None
) -> Part[Link]:
    """The links of an entity, in the order they were made."""
    query = _where(select(Link).where(scope.covers(LINKS)), status=status)
    return await _part(session, query.order_by(LINKS.c.id), limit, offset)


async def find_link(
    session: AsyncSession, scope: Scope, *, alguna_id: str | None = None, external_id: str | None = None
) -> Link | None:
    """The active link of a record, else its newest tombstone. With both ids, the link of exactly this pair."""
    wanted: list[ColumnElement[bool]] = []
    if alguna_id is not None:
        wanted.append(LINKS.c.alguna_id == alguna_id)
    if external_id is not None:
        wanted.append(LINKS.c.external_id == external_id)
    # "active" sorts before "tombstoned".
    query = select(Link).where(scope.covers(LINKS), *wanted).order_by(LINKS.c.status, LINKS.c.id.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()
