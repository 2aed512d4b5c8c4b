"""Runs: started by a person, canceled, paused and resumed; the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.service import RPCError

from activities.contracts import Mode
from core import failpoints, names
from core.config import IntegrationConfig
from core.enums import Direction
from core.problems import Problem
from core.records import Entity, Side
from starter.services.affecting import touched
from starter.services.backend import Backend
from starter.services.configuring import stored
from starter.services.refusals import Clash, Invalid, Missing, Unavailable, invalid
from starter.services.steering import cancel_workflow, run_entities, signal_entities, start_run
from store import listing, rehearsal, runs, staging, views
from store.scope import Scope
from store.tables.connections import Integration
from store.tables.runs import Run
from store.types import utc_now

JsonObject = dict[str, Any]
Asked = dict[Entity, list[tuple[Side, str]]]
_NOT_STARTED = "Temporal could not be reached to start the sync"
Effect = Callable[[AsyncSession], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A sync as a person asks for it.

    `record_ids` are ids of `side`, `direction` limits it to one way; `changed_since` is a version of the configuration.
    """

    mode: Mode = Mode.INCREMENTAL
    entities: Sequence[Entity] | None = None
    record_ids: Sequence[str] | None = None
    side: Side = Side.ALGUNA
    dry_run: bool = False
    direction: Direction | None = None
    changed_since: int | None = None


async def start(backend: Backend, integration: Integration, wish: Wish) -> JsonObject:
    """Store and start a run; while another works it waits for its turn.

    Raises Invalid for entities that are not configured, Clash without an enabled configuration, Unavailable when
    Temporal cannot be reached.
    """
    config = await enabled(backend, integration)
    wanted = wish.entities or config.entities
    problems = [
        Problem(f"entities[{index}]", f"`{entity.value}` is not among the configured: {', '.join(config.entities)}")
        for index, entity in enumerate(wanted)
        if entity not in config.entities
    ]
    if wish.direction is not None and config.direction.intersect(wish.direction) is None:
        problems.append(Problem("direction", f"the sync-config allows only {config.direction.value}"))
    if problems:
        raise Invalid(*problems)
    asked: Asked = {}
    mode = wish.mode
    if wish.record_ids is not None:
        if len(set(wanted)) != 1:
            raise invalid("entities", "name exactly one entity, because recordIds are ids of one")
        asked[wanted[0]] = [(wish.side, record_id) for record_id in dict.fromkeys(wish.record_ids)]
        mode = Mode.INBOX
    if wish.changed_since is not None:
        mode, asked = await touched(backend, integration, wish.changed_since, forget=not wish.dry_run)
        wanted = [entity for entity in asked if entity in wanted]
        asked = {entity: asked[entity] for entity in wanted}
    # Both ways is what a run does by itself.
    direction = None if wish.direction is Direction.BIDIRECTIONAL else wish.direction
    entities = run_entities(config.entities, wanted)
    return await begin(
        backend,
        integration,
        "manual",
        mode,
        entities,
        asked,
        "chosen",
        dry_run=wish.dry_run,
        direction=direction,
    )


async def find_run(backend: Backend, integration: Integration, run_id: str) -> Run:
    """Return a run of the history. Raises Missing."""
    async with backend.db.session() as session:
        row = await session.get(Run, run_id)
    if row is None or row.integration_id != integration.id:
        raise Missing(f"there is no sync `{run_id}` of {integration.id}")
    return row


async def show_runs(backend: Backend, rows: Sequence[Run]) -> list[JsonObject]:
    """Return runs with the counts of their passes."""
    async with backend.db.session() as session:
        passes = await listing.passes_of_runs(session, [row.id for row in rows])
    return [views.run(row, passes[row.id], backend.workflow_url) for row in rows]


async def cancel(backend: Backend, integration: Integration, run_id: str) -> JsonObject:
    """Ask a run to stop; what is being written is still finished. Raises Clash when it has ended."""
    row = await find_run(backend, integration, run_id)
    if row.status in runs.ENDED:
        raise Clash(f"the sync `{run_id}` is {row.status} already")
    await cancel_workflow(backend, row, utc_now())
    return (await show_runs(backend, [await find_run(backend, integration, run_id)]))[0]


async def set_paused(backend: Backend, integration: Integration, paused: bool) -> None:
    """Pause: the schedule rests and running passes wait at their next step. Resume: both go on. Either may repeat."""
    schedules = backend.schedules
    await backend.connections.set_paused(integration.id, paused)
    found = await backend.configs.current(integration.id)
    if found is not None:
        await schedules.apply(integration.id, integration.provider, found[1], paused=paused)
    if not paused:
        await signal_entities(backend, integration.id, names.WAKE)


async def enabled(backend: Backend, integration: Integration) -> IntegrationConfig:
    try:
        _, config = await stored(backend, integration)
    except Missing as error:
        raise Clash(error.detail) from error
    if not config.enabled:
        raise Clash(f"{integration.id} is disabled; PATCH its sync-config with " + '{"enabled": true} first')
    return config


async def begin(
    backend: Backend,
    integration: Integration,
    trigger: str,
    mode: Mode,
    entities: Sequence[str],
    asked: Asked,
    reason: str,
    *,
    along: Effect | None = None,
    undo: Effect | None = None,
    dry_run: bool = False,
    direction: Direction | None = None,
    answer: Callable[[JsonObject], JsonObject] = dict,
    status: int = 202,
) -> JsonObject:
    """Store the run with all that it is to look at, then start its workflow; return what the caller is answered.

    `along` is stored with the run; `undo` takes it back when the run cannot be started. `answer` makes the answer of
    what tells of the run: that is stored as well, so a repetition of the call (`status` is its HTTP status) after this
    process has died gets it, and starts no second run.
    """
    backend.require_temporal()
    run_id, at = f"sync_{uuid4().hex}", utc_now()
    async with backend.db.transaction() as session:
        row = await runs.add_run(
            session,
            run_id,
            integration.id,
            trigger=trigger,
            mode=mode.value,
            entities=entities,
            workflow_id=names.run_workflow_id(run_id),
            at=at,
            dry_run=dry_run,
            direction=direction,
        )
        owner = rehearsal.shadow_of(integration.id, run_id) if dry_run else integration.id
        for entity, records in asked.items():
            why = rehearsal.CHOSEN if dry_run else reason
            await staging.ask(session, Scope(owner, entity), records, why, at, direction)
        if along is not None:
            await along(session)
        told = answer(
            {
                "syncId": run_id,
                "status": "queued",
                "workflowId": row.workflow_id,
                "temporalUrl": backend.workflow_url(row.workflow_id),
            }
        )
        await backend.idempotency.will_answer(session, status, told)
    failpoints.reach("run:stored")
    try:
        await start_run(backend, integration, row)
    except RPCError as error:
        await _take_back(backend, run_id, undo)
        raise Unavailable(f"{_NOT_STARTED}; it is in the history as {run_id}") from error
    return told


async def _take_back(backend: Backend, run_id: str, undo: Effect | None) -> None:
    """End a run that could not be started, with all that was stored along with it."""
    async with backend.db.transaction() as session:
        await runs.end_run(session, run_id, "failed", {"type": "transient", "message": _NOT_STARTED}, utc_now())
        await backend.idempotency.will_not_answer(session)
        if undo is not None:
            await undo(session)
