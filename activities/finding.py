"""Finding the partners of records that have no link, step by step (I2, design 3.5).

What people decided comes first, then markers, then the configured rules. The store knows the keys of every unlinked
record of both sides, because both sides were read before; only records made in the last moments can be unknown, so an
incremental pass also asks the external system before it lets a record be created there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from activities.agreement import in_agreement
from activities.decided import decider
from activities.engine import Engine, PassContext
from activities.intake import revivable
from activities.keys import keyed_records
from activities.reading import read_records
from activities.survivors import as_questions, is_held, survivors
from core.errors import FieldValidation
from core.matching import MARKER, Ambiguity, Keyed, MatchOutcome, match
from core.records import Entity, Record, Side
from core.values import is_blank
from store import conflicts, links, match_keys, staging
from store.links import LinkState
from store.staging import StagedRecord

Place = tuple[Side, str]


@dataclass(slots=True)
class Findings:
    """What matching found for the unlinked records of a chunk."""

    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    """(Alguna id, external id, rule)."""
    deciders: dict[tuple[str, str], str] = field(default_factory=dict)
    """Who decided that two records belong together: (Alguna id, external id) -> person."""
    ambiguous: list[Ambiguity] = field(default_factory=list)
    """Of records of the chunk, and of others that are in the same group."""
    skipped: list[Place] = field(default_factory=list)
    outside: set[Place] = field(default_factory=set)
    """Records met while looking for partners that are outside their filter."""
    barred: list[tuple[Side, str, str]] = field(default_factory=list)
    """(side, id, partner): the partner is outside its filter, so the record is neither linked nor made anew."""
    answered: set[str] = field(default_factory=set)
    """Subjects that a person has decided, however."""
    created: list[str] = field(default_factory=list)
    """Subjects that a person wants to be created, not linked."""
    records: dict[Place, Record] = field(default_factory=dict)
    """Records that were read because they were not staged."""
    pool: dict[Place, Keyed] = field(default_factory=dict)
    """All that was compared."""
    mine: set[Place] = field(default_factory=set)
    """The records of the chunk that rules were asked about."""
    bound: dict[Place, str] = field(default_factory=dict)
    """Records that a marker names although they are linked: with which record."""

    def taken(self, side: Side) -> set[str]:
        """The ids of one side that found their partner."""
        return {pair[0] if side is Side.ALGUNA else pair[1] for pair in self.pairs}


async def find(engine: Engine, context: PassContext, alone: Sequence[StagedRecord]) -> Findings:
    """Find the partners of a chunk's unlinked records."""
    findings = Findings()
    rest = await _by_decision(engine, context, alone, findings)
    rest = await _without_tombstones(engine, context, rest)
    findings.mine = {(item.record.side, item.record.id) for item in rest}
    records = [item.record for item in rest]
    async with engine.db.session() as session:
        own = await keyed_records(session, context, records)
    await _gather(engine, context, findings, own)
    if not context.full:
        await _gather(engine, context, findings, await _ask_external(engine, context, records, findings))
    outcome = await _match_living(engine, context, findings)
    lone = await survivors(engine, context, (one for place, one in findings.pool.items() if place not in findings.mine))
    certain, asked = as_questions([pair for pair in outcome.pairs if pair[2] != MARKER], lone)
    certain, doubted = await in_agreement(engine, context, certain, findings.records)
    asked += doubted
    rules = context.plan.matching.rules
    for alguna_id, external_id, rule in [*(pair for pair in outcome.pairs if pair[2] == MARKER), *certain]:
        if (Side.ALGUNA, alguna_id) in findings.mine or (Side.EXTERNAL, external_id) in findings.mine:
            name = "marker" if rule == MARKER else rules[rule].alguna_field
            findings.pairs.append((alguna_id, external_id, name))
    _bar(findings)
    bound = await _bound_elsewhere(engine, context, findings)
    known = lone | {(item.side, item.id) for item in bound}
    findings.ambiguous = [*bound, *(one for one in [*asked, *outcome.ambiguous] if (one.side, one.id) not in known)]
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


