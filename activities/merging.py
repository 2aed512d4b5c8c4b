"""What follows for a linked record: the merge's decisions as operations, bases, conflicts and errors (I3, I5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from activities.auditing import trails_of
from activities.decided import Decided, Pair, as_stored
from activities.deletions import decide_both_deleted, decide_deletion
from activities.engine import PassContext
from activities.filtering import rests
from activities.holding import held_back, keep_known, report_held, report_stopped, stop_flipping, stopped_fields
from activities.intake import policy_of
from activities.relating import ParentLinks, parent_values, relate_pair, report_relation
from core.causes import texts_of
from core.enums import OnDelete
from core.errors import RecordFailure
from core.flips import note_writes
from core.merge import Action, Choice, Custom, MergeResult, SideView, merge
from core.records import OperationKind, Side
from core.relations import Relation
from core.values import Value, fingerprint
from store.conflicts import Question
from store.deletions import Verdict
from store.endings import Ending
from store.errors import FailedRecord
from store.found import DIFFERENT, MATCHED
from store.links import LinkState
from store.staging import StagedRecord
from store.writes import Planned, operation_key


def decide_pair(context: PassContext, decided: Decided, pair: Pair, parents: ParentLinks) -> None:
    """Merge one linked record. `parents` are the links of the parents that its records name."""
    link = pair.link
    if rests(context, decided, pair):
        return
    if _decide_deleted(context, decided, pair):
        _end_deleted(decided, pair)
        return
    views = {side: _view(link, side, pair.staged.get(side)) for side in Side}
    if pair.decision is not None and context.ref.direction is not None:
        # A person's answer is carried out by its own pass, which may write to both sides.
        reason = "waits for a person's decision to be carried out"
        decided.endings += [_ending(link, side.other, "skipped", reason) for side in pair.staged]
        return
    step = {side: context.facts[side].modified_step for side in Side}
    held: frozenset[str] = frozenset()
    alone = stopped_fields(context, link, views, retried=pair.retried)
    merged = partial(merge, context.plan, views[Side.ALGUNA], views[Side.EXTERNAL], link.base, step=step)
    result = merged(frozen=alone)
    chosen = _still_asked(pair, result)
    if chosen:
        result = merged(choices=chosen, frozen=alone)
    else:
        alone |= stop_flipping(context, link, views, result)
        held = held_back(context, result) - alone
        result = merged(frozen=alone | held) if alone | held else result
    relation = relate_pair(context, pair, parents)
    if context.full and not link.base and link.rule not in ("exists", "parted"):
        decided.tally.note(MATCHED if result.quiet and relation.quiet else DIFFERENT)
    planned = _writes(context, pair, result, relation)
    decided.planned += planned
    decided.trails += trails_of(context, pair, result, views, planned)
    digest = _digest(context, link, views)
    link.base.update(result.settled)
    note_writes(link.flips, result)
    _note_waiting(context, link, result, views)
    keep_known(context, link, alone | held, held, views)
    decided.links.append(link)
    _judge(context, decided, link, result, views, digest)
    report_stopped(context, decided, link, alone, views, digest)
    report_held(context, decided, pair, held)
    report_relation(context, decided, pair, relation)
    _end(decided, pair, result, planned)
    for target in Side:
        decided.merged[target].append(link.id_on(target.other))
    if not result.conflicts:
        (decided.answered if chosen else decided.untroubled).append(str(link.id))
    if relation.quiet and not (result.conflicts or result.failures or alone or held):
        # Where nothing is to be written to a side, an earlier refusal there is over, whatever goes to the other.
        writing = {item.target for item in planned} | {target for target in Side if result.writes.get(target)}
        for target in (side for side in Side if side not in writing):
            decided.agreed[target].append(link.id_on(target.other))


def _digest(context: PassContext, link: LinkState, views: Mapping[Side, SideView]) -> str:
    """What both records hold in their mapped fields, whether they were read now or before."""
    held: list[list[Value]] = []
    for item in context.plan.fields:
        base = link.base.get(item.alguna_field)
        held.append([views[side].fields.get(item.name(side), base.value(side) if base else None) for side in Side])
    return fingerprint(held)


def _decide_deleted(context: PassContext, decided: Decided, pair: Pair) -> bool:
    """Handle the deleted records of a pair; return whether there is nothing left to merge."""
    link = pair.link
    gone = [side for side, item in pair.staged.items() if item.record.deleted]
    if len(gone) == len(Side) or any(link.gone is side.other for side in gone):
        decide_both_deleted(decided, link)
        return True
    if link.verdict == Verdict.HELD:
        reason = "its partner is deleted; that waits for a person's word"
        decided.endings += [_ending(link, side.other, "skipped", reason) for side in pair.staged]
        return True
    for side in gone:
        if policy_of(context, side, link) is not OnDelete.IGNORE or side.other not in pair.staged:
            decide_deletion(context, decided, link, side, pair.staged[side].read_at)
            return True
        # The deletion is ignored, the other side's change is not: its write will find what `onNotFound` is for.
        del pair.staged[side]
        decided.endings.append(_ending(link, side.other, "skipped", f"deleted on the {side} side, which is ignored"))
    return False


def _end_deleted(decided: Decided, pair: Pair) -> None:
    """Nothing is asked of a pair any more of which a record is deleted, and none of its errors can be mended."""
    link = pair.link
    decided.untroubled.append(str(link.id))
    for side in Side:
        decided.agreed[side.other].append(link.id_on(side))
    reason = "its partner is deleted"
    decided.endings += [_ending(link, side.other, "skipped", reason) for side in pair.staged]


def _view(link: LinkState, side: Side, staged: StagedRecord | None) -> SideView:
    """A side as the merge sees it: what was staged, or what was last known of it."""
    first_seen = {name: datetime.fromisoformat(time) for name, time in link.waiting.get(side.value, {}).items() if time}
    if staged is None:
        return SideView(link.ahead.get(side.value, {}), None, None, first_seen)
    record = staged.record
    return SideView(record.fields, record.modified_at, record.modified_by_us, first_seen)


def _still_asked(pair: Pair, result: MergeResult) -> dict[str, Choice]:
    """A person's decision in the merge's form, unless the values changed since it was asked: then it is asked anew."""
    if pair.decision is None:
        return {}
    asked = {item["algunaField"]: (item["alguna"], item["external"]) for item in pair.decision["asked"]}
    if asked != {item.field: (item.alguna, item.external) for item in result.conflicts}:
        return {}
    return {
        name: Custom(choice["value"]) if isinstance(choice, dict) else Side(choice)
        for name, choice in pair.decision["choices"].items()
    }


def _writes(context: PassContext, pair: Pair, result: MergeResult, relation: Relation) -> list[Planned]:
    """The operations that carry a merge's writes, a new parent, and the marker where the external record lacks it."""
    link, planned = pair.link, list[Planned]()
    for target in Side:
        wanted = dict(result.writes.get(target, {}))
        values = context.connectors[target].normalise(context.ref.entity, wanted)
        staged = pair.staged.get(target)
        if target is Side.EXTERNAL and context.plan.marker is not None and _unmarked(context, link, staged):
            values[context.plan.marker] = link.alguna_id
        parent, parent_before = parent_values(context, target, relation)
        values |= parent
        if not values or OperationKind.UPDATE not in context.facts[target].kinds:
            continue
        pending = as_stored(context, target, result.pending.get(target, {}), values)
        if target is Side.EXTERNAL:
            # A value that goes to both sides is agreed when the second write, Alguna's, is done too.
            pending = {name: base for name, base in pending.items() if name not in result.pending.get(Side.ALGUNA, {})}
        known = staged.record.fields if staged else link.ahead.get(target.value, {})
        source_id = link.id_on(target.other)
        planned.append(
            Planned(
                key=operation_key(
                    context.scope, OperationKind.UPDATE, target, source_id, link.generation, link.revision
                ),
                kind=OperationKind.UPDATE,
                target=target,
                source_id=source_id,
                target_id=link.id_on(target),
                parent_id=staged.record.parent_id if staged else None,
                values=values,
                expected={name: _expected(context, link, target, name, known) for name in wanted} | parent_before,
                pending=pending,
                link_id=link.id,
                read_at=staged.read_at if staged else pair.read_at[target],
            )
        )
    return planned


