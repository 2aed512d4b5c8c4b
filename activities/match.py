"""The match step: claim a chunk, link what belongs together, ask a person where several could (I2, design 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.announce import wake_conflicts
from activities.auditing import store_trails
from activities.contracts import ChunkRef, ChunkResult
from activities.engine import Engine, PassContext
from activities.filtering import outside_reason
from activities.finding import Findings, find
from activities.questions import question
from activities.reading import read_records
from activities.survivors import set_free
from core import failpoints
from core.enums import OnMultiple
from core.records import Side
from core.values import Value
from store import conflicts, endings, links, passes, sightings, staging
from store.endings import Ending
from store.found import PAIRED
from store.links import LinkState, NewLink
from store.match_keys import SKIPPED_BY_PERSON
from store.passes import Tally
from store.trails import Trail, about_record
from store.types import utc_now


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that ends here, without a link: `conflict` or `skipped`, and why."""

    side: Side
    id: str
    outcome: str
    reason: str


async def match(engine: Engine, chunk: ChunkRef) -> ChunkResult:
    """Claim the chunk and link what belongs together; see `SyncSteps.match`."""
    context = await engine.open(chunk.of)
    async with engine.turn(context) as session:
        claimed = await staging.claim(session, context.scope, chunk.of.pass_id, chunk.number, engine.options.chunk_size)
    filters = context.plan.filters
    alone = [
        item
        for item in claimed
        if item.link_id is None and not item.record.deleted and not filters.excludes(item.record)
    ]
    if alone:
        findings = await find(engine, context, alone)
        async with engine.turn(context) as session:
            ended = await _store(session, context, chunk, findings)
            failpoints.reach("links:storing")
        failpoints.reach("links:stored")
        await wake_conflicts(engine, context, ended)
    await _complete(engine, context, chunk)
    return ChunkResult(records=len(claimed), proceed=bool(claimed))


async def _complete(engine: Engine, context: PassContext, chunk: ChunkRef) -> None:
    """Read the unseen side of linked records that have a mapped field without a base, or come back into their filter.

    Without it the merge would take the unseen value of a new mapping for a blank and fill it, and would not know what
    was edited while the pair rested.
    """
    async with engine.db.session() as session:
        linked = await staging.of_chunk(session, context.scope, chunk.of.pass_id, chunk.number, linked=True)
        seen = {(item.link_id, item.record.side) for item in linked}
        states = await links.by_ids(session, sorted({link_id for link_id, _ in seen if link_id is not None}))
    active = {item.alguna_field for item in context.plan.fields if item.direction is not None}
    for side in Side:
        blind = {
            state.id_on(side): state.id
            for state in states.values()
            if (state.id, side) not in seen and (state.outside or not active <= state.base.keys())
        }
        found = await read_records(context, side, sorted(blind))
        if not found:
            continue
        at, pass_id = utc_now(), chunk.of.pass_id
        async with engine.turn(context) as session:
            await staging.put(
                session,
                context.scope,
                [(record, blind[record_id]) for record_id, record in found.items()],
                read_at=at,
                pass_id=pass_id,
                chunk=chunk.number,
            )
            counted = await sightings.scanned(session, pass_id, side, [blind[record_id] for record_id in found])
            known = [_as_counted(states[link_id], side.other) for link_id in sorted(counted)]
            await endings.presume(session, context.scope, pass_id, known, at)


def _as_counted(state: LinkState, target: Side) -> Ending:
    """How a linked record was counted that a scan has shown and found as it is known."""
    return Ending(target, "skipped" if state.outside else "unchanged", state.alguna_id, state.external_id)


