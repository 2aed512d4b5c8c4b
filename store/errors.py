"""Record errors: open until the record syncs or a person ignores them.

An error of a field that cannot be carried over and one of a refused write are rows of their own (`place`), so that a
write of the other fields does not hide what still fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import circuits, resting
from core.causes import cause_of, retry_after
from core.errors import HINTS, ErrorType, RecordFailure
from core.records import Entity, Side
from store.database import chunked, upsert
from store.links import LINKS, RECREATE, LinkState
from store.scope import Scope, table_of
from store.tables.runs import RecordError
from store.tables.sync import InboxItem

ERRORS, INBOX = table_of(RecordError), table_of(InboxItem)
MESSAGE_LIMIT = 2_000
UNRESOLVED = ("open", "retrying", "ignored")
MADE = "*"
"""The place of an error about what was written, but is not as it should be."""
_KEYS = ("integration_id", "entity", "target", "source_id", "place")


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that could not be brought to `target`, and why. `source_id` is its id on the other side.

    `place` is the field whose value could not be carried over, "" for a write that was refused, or `MADE` for what was
    written and is not as it should be. `digest` stands for
    what the record held; `texts` are its own values, which are no part of the cause.
    """

    target: Side
    source_id: str
    alguna_id: str | None
    external_id: str | None
    failure: RecordFailure
    place: str = ""
    digest: str = ""
    texts: Collection[str] = ()
    hint: str | None = None
    cause: str | None = None

    @property
    def group(self) -> str:
        """The key of the root cause."""
        return self.cause or cause_of(self.failure, self.texts)


async def open_errors(
    session: AsyncSession, scope: Scope, run_id: str | None, failed: Sequence[FailedRecord], at: datetime
) -> None:
    """Open an error per record, target and place, or count another attempt of the one that is known.

    An ignored error stays ignored while the record and the cause are the same.
    """
    known = await _known(session, scope, failed)
    rows = {}
    for item in failed:
        key = (item.target.value, item.source_id, item.place)
        rows[key] = _row(scope, run_id, item, known.get(key), at)
    renewed = [name for row in list(rows.values())[:1] for name in row if name not in _KEYS]
    await upsert(session, ERRORS, list(rows.values()), _KEYS, renewed)


async def _known(
    session: AsyncSession, scope: Scope, failed: Sequence[FailedRecord]
) -> dict[tuple[str, str, str], RecordError]:
    known: dict[tuple[str, str, str], RecordError] = {}
    for part in chunked(sorted({item.source_id for item in failed})):
        query = select(RecordError).where(scope.covers(ERRORS), ERRORS.c.source_id.in_(part))
        for row in (await session.execute(query)).scalars():
            known[row.target, row.source_id, row.place] = row
    return known


def _row(
    scope: Scope, run_id: str | None, item: FailedRecord, known: RecordError | None, at: datetime
) -> dict[str, Any]:
    failure, group = item.failure, item.group
    again = known is not None and known.status != "resolved"
    ignored = known is not None and (known.status, known.digest, known.group) == ("ignored", item.digest, group)
    attempts = known.attempts + 1 if known is not None and again else 1
    delay = None if ignored else retry_after(failure.type, attempts)
    return {
        **scope.columns(),
        "target": item.target.value,
        "source_id": item.source_id,
        "place": item.place,
        "alguna_id": item.alguna_id,
        "external_id": item.external_id,
        "run_id": run_id,
        "type": failure.type.value,
        "field": failure.field,
        # PostgreSQL's text holds no NUL, and vendors quote whatever they were sent.
        "message": failure.message[:MESSAGE_LIMIT].replace("\0", ""),
        "hint": item.hint or HINTS[failure.type],
        "vendor_code": failure.vendor_code,
        "group": group.replace("\0", ""),
        "attempts": attempts,
        "status": "ignored" if ignored else "open",
        "reason": known.reason if known is not None and ignored else None,
        "digest": item.digest,
        "resolved_by": None,
        "next_retry_at": at + delay if delay is not None else None,
        "created_at": known.created_at if known is not None and again else at,
        "seen_at": at,
    }


