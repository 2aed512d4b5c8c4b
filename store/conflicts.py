"""Conflicts that wait for a person. Each change of what is asked raises the version; an answer names the version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, Side
from core.values import Value, dump_json
from store import staging
from store.scope import Scope, table_of
from store.tables.runs import ConflictRow

CONFLICTS = table_of(ConflictRow)
LIVE = ("open", "resolving")


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked. `subject` is a link id (kind `fields`) or `side:record id` (kind `match`)."""

    kind: str
    subject: str
    alguna_id: str | None
    external_id: str | None
    fields: Sequence[Mapping[str, Value]] = field(default_factory=tuple)
    candidates: Sequence[Mapping[str, Value]] = field(default_factory=tuple)


def _same(known: ConflictRow, question: Question) -> bool:
    return dump_json([known.fields, known.candidates]) == dump_json(
        [[dict(item) for item in question.fields], [dict(item) for item in question.candidates]]
    )


async def put(
    session: AsyncSession,
    scope: Scope,
    questions: Sequence[Question],
    run_id: str | None,
    at: datetime,
    tried: Collection[str] = (),
) -> None:
    """Open conflicts; one that is open already gets a new version if its values changed, and else stays as it is.

    `tried` are the subjects whose answers were taken into account. An answer that came meanwhile waits for its turn.
    """
    for question in questions:
        known = await _find(session, scope, question.kind, question.subject)
        if known is not None and known.status in LIVE and _same(known, question):
            if known.status == "resolving" and question.subject in tried:
                # The answer was tried and the question is still there: ask again.
                known.status, known.decision, known.version = "open", None, known.version + 1
                session.add(known)
            continue
        if known is None:
            known = ConflictRow(
                integration_id=scope.integration_id,
                entity=scope.entity.value,
                kind=question.kind,
                subject=question.subject,
                version=0,
                created_at=at,
                changed_at=at,
            )
        # A new version is announced anew: who follows conflicts is told, a workflow that runs goes on.
        known.announced = False
        known.version += 1
        known.status, known.decision, known.run_id, known.changed_at = "open", None, run_id, at
        known.alguna_id, known.external_id = question.alguna_id, question.external_id
        known.fields = [dict(item) for item in question.fields]
        known.candidates = [dict(item) for item in question.candidates]
        session.add(known)
    await session.flush()


async def _find(session: AsyncSession, scope: Scope, kind: str, subject: str) -> ConflictRow | None:
    query = select(ConflictRow).where(scope.covers(CONFLICTS), CONFLICTS.c.kind == kind, CONFLICTS.c.subject == subject)
    # Locked, so that an answer which is being given now is seen, and not written over.
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def decisions(
    session: AsyncSession, scope: Scope, kind: str, subjects: Collection[str]
) -> dict[str, dict[str, Any]]:
    """What people have decided and is not carried out yet: subject -> decision, with the fields they were `asked`."""
    if not subjects:
        return {}
    query = select(CONFLICTS.c.subject, CONFLICTS.c.decision, CONFLICTS.c.fields).where(
        scope.covers(CONFLICTS),
        CONFLICTS.c.kind == kind,
        CONFLICTS.c.subject.in_(list(subjects)),
        CONFLICTS.c.status == "resolving",
    )
    return {row.subject: {**row.decision, "asked": row.fields} for row in (await session.execute(query)).all()}


async def decide(session: AsyncSession, conflict_id: int, version: int, decision: Mapping[str, Any]) -> bool:
    """Store a person's answer to this version of an open conflict; False when it is not open, or has moved on."""
    asked = (CONFLICTS.c.id == conflict_id, CONFLICTS.c.version == version, CONFLICTS.c.status == "open")
    answered = update(CONFLICTS).where(*asked).values(status="resolving", decision=dict(decision), carried_by=None)
    return (await session.execute(answered.returning(CONFLICTS.c.id))).first() is not None


