"""Where the looks between schedules stand: what is due, where an unfinished one goes on, what was told already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Entity, Side
from store.database import upsert
from store.scope import Scope, table_of
from store.tables.polls import Poll
from store.tables.runs import Pass
from store.tables.sync import Cursor

_POLLS, _PASSES = table_of(Poll), table_of(Pass)
_KEY = ["integration_id", "entity", "side"]


@dataclass(slots=True)
class PollState:
    """A look at one side of an entity: see `store.tables.polls.Poll`."""

    started_at: datetime
    completed_at: datetime | None = None
    position: str | None = None
    cursor: str | None = None
    found: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def due_in(self, interval: timedelta, at: datetime) -> float:
        """Seconds until the next look is due; 0 while one is unfinished."""
        if self.position is not None:
            return 0.0
        return max(0.0, (self.started_at + interval - at).total_seconds())

    def news(self, entity: Entity, seen: Mapping[str, str]) -> list[str]:
        """Of records by digest, those that were not told in this look or the one before; they are noted."""
        keys = {record_id: f"{entity.value}/{record_id}" for record_id in seen}
        new = [one for one, key in keys.items() if seen[one] not in (self.found.get(key), self.told.get(key))]
        self.found |= {key: seen[one] for one, key in keys.items()}
        return sorted(new)

    @property
    def untold(self) -> int:
        """How many records of this look the one before has not told of."""
        return sum(self.told.get(key) != digest for key, digest in self.found.items())

    def complete(self, cursor: str | None) -> None:
        """The look came to its end: the next one begins at its cursor."""
        self.completed_at, self.cursor = self.started_at, cursor
        self.give_over()

    def give_over(self) -> None:
        """End the look; the next one begins anew."""
        self.position = None
        self.told, self.found = self.found, {}


async def load(session: AsyncSession, scope: Scope, side: Side) -> PollState | None:
    """Return where the looks at a side stand; None before a pass has read it to its end.

    A pass that came later counts as a look: the next one begins at its cursor.
    """
    key = (scope.integration_id, scope.entity.value, side.value)
    read, row = await session.get(Cursor, key), await session.get(Poll, key)
    if read is None:
        return None
    state = PollState(started_at=read.moved_at, cursor=read.cursor)
    if row is not None:
        state.found, state.told, state.completed_at = dict(row.found), dict(row.told), row.completed_at
        if row.started_at > read.moved_at:
            state.started_at, state.position, state.cursor = row.started_at, row.position, row.cursor or read.cursor
    return state


async def save(session: AsyncSession, scope: Scope, side: Side, state: PollState) -> None:
    """Store where the looks at a side stand."""
    values = {
        "started_at": state.started_at,
        "completed_at": state.completed_at,
        "position": state.position,
        "cursor": state.cursor,
        "found": state.found,
        "told": state.told,
    }
    await upsert(session, _POLLS, [{**scope.columns(), "side": side.value, **values}], _KEY, list(values))


async def being_read(session: AsyncSession, scope: Scope) -> bool:
    """Whether a pass reads the entity anyway."""
    reads = (_PASSES.c.state == "running") & (_PASSES.c.mode != "inbox")
    return bool((await session.execute(select(exists().where(scope.covers(_PASSES), reads)))).scalar_one())


async def completed(session: AsyncSession, scope: Scope) -> dict[Side, datetime]:
    """The time of which everything of a side is known by looks, where there were any."""
    query = select(_POLLS.c.side, _POLLS.c.completed_at).where(scope.covers(_POLLS), _POLLS.c.completed_at.is_not(None))
    return {Side(row.side): row.completed_at for row in (await session.execute(query)).all()}
