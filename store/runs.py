"""Runs: the history of syncs. A run's counts are the sum of its passes' counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.enums import Direction
from store.scope import table_of
from store.tables.runs import Pass, Run, RunPass

RUNS, PASSES, RUN_PASSES = table_of(Run), table_of(Pass), table_of(RunPass)
ENDED = ("completed", "completed_with_errors", "failed", "canceled")


async def add_run(
    session: AsyncSession,
    run_id: str,
    integration_id: str,
    *,
    trigger: str,
    mode: str,
    entities: Sequence[str],
    workflow_id: str,
    at: datetime,
    dry_run: bool = False,
    direction: Direction | None = None,
) -> Run:
    """Return the run, made as `queued` if it is new."""
    known = await session.get(Run, run_id)
    if known is None:
        known = Run(
            id=run_id,
            integration_id=integration_id,
            trigger=trigger,
            mode=mode,
            dry_run=dry_run,
            direction=direction.value if direction else None,
            entities=list(entities),
            workflow_id=workflow_id,
            created_at=at,
        )
        session.add(known)
        await session.flush()
    return known


async def queued_before(session: AsyncSession, at: datetime) -> list[Run]:
    """Runs that were asked for before `at` and have not begun."""
    query = select(Run).where(RUNS.c.status == "queued", RUNS.c.created_at < at).order_by(RUNS.c.created_at)
    return list((await session.execute(query)).scalars())


async def begin(session: AsyncSession, run_ids: Sequence[str], at: datetime) -> None:
    """Note that queued runs are running."""
    await session.execute(
        update(RUNS)
        .where(RUNS.c.id.in_(list(run_ids)), RUNS.c.status == "queued")
        .values(status="running", started_at=at)
    )


async def pause_runs_of(session: AsyncSession, pass_id: str, problem: dict[str, Any]) -> None:
    """Note that the runs served by a pass wait for something: {"type", "message", "resumeAt"}."""
    await session.execute(
        update(RUNS)
        .where(RUNS.c.id.in_(_runs_of(pass_id)), RUNS.c.status.in_(["queued", "running"]))
        .values(status="paused", problem=problem)
    )


async def resume_runs_of(session: AsyncSession, pass_id: str) -> None:
    """Note that the runs served by a pass go on."""
    await session.execute(
        update(RUNS)
        .where(RUNS.c.id.in_(_runs_of(pass_id)), RUNS.c.status == "paused")
        .values(status="running", problem=None)
    )


def _runs_of(pass_id: str) -> Any:
    return select(RUN_PASSES.c.run_id).where(RUN_PASSES.c.pass_id == pass_id)


async def runs_of(session: AsyncSession, pass_id: str) -> list[str]:
    """The runs that a pass serves."""
    return [row.run_id for row in (await session.execute(_runs_of(pass_id))).all()]


async def passes_of(session: AsyncSession, run_id: str) -> list[Pass]:
    """The passes of a run, in the order they began."""
    query = (
        select(Pass)
        .join(RunPass, PASSES.c.id == RUN_PASSES.c.pass_id)
        .where(RUN_PASSES.c.run_id == run_id)
        .order_by(PASSES.c.started_at)
    )
    return list((await session.execute(query)).scalars())


async def begun_before(session: AsyncSession, before: datetime) -> list[Run]:
    """The runs that were made before this time, have begun and have not ended."""
    begun = RUNS.c.status.in_(["running", "paused"])
    query = select(Run).where(begun, RUNS.c.created_at < before).order_by(RUNS.c.created_at)
    return list((await session.execute(query)).scalars())


async def end_run(
    session: AsyncSession, run_id: str, status: str, problem: dict[str, Any] | None, at: datetime
) -> None:
    """End a run that has not ended yet."""
    await session.execute(
        update(RUNS)
        .where(RUNS.c.id == run_id, RUNS.c.status.not_in(ENDED))
        .values(status=status, problem=problem, completed_at=at)
    )
