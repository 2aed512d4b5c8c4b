"""The match step: claim a chunk and find the partner of each record that has no link (I2, design 3.5).

Markers come first, then the configured rules. The store knows the keys of every unlinked record of both sides, because
both sides were read before; only records made in the last moments can be unknown, so an incremental pass also asks the
external system before it lets a record be created there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.contracts import ChunkRef, ChunkResult
from activities.engine import Engine, PassContext
from activities.filtering import outside_reason
from activities.reading import read_records
from activities.survivors import as_questions, is_held, set_free, survivors
from core.errors import FieldValidation
from core.matching import Ambiguity, Keyed, MatchOutcome, keys_of
from core.matching import match as match_keys
from core.records import Record, Side
from core.values import is_blank
from store import conflicts, endings, links, passes, staging
from store.conflicts import Question
from store.endings import Ending
from store.links import NewLink
from store.passes import Tally
from store.staging import StagedRecord
from store.types import utc_now


@dataclass(slots=True)
class Findings:
    """What matching found for the unlinked records of a chunk."""

    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    """(Alguna id, external id, rule)."""
    ambiguous: list[Ambiguity] = field(default_factory=list)
    skipped: list[tuple[Side, str]] = field(default_factory=list)
    outside: set[tuple[Side, str]] = field(default_factory=set)
    """Records met while looking for partners that are outside their filter."""
    barred: list[tuple[Side, str, str]] = field(default_factory=list)
    """(side, id, partner): the partner is outside its filter, so the record is neither linked nor made anew."""
    created: list[str] = field(default_factory=list)
    """Subjects that a person wants to be created, not linked."""
    records: dict[tuple[Side, str], Record] = field(default_factory=dict)
    """Records that were read because they were not staged."""

    def taken(self, side: Side) -> set[str]:
        """The ids of one side that found their partner."""
        return {pair[0] if side is Side.ALGUNA else pair[1] for pair in self.pairs}


async def match(engine: Engine, chunk: ChunkRef) -> ChunkResult:
    """Claim the chunk and link what belongs together; see `SyncSteps.match`."""
    context = await engine.open(chunk.of)
    async with engine.db.transaction() as session:
        claimed = await staging.claim(session, context.scope, chunk.of.pass_id, chunk.number, engine.options.chunk_size)
    filters = context.plan.filters
    alone = [
        item
        for item in claimed
        if item.link_id is None and not item.record.deleted and not filters.excludes(item.record)
    ]
    if alone:
        findings = await _find(engine, context, alone)
        async with engine.db.transaction() as session:
            await _store(session, context, chunk, findings)
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
        async with engine.db.transaction() as session:
            await staging.put(
                session,
                context.scope,
                [(record, blind[record_id]) for record_id, record in found.items()],
                read_at=utc_now(),
                pass_id=chunk.of.pass_id,
                chunk=chunk.number,
            )


async def _find(engine: Engine, context: PassContext, alone: Sequence[StagedRecord]) -> Findings:
    findings = Findings()
    rest = await _by_decision(engine, context, alone, findings)
    rest = await _by_marker(engine, context, rest, findings)
    keyed = [Keyed(item.record.side, item.record.id, keys_of(item.record, context.plan.matching)) for item in rest]
    async with engine.db.session() as session:
        keys = {(rule, key) for record in keyed for rule, key in record.keys.items()}
        known = await links.sharing_keys(session, context.scope, keys)
    if not context.full:
        known += await _ask_external(engine, context, rest, findings)
    mine = {(record.side, record.id) for record in keyed}
    pool = keyed + [record for record in known if (record.side, record.id) not in mine]
    pool = [record for record in pool if record.id not in findings.taken(record.side)]
    outcome: MatchOutcome = match_keys(pool, len(context.plan.matching.rules))
    lone = await survivors(engine, context, (record for record in known if (record.side, record.id) not in mine))
    certain, asked = as_questions(outcome.pairs, lone)
    findings.ambiguous += await _of_living(engine, context, asked, findings)
    for alguna_id, external_id, rule in certain:
        if (Side.ALGUNA, alguna_id) in mine or (Side.EXTERNAL, external_id) in mine:
            findings.pairs.append((alguna_id, external_id, context.plan.matching.rules[rule].alguna_field))
    findings.ambiguous += [item for item in outcome.ambiguous if (item.side, item.id) in mine]
    for side in Side:
        alive = await _free_records(engine, context, side, sorted(findings.taken(side)), findings)
        findings.pairs = [pair for pair in findings.pairs if pair[0 if side is Side.ALGUNA else 1] in alive]
    _bar(findings)
    return findings


def _bar(findings: Findings) -> None:
    """Set aside the records whose partner is outside its filter, unless a person wants the two linked."""
    free: list[tuple[str, str, str]] = []
    for alguna_id, external_id, rule in findings.pairs:
        if rule != "person" and (Side.ALGUNA, alguna_id) in findings.outside:
            findings.barred.append((Side.EXTERNAL, external_id, alguna_id))
        elif rule != "person" and (Side.EXTERNAL, external_id) in findings.outside:
            findings.barred.append((Side.ALGUNA, alguna_id, external_id))
        else:
            free.append((alguna_id, external_id, rule))
    findings.pairs = free


async def _of_living(
    engine: Engine, context: PassContext, asked: Sequence[Ambiguity], findings: Findings
) -> list[Ambiguity]:
    """Leave out the questions about a candidate that is not there any more."""
    kept: list[Ambiguity] = []
    for side in Side:
        of_side = [item for item in asked if item.side is side.other]
        ids = sorted({candidate for item in of_side for candidate in item.candidates})
        alive = await _free_records(engine, context, side, ids, findings)
        kept += [item for item in of_side if alive.issuperset(item.candidates)]
    return kept


async def _by_decision(
    engine: Engine, context: PassContext, alone: Sequence[StagedRecord], findings: Findings
) -> list[StagedRecord]:
    """Carry out what people decided of ambiguous matches; return the records without a decision."""
    subjects = {f"{item.record.side}:{item.record.id}": item for item in alone}
    async with engine.db.session() as session:
        decided = await conflicts.decisions(session, context.scope, "match", list(subjects))
    for subject, decision in decided.items():
        record = subjects.pop(subject).record
        match decision["resolution"]:
            case "link":
                partner = decision["externalId" if record.side is Side.ALGUNA else "algunaId"]
                pair = (record.id, partner) if record.side is Side.ALGUNA else (partner, record.id)
                findings.pairs.append((*pair, "person"))
            case "skip":
                findings.skipped.append((record.side, record.id))
            case _:
                findings.created.append(subject)
    return list(subjects.values())


async def _by_marker(
    engine: Engine, context: PassContext, alone: Sequence[StagedRecord], findings: Findings
) -> list[StagedRecord]:
    """Pair records whose marker names a record of the other side that exists and is free."""
    rest: list[StagedRecord] = []
    for side in Side:
        marked = {item.record.marker: item for item in alone if item.record.side is side and item.record.marker}
        partners = await _free_records(engine, context, side.other, list(marked), findings)
        for item in alone:
            if item.record.side is not side or item.record.id in findings.taken(side):
                continue
            partner = item.record.marker
            if partner is None or partner not in partners or partner in findings.taken(side.other):
                rest.append(item)
                continue
            pair = (item.record.id, partner) if side is Side.ALGUNA else (partner, item.record.id)
            findings.pairs.append((*pair, "marker"))
    return rest


async def _free_records(
    engine: Engine, context: PassContext, side: Side, ids: list[str], findings: Findings
) -> set[str]:
    """Which of these records exist and have no active link; those not staged are read and kept in the findings."""
    async with engine.db.session() as session:
        bound = await links.active(session, context.scope, side, ids)
        staged = await staging.find(session, context.scope, side, ids)
    looked_up = {record_id for owner, record_id in findings.records if owner is side}
    held = {record_id for record_id, state in bound.items() if is_held(state, side)}
    unknown = sorted(set(ids) - held - set(staged) - looked_up)
    read = await read_records(context, side, unknown)
    for record in read.values():
        findings.records[side, record.id] = record
    met = [item.record for item in staged.values()]
    met += [record for (owner, _), record in findings.records.items() if owner is side]
    findings.outside |= {(side, record.id) for record in met if context.plan.filters.excludes(record)}
    return {record.id for record in met if not record.deleted} - held


async def _ask_external(
    engine: Engine, context: PassContext, rest: Sequence[StagedRecord], findings: Findings
) -> list[Keyed]:
    """Look up external records that could be the partners of these Alguna records, and are not known yet."""
    records = [item.record for item in rest if item.record.side is Side.ALGUNA]
    if not records or not context.may_create(Side.EXTERNAL) or not context.reaches(Side.EXTERNAL):
        return []
    connector, found = context.connectors[Side.EXTERNAL], dict[str, Record]()
    for rule in context.plan.matching.rules:
        values = [
            record.id if rule.alguna_field == "id" else record.fields.get(rule.alguna_field) for record in records
        ]
        texts = sorted({str(value) for value in values if not is_blank(value)})
        if not texts:
            continue
        try:
            hits = await connector.look_up(
                context.ref.entity, rule.external_field, texts, context.plan.paths(Side.EXTERNAL)
            )
        except FieldValidation:
            # Not a field this system can search: the keys in the store must do.
            continue
        found.update({record.id: record for record in hits if not record.deleted})
    async with engine.db.session() as session:
        bound = await links.active(session, context.scope, Side.EXTERNAL, list(found))
    fresh = [record for record in found.values() if record.id not in bound]
    for record in fresh:
        findings.records[Side.EXTERNAL, record.id] = record
    return [Keyed(Side.EXTERNAL, record.id, keys_of(record, context.plan.matching)) for record in fresh]


async def _store(session: AsyncSession, context: PassContext, chunk: ChunkRef, findings: Findings) -> None:
    """Link the pairs, pull their partners into the chunk, and set the ambiguous and the skipped aside."""
    await _store_pairs(session, context, chunk, findings)
    ended = list[Ending]()
    set_aside: list[tuple[Side, str, str, str]] = [
        (item.side, item.id, "conflict", f"{len(item.candidates)} candidates") for item in findings.ambiguous
    ]
    set_aside += [(side, record_id, "skipped", "skipped by a person") for side, record_id in findings.skipped]
    set_aside += [
        (side, record_id, "skipped", f"its partner {partner} is {outside_reason(side.other)}")
        for side, record_id, partner in findings.barred
    ]
    for side in Side:
        ids = [record_id for owner, record_id, _, _ in set_aside if owner is side]
        staged = await staging.find(session, context.scope, side, ids)
        remembered: dict[str, tuple[str, str, str | None]] = {}
        for owner, record_id, outcome, reason in set_aside:
            if owner is not side or record_id not in staged:
                continue
            remembered[record_id] = (staged[record_id].digest, outcome, reason)
            ids_of: dict[str, Any] = {"alguna_id" if side is Side.ALGUNA else "external_id": record_id}
            ended.append(Ending(side.other, outcome, reason=reason, **ids_of))
        await links.remember_unlinked(session, context.scope, side, remembered, context.config_version)
        await staging.drop(session, [item.row_id for item in staged.values()])
    run_id = context.ref.run_ids[0] if context.ref.run_ids else None
    await conflicts.put(session, context.scope, [_question(item) for item in findings.ambiguous], run_id, utc_now())
    answered = [f"{side}:{record_id}" for side, record_id in findings.skipped] + findings.created
    await conflicts.close(session, context.scope, "match", answered, "resolved")
    await endings.record(session, context.scope, context.ref.pass_id, ended, utc_now(), chunk=chunk.number)


async def _store_pairs(session: AsyncSession, context: PassContext, chunk: ChunkRef, findings: Findings) -> None:
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
    subjects = [f"{Side.ALGUNA}:{pair[0]}" for pair in pairs] + [f"{Side.EXTERNAL}:{pair[1]}" for pair in pairs]
    await conflicts.close(session, scope, "match", subjects, "resolved")
    tally = Tally()
    tally.note("linked", len(pairs))
    await passes.add_counts(session, chunk.of.pass_id, tally)


def _question(item: Ambiguity) -> Question:
    ours = item.side is Side.ALGUNA
    return Question(
        "match",
        f"{item.side}:{item.id}",
        alguna_id=item.id if ours else None,
        external_id=None if ours else item.id,
        candidates=[{"externalId" if ours else "algunaId": candidate} for candidate in item.candidates],
    )
