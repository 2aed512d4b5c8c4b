"""Fields that this pass leaves alone on a record: they wait for a run in the other direction, or flip without end.

They are left out of the merge, so nothing is written and no base moves; what both sides show is kept as known, so that
the record is neither forgotten nor merged again for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from activities.decided import Decided, Pair
from activities.engine import PassContext
from core.compare import blank, equal
from core.decisions import FieldBase, MergeResult, SideView
from core.errors import ErrorType, RecordFailure
from core.flips import find_flips, flip_message, forget, still_stopped, stop, stopped_target
from core.plan import FieldPlan
from core.records import Side
from core.values import Value
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState

WAITS = "waits for a sync in both directions"
HELD = "held"
"""The key under which a link's `waiting` tells which fields wait for a run that may write to a side: field -> side."""


def held_back(context: PassContext, result: MergeResult) -> frozenset[str]:
    """The fields that would be written to a side which this pass must leave alone."""
    barred = [target for target in Side if not context.reaches(target)]
    return frozenset(name for target in barred for name in result.pending.get(target, {}))


def stopped_fields(
    context: PassContext, link: LinkState, views: Mapping[Side, SideView], *, retried: bool
) -> frozenset[str]:
    """The fields of a link that were stopped and stay so; a person's retry lets them start again."""
    if retried:
        forget(link.flips, {item.alguna_field for item in context.plan.fields})
    active = (item for item in context.plan.fields if item.direction is not None)
    seen = {item.alguna_field: _values(item, link.base.get(item.alguna_field), views) for item in active}
    return still_stopped(link.flips, seen, context.config_version)


def stop_flipping(
    context: PassContext, link: LinkState, views: Mapping[Side, SideView], result: MergeResult
) -> frozenset[str]:
    """Stop the fields of which a merge shows that they flip once too often; return them."""
    names = {item.alguna_field: item for item in context.plan.fields}
    found = find_flips(link.flips, result.decisions)
    for flip in found:
        values = _values(names[flip.field], link.base.get(flip.field), views)
        stop(link.flips, flip, values, context.config_version)
    return frozenset(flip.field for flip in found)


def report_stopped(
    context: PassContext,
    decided: Decided,
    link: LinkState,
    fields: frozenset[str],
    views: Mapping[Side, SideView],
    digest: str,
) -> None:
    """Open the error of stopped fields, which stays until they start again."""
    for item in _plans(context, fields):
        target = stopped_target(link.flips, item.alguna_field)
        values = _values(item, link.base.get(item.alguna_field), views)
        name = item.name(target)
        failure = RecordFailure(ErrorType.CONFLICT, flip_message(item, target, values), field=name)
        source_id, texts = link.id_on(target.other), [str(value) for value in values.values()]
        ids = (link.alguna_id, link.external_id)
        decided.failed.append(FailedRecord(target, source_id, *ids, failure, place=name, digest=digest, texts=texts))
        decided.endings.append(Ending(target, "failed", *ids, failure.message, [name]))


def report_held(context: PassContext, decided: Decided, pair: Pair, fields: frozenset[str]) -> None:
    """End a record of which fields wait for another run as skipped, with the reason."""
    link = pair.link
    for side in pair.staged if fields else ():
        if context.reaches(side.other):
            continue
        names = sorted(item.name(side.other) for item in _plans(context, fields))
        decided.endings.append(Ending(side.other, "skipped", link.alguna_id, link.external_id, WAITS, names))


def keep_known(
    context: PassContext,
    link: LinkState,
    fields: frozenset[str],
    held: frozenset[str],
    views: Mapping[Side, SideView],
) -> None:
    """Keep what both sides show of fields that are left alone, with the time it was first seen."""
    for item in _plans(context, fields):
        base = link.base.get(item.alguna_field)
        for side in Side:
            name, view = item.name(side), views[side]
            if name not in view.fields:
                continue
            value = view.fields[name]
            if base is None or not equal(value, base.value(side)):
                link.ahead.setdefault(side.value, {})[name] = value
                since = view.first_seen.get(item.alguna_field, view.modified_at)
                link.waiting.setdefault(side.value, {})[item.alguna_field] = since.isoformat() if since else ""
        if item.alguna_field in held:
            target = next(target for target in Side if not context.reaches(target))
            link.waiting.setdefault(HELD, {})[item.alguna_field] = target.value


def waits_for(context: PassContext, link: LinkState, item: FieldPlan) -> bool:
    """Whether a field waits for a run like this one."""
    target = link.waiting.get(HELD, {}).get(item.alguna_field)
    return target is not None and context.reaches(Side(target))


def _plans(context: PassContext, fields: Iterable[str]) -> list[FieldPlan]:
    wanted = set(fields)
    return [item for item in context.plan.fields if item.alguna_field in wanted]


def _values(item: FieldPlan, base: FieldBase | None, views: Mapping[Side, SideView]) -> dict[Side, Value]:
    """What both sides hold of a field: as seen, else as last known."""
    values: dict[Side, Value] = {}
    for side in Side:
        name = item.name(side)
        known = base.value(side) if base is not None else None
        found = views[side].fields.get(name, known)
        values[side] = None if blank(found) else found
    return values
