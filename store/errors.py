"""Record errors: open until the record syncs or a person ignores them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HINTS, RecordFailure
from core.records import Side
from store.database import chunked
from store.scope import Scope, table_of
from store.tables.runs import RecordError

ERRORS = table_of(RecordError)
MESSAGE_LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that could not be brought to `target`, and why. `source_id` is its id on the other side."""

    target: Side
    source_id: str
    alguna_id: str | None
    external_id: str | None
    failure: RecordFailure


def group_of(failure: RecordFailure) -> str:
    """The root cause that errors share: type, vendor code, field, and the message without its particular values."""
    plain = re.sub(r"['\"][^'\"]*['\"]|\b\w*\d\w*\b", "…", failure.message)
    return "|".join([failure.type.value, failure.vendor_code or "", failure.field or "", plain[:120]])


async def open_errors(
    session: AsyncSession, scope: Scope, run_id: str | None, failed: Sequence[FailedRecord], at: datetime
) -> None:
    """Open an error per record and target, or count another attempt of the one that is known."""
    if not failed:
        return
    rows = [
        {
            **scope.columns(),
            "target": item.target.value,
            "source_id": item.source_id,
            "alguna_id": item.alguna_id,
            "external_id": item.external_id,
            "run_id": run_id,
            "type": item.failure.type.value,
            "field": item.failure.field,
            # PostgreSQL's text holds no NUL, and vendors quote whatever they were sent.
            "message": item.failure.message[:MESSAGE_LIMIT].replace("\0", ""),
            "hint": HINTS[item.failure.type],
            "vendor_code": item.failure.vendor_code,
            "group": group_of(item.failure),
            "attempts": 1,
            "status": "open",
            "reason": None,
            "next_retry_at": None,
            "created_at": at,
            "seen_at": at,
        }
        for item in failed
    ]
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    new = dialect.insert(ERRORS)
    renewed = ["alguna_id", "external_id", "run_id", "type", "field", "message", "hint", "vendor_code", "group"]
    statement = new.on_conflict_do_update(
        index_elements=["integration_id", "entity", "target", "source_id"],
        set_={
            **{name: new.excluded[name] for name in [*renewed, "status", "reason", "next_retry_at", "seen_at"]},
            "attempts": ERRORS.c.attempts + 1,
        },
    )
    await (await session.connection()).execute(statement, rows)


async def close_errors(session: AsyncSession, scope: Scope, target: Side, source_ids: Collection[str]) -> None:
    """Close the errors of records that reached the target."""
    if source_ids:
        await session.execute(
            update(ERRORS)
            .where(
                scope.covers(ERRORS),
                ERRORS.c.target == target.value,
                ERRORS.c.source_id.in_(list(source_ids)),
                ERRORS.c.status.in_(["open", "retrying"]),
            )
            .values(status="resolved")
        )


async def count_open_errors(session: AsyncSession, scope: Scope) -> int:
    """How many errors of an entity wait for something."""
    query = select(func.count()).where(scope.covers(ERRORS), ERRORS.c.status.in_(["open", "retrying"]))
    return int((await session.execute(query)).scalar_one())


async def count_of_run(session: AsyncSession, run_id: str) -> int:
    """How many open errors a run left."""
    query = select(func.count()).where(ERRORS.c.run_id == run_id, ERRORS.c.status == "open")
    return int((await session.execute(query)).scalar_one())


async def of_run(session: AsyncSession, run_id: str, limit: int) -> Sequence[RecordError]:
    """The first open errors that a run left."""
    query = select(RecordError).where(ERRORS.c.run_id == run_id, ERRORS.c.status == "open")
    return (await session.execute(query.order_by(ERRORS.c.id).limit(limit))).scalars().all()


async def counts_of_run(session: AsyncSession, run_id: str) -> dict[str, int]:
    """How many open errors of each type a run left."""
    query = select(ERRORS.c.type, func.count()).where(ERRORS.c.run_id == run_id, ERRORS.c.status == "open")
    return {kind: int(number) for kind, number in (await session.execute(query.group_by(ERRORS.c.type))).all()}


async def retryable(
    session: AsyncSession,
    integration_id: str,
    *,
    ids: Collection[int] | None = None,
    run_id: str | None = None,
    types: Collection[str] | None = None,
) -> Sequence[RecordError]:
    """The errors that a person wants to be tried again: those open; of those named, the ignored ones too."""
    query = select(RecordError).where(ERRORS.c.integration_id == integration_id)
    if ids is None:
        query = query.where(ERRORS.c.status == "open")
    else:
        query = query.where(ERRORS.c.id.in_(list(ids)), ERRORS.c.status.in_(["open", "ignored"]))
    if run_id is not None:
        query = query.where(ERRORS.c.run_id == run_id)
    if types is not None:
        query = query.where(ERRORS.c.type.in_(list(types)))
    return (await session.execute(query.order_by(ERRORS.c.id))).scalars().all()


async def set_status(
    session: AsyncSession, ids: Collection[int], status: str, *, was: Collection[str], reason: str | None = None
) -> int:
    """Move errors to `status` if they have one of the statuses in `was`; return how many moved."""
    moved = 0
    for part in chunked(sorted(ids)):
        statement = (
            update(ERRORS)
            .where(ERRORS.c.id.in_(list(part)), ERRORS.c.status.in_(list(was)))
            .values(status=status, reason=reason)
            .returning(ERRORS.c.id)
        )
        moved += len((await session.execute(statement)).all())
    return moved
