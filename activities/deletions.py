"""Deletions of linked records: looked for, held back when there are too many, and carried out as `onDelete` says.

What a scan of everything has not shown, and what a person has approved, is read by id first: only that read makes an
absence a deletion (P11, P12).
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from activities.announce import wake_conflicts
from activities.decided import Decided
from activities.engine import Engine, PassContext
from activities.intake import policy_of, take_in
from activities.reading import deleted, read_records
from activities.stopping import hand_over_if_asked
from core.enums import OnDelete
from core.errors import ErrorType, RecordFailure
from core.matching import Keyed, keys_of
from core.records import MONEY, OperationKind, Record, Side
from store import conflicts, deletions, endings, errors, links, match_keys, passes, sightings, staging
from store.conflicts import Question
from store.deletions import Lost, Verdict
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState
from store.passes import Tally
from store.scope import Scope
from store.sightings import Scan
from store.tables.sync import Reading
from store.trails import Trail, about_record
from store.types import utc_now
from store.writes import Planned, operation_key

log = structlog.get_logger(__name__)

SLICE = 100
EXAMPLES = 20


async def look_for_absent(engine: Engine, context: PassContext) -> None:
    """Read by id what a finished scan has not shown, and what a person has approved; what is gone is staged as deleted.

    Repeating it goes on where it stood. A scan that lacks much, and of that more lives than not, was short: it proves
    nothing, and nothing more is read for it.
    """
    for side in Side:
        while await _read_approved(engine, context, side):
            pass
        scan = await _scan(engine, context, side)
        if scan is None:
            continue
        async with engine.db.session() as session:
            absent = await sightings.count_unseen(session, context.scope, scan)
            linked = await links.count_active(session, context.scope)
        many = context.plan.delete_guard.stops(absent, linked)
        while True:
            hand_over_if_asked()
            dead, alive = await _read_unseen(engine, context, scan)
            if dead + alive == 0:
                break
            if many and alive > dead:
                log.warning("short_scan", integration=context.scope.integration_id, side=side.value, absent=absent)
                break
        await _verified(engine, context, scan)


async def _scan(engine: Engine, context: PassContext, side: Side) -> Scan | None:
    """The scan of everything that this pass has made or taken over, unless it was followed up already."""
    async with engine.db.session() as session:
        reading = await session.get(Reading, (context.ref.pass_id, side.value))
        if reading is None or not reading.complete or reading.verified or reading.scan is None:
            return None
        first = await session.get(Reading, (reading.scan, side.value))
    return Scan(reading.scan, side, (first or reading).started_at)


async def _read_unseen(engine: Engine, context: PassContext, scan: Scan) -> tuple[int, int]:
    """Read some records that a scan has not shown; return how many are gone, and how many are not."""
    async with engine.db.session() as session:
        wanted = await sightings.unseen(session, context.scope, scan, SLICE)
    return await _read(engine, context, scan.side, wanted, scan.pass_id)


async def _read_approved(engine: Engine, context: PassContext, side: Side) -> bool:
    async with engine.db.session() as session:
        wanted = await sightings.approved(session, context.scope, context.ref.pass_id, side, SLICE)
    return sum(await _read(engine, context, side, wanted, context.ref.pass_id)) > 0


async def _read(
    engine: Engine, context: PassContext, side: Side, wanted: dict[str, int], pass_id: str
) -> tuple[int, int]:
    if not wanted:
        return 0, 0
    at = utc_now()
    found = await read_records(context, side, sorted(wanted))
    records = [found.get(record_id) or deleted(context, side, record_id) for record_id in sorted(wanted)]
    async with engine.turn(context) as session:
        intake = await take_in(session, context, side, records, at=at)
        await sightings.note(session, pass_id, side, list(wanted.values()))
        await passes.add_counts(session, context.ref.pass_id, intake.tally)
    dead = sum(record.deleted for record in records)
    return dead, len(records) - dead


async def _verified(engine: Engine, context: PassContext, scan: Scan) -> None:
    async with engine.turn(context) as session:
        await passes.verified(session, context.ref.pass_id, scan.side)
        await sightings.drop(session, context.scope, scan.pass_id, scan.side, utc_now())


async def hold_back(engine: Engine, context: PassContext) -> None:
    """Before anything is done about staged deletions: too many at once become one question for a person.

    The partners of deleted records are made known to the matching, so that a record that a person has made again is
    asked about and does not become a second partner.
    """
    ended: list[int] = []
    for side in Side:
        await _know_survivors(engine, context, side)
        if context.plan.on_delete.get(side.other, OnDelete.IGNORE) is OnDelete.IGNORE:
            async with engine.turn(context) as session:
                await deletions.change(session, context.scope, side, Verdict.HELD, Verdict.IGNORED)
        else:
            await _hold(engine, context, side)
        ended += await _ask(engine, context, side)
    await wake_conflicts(engine, context, ended)


async def _know_survivors(engine: Engine, context: PassContext, side: Side) -> None:
    last = 0
    while True:
        async with engine.turn(context) as session:
            rows = await deletions.staged(session, context.scope, side, last, staging.PAGE)
            states = await links.by_ids(session, [lost.link_id for lost in rows.values()])
            keyed = [
                _survivor(context, side, state)
                for state in states.values()
                if policy_of(context, side, state) is not OnDelete.ARCHIVE
            ]
            await match_keys.put(session, context.scope, keyed)
            fresh = [state.id for state in states.values() if state.gone is not side.other]
            await deletions.note(session, fresh, side, Verdict.SEEN)
        if len(rows) < staging.PAGE:
            return
        last = max(rows)


def _survivor(context: PassContext, side: Side, link: LinkState) -> Keyed:
    """The match keys of the other side's record, as far as they are mapped, from what is known of it."""
    own = side.other
    values = {
        item.name(own): link.base[item.alguna_field].value(own)
        for item in context.plan.fields
        if item.alguna_field in link.base
    }
    record = Record(own, context.ref.entity, link.id_on(own), values)
    # The parent of a money document is not known here, and without it a key says nothing.
    keys = keys_of(record, context.plan.matching) if context.ref.entity not in MONEY else {}
    return Keyed(own, record.id, keys)


