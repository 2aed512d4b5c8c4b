"""Staged records: what was read and waits for its chunk; and the inbox of records to look at again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from core.enums import Direction
from core.records import Record, Side
from core.values import fingerprint
from store.database import chunked, upsert
from store.scope import Scope, table_of
from store.tables.sync import Chunk, InboxItem, Link, OperationRow, Staged

STAGED, CHUNKS, INBOX, LINKS = table_of(Staged), table_of(Chunk), table_of(InboxItem), table_of(Link)
OPERATIONS = table_of(OperationRow)

KEPT = -1
"""The chunk of what a pass leaves for the next one."""

PAGE = 500
"""How many rows one look at the staged records takes."""

_REPLACED = [
    "state",
    "pass_id",
    "chunk",
    "link_id",
    "fields",
    "hash",
    "modified_at",
    "modified_by_us",
    "deleted",
    "parent_id",
    "marker",
    "merged_into",
    "unready",
    "read_at",
]


def digest(record: Record) -> str:
    """The fingerprint by which a record is recognised as unchanged: its fields, parent, marker, deletion, readiness."""
    unready = [record.unready] if record.unready is not None else []
    return fingerprint([record.fields, record.parent_id, record.marker, record.deleted, *unready])


HINT = "event"
"""The reason of an inbox item that a vendor's event made."""


@dataclass(frozen=True, slots=True)
class StagedRecord:
    """A staged record with its row id, its link (None: none yet), its digest and the time it was read."""

    row_id: int
    record: Record
    link_id: int | None
    digest: str
    read_at: datetime


def _staged(scope: Scope, row: Row[Any]) -> StagedRecord:
    record = Record(
        Side(row.side),
        scope.entity,
        row.record_id,
        row.fields,
        row.modified_at,
        row.modified_by_us,
        row.deleted,
        row.parent_id,
        row.marker,
        row.merged_into,
        row.unready,
    )
    return StagedRecord(row.id, record, row.link_id, row.hash, row.read_at)


async def put(
    session: AsyncSession,
    scope: Scope,
    records: Sequence[tuple[Record, int | None]],
    *,
    read_at: datetime,
    pass_id: str | None = None,
    chunk: int | None = None,
) -> None:
    """Stage records with their link ids; a newer read of a record replaces the older one."""
    rows = [
        {
            **scope.columns(),
            "side": record.side.value,
            "record_id": record.id,
            "state": "pending",
            "pass_id": pass_id,
            "chunk": chunk,
            "link_id": link_id,
            "fields": record.fields,
            "hash": digest(record),
            "modified_at": record.modified_at,
            "modified_by_us": record.modified_by_us,
            "deleted": record.deleted,
            "parent_id": record.parent_id,
            "marker": record.marker,
            "merged_into": record.merged_into,
            "unready": record.unready,
            "read_at": read_at,
        }
        for record, link_id in records
    ]
    await upsert(session, STAGED, rows, ["integration_id", "entity", "side", "record_id"], _REPLACED)


async def waiting(session: AsyncSession, scope: Scope) -> int:
    """How many staged records no chunk has claimed yet."""
    query = select(func.count()).where(scope.covers(STAGED), STAGED.c.state == "pending", STAGED.c.chunk.is_(None))
    return int((await session.execute(query)).scalar_one())