async def _by_decision(
    engine: Engine, context: PassContext, alone: Sequence[StagedRecord], findings: Findings
) -> list[StagedRecord]:
    """Carry out what people decided of ambiguous matches; return the records without a decision."""
    subjects = {f"{item.record.side}:{item.record.id}": item for item in alone}
    async with engine.db.session() as session:
        decided = await conflicts.decisions(session, context.scope, "match", list(subjects))
    findings.answered |= decided.keys()
    for subject, decision in decided.items():
        record = subjects.pop(subject).record
        match decision["resolution"]:
            case "link":
                partner = decision["externalId" if record.side is Side.ALGUNA else "algunaId"]
                pair = (record.id, partner) if record.side is Side.ALGUNA else (partner, record.id)
                findings.pairs.append((*pair, "person"))
                findings.deciders[pair] = decider(decision)
            case "skip":
                findings.skipped.append((record.side, record.id))
            case _:
                findings.created.append(subject)
    chosen = list(findings.pairs)
    for side in Side:
        alive = await _free_records(engine, context, side, sorted(findings.taken(side)), findings, unlinked_too=True)
        findings.pairs = [pair for pair in findings.pairs if pair[0 if side is Side.ALGUNA else 1] in alive]
    # A chosen partner that is gone or linked by now is no answer: the question is put again.
    lost = {place for pair in chosen if pair not in findings.pairs for place in zip(Side, pair[:2], strict=True)}
    rest = [item for item in alone if (item.record.side, item.record.id) in lost]
    return [*subjects.values(), *rest]


async def _without_tombstones(
    engine: Engine, context: PassContext, alone: Sequence[StagedRecord]
) -> list[StagedRecord]:
    """Leave out records that were unlinked before: they match nothing until a person links them."""
    blocked: set[Place] = set()
    async with engine.db.session() as session:
        for side in Side:
            ids = [item.record.id for item in alone if item.record.side is side]
            buried = await links.tombstoned(session, context.scope, side, ids)
            blocked |= {(side, record_id) for record_id, tomb in buried.items() if not revivable(tomb, side)}
    return [item for item in alone if (item.record.side, item.record.id) not in blocked]


async def _gather(engine: Engine, context: PassContext, findings: Findings, records: Iterable[Keyed]) -> None:
    """Add records to the pool with all that share a key or a marker with them, and with those, and so on.

    The whole group is needed: an earlier rule may pair a candidate with a record of another chunk.
    """
    pool, fresh = findings.pool, {(record.side, record.id): record for record in records}
    while fresh := {place: record for place, record in fresh.items() if place not in pool}:
        pool.update(fresh)
        wanted = {(rule, key) for record in fresh.values() for rule, key in record.keys.items()}
        # Whoever names one of these in its marker, or the same partner as one of these.
        wanted |= {(MARKER, record.id) for record in fresh.values()}
        wanted |= {(MARKER, record.marker) for record in fresh.values() if record.marker is not None}
        async with engine.db.session() as session:
            sharing = await match_keys.sharing(session, context.scope, wanted)
        found = {(record.side, record.id): record for record in sharing}
        found |= await _named(engine, context, findings, fresh.values())
        taken = {side: findings.taken(side) for side in Side}
        fresh = {place: record for place, record in found.items() if place[1] not in taken[place[0]]}


async def _named(
    engine: Engine, context: PassContext, findings: Findings, records: Iterable[Keyed]
) -> dict[Place, Keyed]:
    """The records that these name in their markers, if they exist and are free."""
    named: dict[Place, Keyed] = {}
    for side in Side:
        ids = {record.marker for record in records if record.side is side.other and record.marker is not None}
        ids -= {record_id for owner, record_id in findings.pool if owner is side}
        free = await _free_records(engine, context, side, sorted(ids), findings)
        async with engine.db.session() as session:
            stored = await match_keys.of_records(session, context.scope, side, free)
            staged = await staging.find(session, context.scope, side, sorted(free - stored.keys()))
        for record_id in free:
            record = findings.records.get((side, record_id))
            if record_id in stored:
                named[side, record_id] = stored[record_id]
            elif record_id in staged or record is not None:
                known = staged[record_id].record if record_id in staged else record
                blank = Keyed(side, record_id, {})
                async with engine.db.session() as session:
                    named[side, record_id] = (await keyed_records(session, context, [known]))[0] if known else blank
    return named