async def judge_deletions(session: AsyncSession, scope: Scope, side: Side, approved: bool) -> None:
    """Carry a person's word about the deletions that wait to their links; the next pass acts on it."""
    await deletions.change(session, scope, side, Verdict.HELD, Verdict.APPROVED if approved else Verdict.REJECTED)


async def _hold(engine: Engine, context: PassContext, side: Side) -> None:
    async with engine.db.session() as session:
        fresh = await deletions.unhandled(session, context.scope, side)
        held = await deletions.count(session, context.scope, side, Verdict.HELD)
        linked = await links.count_active(session, context.scope)
    if fresh == 0 or not (held or context.plan.delete_guard.stops(fresh, linked)):
        return
    while True:
        async with engine.turn(context) as session:
            lost = await deletions.hold(session, context.scope, side, staging.PAGE)
            tally = Tally()
            tally.note("heldDeletions", len(lost))
            waiting = [_held(side, item) for item in lost]
            await endings.record(session, context.scope, context.ref.pass_id, waiting, utc_now(), tally=tally)
        if len(lost) < staging.PAGE:
            return


def _held(side: Side, lost: Lost) -> Ending:
    reason = f"deleted on the {side} side together with many others: waits for a person's word"
    return Ending(side.other, "skipped", lost.alguna_id, lost.external_id, reason)


