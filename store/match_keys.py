"""The match keys of unlinked records: what finds partners, and what finds those whose question has changed.

A record's marker is kept as a key of the rule `MARKER`. Keys of records that got a link are dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.matching import MARKER, Keyed
from core.records import Side
from store import staging
from store.database import chunked
from store.scope import Scope, table_of
from store.tables.sync import MatchKey, Unlinked

KEYS, UNLINKED = table_of(MatchKey), table_of(Unlinked)

SKIPPED_BY_PERSON = "skipped by a person"
"""The reason of records that are left alone until they change themselves."""

_ASKED_AGAIN = ("conflict", "skipped")
"""Outcomes of unlinked records that another record's change may change."""


def _clean(key: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return key.replace("\0", "")


def _rows(record: Keyed) -> dict[int, str]:
    keys = {rule: _clean(key) for rule, key in record.keys.items()}
    return keys if record.marker is None else {**keys, MARKER: _clean(record.marker)}


async def put(session: AsyncSession, scope: Scope, records: Sequence[Keyed]) -> None:
    """Replace the keys of unlinked records."""
    for side in Side:
        await forget(session, scope, side, [record.id for record in records if record.side is side])
    rows = [
        {**scope.columns(), "side": record.side.value, "record_id": record.id, "rule": rule, "key": key}
        for record in records
        for rule, key in _rows(record).items()
    ]
    if rows:
        await session.execute(insert(KEYS), rows)


async def forget(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> None:
    """Drop the keys of these records."""
    for some in chunked(list(ids)):
        await session.execute(
            delete(KEYS).where(scope.covers(KEYS), KEYS.c.side == side.value, KEYS.c.record_id.in_(some))
        )


async def of_records(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> dict[str, Keyed]:
    """The keys of these records, by id; records without any are left out."""
    grouped: dict[str, dict[int, str]] = {}
    for some in chunked(sorted(ids)):
        query = select(KEYS.c.record_id, KEYS.c.rule, KEYS.c.key).where(
            scope.covers(KEYS), KEYS.c.side == side.value, KEYS.c.record_id.in_(some)
        )
        for row in (await session.execute(query)).all():
            grouped.setdefault(row.record_id, {})[row.rule] = row.key
    return {
        record_id: Keyed(side, record_id, keys, marker=keys.pop(MARKER, None)) for record_id, keys in grouped.items()
    }


async def sharing(session: AsyncSession, scope: Scope, keys: Collection[tuple[int, str]]) -> list[Keyed]:
    """All unlinked records of both sides that have one of these (rule, key) pairs, with all their keys."""
    found = await _places(session, scope, keys)
    return [record for side in Side for record in (await of_records(session, scope, side, found[side])).values()]


async def _places(session: AsyncSession, scope: Scope, keys: Collection[tuple[int, str]]) -> dict[Side, set[str]]:
    """The ids, by side, of the records that have one of these (rule, key) pairs."""
    by_rule: dict[int, list[str]] = {}
    for rule, key in sorted(set(keys)):
        by_rule.setdefault(rule, []).append(_clean(key))
    found: dict[Side, set[str]] = {side: set() for side in Side}
    for rule, texts in by_rule.items():
        for some in chunked(texts):
            query = select(KEYS.c.side, KEYS.c.record_id).where(
                scope.covers(KEYS), KEYS.c.rule == rule, KEYS.c.key.in_(some)
            )
            for row in (await session.execute(query)).all():
                found[Side(row.side)].add(row.record_id)
    return found


async def changed(session: AsyncSession, scope: Scope, records: Sequence[Keyed]) -> list[Keyed]:
    """Those of these records whose stored keys are others than theirs."""
    stored = {side: await of_records(session, scope, side, _ids(records, side)) for side in Side}
    return [record for record in records if _differs(stored[record.side].get(record.id), record)]


def _ids(records: Sequence[Keyed], side: Side) -> list[str]:
    return [record.id for record in records if record.side is side]


def _differs(known: Keyed | None, record: Keyed) -> bool:
    before: Mapping[int, str] = _rows(known) if known is not None else {}
    return before != _rows(record)


async def ask_rivals(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str], at: datetime) -> None:
    """Ask again for unlinked records that share a key with one of these, which is about to change, go, or be linked.

    Their question may have another answer then: of two candidates one may be left (design 3.5).
    """
    # Step by step, each along an index: one statement that joins it all lets SQLite read the whole table.
    mine = await of_records(session, scope, side, ids)
    keys = {(rule, key) for record in mine.values() for rule, key in _rows(record).items()}
    sharing_one = await _places(session, scope, keys)
    sharing_one[side] -= set(ids)
    for owner in Side:
        for some in chunked(sorted(sharing_one[owner])):
            query = select(UNLINKED.c.record_id).where(
                scope.covers(UNLINKED),
                UNLINKED.c.side == owner.value,
                UNLINKED.c.record_id.in_(some),
                UNLINKED.c.outcome.in_(_ASKED_AGAIN),
                func.coalesce(UNLINKED.c.reason, "") != SKIPPED_BY_PERSON,
            )
            rivals = [(owner, row.record_id) for row in (await session.execute(query)).all()]
            await staging.ask(session, scope, rivals, "rival", at)