async def claim(session: AsyncSession, scope: Scope, pass_id: str, chunk: int, size: int) -> list[StagedRecord]:
    """Take up to `size` waiting records and their linked partners into a chunk. Repeating it changes nothing.

    A record that another chunk is still writing waits until that has an outcome (I1).
    """
    mine = await of_chunk(session, scope, pass_id, chunk)
    if mine or await session.get(Chunk, (pass_id, chunk)) is not None:
        return mine
    session.add(Chunk(pass_id=pass_id, number=chunk))
    free = (scope.covers(STAGED), STAGED.c.state == "pending", STAGED.c.chunk.is_(None), *_not_in_work(scope))
    picked = select(STAGED.c.id, STAGED.c.link_id).where(*free).order_by(STAGED.c.id).limit(size)
    rows = (await session.execute(picked)).all()
    link_ids = sorted({row.link_id for row in rows if row.link_id is not None})
    await take(session, [row.id for row in rows], pass_id, chunk)
    if link_ids:
        await session.execute(
            update(STAGED).where(*free, STAGED.c.link_id.in_(link_ids)).values(pass_id=pass_id, chunk=chunk)
        )
    return await of_chunk(session, scope, pass_id, chunk)


def _not_in_work(scope: Scope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Neither the record's link nor, where it has none, its own creation has an operation without an outcome."""
    in_work = (scope.covers(OPERATIONS), OPERATIONS.c.state.in_(["planned", "sending"]))
    linked = select(OPERATIONS.c.link_id).where(*in_work, OPERATIONS.c.link_id.is_not(None))
    created = select(OPERATIONS.c.source_id).where(*in_work, OPERATIONS.c.link_id.is_(None))
    return STAGED.c.link_id.is_(None) | STAGED.c.link_id.not_in(linked), STAGED.c.record_id.not_in(created)


async def take(session: AsyncSession, row_ids: Collection[int], pass_id: str, chunk: int) -> None:
    """Put staged rows into a chunk."""
    if row_ids:
        await session.execute(update(STAGED).where(STAGED.c.id.in_(list(row_ids))).values(pass_id=pass_id, chunk=chunk))


async def of_chunk(
    session: AsyncSession, scope: Scope, pass_id: str, chunk: int, *, linked: bool = False
) -> list[StagedRecord]:
    """The staged records of a chunk, in the order they were read: all, or those that have a link."""
    query = select(STAGED).where(STAGED.c.pass_id == pass_id, STAGED.c.chunk == chunk, scope.covers(STAGED))
    if linked:
        query = query.where(STAGED.c.link_id.is_not(None))
    return [_staged(scope, row) for row in (await session.execute(query.order_by(STAGED.c.id))).all()]


async def find(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> dict[str, StagedRecord]:
    """Staged records of one side by id, whatever their chunk or state."""
    if not ids:
        return {}
    query = select(STAGED).where(scope.covers(STAGED), STAGED.c.side == side.value, STAGED.c.record_id.in_(list(ids)))
    return {row.record_id: _staged(scope, row) for row in (await session.execute(query)).all()}


async def waiting_ids(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> set[str]:
    """Which of these records of one side are staged and not parked."""
    if not ids:
        return set()
    query = select(STAGED.c.record_id).where(
        scope.covers(STAGED),
        STAGED.c.side == side.value,
        STAGED.c.state == "pending",
        STAGED.c.record_id.in_(list(ids)),
    )
    return {row.record_id for row in (await session.execute(query)).all()}


async def link(session: AsyncSession, links: Mapping[int, int]) -> None:
    """Tell staged rows which link they belong to: staged row id -> link id."""
    rows = [{"row": row_id, "link": link_id} for row_id, link_id in links.items()]
    if rows:
        statement = update(STAGED).where(STAGED.c.id == bindparam("row")).values(link_id=bindparam("link"))
        await (await session.connection()).execute(statement, rows)


async def merged(session: AsyncSession, scope: Scope) -> list[StagedRecord]:
    """Some of the staged records that were merged into others and that no chunk has claimed."""
    query = select(STAGED).where(
        scope.covers(STAGED),
        STAGED.c.deleted,
        STAGED.c.merged_into.is_not(None),
        STAGED.c.link_id.is_not(None),
        STAGED.c.chunk.is_(None),
    )
    return [_staged(scope, row) for row in (await session.execute(query.order_by(STAGED.c.id).limit(PAGE))).all()]


async def adopt(session: AsyncSession, scope: Scope, side: Side, record_id: str, link_id: int) -> None:
    """Let a staged record belong to a link."""
    await session.execute(
        update(STAGED)
        .where(scope.covers(STAGED), STAGED.c.side == side.value, STAGED.c.record_id == record_id)
        .values(link_id=link_id, state="pending")
    )


async def has_inbox(session: AsyncSession, scope: Scope, direction: Direction | None = None) -> bool:
    """Whether anything asks for a record to be looked at by a pass (of one direction: only what was asked for it)."""
    query = select(INBOX.c.id).where(scope.covers(INBOX))
    if direction is not None:
        query = query.where(INBOX.c.direction == direction.value)
    return (await session.execute(query.limit(1))).first() is not None


async def drop(session: AsyncSession, row_ids: Collection[int]) -> None:
    """Remove staged rows whose outcome is stored."""
    if row_ids:
        await session.execute(delete(STAGED).where(STAGED.c.id.in_(list(row_ids))))


async def of_links(session: AsyncSession, scope: Scope, link_ids: Collection[int]) -> list[StagedRecord]:
    """The living staged records of these links."""
    if not link_ids:
        return []
    query = select(STAGED).where(scope.covers(STAGED), STAGED.c.link_id.in_(list(link_ids)), ~STAGED.c.deleted)
    return [_staged(scope, row) for row in (await session.execute(query)).all()]


async def drop_link(session: AsyncSession, link_id: int) -> None:
    """Remove what is staged of a link that has ended."""
    await session.execute(delete(STAGED).where(STAGED.c.link_id == link_id))


async def drop_chunk(session: AsyncSession, pass_id: str, chunk: int) -> None:
    """Remove all staged rows of a chunk."""
    await session.execute(delete(STAGED).where(STAGED.c.pass_id == pass_id, STAGED.c.chunk == chunk))


async def release(session: AsyncSession, link_ids: Collection[int]) -> None:
    """Let all staged records of these links be claimed again, so that both sides come into the next merge together."""
    if link_ids:
        await session.execute(
            update(STAGED).where(STAGED.c.link_id.in_(list(link_ids))).values(state="pending", pass_id=None, chunk=None)
        )


async def release_older(session: AsyncSession, scope: Scope, pass_id: str) -> None:
    """Let the records be claimed again that a failed or canceled pass left in its chunks, or took from the inbox."""
    await session.execute(
        update(STAGED)
        .where(scope.covers(STAGED), STAGED.c.chunk.is_not(None), STAGED.c.pass_id != pass_id)
        .values(pass_id=None, chunk=None)
    )
    await session.execute(update(INBOX).where(scope.covers(INBOX), INBOX.c.pass_id != pass_id).values(pass_id=None))


async def keep(session: AsyncSession, scope: Scope, pass_id: str, records: Collection[tuple[Side, str]]) -> None:
    """Let staged records outlive this pass, which shall not claim them again: they are in no chunk of it that ends."""
    for side, record_id in records:
        mine = (scope.covers(STAGED), STAGED.c.side == side.value, STAGED.c.record_id == record_id)
        await session.execute(update(STAGED).where(*mine).values(pass_id=pass_id, chunk=KEPT))


async def park(session: AsyncSession, row_ids: Collection[int]) -> None:
    """Put staged rows aside until their parent has a link."""
    if row_ids:
        await session.execute(
            update(STAGED).where(STAGED.c.id.in_(list(row_ids))).values(state="parked", pass_id=None, chunk=None)
        )


async def count_parked(session: AsyncSession, scope: Scope) -> int:
    """How many records wait for their parent."""
    query = select(func.count()).where(scope.covers(STAGED), STAGED.c.state == "parked")
    return int((await session.execute(query)).scalar_one())


async def unpark(
    session: AsyncSession, scope: Scope, parents: Scope, sides: Collection[Side] = tuple(Side)
) -> list[int]:
    """Wake the parked records of these sides whose parent is linked by now; return their row ids."""
    woken: list[int] = []
    for side in sides:
        column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
        whole = LINKS.c.gone.is_distinct_from(side.other.value)
        linked = select(column).where(parents.covers(LINKS), LINKS.c.status == "active", whole)
        statement = (
            update(STAGED)
            .where(
                scope.covers(STAGED),
                STAGED.c.state == "parked",
                STAGED.c.side == side.value,
                STAGED.c.parent_id.in_(linked),
            )
            .values(state="pending", pass_id=None, chunk=None)
            .returning(STAGED.c.id)
        )
        woken += (await session.execute(statement)).scalars()
    return woken


async def by_row(session: AsyncSession, scope: Scope, row_ids: Sequence[int]) -> list[StagedRecord]:
    """Staged records by row id."""
    found: list[StagedRecord] = []
    for part in chunked(row_ids):
        rows = (await session.execute(select(STAGED).where(STAGED.c.id.in_(part)))).all()
        found += [_staged(scope, row) for row in rows]
    return found


async def ask(
    session: AsyncSession,
    scope: Scope,
    records: Collection[tuple[Side, str]],
    reason: str,
    at: datetime,
    direction: Direction | None = None,
) -> None:
    """Put records into the inbox: they are re-read and merged at the next pass (of the run's direction)."""
    rows = [
        {
            **scope.columns(),
            "side": side.value,
            "record_id": record_id,
            "reason": reason,
            "direction": direction.value if direction else None,
            "pass_id": None,
            "created_at": at,
        }
        for side, record_id in records
    ]
    if rows:
        await session.execute(insert(INBOX), rows)


async def put_back(session: AsyncSession, scope: Scope, at: datetime) -> None:
    """Ask for what an earlier pass has staged and left, so that the next pass in both directions reads it again."""
    left = (scope.covers(STAGED), STAGED.c.state == "pending")
    copied = ["integration_id", "entity", "side", "record_id"]
    rows = select(*(STAGED.c[name] for name in copied), literal("left"), literal(at, INBOX.c.created_at.type))
    await session.execute(insert(INBOX).from_select([*copied, "reason", "created_at"], rows.where(*left)))
    await session.execute(delete(STAGED).where(*left))


@dataclass(frozen=True, slots=True)
class Asked:
    """A record to look at again. A `hint` comes from a vendor's event: the record may be as it is known."""

    side: Side
    record_id: str
    hint: bool


async def take_inbox(
    session: AsyncSession, scope: Scope, pass_id: str, limit: int, direction: Direction | None = None
) -> list[Asked]:
    """Take waiting inbox items for a pass; until `done_inbox`, taking again gives the same ones.

    A pass of one direction takes only what was asked for it: it could not carry out the others.
    """
    mine = select(INBOX.c.id).where(scope.covers(INBOX), INBOX.c.pass_id == pass_id)
    if (await session.execute(mine.limit(1))).first() is None:
        waiting_items = select(INBOX.c.id).where(scope.covers(INBOX), INBOX.c.pass_id.is_(None))
        if direction is not None:
            waiting_items = waiting_items.where(INBOX.c.direction == direction.value)
        picked = waiting_items.order_by(INBOX.c.id).limit(limit)
        await session.execute(update(INBOX).where(INBOX.c.id.in_(picked)).values(pass_id=pass_id))
    query = select(INBOX.c.side, INBOX.c.record_id, INBOX.c.reason)
    rows = (await session.execute(query.where(scope.covers(INBOX), INBOX.c.pass_id == pass_id))).all()
    return [Asked(Side(row.side), row.record_id, row.reason == HINT) for row in rows]


async def done_inbox(session: AsyncSession, scope: Scope, pass_id: str) -> None:
    """Remove the inbox items that a pass took: their records are staged, or known to be gone."""
    await session.execute(delete(INBOX).where(scope.covers(INBOX), INBOX.c.pass_id == pass_id))