async def decided(session: AsyncSession) -> list[ConflictRow]:
    """Conflicts that were answered, and whose answer no writes carry out yet."""
    query = select(ConflictRow).where(CONFLICTS.c.status == "resolving", CONFLICTS.c.carried_by.is_(None))
    return list((await session.execute(query.order_by(CONFLICTS.c.id))).scalars())


@dataclass(frozen=True, slots=True)
class Filter:
    """Open conflicts of one kind and some entities; with `field`, those that ask for this Alguna field."""

    integration_id: str
    kind: str
    entities: Sequence[str]
    field: str | None = None


async def fitting(session: AsyncSession, wanted: Filter, limit: int) -> tuple[list[ConflictRow], int]:
    """The oldest `limit` open conflicts that fit, and how many there are."""
    query = (
        select(ConflictRow)
        .where(
            CONFLICTS.c.integration_id == wanted.integration_id,
            CONFLICTS.c.kind == wanted.kind,
            CONFLICTS.c.entity.in_(list(wanted.entities)),
            CONFLICTS.c.status == "open",
        )
        .order_by(CONFLICTS.c.id)
    )
    found, total = list[ConflictRow](), 0
    async for row in await session.stream_scalars(query):
        if wanted.field is None or any(item["algunaField"] == wanted.field for item in row.fields):
            total += 1
            if len(found) < limit:
                found.append(row)
    return found, total


async def take_back(session: AsyncSession, conflict_id: int, version: int) -> None:
    """Undo `decide`, because nobody could be told of the answer."""
    answered = (CONFLICTS.c.id == conflict_id, CONFLICTS.c.version == version, CONFLICTS.c.status == "resolving")
    await session.execute(update(CONFLICTS).where(*answered).values(status="open", decision=None))


async def close(session: AsyncSession, scope: Scope, kind: str, subjects: Collection[str], status: str) -> list[int]:
    """End live conflicts: `resolved` by a decision, or `closed` because their cause is gone. Returns their ids."""
    if not subjects:
        return []
    live = (
        scope.covers(CONFLICTS),
        CONFLICTS.c.kind == kind,
        CONFLICTS.c.subject.in_(list(subjects)),
        CONFLICTS.c.status.in_(LIVE),
    )
    ended = update(CONFLICTS).where(*live).values(status=status).returning(CONFLICTS.c.id)
    return [row.id for row in (await session.execute(ended)).all()]


async def leave(
    session: AsyncSession, integration_id: str, configured: Collection[Entity], at: datetime
) -> list[tuple[Entity, int]]:
    """End the live conflicts of entities that are not configured any more: nobody would carry out an answer.

    Their records are asked for, so that the question is put again should the entity come back.
    """
    gone = (CONFLICTS.c.integration_id == integration_id, CONFLICTS.c.entity.not_in(sorted(configured)))
    ended = update(CONFLICTS).where(*gone, CONFLICTS.c.status.in_(LIVE)).values(status="closed", changed_at=at)
    columns = (CONFLICTS.c.id, CONFLICTS.c.entity, CONFLICTS.c.alguna_id, CONFLICTS.c.external_id)
    found = (await session.execute(ended.returning(*columns))).all()
    for row in found:
        ids = ((Side.ALGUNA, row.alguna_id), (Side.EXTERNAL, row.external_id))
        asked = [(side, record_id) for side, record_id in ids if record_id]
        await staging.ask(session, Scope(integration_id, Entity(row.entity)), asked, "again", at)
    return [(Entity(row.entity), row.id) for row in found]


async def reopen(session: AsyncSession, scope: Scope, link_ids: Collection[int], at: datetime) -> None:
    """Ask again what was decided but could not be carried out: a new version without a decision.

    An answer whose writes were not even planned yet still waits for its turn.
    """
    if link_ids:
        await session.execute(
            update(CONFLICTS)
            .where(
                scope.covers(CONFLICTS),
                CONFLICTS.c.kind == "fields",
                CONFLICTS.c.subject.in_([str(link_id) for link_id in link_ids]),
                CONFLICTS.c.status == "resolving",
                CONFLICTS.c.carried_by.is_not(None),
            )
            .values(status="open", decision=None, carried_by=None, version=CONFLICTS.c.version + 1, changed_at=at)
        )


