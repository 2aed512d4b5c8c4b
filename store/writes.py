"""Operations and requests: every write is stored before it is sent, its outcome with its effects (I2, I7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from core.merge import FieldBase
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value, fingerprint
from store.database import upsert
from store.links import decode_base, encode_base
from store.scope import Scope, table_of
from store.tables.sync import Chunk, OperationRow, RequestRow

OPERATIONS, REQUESTS, CHUNKS = table_of(OperationRow), table_of(RequestRow), table_of(Chunk)


def operation_key(
    scope: Scope, kind: OperationKind, target: Side, source_id: str, generation: int, revision: int
) -> str:
    """The identity of a write: the same however often the process dies, another one for each later write of the link.

    `generation` rises when a lost target is made anew, `revision` with each finished write of a link.
    """
    return fingerprint(
        [scope.integration_id, scope.entity.value, kind.value, target.value, source_id, generation, revision]
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation to be stored. `pending` are the bases that move when it is done."""

    key: str
    kind: OperationKind
    target: Side
    source_id: str
    target_id: str | None
    parent_id: str | None
    values: Mapping[str, Value]
    expected: Mapping[str, Value]
    pending: Mapping[str, FieldBase]
    link_id: int | None
    read_at: datetime
    generation: int = 0


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """A stored operation that has no outcome yet."""

    operation: Operation
    pending: dict[str, FieldBase]
    link_id: int | None
    read_at: datetime
    tries: int
    generation: int


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A stored request that was sent, or may have been."""

    id: int
    side: Side
    method: str
    path: str
    body: str
    headers: dict[str, str]
    idempotency_key: str | None
    replay_seconds: int
    operation_ids: tuple[int, ...]
    first_sent_at: datetime | None


def _operation(row: Row[Any]) -> OpenOperation:
    operation = Operation(
        id=row.id,
        key=row.key,
        entity=Entity(row.entity),
        kind=OperationKind(row.kind),
        target=Side(row.target),
        source_id=row.source_id,
        target_id=row.target_id,
        values=row._mapping["values"],
        expected=row.expected,
        parent_id=row.parent_id,
        planned_at=row.created_at,
        tries=row.tries,
    )
    return OpenOperation(operation, decode_base(row.pending), row.link_id, row.read_at, row.tries, row.generation)


async def plan(
    session: AsyncSession, scope: Scope, pass_id: str, chunk: int, planned: Sequence[Planned], at: datetime
) -> None:
    """Store operations. One that failed or was superseded under the same key is planned anew."""
    rows = [
        {
            "key": item.key,
            **scope.columns(),
            "pass_id": pass_id,
            "chunk": chunk,
            "link_id": item.link_id,
            "kind": item.kind.value,
            "target": item.target.value,
            "source_id": item.source_id,
            "target_id": item.target_id,
            "parent_id": item.parent_id,
            "generation": item.generation,
            "values": dict(item.values),
            "expected": dict(item.expected),
            "pending": encode_base(item.pending),
            "state": "planned",
            "request_id": None,
            "tries": 0,
            "read_at": item.read_at,
            "created_at": at,
        }
        for item in planned
    ]
    replaced = ["pass_id", "chunk", "link_id", "target_id", "parent_id", "values", "expected", "pending", "state"]
    await upsert(session, OPERATIONS, rows, ["key"], [*replaced, "request_id", "tries", "read_at", "created_at"])


async def planned(session: AsyncSession, pass_id: str, chunk: int, target: Side) -> list[OpenOperation]:
    """The operations of a chunk that wait to be sent to a side."""
    query = select(OPERATIONS).where(
        OPERATIONS.c.pass_id == pass_id,
        OPERATIONS.c.chunk == chunk,
        OPERATIONS.c.target == target.value,
        OPERATIONS.c.state == "planned",
    )
    return [_operation(row) for row in (await session.execute(query.order_by(OPERATIONS.c.id))).all()]


async def operations(session: AsyncSession, ids: Collection[int]) -> list[OpenOperation]:
    """Operations by id, of those that have no outcome yet."""
    query = select(OPERATIONS).where(OPERATIONS.c.id.in_(list(ids)), OPERATIONS.c.state.in_(["planned", "sending"]))
    return [_operation(row) for row in (await session.execute(query.order_by(OPERATIONS.c.id))).all()]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to be stored."""

    method: str
    path: str
    body: str
    headers: Mapping[str, str]
    idempotency_key: str | None
    replay_seconds: int
    operation_ids: tuple[int, ...]