def _unmarked(context: PassContext, link: LinkState, staged: StagedRecord | None) -> bool:
    if not context.marks:
        return False
    return staged.record.marker != link.alguna_id if staged is not None else not link.marked


def _expected(context: PassContext, link: LinkState, target: Side, name: str, known: Mapping[str, Value]) -> Value:
    if name in known:
        return known[name]
    for plan in context.plan.fields:
        if plan.name(target) == name and plan.alguna_field in link.base:
            return link.base[plan.alguna_field].value(target)
    return None


def _note_waiting(context: PassContext, link: LinkState, result: MergeResult, views: Mapping[Side, SideView]) -> None:
    """Keep the values that are known but not agreed, with the time they were first seen."""
    names = {plan.alguna_field: plan for plan in context.plan.fields}
    link.ahead, link.waiting = {}, {}
    for side, waiting in (*result.waiting.items(), *result.overruled.items()):
        for name, since in waiting.items():
            path = names[name].name(side)
            if path in views[side].fields:
                link.ahead.setdefault(side.value, {})[path] = views[side].fields[path]
                link.waiting.setdefault(side.value, {})[name] = since.isoformat() if since else ""
    # Where nothing was ever agreed on, the side that has not changed is known by nothing else.
    for path, side in (
        (names[name].name(side), side) for name in _unsettled(result) - link.base.keys() for side in Side
    ):
        if path in views[side].fields:
            link.ahead.setdefault(side.value, {})[path] = views[side].fields[path]


