"""The copy of an entity's state on which a dry run works; it is taken away when the run has ended.

Everything of the engine that is kept by integration and entity is copied under an integration id of the dry run's own,
so that the whole sync can be carried out there with the statements of any other, and no row of the real state is
touched. Copies go in batches, so that other writers get their turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    String,
    Table,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from core.records import Entity, Side
from core.values import Value
from store.database import Database, upsert
from store.runs import ENDED, RUNS
from store.scope import Scope, table_of
from store.tables.circuits import Circuit, HeldRecord
from store.tables.rehearsals import Rehearsal
from store.tables.runs import Audit, ConflictRow, Outcome, Pass
from store.tables.sync import InboxItem, Link, OperationRow, RequestRow

REHEARSALS, LINKS, CONFLICTS, OUTCOMES = table_of(Rehearsal), table_of(Link), table_of(ConflictRow), table_of(Outcome)
INBOX, OPERATIONS, CIRCUITS, HELD = table_of(InboxItem), table_of(OperationRow), table_of(Circuit), table_of(HeldRecord)

BATCH = 5_000
PLANNED = "planned:"
"""Begins the id of a record that would be created; the rest is the id of its operation."""
CHOSEN = "rehearse"
"""The reason of inbox items that a person chose for a dry run."""

# History, and what is on its way to a vendor: a dry run begins without, and leaves its passes in the history.
_NOT_COPIED = {str(model.__tablename__) for model in (Pass, Audit, OperationRow, RequestRow, Rehearsal)}
_NOT_REMOVED = {str(model.__tablename__) for model in (Pass, Rehearsal)}


def shadow_of(integration_id: str, run_id: str) -> str:
    """The integration id under which a dry run works."""
    return f"{integration_id}~{run_id}"


def scoped_tables() -> list[Table]:
    """All tables that are kept by integration and entity."""
    return [table for table in SQLModel.metadata.sorted_tables if {"integration_id", "entity"} <= set(table.c.keys())]


async def copied(session: AsyncSession, run_id: str) -> set[Entity]:
    """The entities whose state a dry run has copied."""
    rows = (await session.execute(select(REHEARSALS.c.entity).where(REHEARSALS.c.run_id == run_id))).all()
    return {Entity(row.entity) for row in rows}


async def copy(db: Database, real: Scope, run_id: str, at: datetime) -> None:
    """Copy an entity's state for a dry run. Repeating it begins anew."""
    shadow = Scope(shadow_of(real.integration_id, run_id), real.entity)
    for table in scoped_tables():
        if table.name not in _NOT_COPIED:
            await _remove(db, table, shadow, keep_chosen=True)
            async for part in _parts(db, table, real.covers(table)):
                async with db.transaction() as session:
                    await session.execute(_copy_of(table, real, shadow, part))
    async with db.transaction() as session:
        for table in scoped_tables():
            if "link_id" in table.c and table.name not in _NOT_COPIED:
                await session.execute(_relinked(table, shadow))
        await session.execute(_resubjected(shadow))
        row = {"run_id": run_id, "entity": real.entity.value, "integration_id": real.integration_id, "copied_at": at}
        await upsert(session, REHEARSALS, [row], ["run_id", "entity"], ["copied_at"])


async def left(session: AsyncSession) -> list[tuple[str, str]]:
    """(integration id, run id) of the dry runs that have ended and left copies."""
    ended = select(RUNS.c.id).where(RUNS.c.status.in_(ENDED))
    query = select(REHEARSALS.c.integration_id, REHEARSALS.c.run_id).where(REHEARSALS.c.run_id.in_(ended)).distinct()
    return [(row.integration_id, row.run_id) for row in (await session.execute(query)).all()]


async def remove(db: Database, integration_id: str, run_id: str) -> None:
    """Take a dry run's copies away, and all that it has put there."""
    for entity in Entity:
        for table in scoped_tables():
            if table.name not in _NOT_REMOVED:
                await _remove(db, table, Scope(shadow_of(integration_id, run_id), entity))
    async with db.transaction() as session:
        # Ids are given anew: what was held by a rehearsed circuit must not wait for the next one.
        await session.execute(delete(HELD).where(HELD.c.circuit_id.not_in(select(CIRCUITS.c.id))))
        await session.execute(delete(REHEARSALS).where(REHEARSALS.c.run_id == run_id))