async def close_errors(
    session: AsyncSession,
    scope: Scope,
    target: Side,
    source_ids: Collection[str],
    run_id: str | None,
    *conditions: ColumnElement[bool],
) -> None:
    """Close the errors of records that reached the target (those that meet `conditions`), and note the run.

    What a person has to look at although it was written (`MADE`) stays until the person says so.
    """
    for part in chunked(sorted(source_ids)):
        await session.execute(
            update(ERRORS)
            .where(
                scope.covers(ERRORS),
                ERRORS.c.target == target.value,
                ERRORS.c.source_id.in_(part),
                ERRORS.c.status.in_(UNRESOLVED),
                ERRORS.c.place != MADE,
                *conditions,
            )
            .values(status="resolved", resolved_by=run_id, next_retry_at=None)
        )


def of_writes() -> ColumnElement[bool]:
    """The errors of refused writes."""
    return ERRORS.c.place == ""


def of_fields_before(at: datetime) -> ColumnElement[bool]:
    """The errors of single fields that were last seen before this merge: it found nothing wrong with them."""
    return (ERRORS.c.place != "") & (ERRORS.c.seen_at < at)


async def settle_retries(session: AsyncSession, scope: Scope) -> None:
    """At the end of a pass: what was tried again and neither failed nor synced is open again."""
    asked = select(INBOX.c.record_id).where(scope.covers(INBOX))
    await session.execute(
        update(ERRORS)
        .where(
            scope.covers(ERRORS),
            ERRORS.c.status == "retrying",
            ERRORS.c.source_id.not_in(asked),
        )
        .values(status="open")
    )


async def due(session: AsyncSession, scope: Scope, at: datetime, limit: int) -> list[RecordError]:
    """The open errors that time may have mended, and whose next attempt is due; the longest due first."""
    query = select(RecordError).where(scope.covers(ERRORS), ERRORS.c.status == "open", ERRORS.c.next_retry_at <= at)
    return list((await session.execute(query.order_by(ERRORS.c.next_retry_at).limit(limit))).scalars())


async def make_due(session: AsyncSession, scope: Scope, at: datetime) -> None:
    """Let the next passes try all open errors again, also those that time cannot mend: the configuration has changed.

    Errors of whole mappings and of circuits look for their cause by themselves.
    """
    of_record = [~ERRORS.c.source_id.startswith(prefix) for prefix in (circuits.SUBJECT_PREFIX, resting.SUBJECT_PREFIX)]
    later = ERRORS.c.next_retry_at.is_(None) | (ERRORS.c.next_retry_at > at)
    waiting = (ERRORS.c.status == "open", ERRORS.c.place != MADE, later)
    await session.execute(update(ERRORS).where(scope.covers(ERRORS), *waiting, *of_record).values(next_retry_at=at))