async def store_requests(
    session: AsyncSession,
    scope: Scope,
    side: Side,
    pass_id: str,
    chunk: int,
    epoch: int,
    requests: Sequence[Outgoing],
    at: datetime,
) -> list[int]:
    """Store requests and move them, with their operations, to `sending`, if this attempt still holds the epoch.

    Returns their ids, or an empty list when a newer attempt has taken over: then nothing may be sent. From here until
    they are settled their outcome counts as unknown.
    """
    holder = select(CHUNKS.c.epoch).where(CHUNKS.c.pass_id == pass_id, CHUNKS.c.number == chunk).with_for_update()
    if (await session.execute(holder)).scalar_one() != epoch:
        return []
    ids: list[int] = []
    for request in requests:
        row = {
            **scope.columns(),
            "side": side.value,
            "pass_id": pass_id,
            "chunk": chunk,
            "epoch": epoch,
            "method": request.method,
            "path": request.path,
            "body": request.body,
            "headers": dict(request.headers),
            "idempotency_key": request.idempotency_key,
            "replay_seconds": request.replay_seconds,
            "operation_ids": list(request.operation_ids),
            "state": "sending",
            "first_sent_at": at,
        }
        request_id = (await session.execute(insert(REQUESTS).values(row).returning(REQUESTS.c.id))).scalar_one()
        ids.append(request_id)
        await session.execute(
            update(OPERATIONS)
            .where(OPERATIONS.c.id.in_(list(request.operation_ids)))
            .values(state="sending", request_id=request_id)
        )
    return ids


async def unsettled(
    session: AsyncSession, scope: Scope, pass_id: str | None = None, chunk: int | None = None
) -> list[OpenRequest]:
    """The requests whose outcome is unknown, oldest first: all of the entity's, or those of one chunk."""
    query = select(REQUESTS).where(scope.covers(REQUESTS), REQUESTS.c.state == "sending").order_by(REQUESTS.c.id)
    if pass_id is not None:
        query = query.where(REQUESTS.c.pass_id == pass_id, REQUESTS.c.chunk == chunk)
    return [
        OpenRequest(
            row.id,
            Side(row.side),
            row.method,
            row.path,
            row.body,
            row.headers,
            row.idempotency_key,
            row.replay_seconds,
            tuple(row.operation_ids),
            row.first_sent_at,
        )
        for row in (await session.execute(query)).all()
    ]


async def settle_request(session: AsyncSession, request_id: int) -> bool:
    """Note that the outcome of a request is known. False when another attempt has noted it: then its word counts."""
    noted = await session.execute(
        update(REQUESTS)
        .where(REQUESTS.c.id == request_id, REQUESTS.c.state == "sending")
        .values(state="settled")
        .returning(REQUESTS.c.id)
    )
    return noted.first() is not None


async def finish(session: AsyncSession, ids: Collection[int], state: str) -> None:
    """End operations: done, failed or superseded."""
    if ids:
        await session.execute(update(OPERATIONS).where(OPERATIONS.c.id.in_(list(ids))).values(state=state))


async def supersede_older(session: AsyncSession, scope: Scope, pass_id: str) -> None:
    """Drop what a failed or canceled pass planned and never sent: its records are merged anew."""
    await session.execute(
        update(OPERATIONS)
        .where(scope.covers(OPERATIONS), OPERATIONS.c.state == "planned", OPERATIONS.c.pass_id != pass_id)
        .values(state="superseded")
    )


async def supersede_links(session: AsyncSession, pass_id: str, link_ids: Collection[int], target: Side) -> None:
    """Drop what a pass has planned, and not sent, for these links towards a side."""
    if link_ids:
        await session.execute(
            update(OPERATIONS)
            .where(
                OPERATIONS.c.pass_id == pass_id,
                OPERATIONS.c.link_id.in_(list(link_ids)),
                OPERATIONS.c.target == target.value,
                OPERATIONS.c.state == "planned",
            )
            .values(state="superseded")
        )


async def links_done(session: AsyncSession, pass_id: str, chunk: int) -> list[int]:
    """The links that writes of a chunk have reached."""
    query = select(OPERATIONS.c.link_id).where(
        OPERATIONS.c.pass_id == pass_id,
        OPERATIONS.c.chunk == chunk,
        OPERATIONS.c.state == "done",
        OPERATIONS.c.link_id.is_not(None),
    )
    return sorted({row.link_id for row in (await session.execute(query)).all()})


async def plan_again(session: AsyncSession, ids: Collection[int]) -> None:
    """Let operations that were certainly not carried out be sent again in a new request."""
    if ids:
        await session.execute(
            update(OPERATIONS)
            .where(OPERATIONS.c.id.in_(list(ids)))
            .values(state="planned", request_id=None, tries=OPERATIONS.c.tries + 1)
        )


async def count_open(session: AsyncSession, scope: Scope) -> int:
    """How many operations have no outcome yet."""
    query = select(func.count()).where(scope.covers(OPERATIONS), OPERATIONS.c.state.in_(["planned", "sending"]))
    return int((await session.execute(query)).scalar_one())