async def _store(session: AsyncSession, context: PassContext, chunk: ChunkRef, findings: Findings) -> list[int]:
    """Link the pairs, pull their partners into the chunk, and set the ambiguous and the skipped aside.

    Return the ids of conflicts that ended.
    """
    ended = await _store_pairs(session, context, chunk, findings)
    mine = [item for item in findings.ambiguous if (item.side, item.id) in findings.mine]
    asks = context.plan.matching.on_multiple is OnMultiple.MANUAL
    word = "conflict" if asks else "skipped"
    aside = [Aside(item.side, item.id, word, f"{len(item.candidates)} candidate(s)") for item in mine]
    aside += [Aside(side, record_id, "skipped", SKIPPED_BY_PERSON) for side, record_id in findings.skipped]
    aside += [
        Aside(side, record_id, "skipped", f"its partner {partner} is {outside_reason(side.other)}")
        for side, record_id, partner in findings.barred
    ]
    await _set_aside(session, context, chunk, aside)
    run_id = context.ref.run_id
    if asks:
        questions = [question(item, findings, context.plan.matching) for item in findings.ambiguous]
        await conflicts.put(session, context.scope, questions, run_id, utc_now(), findings.answered)
    answered = [f"{side}:{record_id}" for side, record_id in findings.skipped] + findings.created
    ended += await conflicts.close(session, context.scope, "match", answered, "resolved")
    waiting = {(item.side, item.id) for item in mine} if asks else set()
    clear = [f"{side}:{record_id}" for side, record_id in findings.mine - waiting]
    return ended + await conflicts.close(session, context.scope, "match", clear, "closed")


async def _set_aside(session: AsyncSession, context: PassContext, chunk: ChunkRef, aside: Sequence[Aside]) -> None:
    """Keep how these records of the chunk ended, and take them out of it."""
    ended = list[Ending]()
    for side in Side:
        staged = await staging.find(session, context.scope, side, [item.id for item in aside if item.side is side])
        remembered: dict[str, tuple[str, str, str | None]] = {}
        for item in aside:
            if item.side is not side or item.id not in staged:
                continue
            remembered[item.id] = (staged[item.id].digest, item.outcome, item.reason)
            ids: dict[str, Any] = {"alguna_id" if side is Side.ALGUNA else "external_id": item.id}
            ended.append(Ending(side.other, item.outcome, reason=item.reason, **ids))
        await links.remember_unlinked(session, context.scope, side, remembered, context.config_version)
        await staging.drop(session, [item.row_id for item in staged.values()])
    await endings.record(session, context.scope, context.ref.pass_id, ended, utc_now(), chunk=chunk.number)


async def _store_pairs(session: AsyncSession, context: PassContext, chunk: ChunkRef, findings: Findings) -> list[int]:
    scope, at = context.scope, utc_now()
    taken = await links.active(session, scope, Side.ALGUNA, [pair[0] for pair in findings.pairs])
    bound = await links.active(session, scope, Side.EXTERNAL, [pair[1] for pair in findings.pairs])
    taken = await set_free(session, Side.ALGUNA, taken)
    bound = await set_free(session, Side.EXTERNAL, bound)
    pairs = [pair for pair in findings.pairs if pair[0] not in taken and pair[1] not in bound]
    made = await links.add(
        session, scope, [NewLink(*pair) for pair in pairs], config_version=context.config_version, at=at
    )
    read = [
        (record, None)
        for (side, record_id), record in findings.records.items()
        if record_id in {pair[0] if side is Side.ALGUNA else pair[1] for pair in pairs}
    ]
    await staging.put(session, scope, read, read_at=at)
    rows: dict[int, int] = {}
    for side, position in ((Side.ALGUNA, 0), (Side.EXTERNAL, 1)):
        by_id = {pair[position]: made[pair[0]] for pair in pairs}
        staged = await staging.find(session, scope, side, list(by_id))
        rows.update({item.row_id: by_id[record_id] for record_id, item in staged.items()})
    await staging.link(session, rows)
    await staging.take(session, list(rows), chunk.of.pass_id, chunk.number)
    await store_trails(session, context, [_linked(findings, pair) for pair in pairs], at)
    subjects = [f"{Side.ALGUNA}:{pair[0]}" for pair in pairs] + [f"{Side.EXTERNAL}:{pair[1]}" for pair in pairs]
    tally = Tally()
    tally.note("linked", len(pairs))
    if context.full:
        tally.note(PAIRED, len(pairs))
    await passes.add_counts(session, chunk.of.pass_id, tally)
    return await conflicts.close(session, scope, "match", subjects, "resolved")


def _linked(findings: Findings, pair: tuple[str, str, str]) -> Trail:
    by = findings.deciders.get(pair[:2])
    person: dict[str, Value] = {} if by is None else {"by": by}
    return about_record(pair[0], pair[1], "linked", pair[2], **person)