async def _match_living(engine: Engine, context: PassContext, findings: Findings) -> MatchOutcome:
    """Match the pool; records that turn out to be gone, or to have a link, are forgotten and the rest matched anew."""
    while True:
        outcome = match(list(findings.pool.values()), len(context.plan.matching.rules))
        places = {(Side.ALGUNA, pair[0]) for pair in outcome.pairs}
        places |= {(Side.EXTERNAL, pair[1]) for pair in outcome.pairs}
        places |= {(item.side, item.id) for item in outcome.ambiguous}
        gone: set[Place] = set()
        for side in Side:
            ids = sorted(record_id for owner, record_id in places - findings.mine if owner is side)
            alive = await _free_records(engine, context, side, ids, findings)
            gone |= {(side, record_id) for record_id in ids if record_id not in alive}
        if not gone:
            return outcome
        async with engine.turn(context) as session:
            for side in Side:
                lost = [record_id for owner, record_id in gone if owner is side]
                await links.forget_unlinked(session, context.scope, side, lost)
        for place in gone:
            del findings.pool[place]


async def _bound_elsewhere(engine: Engine, context: PassContext, findings: Findings) -> list[Ambiguity]:
    """Records of the chunk whose marker names a record that is linked with another: somebody copied the marker."""
    paired = {side: findings.taken(side) for side in Side}
    held: list[Ambiguity] = []
    for side in Side:
        marked = {
            record_id: record.marker
            for (owner, record_id), record in findings.pool.items()
            if owner is side and record.marker and (owner, record_id) in findings.mine
        }
        async with engine.db.session() as session:
            bound = await links.active(session, context.scope, side.other, sorted(set(marked.values())))
        bound = {one: state for one, state in bound.items() if is_held(state, side.other)}
        findings.bound |= {(side.other, one): state.id_on(side) for one, state in bound.items()}
        held += [
            Ambiguity(side, record_id, (marker,), MARKER)
            for record_id, marker in sorted(marked.items())
            if marker in bound and record_id not in paired[side]
        ]
    return held


async def _free_records(
    engine: Engine,
    context: PassContext,
    side: Side,
    ids: list[str],
    findings: Findings,
    *,
    unlinked_too: bool = False,
) -> set[str]:
    """Which of these records exist and are free to be linked; those not staged are read and kept.

    An active link binds its record unless the partner is deleted. Records that a person has unlinked are free only
    with `unlinked_too`: a person may link them again.
    """
    async with engine.db.session() as session:
        bound = await links.active(session, context.scope, side, ids)
        staged = await staging.find(session, context.scope, side, ids)
        buried = await links.tombstoned(session, context.scope, side, ids)
    blocked = {one for one, state in bound.items() if is_held(state, side)}
    blocked |= {one for one, tomb in buried.items() if not (one in bound or unlinked_too or _ended_by_loss(tomb, side))}
    looked_up = {record_id for owner, record_id in findings.records if owner is side}
    unknown = sorted(set(ids) - set(staged) - looked_up - blocked)
    read = await read_records(context, side, unknown)
    for record in read.values():
        findings.records[side, record.id] = record
    met = [item.record for item in staged.values()]
    met += [findings.records[side, one] for one in ids if (side, one) in findings.records]
    findings.outside |= {(side, record.id) for record in met if context.plan.filters.excludes(record)}
    return {record.id for record in met if not record.deleted} - blocked


def _ended_by_loss(tomb: LinkState, side: Side) -> bool:
    """Whether a link ended because the partner was lost, not because a person ended it."""
    return tomb.gone is side.other or revivable(tomb, side)


async def _ask_external(
    engine: Engine, context: PassContext, records: Sequence[Record], findings: Findings
) -> list[Keyed]:
    """Look up external records that could be the partners of these Alguna records, and are not known yet."""
    ours = [record for record in records if record.side is Side.ALGUNA]
    if not ours or not context.may_create(Side.EXTERNAL) or not context.reaches(Side.EXTERNAL):
        return []
    if context.ref.entity is Entity.PAYMENTS:
        # An amount says nothing outside of its invoice.
        return []
    connector, found = context.connectors[Side.EXTERNAL], dict[str, Record]()
    for rule in context.plan.matching.rules:
        values = [record.id if rule.alguna_field == "id" else record.fields.get(rule.alguna_field) for record in ours]
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
    async with engine.db.session() as session:
        return await keyed_records(session, context, fresh)
