"""Where an entity and a single record stand, put together from the engine's tables for status pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from core.records import Side
from store import circuits, polls
from store.deletions import Verdict
from store.kinship import count_awaiting
from store.links import decode_base
from store.listing import find_link
from store.resting import resting_fields
from store.scope import Scope, table_of
from store.tables.runs import Audit, ConflictRow, RecordError
from store.tables.sync import Cursor, InboxItem, Link, RequestRow, Staged, Unlinked

LINKS, STAGED, INBOX, CURSORS = table_of(Link), table_of(Staged), table_of(InboxItem), table_of(Cursor)
ERRORS, CONFLICTS, AUDIT, UNLINKED = table_of(RecordError), table_of(ConflictRow), table_of(Audit), table_of(Unlinked)
REQUESTS = table_of(RequestRow)

OPEN_ERRORS = ("open", "retrying")
OPEN_CONFLICTS = ("open", "resolving")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Requests that were sent, or may have been, and whose outcome is not known (yet); `since` is the oldest's time."""

    requests: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class EntityOverview:
    """Counts of one entity; `pending` are records read or asked for that wait for their turn."""

    linked: int
    pending: int
    parked: int
    open_errors: int
    open_conflicts: int
    drift: int
    unknown: Unknown
    held: int
    resting_fields: list[str]
    cursors: dict[Side, Cursor]
    polled: dict[Side, datetime]


async def entity_overview(session: AsyncSession, scope: Scope) -> EntityOverview:
    """Count what an entity has and what waits."""
    active = LINKS.c.status == "active"
    read = await _count(session, Staged, scope.covers(STAGED), STAGED.c.state == "pending")
    asked = await _count(session, InboxItem, scope.covers(INBOX))
    cursors = (await session.execute(select(Cursor).where(scope.covers(CURSORS)))).scalars().all()
    return EntityOverview(
        linked=await _count(session, Link, scope.covers(LINKS), active),
        pending=read + asked,
        parked=await _count(session, Staged, scope.covers(STAGED), STAGED.c.state == "parked")
        + await count_awaiting(session, scope),
        open_errors=await _count(session, RecordError, scope.covers(ERRORS), ERRORS.c.status.in_(OPEN_ERRORS)),
        open_conflicts=await _count(
            session, ConflictRow, scope.covers(CONFLICTS), CONFLICTS.c.status.in_(OPEN_CONFLICTS)
        ),
        drift=await _drifting(session, scope),
        unknown=await _unknown(session, scope),
        held=await _count(session, Link, scope.covers(LINKS), active, LINKS.c.verdict == Verdict.HELD.value),
        resting_fields=await resting_fields(session, scope),
        cursors={Side(row.side): row for row in cursors},
        polled=await polls.completed(session, scope),
    )


async def _count(session: AsyncSession, model: type[SQLModel], *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(table_of(model)).where(*conditions)
    return int((await session.execute(query)).scalar_one())


async def _unknown(session: AsyncSession, scope: Scope) -> Unknown:
    query = select(func.count(), func.min(REQUESTS.c.first_sent_at)).where(
        scope.covers(REQUESTS), REQUESTS.c.state == "sending"
    )
    number, since = (await session.execute(query)).one()
    return Unknown(int(number), since)


async def _drifting(session: AsyncSession, scope: Scope) -> int:
    """How many fields of active links drift. The text search only narrows what has to be looked at."""
    query = select(LINKS.c.base).where(
        scope.covers(LINKS), LINKS.c.status == "active", cast(LINKS.c.base, String).like("%,true,%")
    )
    drifting = 0
    async for (stored,) in await session.stream(query):
        drifting += sum(base.drift for base in decode_base(stored).values())
    return drifting


@dataclass(frozen=True, slots=True)
class RecordOverview:
    """All that is known of one record. `staged` are its readings that wait; `unlinked` how it ended without a link."""

    link: Link | None
    staged: Sequence[Staged]
    asked: bool
    errors: Sequence[RecordError]
    conflicts: Sequence[ConflictRow]
    unlinked: Unlinked | None
    audit: Sequence[Audit]
    held: bool = False
    """Whether it waits because many others were refused for one cause."""

    @property
    def known(self) -> bool:
        """Whether the store has ever seen the record."""
        return any((self.link, self.staged, self.asked, self.errors, self.conflicts, self.unlinked, self.audit))

    @property
    def reason(self) -> str | None:
        """Why the record does not take part, where it does not."""
        if self.held:
            return "not sent: many others were refused for the same cause"
        if self.link is not None:
            sides = " and the ".join(f"{side} side" for side in self.link.outside)
            return f"outside the filter of the {sides}" if sides else self.link.reason
        return self.unlinked.reason if self.unlinked is not None else None

    @property
    def status(self) -> str:
        """One word for where the record stands: what needs a person comes first."""
        if self.conflicts:
            return "conflict"
        if any(error.status in OPEN_ERRORS for error in self.errors):
            return "error"
        moved = self.link is not None and self.link.status == "active" and self.link.awaits is not None
        if moved or any(item.state == "parked" for item in self.staged):
            return "parked"
        if self.staged or self.asked:
            return "pending"
        if self.held or (self.link is not None and self.link.status == "active" and self.link.outside):
            return "skipped"
        if self.link is not None:
            return "synced" if self.link.status == "active" else "tombstoned"
        return self.unlinked.outcome if self.unlinked is not None else "pending"


async def record_overview(session: AsyncSession, scope: Scope, record_id: str, *, trail: int = 50) -> RecordOverview:
    """Look up a record by its Alguna or external id; `trail` is the most audit entries, newest first."""
    link = await find_link(session, scope, alguna_id=record_id)
    link = link or await find_link(session, scope, external_id=record_id)
    ids = [record_id] if link is None else [link.alguna_id, link.external_id]

    async def rows(model: type[SQLModel], *conditions: ColumnElement[bool]) -> Sequence[Any]:
        table = table_of(model)
        return (await session.execute(select(model).where(scope.covers(table), *conditions))).scalars().all()

    audit = (
        select(Audit)
        .where(scope.covers(AUDIT), AUDIT.c.alguna_id.in_(ids) | AUDIT.c.external_id.in_(ids))
        .order_by(AUDIT.c.id.desc())
        .limit(trail)
    )
    unlinked = await rows(Unlinked, UNLINKED.c.record_id == record_id) if link is None else []
    return RecordOverview(
        link=link,
        staged=await rows(Staged, STAGED.c.record_id.in_(ids)),
        asked=bool(await rows(InboxItem, INBOX.c.record_id.in_(ids))),
        errors=await rows(RecordError, ERRORS.c.alguna_id.in_(ids) | ERRORS.c.external_id.in_(ids)),
        conflicts=await rows(
            ConflictRow,
            CONFLICTS.c.alguna_id.in_(ids) | CONFLICTS.c.external_id.in_(ids),
            CONFLICTS.c.status.in_(OPEN_CONFLICTS),
        ),
        unlinked=unlinked[0] if unlinked else None,
        audit=(await session.execute(audit)).scalars().all(),
        held=await circuits.is_held(session, scope, ids),
    )