async def show_links(session: AsyncSession, shadow: Scope, pass_id: str, target: Side, since: datetime) -> None:
    """Let the pass's outcomes say which records would be linked, and by which rule."""
    made = (shadow.covers(LINKS), LINKS.c.created_at >= since, LINKS.c.rule.not_in(["created", "exists"]))
    mine = (OUTCOMES.c.pass_id == pass_id, OUTCOMES.c.target == target.value)
    rule = select(func.max(LINKS.c.rule)).where(*made, LINKS.c.alguna_id == OUTCOMES.c.alguna_id).scalar_subquery()
    outcome = case((OUTCOMES.c.outcome == "unchanged", "linked"), else_=OUTCOMES.c.outcome)
    await session.execute(
        update(OUTCOMES)
        .where(*mine, OUTCOMES.c.alguna_id.in_(select(LINKS.c.alguna_id).where(*made)))
        .values(outcome=outcome, reason=func.coalesce(OUTCOMES.c.reason, literal("linked by ") + rule))
    )


async def values_of(session: AsyncSession, operation_ids: Collection[int]) -> dict[int, dict[str, Value]]:
    """The values of operations by id, whatever their state."""
    query = select(OPERATIONS.c.id, OPERATIONS.c["values"]).where(OPERATIONS.c.id.in_(list(operation_ids)))
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def _remove(db: Database, table: Table, shadow: Scope, *, keep_chosen: bool = False) -> None:
    covers = shadow.covers(table)
    if keep_chosen and table is INBOX:
        covers = and_(covers, INBOX.c.reason != CHOSEN)
    async for part in _parts(db, table, covers):
        async with db.transaction() as session:
            await session.execute(delete(table).where(covers, part))


async def _parts(db: Database, table: Table, covers: ColumnElement[bool]) -> AsyncIterator[ColumnElement[bool]]:
    """Conditions that cut a scope's rows into batches, by row id or record id; none where there are no rows."""
    key = table.c.get("id", table.c.get("record_id"))
    if key is None:
        yield true()
        return
    last: object = None
    while True:
        rest = covers if last is None else and_(covers, key > last)
        async with db.session() as session:
            ahead = select(key).where(rest).order_by(key).limit(BATCH).subquery()
            upto = (await session.execute(select(func.max(ahead.c[0])))).scalar_one()
        if upto is None:
            return
        yield key <= upto if last is None else and_(key > last, key <= upto)
        last = upto


def _copy_of(table: Table, real: Scope, shadow: Scope, part: ColumnElement[bool]) -> Executable:
    """Rows with an id of their own get a new one; what is unique in the whole table is left out."""
    names, values = list[str](), list[ColumnElement[Any]]()
    for column in table.c:
        if column.name == "id":
            continue
        names.append(column.name)
        if column.name == "integration_id":
            values.append(literal(shadow.integration_id))
        else:
            values.append(null() if column.unique else column)
    return insert(table).from_select(names, select(*values).where(real.covers(table), part))


def _relinked(table: Table, shadow: Scope) -> Executable:
    """Let copied rows refer to the copies of their links."""
    return (
        update(table)
        .where(shadow.covers(table), table.c.link_id.is_not(None))
        .values(link_id=_copied_link(table.c.link_id, shadow))
    )


def _resubjected(shadow: Scope) -> Executable:
    """Conflicts of fields have their link's id as text."""
    moved = _copied_link(cast(CONFLICTS.c.subject, Integer), shadow)
    return (
        update(CONFLICTS)
        .where(shadow.covers(CONFLICTS), CONFLICTS.c.kind == "fields")
        .values(subject=func.coalesce(cast(moved, String), CONFLICTS.c.subject))
    )


def _copied_link(link_id: ColumnElement[int], shadow: Scope) -> ColumnElement[int]:
    old, new = LINKS.alias("old"), LINKS.alias("new")
    same = and_(
        new.c.integration_id == shadow.integration_id,
        new.c.entity == shadow.entity.value,
        new.c.alguna_id == old.c.alguna_id,
        new.c.external_id == old.c.external_id,
        new.c.status == old.c.status,
    )
    found = select(func.max(new.c.id)).select_from(old.join(new, same)).where(old.c.id == link_id)
    return found.scalar_subquery()