def _unsettled(result: MergeResult) -> set[str]:
    return {name for waiting in result.waiting.values() for name in waiting}


def _judge(
    context: PassContext,
    decided: Decided,
    link: LinkState,
    result: MergeResult,
    views: Mapping[Side, SideView],
    digest: str,
) -> None:
    """Open what a person must see."""
    for failure in result.failures:
        target = _failing_target(context, failure)
        decided.failed.append(
            FailedRecord(
                target,
                link.id_on(target.other),
                link.alguna_id,
                link.external_id,
                failure,
                place=failure.field or "",
                digest=digest,
                texts=texts_of(views[target.other].fields),
            )
        )
        decided.endings.append(_ending(link, target, "failed", failure.message, [failure.field or ""]))
    drift = [item for item in result.decisions if item.action is Action.DRIFT]
    if drift:
        decided.tally.note("drift", len(drift))
    if result.conflicts:
        decided.questions.append(_question(context, link, result, views))


def _end(decided: Decided, pair: Pair, result: MergeResult, planned: Sequence[Planned]) -> None:
    """End the records that need no write: as unchanged, or as waiting for a person."""
    targets = {side.other for side in pair.staged}
    if result.conflicts:
        names = [item.field for item in result.conflicts]
        targets.add(Side.EXTERNAL)
        decided.endings += [_ending(pair.link, target, "conflict", None, names) for target in Side if target in targets]
        return
    writing = {item.target for item in planned}
    decided.endings += [
        _ending(pair.link, target, "unchanged") for target in Side if target in targets and target not in writing
    ]


def _ending(
    link: LinkState, target: Side, outcome: str, reason: str | None = None, fields: Sequence[str] = ()
) -> Ending:
    return Ending(target, outcome, link.alguna_id, link.external_id, reason, fields)


def _failing_target(context: PassContext, failure: RecordFailure) -> Side:
    """The side a failed value was on its way to: its name is in the target's own spelling."""
    externals = {plan.external_field for plan in context.plan.fields}
    return Side.EXTERNAL if failure.field in externals else Side.ALGUNA


def _question(context: PassContext, link: LinkState, result: MergeResult, views: Mapping[Side, SideView]) -> Question:
    names = {plan.alguna_field: plan.external_field for plan in context.plan.fields}
    times = {side: view.modified_at.isoformat() if view.modified_at else None for side, view in views.items()}
    fields: list[dict[str, Value]] = [
        {
            "algunaField": item.field,
            "externalField": names[item.field],
            "base": item.base.alguna if item.base else None,
            "alguna": item.alguna,
            "external": item.external,
            "algunaModifiedAt": link.waiting.get("alguna", {}).get(item.field) or times[Side.ALGUNA],
            "externalModifiedAt": link.waiting.get("external", {}).get(item.field) or times[Side.EXTERNAL],
        }
        for item in result.conflicts
    ]
    return Question("fields", str(link.id), link.alguna_id, link.external_id, fields)