async def _ask(engine: Engine, context: PassContext, side: Side) -> list[int]:
    """Open, renew or close the question about the deletions that wait; return the ids of questions that ended."""
    async with engine.turn(context) as session:
        held = await deletions.count(session, context.scope, side, Verdict.HELD)
        if held == 0:
            decided = await conflicts.decisions(session, context.scope, "deletions", [side.value])
            status = "resolved" if decided else "closed"
            return await conflicts.close(session, context.scope, "deletions", [side.value], status)
        examples = await deletions.sample(session, context.scope, side, Verdict.HELD, EXAMPLES)
        facts: dict[str, str | int] = {
            "side": side.value,
            "deleted": held,
            "linked": await links.count_active(session, context.scope),
            "policy": context.plan.on_delete.get(side.other, OnDelete.IGNORE).value,
        }
        named = [{"algunaId": lost.alguna_id, "externalId": lost.external_id} for lost in examples]
        question = Question("deletions", side.value, None, None, candidates=[facts, *named])
        run_id = context.ref.run_id
        await conflicts.put(session, context.scope, [question], run_id, utc_now())
    return []


def decide_deletion(context: PassContext, decided: Decided, link: LinkState, side: Side, read_at: datetime) -> None:
    """Apply `onDelete` to a deletion seen by a read."""
    target, policy = side.other, policy_of(context, side, link)
    reason = f"deleted on the {side} side"
    decided.trails.append(_trail(link, side, policy.value))
    if policy is OnDelete.ARCHIVE and OperationKind.ARCHIVE not in context.facts[target].kinds:
        _cannot(context, decided, link, side)
        return
    if policy is OnDelete.ARCHIVE and context.reaches(target):
        decided.planned.append(_archive(context, link, side, read_at))
        decided.lost.append((link.id, side, Verdict.ARCHIVING))
        return
    if policy is OnDelete.ARCHIVE:
        # This run may not touch the partner: it goes with the next run that may.
        decided.lost.append((link.id, side, Verdict.APPROVED))
        reason += "; waits for a run in that direction"
    elif policy is OnDelete.IGNORE:
        kept = Verdict.REJECTED if link.verdict == Verdict.REJECTED else Verdict.IGNORED
        decided.lost.append((link.id, side, kept))
        reason += "; kept, because onDelete is ignore"
    else:
        decided.unlinked.append((link.id, side))
        reason += "; unlinked"
    decided.endings.append(Ending(target, "skipped", link.alguna_id, link.external_id, reason))


def _cannot(context: PassContext, decided: Decided, link: LinkState, side: Side) -> None:
    """Say that a deletion cannot be carried over: it is known now, and an error until a person has looked."""
    target, ids = side.other, (link.alguna_id, link.external_id)
    names = {Side.ALGUNA: "Alguna", Side.EXTERNAL: context.provider}
    entity = context.ref.entity
    message = (
        f"this {entity.value.removesuffix('s')} is void or deleted in {names[side]}, and {names[target]} cannot take it"
        f" back: correct it in {names[target]}, or set entityOptions.{entity.value}.onDelete to ignore or unlink"
    )
    failure = RecordFailure(ErrorType.FIELD_VALIDATION, message)
    decided.lost.append((link.id, side, Verdict.STUCK))
    decided.failed.append(FailedRecord(target, link.id_on(side), *ids, failure, place=errors.MADE))
    decided.endings.append(Ending(target, "failed", *ids, message))


def decide_both_deleted(decided: Decided, link: LinkState) -> None:
    """A pair of which neither record is left needs no policy."""
    decided.unlinked.append((link.id, None))
    reason = "deleted on both sides; unlinked"
    for target in Side:
        decided.endings.append(Ending(target, "skipped", link.alguna_id, link.external_id, reason))


def _archive(context: PassContext, link: LinkState, side: Side, read_at: datetime) -> Planned:
    kind, target, source_id = OperationKind.ARCHIVE, side.other, link.id_on(side)
    return Planned(
        key=operation_key(context.scope, kind, target, source_id, link.generation, link.revision),
        kind=kind,
        target=target,
        source_id=source_id,
        target_id=link.id_on(target),
        parent_id=None,
        values={},
        expected={},
        pending={},
        link_id=link.id,
        read_at=read_at,
    )


def _trail(link: LinkState, side: Side, rule: str) -> Trail:
    return about_record(link.alguna_id, link.external_id, "deleted", rule, side=side.value)
