"""The relation of a linked child at work: what its parents are now, and what follows when they differ (design 3.6).

`core.relations` decides; here it is told what was read, which links the parents have and who may write, and its answer
becomes an operation, an error, a reason or a trail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from activities.auditing import times_of
from activities.decided import Decided, Pair
from activities.engine import PassContext
from activities.holding import WAITS
from core.enums import Strategy
from core.errors import ErrorType, RecordFailure
from core.records import PARENT_OF, Operation, Record, Side
from core.relations import Kinship, Outcome, Parents, Powers, Relation, relate
from core.values import Value, fingerprint
from store import links
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState, NewLink
from store.parked import NOT_SYNCED, waits_for
from store.scope import Scope
from store.trails import Trail
from store.writes import OpenOperation

ParentLinks = Mapping[Side, Mapping[str, LinkState]]
"""The links of parents, by the parent's id on each side."""

_WINNER = {Strategy.ALGUNA_WINS: Side.ALGUNA, Strategy.EXTERNAL_WINS: Side.EXTERNAL}
_ACTIONS = {Outcome.AGREED: "agreed", Outcome.DRIFT: "drift", Outcome.CONFLICT: "conflict"}


def shows_move(context: PassContext, link: LinkState, side: Side, record: Record) -> bool:
    """Whether a linked child's record names another parent than is known, or a move waits for a run like this one."""
    if context.ref.entity not in PARENT_OF:
        return False
    held = link.kinship.held
    return link.kinship.shows_news(side, record.parent_id) or (held is not None and context.reaches(held))


def relate_pair(context: PassContext, pair: Pair, parents: ParentLinks) -> Relation:
    """Decide the relation of a linked child, and keep on its link what is known now."""
    link = pair.link
    if context.ref.entity not in PARENT_OF:
        return Relation(Outcome.KEEP, link.kinship)
    read = {side: item.record.parent_id for side, item in pair.staged.items()}
    seen = {**link.kinship.seen, **read}
    partners = {side: _partner(parents, side, seen.get(side)) for side in Side}
    powers = Powers(
        flows=[side for side in Side if context.config.direction.allows(side)],
        reaches=[side for side in Side if context.reaches(side)],
        moves=[side for side in Side if context.facts[side].moves],
        strategy=_strategy(context),
        winner=_winner(context, pair),
    )
    found = relate(link.kinship, read, Parents(partners[Side.EXTERNAL], partners[Side.ALGUNA]), powers)
    link.kinship = found.kinship
    return found


def parent_values(context: PassContext, target: Side, relation: Relation) -> tuple[dict[str, Value], dict[str, Value]]:
    """What a move writes to a side, and what is expected there: both empty where there is nothing to move."""
    name = context.facts[target].parent
    if relation.outcome is not Outcome.MOVE or relation.target is not target or name is None:
        return {}, {}
    return {name: relation.parent}, {name: relation.kinship.seen.get(target)}


def with_parent(context: PassContext, record: Record) -> Mapping[str, Value]:
    """A record's fields and the reference to its parent, which a connector reads by itself."""
    name = context.facts[record.side].parent
    return {**record.fields, name: record.parent_id} if name is not None else record.fields


def written(context: PassContext, link: LinkState, operation: Operation) -> None:
    """Take over a move that was carried out."""
    name = context.facts[operation.target].parent
    if name is not None and name in operation.values:
        parent = operation.values[name]
        link.kinship = link.kinship.written(operation.target, None if parent is None else str(parent))


def report_relation(context: PassContext, decided: Decided, pair: Pair, relation: Relation) -> None:
    """Show what was decided: in the trail, and as the error or the reason of the record that moved."""
    link, outcome = pair.link, relation.outcome
    if outcome is Outcome.KEEP:
        return
    action = f"to_{relation.target}" if outcome is Outcome.MOVE else _ACTIONS.get(outcome)
    if action is not None:
        decided.trails.append(Trail(link.alguna_id, link.external_id, [_entry(context, pair, relation, action)]))
    target = relation.target or Side.EXTERNAL
    ids = (link.alguna_id, link.external_id)
    if outcome is Outcome.DRIFT:
        decided.tally.note("drift", 1)
    elif outcome is Outcome.HELD:
        decided.endings.append(Ending(target, "skipped", *ids, WAITS, [parent_name(context, target)]))
    elif outcome is Outcome.WAITS:
        decided.endings.append(Ending(target, "parked", *ids, _waits(context, decided, relation.kinship)))
    elif outcome in (Outcome.CANNOT, Outcome.CONFLICT):
        failure = _failure(context, pair, relation, target)
        place, digest = failure.field or "", fingerprint(list(relation.kinship.seen.items()))
        texts = [parent for parent in (*relation.kinship.seen.values(), *ids) if parent]
        source_id = link.id_on(target.other)
        decided.failed.append(FailedRecord(target, source_id, *ids, failure, place=place, digest=digest, texts=texts))
        decided.endings.append(Ending(target, "failed", *ids, failure.message, [place]))


