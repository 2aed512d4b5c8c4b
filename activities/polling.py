"""Looking between schedules for what no event tells (I5, I10).

Alguna has no event of customers and contacts (Alguna sheet 2.11), and a vendor has none before its webhooks are set up.
Each look reads the newest records first, so that creations show at once, then all changes that the system can tell of
(of Alguna's customers: a scan, a slice at a time). Nothing is staged or written here: what is not as it is known goes
into the inbox as an event's hint does, and the entity's single writer reads it again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.contracts import Mode, RunRequest
from activities.engine import Engine, PassContext
from activities.filtering import strays
from activities.intake import differs, is_settled, revivable
from activities.options import fair, search_attributes
from activities.stopping import asked_to_stop
from connectors.events import TellsOfSome
from connectors.protocols import FetchRequest, KnowsNewest
from connectors.registry import provider_spec
from core import names
from core.config import IntegrationConfig
from core.errors import AuthExpired, NotFound, RateLimit
from core.records import Entity, Record, Side
from store import events, links, polls, staging
from store.connections import ALGUNA
from store.polls import PollState
from store.tables.connections import Integration
from store.tokens import dead_connection
from store.types import utc_now

log = structlog.get_logger(__name__)

SLICE_SECONDS = 20.0
AGAIN_SECONDS = 600.0
"""How often is looked whether somebody has reconnected; a reconnect wakes the looks at once."""
BY_ID_AT_MOST = 100
"""Alguna is read one record a call: of more news than this, one pass over everything is cheaper."""
SHARE_OF_DAY = 0.1
"""Of a vendor's daily allowance, looks take this at most."""
TRIGGER = "realtime"


async def poll(engine: Engine, integration_id: str, slice_seconds: float = SLICE_SECONDS) -> float | None:
    """Look once, at most for a slice of time; return the seconds until the next look, None when none is wanted."""
    try:
        integration = await engine.connections.get_integration(integration_id)
    except NotFound:
        return None
    found = await engine.configs.current(integration_id)
    config = IntegrationConfig.model_validate(found[1]) if found else None
    if found is None or config is None or not config.enabled or integration.paused or not config.realtime.interval:
        return None
    async with engine.db.session() as session:
        dead = await dead_connection(session, (ALGUNA, integration_id))
    if dead is not None:
        return AGAIN_SECONDS
    try:
        return await _look(engine, integration, found[0], config, time.monotonic() + slice_seconds)
    except AuthExpired as error:
        await engine.connections.mark_expired(error.connection_id, error.generation, error.message)
        return AGAIN_SECONDS
    except RateLimit as error:
        if not error.quota:
            raise
        return min(error.retry_after or AGAIN_SECONDS, 6 * AGAIN_SECONDS)


async def _look(
    engine: Engine, integration: Integration, version: int, config: IntegrationConfig, stop: float
) -> float:
    waits = [config.realtime.interval]
    for side in Side:
        wanted = await _untold(engine, integration, side, config.realtime.covers(config.entities))
        interval = timedelta(seconds=await _interval(engine, integration, side, len(wanted), config))
        along: set[Entity] = set()
        for entity in wanted:
            if entity in along:
                continue
            contexts = [await engine.outlook(integration, entity, version, config)]
            for other in contexts[0].facts[side].pull_with:
                if other in wanted:
                    contexts.append(await engine.child(contexts[0], other))
                    along.add(other)
            waits.append(await _look_at(engine, contexts, side, interval, stop))
    return min(waits)


async def _untold(engine: Engine, integration: Integration, side: Side, wanted: Sequence[Entity]) -> list[Entity]:
    """The entities of a side whose changes no event tells of."""
    if side is Side.ALGUNA:
        secret = await engine.connections.secret(ALGUNA, "webhookSecret")
    else:
        secret = await engine.connections.webhook_secret(integration.id)
    if secret is None:
        return list(wanted)
    receiver = provider_spec(ALGUNA if side is Side.ALGUNA else integration.provider).receiver()
    tells = receiver.tells_of if isinstance(receiver, TellsOfSome) else frozenset(wanted)
    return [entity for entity in wanted if entity not in tells]


async def _interval(
    engine: Engine, integration: Integration, side: Side, entities: int, config: IntegrationConfig
) -> float:
    """The configured interval, or a longer one where that would take too much of a daily allowance."""
    if side is Side.ALGUNA:
        return config.realtime.interval
    info = await engine.connections.describe(integration.id)
    limits = {**provider_spec(integration.provider).limits, **info.limits}
    per_day = float(limits.get("requestsPerDay", 0))
    least = entities * 86_400 / (SHARE_OF_DAY * per_day) if per_day else 0.0
    return max(config.realtime.interval, least)


