"""What the store knows in numbers, for monitoring: a handful of grouped counts, whatever the number of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.scope import table_of
from store.tables.connections import BudgetRow, Connection
from store.tables.polls import Poll
from store.tables.runs import ConflictRow, RecordError, Run
from store.tables.sync import Cursor, InboxItem, Link, RequestRow, Staged
from store.tables.webhooks import WebhookDelivery

RUNS, ERRORS, CONFLICTS = table_of(Run), table_of(RecordError), table_of(ConflictRow)
LINKS, STAGED, INBOX, CURSORS = table_of(Link), table_of(Staged), table_of(InboxItem), table_of(Cursor)
REQUESTS, CONNECTIONS, BUDGETS = table_of(RequestRow), table_of(Connection), table_of(BudgetRow)
DELIVERIES, POLLS = table_of(WebhookDelivery), table_of(Poll)

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measures:
    """Numbers by label values, in the order that the names say."""

    runs: dict[Labels, int]
    """(integration, trigger, status)"""
    links: dict[Labels, int]
    """(integration, entity)"""
    errors: dict[Labels, int]
    """(integration, entity, type) of those open"""
    conflicts: dict[Labels, int]
    """(integration, entity) of those open"""
    staged: dict[Labels, int]
    """(integration, entity, state)"""
    inbox: dict[Labels, int]
    """(integration, entity)"""
    open_requests: dict[Labels, int]
    """(integration, entity, side) sent without a known outcome"""
    deliveries: dict[Labels, int]
    """(event, status)"""
    read_at: dict[Labels, datetime]
    """(integration, entity, side) when it was last read to its end"""
    completed_at: dict[Labels, datetime]
    """(integration,) when a run last completed without errors"""
    connections: dict[Labels, str]
    """(connection,) its state"""
    calls_today: dict[Labels, int]
    """(connection,)"""


async def measure(session: AsyncSession) -> Measures:
    """Count."""
    completed = RUNS.c.status == "completed"
    last = select(RUNS.c.integration_id, func.max(RUNS.c.completed_at)).where(completed).group_by(RUNS.c.integration_id)
    return Measures(
        runs=await _counts(session, [RUNS.c.integration_id, RUNS.c.trigger, RUNS.c.status]),
        links=await _counts(session, _entity(LINKS), LINKS.c.status == "active"),
        errors=await _counts(session, [*_entity(ERRORS), ERRORS.c.type], ERRORS.c.status.in_(["open", "retrying"])),
        conflicts=await _counts(session, _entity(CONFLICTS), CONFLICTS.c.status.in_(["open", "resolving"])),
        staged=await _counts(session, [*_entity(STAGED), STAGED.c.state]),
        inbox=await _counts(session, _entity(INBOX)),
        open_requests=await _counts(session, [*_entity(REQUESTS), REQUESTS.c.side], REQUESTS.c.state == "sending"),
        deliveries=await _counts(session, [DELIVERIES.c.event, DELIVERIES.c.status]),
        read_at=await _read_at(session),
        completed_at={(row[0],): row[1] for row in (await session.execute(last)).all() if row[1] is not None},
        connections={
            (row.id,): row.state for row in (await session.execute(select(CONNECTIONS.c.id, CONNECTIONS.c.state))).all()
        },
        calls_today={
            (row.connection_id,): row.day_used
            for row in (await session.execute(select(BUDGETS.c.connection_id, BUDGETS.c.day_used))).all()
        },
    )


async def _read_at(session: AsyncSession) -> dict[Labels, datetime]:
    """When each side was last read to its end, by a pass or by a look between schedules."""
    found: dict[Labels, datetime] = {}
    for table, column in ((CURSORS, CURSORS.c.moved_at), (POLLS, POLLS.c.completed_at)):
        query = select(*_entity(table), table.c.side, column).where(column.is_not(None))
        for integration_id, entity, side, at in (await session.execute(query)).all():
            key = (integration_id, entity, side)
            found[key] = max(at, found.get(key, at))
    return found


def _entity(table: Table) -> tuple[Any, Any]:
    return table.c.integration_id, table.c.entity


async def _counts(session: AsyncSession, columns: Sequence[Any], *conditions: Any) -> dict[Labels, int]:
    query = select(*columns, func.count()).where(*conditions).group_by(*columns)
    return {tuple(str(part) for part in row[:-1]): int(row[-1]) for row in (await session.execute(query)).all()}