async def carry_out(session: AsyncSession, scope: Scope, subjects: Collection[str], pass_id: str, chunk: int) -> None:
    """Note that the writes of this chunk carry out the answers to these conflicts."""
    if subjects:
        answered = (CONFLICTS.c.kind == "fields", CONFLICTS.c.subject.in_(list(subjects)))
        await session.execute(
            update(CONFLICTS)
            .where(scope.covers(CONFLICTS), *answered, CONFLICTS.c.status == "resolving")
            .values(carried_by=_carrier(pass_id, chunk))
        )


async def carried_out(
    session: AsyncSession, scope: Scope, link_ids: Collection[int], pass_id: str, chunk: int
) -> list[int]:
    """End the conflicts whose answers this chunk has carried out. Returns their ids.

    An answer that came while the chunk wrote something else to the same record still waits for its turn.
    """
    if not link_ids:
        return []
    done = (
        scope.covers(CONFLICTS),
        CONFLICTS.c.kind == "fields",
        CONFLICTS.c.subject.in_([str(link_id) for link_id in link_ids]),
        CONFLICTS.c.status == "resolving",
        CONFLICTS.c.carried_by == _carrier(pass_id, chunk),
    )
    ended = update(CONFLICTS).where(*done).values(status="resolved").returning(CONFLICTS.c.id)
    return [row.id for row in (await session.execute(ended)).all()]


def _carrier(pass_id: str, chunk: int) -> str:
    return f"{pass_id}/{chunk}"


async def moot(session: AsyncSession, scope: Scope, askable: Collection[str]) -> list[ConflictRow]:
    """Open conflicts that ask for a field which is not for a person to decide any more (`askable` are those that are).

    A mapping was taken away, or a rule decides now: their records are merged anew.
    """
    query = select(ConflictRow).where(
        scope.covers(CONFLICTS), CONFLICTS.c.kind == "fields", CONFLICTS.c.status == "open"
    )
    found = []
    async for row in await session.stream_scalars(query):
        if any(item["algunaField"] not in askable for item in row.fields):
            found.append(row)
    return found


async def ended(session: AsyncSession, scope: Scope) -> list[int]:
    """Conflicts that have ended, and whose workflow is not known to have been told."""
    query = select(CONFLICTS.c.id).where(
        scope.covers(CONFLICTS), CONFLICTS.c.status.not_in(LIVE), CONFLICTS.c.announced.is_(True)
    )
    return [row.id for row in (await session.execute(query)).all()]


async def told(session: AsyncSession, ids: Collection[int]) -> None:
    """Note that the workflows of these conflicts know of their end."""
    await session.execute(
        update(CONFLICTS).where(CONFLICTS.c.id.in_(list(ids)), CONFLICTS.c.status.not_in(LIVE)).values(announced=False)
    )


async def unannounced(session: AsyncSession, scope: Scope) -> list[ConflictRow]:
    """Open conflicts whose workflow is not started yet."""
    query = select(ConflictRow).where(
        scope.covers(CONFLICTS), CONFLICTS.c.status == "open", CONFLICTS.c.announced.is_(False)
    )
    return list((await session.execute(query)).scalars())


async def announce(session: AsyncSession, ids: Collection[int]) -> None:
    """Note that these conflicts' workflows run."""
    if ids:
        await session.execute(update(CONFLICTS).where(CONFLICTS.c.id.in_(list(ids))).values(announced=True))


async def count_open_conflicts(session: AsyncSession, scope: Scope) -> int:
    """How many conflicts of an entity wait."""
    query = select(func.count()).where(scope.covers(CONFLICTS), CONFLICTS.c.status.in_(LIVE))
    return int((await session.execute(query)).scalar_one())
