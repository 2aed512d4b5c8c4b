"""How each record of a pass ended: one ending per record and target, and counts that add up to them (I6).

A record may be merged several times within one pass (a person edited it meanwhile, its create was found to exist). Its
later ending takes the place of the earlier one, and the counts of the pass follow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.records import Side
from core.values import Value
from store.database import chunked, upsert
from store.passes import Tally, add_counts
from store.scope import Scope, table_of
from store.tables.runs import Outcome

OUTCOMES = table_of(Outcome)

REASON_LIMIT = 2_000

COUNTED = frozenset({"created", "updated", "archived", "unchanged", "skipped", "failed"})
"""Outcomes that are counted per target. Links, conflicts and parked records are counted once per entity."""

_DONE = frozenset({"created", "updated", "archived"})
_TROUBLED = frozenset({"failed", "conflict"})


@dataclass(slots=True)
class Ending:
    """How one record ended, for the run's list of records. `target` is the side it was on its way to."""

    target: Side
    outcome: str
    alguna_id: str | None = None
    external_id: str | None = None
    reason: str | None = None
    fields: Sequence[str] = ()
    changes: list[dict[str, Value]] | None = None

    @property
    def source_id(self) -> str:
        """The record's id on the side it comes from."""
        return (self.alguna_id if self.target is Side.EXTERNAL else self.external_id) or ""


Key = tuple[str, str]


async def record(
    session: AsyncSession,
    scope: Scope,
    pass_id: str,
    endings: Sequence[Ending],
    at: datetime,
    *,
    chunk: int | None = None,
    tally: Tally | None = None,
) -> None:
    """Keep how records ended and count it, together with what else `tally` counts. `chunk` is the one in work."""
    tally = tally or Tally()
    wanted = _joined(endings)
    before = await _before(session, pass_id, wanted)
    kept: list[dict[str, Any]] = []
    for key, ending in wanted.items():
        old = before.get(key)
        outcome = ending.outcome if old is None else _last(old.outcome, ending.outcome, old.chunk == chunk)
        if old is not None:
            if outcome == old.outcome and outcome != ending.outcome:
                continue
            _count(tally, ending.target, old.outcome, old.alguna_id, -1)
        _count(tally, ending.target, outcome, ending.alguna_id, 1)
        kept.append(_row(scope, pass_id, ending, outcome, at, chunk))
    renewed = ["chunk", "alguna_id", "external_id", "outcome", "reason", "fields", "changes", "at"]
    await upsert(session, OUTCOMES, kept, ["pass_id", "target", "source_id"], renewed)
    await add_counts(session, pass_id, tally)


async def presume(session: AsyncSession, scope: Scope, pass_id: str, endings: Sequence[Ending], at: datetime) -> None:
    """Keep endings that a read has counted already, so that what becomes of these records takes their place.

    Records that have an ending keep it.
    """
    rows = [_row(scope, pass_id, ending, ending.outcome, at, None) for ending in endings]
    await upsert(session, OUTCOMES, rows, ["pass_id", "target", "source_id"], [])


def _joined(endings: Sequence[Ending]) -> dict[Key, Ending]:
    """The endings by record; several failures of one record are one ending that names all fields."""
    joined: dict[Key, Ending] = {}
    for ending in endings:
        key = (ending.target.value, ending.source_id)
        known = joined.get(key)
        if known is None or (known.outcome not in _TROUBLED and ending.outcome in _TROUBLED):
            joined[key] = ending
        elif known.outcome == ending.outcome == "failed":
            known.fields = [*known.fields, *ending.fields]
            known.reason = "; ".join(filter(None, (known.reason, ending.reason)))
    return joined


def _last(old: str, new: str, same_chunk: bool) -> str:
    """Which of two endings of a record stands: the later one, unless it says less."""
    if old in _DONE and new in ("unchanged", "linked"):
        return old
    if old in ("created", "archived") and new == "updated":
        return old
    if same_chunk and old in _TROUBLED and new in _DONE:
        # One field failed or waits for a person while the others were written.
        return old
    return new


def _count(tally: Tally, target: Side, outcome: str, alguna_id: str | None, number: int) -> None:
    if outcome in COUNTED:
        tally.add(target, outcome, number)
    elif outcome == "conflict" and (target is Side.EXTERNAL or alguna_id is None):
        # Both records of a pair wait for the one answer.
        tally.note("conflicts", number)


def _row(scope: Scope, pass_id: str, ending: Ending, outcome: str, at: datetime, chunk: int | None) -> dict[str, Any]:
    return {
        "pass_id": pass_id,
        "entity": scope.entity.value,
        "target": ending.target.value,
        "source_id": ending.source_id,
        "chunk": chunk,
        "alguna_id": ending.alguna_id,
        "external_id": ending.external_id,
        "outcome": outcome,
        "reason": ending.reason[:REASON_LIMIT].replace("\0", "") if ending.reason else None,
        "fields": [name for name in ending.fields if name],
        "changes": ending.changes,
        "at": at,
    }


async def _before(session: AsyncSession, pass_id: str, wanted: Collection[Key]) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for target in {target for target, _ in wanted}:
        for part in chunked(sorted(source for owner, source in wanted if owner == target)):
            query = select(OUTCOMES.c.source_id, OUTCOMES.c.outcome, OUTCOMES.c.chunk, OUTCOMES.c.alguna_id).where(
                OUTCOMES.c.pass_id == pass_id, OUTCOMES.c.target == target, OUTCOMES.c.source_id.in_(part)
            )
            found.update({(target, row.source_id): row for row in (await session.execute(query)).all()})
    return found


async def ended(session: AsyncSession, pass_id: str, target: Side, source_ids: Collection[str]) -> set[str]:
    """Which of these records have an ending in this pass already."""
    keys = [(target.value, source_id) for source_id in source_ids]
    return {source_id for _, source_id in await _before(session, pass_id, keys)}
