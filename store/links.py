"""Links and their bases, and what is remembered of records that have no link."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from core.merge import FieldBase
from core.records import Side
from core.relations import Kinship
from core.values import Value
from store import match_keys
from store.database import upsert
from store.kinship import awaited, decode_kinship, encode_kinship
from store.scope import Scope, table_of
from store.tables.sync import Link, Unlinked

RECREATE = "recreate"
"""The rule of a tombstone whose lost target is to be made anew."""

_SIDES: dict[str | None, Side | None] = {None: None, **{side.value: side for side in Side}}

LINKS, UNLINKED = table_of(Link), table_of(Unlinked)


def encode_base(base: Mapping[str, FieldBase]) -> dict[str, Any]:
    """Bases as stored: alguna field -> [alguna, external], and [edited at, drift, unconfirmed] where not plain."""
    stored: dict[str, Any] = {}
    edited, text = None, None
    for name, value in base.items():
        if value.edited_at is None and value.unconfirmed is None and not value.drift:
            stored[name] = [value.alguna, value.external]
            continue
        if value.edited_at is not edited:
            # The fields of one record mostly share their time.
            edited = value.edited_at
            text = edited.isoformat() if edited else None
        side = value.unconfirmed.value if value.unconfirmed else None
        stored[name] = [value.alguna, value.external, text, value.drift, side]
    return stored


def decode_base(stored: Mapping[str, Any]) -> dict[str, FieldBase]:
    """The bases that `encode_base` stored."""
    base: dict[str, FieldBase] = {}
    for name, parts in stored.items():
        if len(parts) == 2:
            base[name] = FieldBase(parts[0], parts[1])
        else:
            alguna, external, edited, drift, side = parts
            edited_at = datetime.fromisoformat(edited) if edited else None
            base[name] = FieldBase(alguna, external, edited_at, drift, _SIDES[side])
    return base


@dataclass(slots=True)
class LinkState:
    """A link in memory. `ahead` and `waiting` are keyed by side; see `store.tables.sync.Link`."""

    id: int
    alguna_id: str
    external_id: str
    status: str
    rule: str
    generation: int
    revision: int
    marked: bool
    base: dict[str, FieldBase]
    ahead: dict[str, dict[str, Value]] = field(default_factory=dict)
    waiting: dict[str, dict[str, str]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    flips: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: Side | None = None
    verdict: str | None = None
    kinship: Kinship = Kinship()

    def id_on(self, side: Side) -> str:
        """The record's id on a side."""
        return self.alguna_id if side is Side.ALGUNA else self.external_id


def _state(row: Row[Any]) -> LinkState:
    return LinkState(
        row.id,
        row.alguna_id,
        row.external_id,
        row.status,
        row.rule,
        row.generation,
        row.revision,
        row.marked,
        decode_base(row.base),
        row.ahead,
        row.waiting,
        row.outside,
        row.flips,
        _SIDES[row.gone],
        row.verdict,
        decode_kinship(row.parents, row.awaits),
    )


async def active(
    session: AsyncSession, scope: Scope, side: Side, ids: Collection[str], *, lock: bool = False
) -> dict[str, LinkState]:
    """The active links of these records of one side, by their id on that side; `lock` them to change them."""
    if not ids:
        return {}
    column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
    query = select(LINKS).where(scope.covers(LINKS), column.in_(list(ids)), LINKS.c.status == "active")
    query = query.order_by(LINKS.c.id).with_for_update() if lock else query
    return {state.id_on(side): state for state in map(_state, (await session.execute(query)).all())}


async def allocations(
    session: AsyncSession, scope: Scope, side: Side, payment_ids: Collection[str]
) -> list[tuple[str, str]]:
    """The linked allocations of payments: (the payment's part of the id, the allocation's id on that side)."""
    column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
    found: list[tuple[str, str]] = []
    for payment_id in payment_ids:
        theirs = column.startswith(f"{payment_id}:", autoescape=True)
        query = select(column).where(scope.covers(LINKS), LINKS.c.status == "active", theirs)
        found += [(payment_id, record_id) for record_id in (await session.execute(query)).scalars()]
    return found