def parent_name(context: PassContext, side: Side) -> str:
    """The field that refers to the parent; where a system keeps it elsewhere (HubSpot), Alguna's name stands for it."""
    return context.facts[side].parent or context.facts[Side.ALGUNA].parent or "parent"


def unlinked_reason(context: PassContext, why: str | None) -> str | None:
    """Why a parent has no link: its entity is not synced at all, or what is known of it."""
    return why if PARENT_OF[context.ref.entity] in context.config.entities else NOT_SYNCED


async def with_parents(
    session: AsyncSession, context: PassContext, opened: Iterable[OpenOperation], new: Collection[NewLink]
) -> list[NewLink]:
    """Tell new links of children which parents their records were made under."""
    parent = PARENT_OF.get(context.ref.entity)
    if parent is None or not new:
        return list(new)
    made_under = {(one.operation.target, one.operation.source_id): one.operation.parent_id for one in opened}
    scope = Scope(context.scope.integration_id, parent)
    known: dict[Side, dict[str, LinkState]] = {}
    for side in Side:
        ids = {parent_id for (target, _), parent_id in made_under.items() if target is side and parent_id}
        known[side] = await links.active(session, scope, side, sorted(ids))
    return [replace(link, kinship=_kinship_of(link, made_under, known)) for link in new]


def _kinship_of(
    link: NewLink, made_under: Mapping[tuple[Side, str], str | None], known: Mapping[Side, Mapping[str, LinkState]]
) -> Kinship:
    for target in Side:
        parent_id = made_under.get((target, link.alguna_id if target is Side.EXTERNAL else link.external_id))
        parent = known[target].get(parent_id or "")
        if parent is None:
            continue
        if link.rule != "created":
            # It was there before; where it belongs to is not known until it is read.
            return Kinship(seen={target.other: parent.id_on(target.other)})
        return Kinship(seen={target.other: parent.id_on(target.other)}).written(target, parent_id)
    return Kinship()


def _partner(parents: ParentLinks, side: Side, parent_id: str | None) -> str | None:
    found = parents[side].get(parent_id) if parent_id is not None else None
    return found.id_on(side.other) if found is not None else None


def _strategy(context: PassContext) -> Strategy:
    options = context.config.entity_options.get(context.ref.entity)
    return (options.conflict_resolution if options else None) or context.config.conflict_resolution


def _winner(context: PassContext, pair: Pair) -> Side | None:
    """Whose parent prevails when both moved; of two moves at one time (and of unknown times) Alguna's."""
    strategy = _strategy(context)
    if strategy is not Strategy.LATEST_WINS:
        return _WINNER.get(strategy)
    times = [pair.staged[side].record.modified_at if side in pair.staged else None for side in Side]
    ours, theirs = times
    if ours is None or theirs is None:
        return Side.ALGUNA
    grain = max(context.facts[side].modified_step for side in Side)
    return Side.EXTERNAL if (theirs - ours).total_seconds() > grain else Side.ALGUNA


def _waits(context: PassContext, decided: Decided, kinship: Kinship) -> str:
    side, parent_id = kinship.awaits or (Side.EXTERNAL, "")
    scope = Scope(context.scope.integration_id, PARENT_OF[context.ref.entity])
    return waits_for(scope, parent_id, unlinked_reason(context, decided.waits.get((side, parent_id))))


def _failure(context: PassContext, pair: Pair, relation: Relation, target: Side) -> RecordFailure:
    seen, field = relation.kinship.seen, parent_name(context, target)
    what = PARENT_OF[context.ref.entity].value.removesuffix("s")
    child = context.ref.entity.value.removesuffix("s")
    names = {Side.ALGUNA: "Alguna", Side.EXTERNAL: context.provider}
    where = " and ".join(f"{what} {seen.get(side) or '(none)'} in {names[side]}" for side in Side)
    if relation.outcome is Outcome.CONFLICT:
        message = f"the {child} was moved on both sides: it belongs to {where}; let both name the same {what}"
        return RecordFailure(ErrorType.CONFLICT, message, field=field)
    source, base = target.other, relation.kinship.base
    before = base.on(source) if base else None
    back = f"move it back to {before} in {names[source]}" if before else f"let both name the same {what}"
    message = (
        f"the {child} belongs to {where}; it cannot be moved in {names[target]} from here: {back}, "
        f"or bring it under the other {what} in {names[target]} yourself"
    )
    return RecordFailure(ErrorType.FIELD_VALIDATION, message, field=field)


def _entry(context: PassContext, pair: Pair, relation: Relation, action: str) -> dict[str, Value]:
    base, seen = relation.kinship.base, relation.kinship.seen
    entry: dict[str, Value] = {
        "field": parent_name(context, Side.ALGUNA),
        "action": action,
        "rule": relation.rule,
        "base": [base.alguna, base.external] if base and relation.outcome is Outcome.MOVE else None,
        "alguna": seen.get(Side.ALGUNA),
        "external": seen.get(Side.EXTERNAL),
    }
    for side, item in pair.staged.items():
        entry |= times_of(side, item.record.modified_at)
    return entry