async def troubled(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> set[str]:
    """Which of these records of a side an open error is about."""
    column = ERRORS.c.alguna_id if side is Side.ALGUNA else ERRORS.c.external_id
    found: set[str] = set()
    for part in chunked(sorted(ids)):
        mine = (scope.covers(ERRORS), ERRORS.c.status == "open", ERRORS.c.place != MADE, column.in_(part))
        found |= {str(row[0]) for row in (await session.execute(select(column).where(*mine))).all()}
    return found


async def make_anew(session: AsyncSession, integration_id: str, entities: Collection[Entity]) -> None:
    """Let the partners be made anew that a write found gone, and of which an error is still open."""
    lost = exists().where(
        ERRORS.c.integration_id == LINKS.c.integration_id,
        ERRORS.c.entity == LINKS.c.entity,
        ERRORS.c.alguna_id == LINKS.c.alguna_id,
        ERRORS.c.external_id == LINKS.c.external_id,
        ERRORS.c.type == ErrorType.NOT_FOUND.value,
        ERRORS.c.status.in_(["open", "retrying"]),
    )
    ours = (LINKS.c.integration_id == integration_id, LINKS.c.entity.in_([entity.value for entity in entities]))
    ended = (LINKS.c.status == "tombstoned", LINKS.c.gone.is_not(None))
    await session.execute(update(LINKS).where(*ours, *ended, lost).values(rule=RECREATE))


async def postpone(session: AsyncSession, rows: Sequence[RecordError], at: datetime) -> None:
    """Note when errors that are tried now are due once more, should this attempt come to nothing at all."""
    later = []
    for row in rows:
        delay = retry_after(ErrorType(row.type), row.attempts)
        later.append({"row": row.id, "due": None if delay is None else at + delay})
    if later:
        statement = update(ERRORS).where(ERRORS.c.id == bindparam("row")).values(next_retry_at=bindparam("due"))
        await (await session.connection()).execute(statement, later)


async def sources_of(session: AsyncSession, scope: Scope, target: Side, group: str) -> set[str]:
    """The records that open errors of one cause keep from a target."""
    query = select(ERRORS.c.source_id).where(
        scope.covers(ERRORS), ERRORS.c.target == target.value, ERRORS.c.group == group, ERRORS.c.status == "open"
    )
    return set((await session.execute(query)).scalars())


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which errors are meant: all where nothing is said, else those that meet everything that is."""

    ids: Collection[int] | None = None
    run_id: str | None = None
    types: Collection[str] | None = None
    groups: Collection[str] | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The conditions of a query."""
        chosen: Mapping[Any, Collection[Any] | None] = {
            ERRORS.c.id: self.ids,
            ERRORS.c.run_id: None if self.run_id is None else [self.run_id],
            ERRORS.c.type: self.types,
            ERRORS.c.group: self.groups,
        }
        return (column.in_(list(wanted)) for column, wanted in chosen.items() if wanted is not None)


async def retryable(session: AsyncSession, integration_id: str, chosen: Chosen) -> Sequence[RecordError]:
    """The errors that a person wants to be tried again: those open; of those named, the ignored ones too."""
    status = ["open"] if chosen.ids is None else ["open", "ignored"]
    query = select(RecordError).where(
        ERRORS.c.integration_id == integration_id, ERRORS.c.status.in_(status), *chosen.conditions()
    )
    return (await session.execute(query.order_by(ERRORS.c.id))).scalars().all()


async def ignore(session: AsyncSession, integration_id: str, chosen: Chosen, reason: str) -> int:
    """Close errors without syncing their records, until these change; return how many."""
    statement = (
        update(ERRORS)
        .where(
            ERRORS.c.integration_id == integration_id,
            ERRORS.c.status.in_(["open", "retrying"]),
            *chosen.conditions(),
        )
        .values(status="ignored", reason=reason, next_retry_at=None)
        .returning(ERRORS.c.id)
    )
    return len((await session.execute(statement)).all())


async def retrying(session: AsyncSession, scope: Scope, states: Collection[LinkState]) -> set[int]:
    """The ids of those links of which a person wants an error tried again."""
    query = select(ERRORS.c.alguna_id).where(
        scope.covers(ERRORS),
        ERRORS.c.status == "retrying",
        ERRORS.c.alguna_id.in_([state.alguna_id for state in states]),
    )
    ids = {row.alguna_id for row in (await session.execute(query)).all()}
    return {state.id for state in states if state.alguna_id in ids}


async def set_status(session: AsyncSession, ids: Collection[int], status: str, *, was: Collection[str]) -> None:
    """Move errors to `status` if they have one of the statuses in `was`."""
    for part in chunked(sorted(ids)):
        await session.execute(
            update(ERRORS)
            .where(ERRORS.c.id.in_(list(part)), ERRORS.c.status.in_(list(was)))
            .values(status=status, reason=None)
        )
