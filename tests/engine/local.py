"""Whole runs carried out in the test itself: the run's row, a pass of each configured entity, no Temporal."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from temporalio.testing import ActivityEnvironment

from activities.contracts import ConflictRef, Mode, PassRef, RunEnd, RunRequest
from activities.steps import Steps
from core.config import IntegrationConfig
from core.enums import Direction
from core.records import Entity
from store import runs
from store.tables.runs import ConflictRow, Run
from store.types import utc_now
from tests.engine.inproc import Passes
from tests.engine.world import INTEGRATION


class Local(Passes):
    """A world whose runs end before `sync` returns; what a resolution starts is carried out at once."""

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Nothing to start: the test is the worker."""
        yield

    async def sync(
        self,
        mode: Mode = Mode.INCREMENTAL,
        *,
        within: float = 90,
        dry_run: bool = False,
        direction: Direction | None = None,
    ) -> Run:
        """Carry out a run and return its row. Runs of one direction need a Temporal server."""
        assert direction is None
        found = await self.services.configs.current(INTEGRATION)
        assert found is not None
        entities = IntegrationConfig.model_validate(found[1]).entities
        run_id = f"sync_{uuid4().hex}"
        async with self.services.db.transaction() as session:
            await runs.add_run(
                session,
                run_id,
                INTEGRATION,
                trigger="manual",
                mode=mode.value,
                entities=[entity.value for entity in entities],
                workflow_id=run_id,
                at=utc_now(),
                dry_run=dry_run,
            )
        for entity in (one for one in Entity if one in entities):
            of = PassRef(
                pass_id=f"pass_{uuid4().hex}",
                integration_id=INTEGRATION,
                entity=entity,
                mode=mode,
                run_ids=[run_id],
                dry_run=dry_run,
            )
            await self.carry_out(of)
        await ActivityEnvironment().run(Steps(self.engine).finish_run, RunEnd(run_id=run_id))
        async with self.services.db.session() as session:
            row = await session.get(Run, run_id)
        assert row is not None
        return row

    async def resolve(self, question: ConflictRow, decision: dict[str, Any]) -> None:
        """Store a person's answer, and carry it out as its workflow would."""
        await store_answer(self, question, decision)
        ref = ConflictRef(
            conflict_id=question.id or 0,
            integration_id=INTEGRATION,
            provider="salesforce",
            entity=Entity(question.entity),
        )
        before = len(self.mailbox.started)
        await ActivityEnvironment().run(Steps(self.engine).apply_resolution, ref)
        for _, request, _ in self.mailbox.started[before:]:
            if isinstance(request, RunRequest):
                await self.sync(request.mode)


async def store_answer(world: Any, question: ConflictRow, decision: dict[str, Any]) -> None:
    """Store a person's answer, as the API does."""
    async with world.services.db.transaction() as session:
        row = await session.get(ConflictRow, question.id)
        assert row is not None
        row.decision, row.status = decision, "resolving"
        session.add(row)