async def _look_at(engine: Engine, contexts: list[PassContext], side: Side, interval: timedelta, stop: float) -> float:
    """Look at one entity and those that come along; return the seconds until the next look."""
    context, scope = contexts[0], contexts[0].scope
    async with engine.db.session() as session:
        state = await polls.load(session, scope, side)
        busy = await polls.being_read(session, scope)
    if state is None or busy:
        return interval.total_seconds()
    left = state.due_in(interval, utc_now())
    if left > 0:
        return left
    connector, entity = context.connectors[side], context.ref.entity
    fields = {item.ref.entity: item.plan.paths(side) for item in contexts}
    if state.position is None:
        state.started_at = utc_now()
    if isinstance(connector, KnowsNewest):
        await _tell(engine, contexts, side, await connector.newest(entity, fields), state)
    while True:
        page = await connector.fetch(FetchRequest(entity, fields, state.cursor, False, state.position))
        state.position = page.position
        if page.position is None:
            state.complete(page.cursor)
        many = await _tell(engine, contexts, side, page.records, state)
        if many:
            # A pass that reads everything is on its way.
            return interval.total_seconds()
        if page.position is None:
            return state.due_in(interval, utc_now())
        if time.monotonic() > stop or asked_to_stop():
            return 0.0


async def _tell(
    engine: Engine, contexts: list[PassContext], side: Side, records: Sequence[Record], state: PollState
) -> bool:
    """Put what is new among the records into the inboxes, and nudge; return whether a whole pass takes it instead."""
    at, due = utc_now(), list[tuple[PassContext, str]]()
    async with engine.db.transaction() as session:
        new: list[tuple[PassContext, list[str]]] = []
        for context in contexts:
            own = [record for record in records if record.entity is context.ref.entity]
            seen = await news_of(session, context, side, own)
            new.append((context, state.news(context.ref.entity, seen)))
        many = state.untold > BY_ID_AT_MOST
        for context, ids in [] if many else new:
            await events.put(session, context.scope, side, ids, at)
            # Also for what a look has put there that could not tell the writer.
            number = await events.nudge(session, context.scope, at)
            if number is not None:
                due.append((context, str(number)))
        if many:
            state.give_over()
        await polls.save(session, contexts[0].scope, side, state)
        for other in contexts[1:]:
            await polls.save(session, other.scope, side, PollState(state.started_at, state.completed_at))
    if many:
        name = f"{contexts[0].ref.entity.value}-{side.value}-{state.started_at:%Y%m%dT%H%M%S}"
        await _start(engine, contexts[0], name, Mode.INCREMENTAL, [context.ref.entity for context in contexts])
    for context, number_of_nudge in due:
        await _nudge(engine, context, number_of_nudge)
    return many


async def news_of(session: AsyncSession, context: PassContext, side: Side, records: Sequence[Record]) -> dict[str, str]:
    """The records that are not as they are known, with their digests: what a pass would stage, near enough.

    A record too many costs one read, and is found unchanged by the writer; one that waits for its parent is known.
    """
    ids = [record.id for record in records]
    linked = await links.active(session, context.scope, side, ids)
    alone = [record_id for record_id in ids if record_id not in linked]
    buried = await links.tombstoned(session, context.scope, side, alone)
    known = await links.unlinked(session, context.scope, side, alone)
    staged = await staging.find(session, context.scope, side, ids)
    news: dict[str, str] = {}
    for record in records:
        digest, waiting = staging.digest(record), staged.get(record.id)
        if waiting is not None and waiting.digest == digest:
            continue
        state, tomb = linked.get(record.id), buried.get(record.id)
        if state is not None:
            new = strays(context, state, record) or (not state.outside and differs(context, side, state, record))
        else:
            new = not record.deleted and (tomb is None or revivable(tomb, side))
            new = new and not is_settled(context, known.get(record.id), record)
        if new:
            news[record.id] = digest
    return news


async def _nudge(engine: Engine, context: PassContext, number: str) -> None:
    """Start the run that takes the inbox. Should that fail, the look is tried again and tells then."""
    entity = context.ref.entity
    try:
        await _start(engine, context, f"{entity.value}-{number}", Mode.INBOX, [entity])
    except RPCError:
        async with engine.db.transaction() as session:
            await events.not_nudged(session, context.scope, int(number))
        raise


async def _start(engine: Engine, context: PassContext, name: str, mode: Mode, entities: list[Entity]) -> None:
    integration_id = context.ref.integration_id
    log.info("news_found", integration=integration_id, entity=entities[0].value, mode=mode.value)
    await engine.temporal.start_workflow(
        names.INTEGRATION_SYNC,
        RunRequest(integration_id=integration_id, trigger=TRIGGER, mode=mode, entities=entities),
        id=names.run_workflow_id(f"{TRIGGER}-{integration_id}-{name}"),
        task_queue=engine.options.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=search_attributes(integration_id, context.provider, trigger=TRIGGER),
        priority=fair(integration_id),
        static_summary=f"news of {integration_id}: {', '.join(entity.value for entity in entities)}",
    )
