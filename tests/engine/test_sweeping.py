"""Runs whose workflow somebody terminated: they end, and a dry run leaves nothing behind (I6)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from core.records import Entity
from starter.services.backend import Backend
from starter.services.sweeping import end_lost_runs
from store import rehearsal, runs
from store.database import Database
from store.links import LINKS
from store.rehearsal import shadow_of
from store.scope import Scope
from store.types import utc_now
from tests.engine.world import INTEGRATION, World


async def shadow_links(db: Database, run_id: str) -> int:
    query = select(func.count()).where(LINKS.c.integration_id == shadow_of(INTEGRATION, run_id))
    async with db.session() as session:
        return int((await session.execute(query)).scalar_one())


async def test_i6_a_terminated_dry_run_ends_and_leaves_no_copies(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts")
    async with world.worker():
        await world.sync()
    # From here on nothing carries out what is started: a run that waits, and one that somebody terminates.
    waiting, doomed = await world.start(), await world.start(dry_run=True)
    db, ids = world.services.db, [handle.id.removeprefix("run/") for handle in (waiting, doomed)]
    async with db.transaction() as session:
        for run_id, handle in zip(ids, (waiting, doomed), strict=True):
            await runs.add_run(
                session,
                run_id,
                INTEGRATION,
                trigger="manual",
                mode="incremental",
                entities=["accounts"],
                workflow_id=handle.id,
                at=utc_now(),
                dry_run=run_id == ids[1],
            )
        await runs.begin(session, ids, utc_now())
    await rehearsal.copy(db, Scope(INTEGRATION, Entity.ACCOUNTS), ids[1], utc_now())
    assert await shadow_links(db, ids[1]) == 3
    await doomed.terminate("by hand, in Temporal Web")
    backend = Backend(world.services, world.client)
    await end_lost_runs(backend)
    assert (await world.run_row(doomed)).status == "running", "what has just been made may be on its way"
    await end_lost_runs(backend, timedelta(0))
    ended, open_still = await world.run_row(doomed), await world.run_row(waiting)
    assert (ended.status, open_still.status) == ("failed", "running")
    assert ended.problem
    assert await shadow_links(db, ids[1]) == 0
    # A pass that worked on after its run was ended copies the state once more.
    await rehearsal.copy(db, Scope(INTEGRATION, Entity.ACCOUNTS), ids[1], utc_now())
    await end_lost_runs(backend)
    assert await shadow_links(db, ids[1]) == 0
    await waiting.terminate("the test is over")