async def tombstoned(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> dict[str, LinkState]:
    """The newest tombstones of these records: they block matching and creating until a person links again."""
    if not ids:
        return {}
    column = LINKS.c.alguna_id if side is Side.ALGUNA else LINKS.c.external_id
    query = select(LINKS).where(scope.covers(LINKS), column.in_(list(ids)), LINKS.c.status == "tombstoned")
    rows = (await session.execute(query.order_by(LINKS.c.id))).all()
    return {state.id_on(side): state for state in map(_state, rows)}


async def by_ids(session: AsyncSession, ids: Collection[int], *, lock: bool = False) -> dict[int, LinkState]:
    """Links by their row id, whatever their status; `lock` them to change them."""
    if not ids:
        return {}
    query = select(LINKS).where(LINKS.c.id.in_(list(ids)))
    query = query.order_by(LINKS.c.id).with_for_update() if lock else query
    rows = (await session.execute(query)).all()
    return {row.id: _state(row) for row in rows}


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be made. `rule` says what made it: a match rule, `created`, `marker`, `person`."""

    alguna_id: str
    external_id: str
    rule: str
    base: Mapping[str, FieldBase] = field(default_factory=dict)
    generation: int = 0
    revision: int = 0
    marked: bool = False
    kinship: Kinship = Kinship()


async def add(
    session: AsyncSession, scope: Scope, links: Sequence[NewLink], *, config_version: int, at: datetime
) -> dict[str, int]:
    """Make active links; return alguna id -> link id. An active link of either record is a database error (I2)."""
    if not links:
        return {}
    columns = scope.columns()
    rows = [
        {
            **columns,
            "alguna_id": link.alguna_id,
            "external_id": link.external_id,
            "status": "active",
            "rule": link.rule,
            "generation": link.generation,
            "revision": link.revision,
            "marked": link.marked,
            "config_version": config_version,
            "base": encode_base(link.base),
            "ahead": {},
            "waiting": {},
            "parents": encode_kinship(link.kinship),
            "created_at": at,
            "synced_at": at,
        }
        for link in links
    ]
    result = await session.execute(insert(LINKS).returning(LINKS.c.id, LINKS.c.alguna_id), rows)
    made = {row.alguna_id: row.id for row in result.all()}
    for side, ids in (
        (Side.ALGUNA, [link.alguna_id for link in links]),
        (Side.EXTERNAL, [link.external_id for link in links]),
    ):
        await match_keys.ask_rivals(session, scope, side, ids, at)
        await forget_unlinked(session, scope, side, ids)
    return made


async def save(session: AsyncSession, states: Iterable[LinkState], *, at: datetime) -> None:
    """Store the changed parts of links: base, ahead, waiting, outside, flips, kinship, revision, marked."""
    rows = [
        {
            "link_id": state.id,
            "new_base": encode_base(state.base),
            "new_ahead": state.ahead,
            "new_waiting": state.waiting,
            "new_outside": state.outside,
            "new_flips": state.flips,
            "new_parents": encode_kinship(state.kinship),
            "new_awaits": awaited(state.kinship),
            "new_revision": state.revision,
            "new_marked": state.marked,
            "at": at,
        }
        for state in states
    ]
    if not rows:
        return
    statement = (
        update(LINKS)
        .where(LINKS.c.id == bindparam("link_id"))
        .values(
            base=bindparam("new_base"),
            ahead=bindparam("new_ahead"),
            waiting=bindparam("new_waiting"),
            outside=bindparam("new_outside"),
            flips=bindparam("new_flips"),
            parents=bindparam("new_parents"),
            awaits=bindparam("new_awaits"),
            revision=bindparam("new_revision"),
            marked=bindparam("new_marked"),
            synced_at=bindparam("at"),
        )
    )
    await (await session.connection()).execute(statement, rows)


async def tombstone(
    session: AsyncSession,
    link_ids: Collection[int],
    reason: str,
    *,
    gone: Side | None = None,
    recreate: bool = False,
) -> None:
    """End links; their records are neither matched nor created again until a person links them (or `recreate` says).

    `gone` is the side whose record is deleted: if that very record comes back, so does the link.
    """
    if link_ids:
        changes = {"status": "tombstoned", "reason": reason, "gone": gone.value if gone else None, "verdict": None}
        changes |= {"rule": RECREATE} if recreate else {}
        await session.execute(update(LINKS).where(LINKS.c.id.in_(list(link_ids))).values(**changes))


async def count_active(session: AsyncSession, scope: Scope) -> int:
    """How many active links an entity has."""
    query = select(func.count()).select_from(LINKS).where(scope.covers(LINKS), LINKS.c.status == "active")
    return int((await session.execute(query)).scalar_one())


async def unlinked(
    session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]
) -> dict[str, tuple[str, int, str]]:
    """What is remembered of records without a link: id -> (hash, config version, outcome)."""
    if not ids:
        return {}
    query = select(UNLINKED).where(
        scope.covers(UNLINKED), UNLINKED.c.side == side.value, UNLINKED.c.record_id.in_(list(ids))
    )
    rows = (await session.execute(query)).all()
    return {row.record_id: (row.hash, row.config_version, row.outcome) for row in rows}


async def remember_unlinked(
    session: AsyncSession,
    scope: Scope,
    side: Side,
    records: Mapping[str, tuple[str, str, str | None]],
    config_version: int,
) -> None:
    """Keep how records without a link ended: id -> (hash, outcome, reason)."""
    rows = [
        {
            **scope.columns(),
            "side": side.value,
            "record_id": record_id,
            "hash": digest,
            "config_version": config_version,
            "outcome": outcome,
            "reason": reason,
        }
        for record_id, (digest, outcome, reason) in records.items()
    ]
    await upsert(
        session,
        UNLINKED,
        rows,
        ["integration_id", "entity", "side", "record_id"],
        ["hash", "config_version", "outcome", "reason"],
    )


async def forget_unlinked(session: AsyncSession, scope: Scope, side: Side, ids: Collection[str]) -> None:
    """Drop what is remembered of these records as unlinked, and their match keys."""
    if not ids:
        return
    mine = (scope.covers(UNLINKED), UNLINKED.c.side == side.value, UNLINKED.c.record_id.in_(list(ids)))
    await session.execute(delete(UNLINKED).where(*mine))
    await match_keys.forget(session, scope, side, ids)
