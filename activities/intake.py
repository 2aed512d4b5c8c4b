"""Taking in what was read: what equals the known state is counted, what differs is staged (I5, I6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import PassContext
from activities.filtering import reunite, strays
from activities.holding import waits_for
from activities.keys import keyed_records
from activities.relating import shows_move
from core.compare import equal
from core.enums import OnDelete
from core.merge import adopt
from core.records import PARENT_OF, Record, Side
from core.values import Value
from store import conflicts, deletions, endings, errors, links, match_keys, parked, sightings, staging
from store.deletions import Verdict
from store.links import LinkState
from store.passes import Tally
from store.scope import Scope


@dataclass(slots=True)
class Intake:
    """What became of a page: counts, how many records were staged, and how many living ones have no link.

    `closed` are the conflicts that ended with their records. Not all of a scan's counts are in its own tally.
    """

    tally: Tally = field(default_factory=Tally)
    staged: int = 0
    unchanged: int = 0
    skipped: int = 0
    alone: int = 0
    closed: list[int] = field(default_factory=list)


async def take_in(
    session: AsyncSession,
    context: PassContext,
    side: Side,
    records: Sequence[Record],
    *,
    at: datetime,
    count: bool = True,
    force: bool = False,
    retry: bool = False,
    scan: str | None = None,
) -> Intake:
    """Compare records of one side with what is known of them and stage those that differ.

    `count` adds the others to the counts (not for a second look within a pass); `force` stages records although they
    are unchanged (a retry, an event, a resolution), `retry` those with an open error: who asks for a full pass may have
    put something right at a vendor (a closed period, a missing right). `scan` is the pass under which linked records
    are noted as seen.
    """
    intake = Intake()
    unique = {record.id: record for record in records}
    ids = list(unique)
    linked = await links.active(session, context.scope, side, ids, lock=True)
    missing = [record_id for record_id in ids if record_id not in linked]
    buried = await links.tombstoned(session, context.scope, side, missing)
    linked |= await _welcome_back(session, context, side, unique, linked, buried, at=at)
    known = await links.unlinked(session, context.scope, side, missing)
    parted = await reunite(session, context, side, [unique[record_id] for record_id in missing], buried)
    troubled = await errors.troubled(session, context.scope, side, ids) if retry else set[str]()
    confirmed: list[LinkState] = []
    staged: list[tuple[Record, int | None]] = []
    unknown: list[Record] = []
    skipped: list[str] = []
    unchanged: list[str] = []
    gone: list[str] = []
    for record in unique.values():
        state = linked.get(record.id)
        if state is not None:
            if _confirm(context, side, state, record):
                confirmed.append(state)
            if _is_waiting(state, side, record):
                skipped.append(record.id)
                continue
            moves = strays(context, state, record) or (not state.outside and differs(context, side, state, record))
            if force or moves or record.id in troubled:
                staged.append((record, state.id))
            elif state.outside:
                skipped.append(record.id)
            else:
                unchanged.append(record.id)
            continue
        intake.alone += int(not record.deleted)
        if record.deleted:
            gone.append(record.id)
        if record.id in parted.rejoined:
            staged.append((record, parted.rejoined[record.id]))
            continue
        tomb = buried.get(record.id)
        blocked = tomb is not None and not revivable(tomb, side)
        if record.id in parted.apart or (blocked and not force):
            skipped.append(record.id)
            continue
        seen = known.get(record.id)
        settled = is_settled(context, seen, record) and record.id not in troubled
        if not force and (record.deleted or settled):
            skipped.append(record.id)
            continue
        staged.append((record, None))
        if not blocked and not record.deleted:
            unknown.append(record)
    await links.save(session, confirmed, at=at)
    if gone:
        intake.closed = await forget(session, context, side, gone, at)
    await staging.put(session, context.scope, staged, read_at=at)
    keyed = await keyed_records(session, context, unknown)
    moved = await match_keys.changed(session, context.scope, [record for record in keyed if record.id in known])
    await match_keys.ask_rivals(session, context.scope, side, [record.id for record in moved], at)
    await match_keys.put(session, context.scope, keyed)
    if scan is not None:
        await sightings.note(session, scan, side, [state.id for state in linked.values()])
    intake.staged = len(staged)
    intake.unchanged, intake.skipped = len(unchanged), len(skipped)
    if count:
        known_otherwise = await _counted_elsewhere(session, context, side, [*unchanged, *skipped])
        for outcome, ids in (("unchanged", unchanged), ("skipped", skipped)):
            intake.tally.add(side.other, outcome, len(set(ids) - known_otherwise))
    return intake


async def _counted_elsewhere(session: AsyncSession, context: PassContext, side: Side, ids: Sequence[str]) -> set[str]:
    """Records that this pass was asked to look at anyway: they end, or have ended, by themselves (I6)."""
    waiting = await staging.waiting_ids(session, context.scope, side, ids)
    return waiting | await endings.ended(session, context.ref.pass_id, side.other, ids)


async def _welcome_back(
    session: AsyncSession,
    context: PassContext,
    side: Side,
    records: Mapping[str, Record],
    linked: Mapping[str, LinkState],
    buried: Mapping[str, LinkState],
    *,
    at: datetime,
) -> dict[str, LinkState]:
    """Let the links of deleted records go on that came back under their old id; return the tombstones that are links.

    Both records are read again before they are merged, because neither was followed in the meantime.
    """
    living = {record_id for record_id, record in records.items() if not record.deleted}
    back = [state for record_id, state in linked.items() if record_id in living and state.gone is side]
    risen = {record_id: tomb for record_id, tomb in buried.items() if record_id in living and tomb.gone is side}
    partners = [tomb.id_on(side.other) for tomb in risen.values()]
    taken = await links.active(session, context.scope, side.other, partners)
    risen = {record_id: tomb for record_id, tomb in risen.items() if tomb.id_on(side.other) not in taken}
    await deletions.forget(session, [state.id for state in back])
    await deletions.revive(session, [tomb.id for tomb in risen.values()])
    for state in [*back, *risen.values()]:
        state.gone = state.verdict = None
        state.status = "active"
    asked = [(owner, state.id_on(owner)) for state in [*back, *risen.values()] for owner in Side]
    await staging.ask(session, context.scope, asked, "restored", at)
    return risen


def _is_waiting(state: LinkState, side: Side, record: Record) -> bool:
    """A deletion about which a person is asked: it waits for the answer, whatever else asks for the record."""
    return record.deleted and state.gone is side and state.verdict == Verdict.HELD


def revivable(tomb: LinkState, side: Side) -> bool:
    """Whether a tombstone stands for a target that is to be made anew (`onNotFound: create`) from this side's record.

    The lost record itself, should it come back, is not made anew on the other side: its partner has another by then.
    """
    return tomb.status == "tombstoned" and tomb.rule == links.RECREATE and tomb.gone is not side


def policy_of(context: PassContext, side: Side, state: LinkState) -> OnDelete:
    """What a deletion on a side means for the link: as configured, unless a person has said to leave it."""
    if state.verdict == Verdict.REJECTED:
        return OnDelete.IGNORE
    return context.plan.on_delete.get(side.other, OnDelete.IGNORE)


def _is_known_deletion(context: PassContext, side: Side, state: LinkState, record: Record) -> bool:
    if state.gone is not side or record.merged_into is not None:
        return False
    if state.verdict == Verdict.IGNORED:
        return policy_of(context, side, state) is OnDelete.IGNORE
    if state.verdict == Verdict.STUCK:
        return policy_of(context, side, state) is OnDelete.ARCHIVE
    return state.verdict != Verdict.APPROVED


async def forget(
    session: AsyncSession, context: PassContext, side: Side, gone: Sequence[str], at: datetime
) -> list[int]:
    """Drop what is kept of unlinked records that are gone; return their conflicts, which end with them.

    Children that wait for them are to be read again: they are gone as well, or have another parent.
    """
    for child in (entity for entity, parent in PARENT_OF.items() if parent is context.ref.entity):
        scope = Scope(context.scope.integration_id, child)
        await staging.ask(session, scope, await parked.waiting_for(session, scope, side, gone), "orphan", at)
    await match_keys.ask_rivals(session, context.scope, side, gone, at)
    await links.forget_unlinked(session, context.scope, side, gone)
    staged = await staging.find(session, context.scope, side, gone)
    await staging.drop(session, [item.row_id for item in staged.values() if item.link_id is None])
    return await conflicts.close(session, context.scope, "match", [f"{side}:{one}" for one in gone], "closed")


def is_settled(context: PassContext, seen: tuple[str, int, str] | None, record: Record) -> bool:
    """Whether an unlinked record is as it was when it last ended, under the same configuration."""
    return seen is not None and seen[:2] == (staging.digest(record), context.config_version)


def _confirm(context: PassContext, side: Side, state: LinkState, record: Record) -> bool:
    """Take over what the vendor made of our own write; return whether a base moved (design 3.3)."""
    moved = False
    for item in context.plan.fields:
        base = state.base.get(item.alguna_field)
        name = item.name(side)
        if base is None or base.unconfirmed is not side or name not in record.fields:
            continue
        # A drifting base stands for a new record's own default, which nobody has edited yet.
        if record.modified_by_us or base.drift or record.fields[name] == base.value(side):
            state.base[item.alguna_field] = adopt(base, side, record.fields[name])
            moved = True
    return moved


def differs(context: PassContext, side: Side, state: LinkState, record: Record) -> bool:
    """Whether a linked record shows anything that is not known yet."""
    if record.deleted:
        return not _is_known_deletion(context, side, state, record)
    if side is Side.EXTERNAL and context.marks and record.marker != state.alguna_id:
        return True
    if shows_move(context, state, side, record):
        return True
    return fields_differ(context, side, state, record, ahead=state.ahead.get(side.value, {}))


def fields_differ(
    context: PassContext,
    side: Side,
    state: LinkState,
    record: Record,
    *,
    ahead: Mapping[str, Value] = MappingProxyType({}),
) -> bool:
    """Whether a mapped field of a record differs from what was agreed, or from what is known to be `ahead` of it."""
    for item in context.plan.fields:
        if item.direction is None:
            continue
        name = item.name(side)
        if name not in record.fields:
            continue
        value = record.fields[name]
        if name in ahead:
            if not equal(value, ahead[name]) or waits_for(context, state, item):
                return True
            continue
        base = state.base.get(item.alguna_field)
        if base is None or not equal(value, base.value(side)):
            return True
    return False
