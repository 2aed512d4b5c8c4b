"""What became of operations, and what follows: bases, links, errors, and what is merged again (I2, I6, I7).

DONE moves the base of the written fields only. EXISTS and lost replies link what is there and let the record be merged
again. A refused value is remembered as `ahead`, so that it is neither forgotten nor sent again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from activities.effects import Effects, Made, store_effects
from activities.engine import PassContext
from activities.lookalikes import pick_lookalikes
from activities.relating import written
from connectors.protocols import WriteResult, WriteStatus
from core.causes import texts_of
from core.enums import OnNotFound
from core.errors import ErrorType, RecordFailure
from core.merge import FieldBase, adopt
from core.records import Operation, OperationKind, Record, Side
from core.values import Value, fingerprint
from store import errors, links
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState, NewLink
from store.types import utc_now
from store.writes import OpenOperation

_OUTCOME = {OperationKind.CREATE: "created", OperationKind.UPDATE: "updated", OperationKind.ARCHIVE: "archived"}


async def store_results(
    session: AsyncSession,
    context: PassContext,
    opened: Mapping[int, OpenOperation],
    results: Sequence[WriteResult],
    *,
    fresh: Mapping[int, Record] | None = None,
    certain: bool = True,
    sent: bool = True,
    chunk: int | None = None,
) -> list[int]:
    """Store results of operations; return the ids of those to be sent again.

    `fresh` are records to be merged again (operation id -> record of the target side). `certain` is False when the
    values at the target are known only from what was sent; `sent` is False when nothing was sent at all.
    `chunk` is the chunk in work, which takes up the marker of a record that was made in Alguna.
    """
    effects = Effects()
    link_ids = {item.link_id for item in opened.values() if item.link_id is not None}
    known = await links.by_ids(session, sorted(link_ids), lock=True)
    for result in await pick_lookalikes(session, context, results):
        item = opened[result.operation_id]
        link = known.get(item.link_id) if item.link_id is not None else None
        _apply(context, effects, item, link, result, certain, sent)
    effects.restage += (fresh or {}).values()
    await store_effects(session, context, opened.values(), effects, chunk)
    return effects.again


def _apply(
    context: PassContext,
    effects: Effects,
    item: OpenOperation,
    link: LinkState | None,
    result: WriteResult,
    certain: bool,
    sent: bool,
) -> None:
    operation = item.operation
    match result.status:
        case WriteStatus.DONE:
            effects.end("done", operation.id)
            _done(context, effects, item, link, result, certain)
            if result.failure is not None:
                _doubtful(context, effects, item, result.failure, result.target_id)
        case WriteStatus.EXISTS:
            effects.end("done", operation.id)
            _exists(context, effects, item, result, sent)
        case WriteStatus.REJECTED:
            failure = result.failure or RecordFailure(ErrorType.INTERNAL, "refused without a reason")
            _failed(context, effects, item, link, failure)
        case WriteStatus.NOT_FOUND if operation.kind is OperationKind.ARCHIVE:
            # It is gone already, say with its account.
            effects.end("done", operation.id)
            _done(context, effects, item, link, result, certain)
        case WriteStatus.NOT_FOUND:
            _not_found(context, effects, item, link)
        case WriteStatus.MOVED:
            effects.end("superseded", operation.id)
            if result.record is not None:
                effects.restage.append(result.record)
            else:
                effects.ask.append((operation.target.other, operation.source_id))
        case WriteStatus.RETRY:
            effects.again.append(operation.id)
        case WriteStatus.WAIT:
            _waits(effects, item, result)


def _waits(effects: Effects, item: OpenOperation, result: WriteResult) -> None:
    """The record stays staged, and the next pass takes it up."""
    operation = item.operation
    source, reason = operation.target.other, result.failure.message if result.failure else None
    effects.end("superseded", operation.id)
    effects.kept.append((source, operation.source_id))
    ids = pair_of(operation, operation.target_id)
    effects.endings.append(Ending(operation.target, "skipped", ids[0] or None, ids[1] or None, reason))


def _done(
    context: PassContext,
    effects: Effects,
    item: OpenOperation,
    link: LinkState | None,
    result: WriteResult,
    certain: bool,
) -> None:
    operation = item.operation
    target_id = result.target_id or operation.target_id or ""
    alguna_id, external_id = pair_of(operation, target_id)
    doubtful = result.failure.field if result.failure else None
    base = written_base(context, item, result.record, certain=certain, doubtful=doubtful)
    marked = operation.target is Side.EXTERNAL and context.plan.marker is not None
    if operation.kind is OperationKind.CREATE:
        new = NewLink(alguna_id, external_id, "created", base, item.generation, item.generation, marked)
        effects.made.append(Made(new, operation.target, "created", fields=sorted(operation.values)))
        return
    effects.reached[operation.target].append(operation.source_id)
    if operation.kind is OperationKind.ARCHIVE:
        # What a filter archived may be made anew when its partner enters again.
        if link is not None and link.outside:
            effects.left.append((link.id, operation.target))
        elif link is not None:
            effects.gone.append((link.id, operation.target.other))
    elif link is not None:
        link = effects.moved.setdefault(link.id, link)
        link.base.update(base)
        written(context, link, operation)
        link.revision += 1
        link.marked = link.marked or context.plan.marker in operation.values
        _settle_ahead(context, link, base)
    outcome = _OUTCOME[operation.kind]
    effects.endings.append(Ending(operation.target, outcome, alguna_id, external_id, fields=sorted(operation.values)))


def _doubtful(
    context: PassContext, effects: Effects, item: OpenOperation, failure: RecordFailure, target_id: str | None
) -> None:
    """Open an error about what was carried out all the same; it stays until a person has looked."""
    operation = item.operation
    ids = pair_of(operation, target_id or operation.target_id)
    texts = texts_of(operation.values)
    effects.failed.append(
        FailedRecord(operation.target, operation.source_id, *ids, failure, place=errors.MADE, texts=texts)
    )


def _exists(context: PassContext, effects: Effects, item: OpenOperation, result: WriteResult, sent: bool) -> None:
    """Link what is there instead of making it twice, and let the two be merged.

    A record that an earlier request of ours has made holds what was sent, or a person's later edit of it. One that was
    there before anything was sent has no common past with its partner: the rules of a first link apply.
    """
    operation = item.operation
    alguna_id, external_id = pair_of(operation, result.target_id)
    base = written_base(context, item, None, certain=False) if sent else {}
    new = NewLink(alguna_id, external_id, "exists", base, item.generation, item.generation)
    effects.made.append(Made(new, operation.target, "linked", "it was there already"))
    effects.ask.append((operation.target, result.target_id or ""))


def written_base(
    context: PassContext, item: OpenOperation, stored: Record | None, *, certain: bool, doubtful: str | None = None
) -> dict[str, FieldBase]:
    """The bases after a write: what the response shows, else what was sent, marked unconfirmed until it is read.

    A `doubtful` field of the target was made otherwise than it was sent: the difference counts as drift.
    """
    target = item.operation.target
    names = {plan.alguna_field: plan.name(target) for plan in context.plan.fields}
    base: dict[str, FieldBase] = {}
    for name, value in item.pending.items():
        path = names.get(name)
        if stored is not None and path is not None and path in stored.fields:
            base[name] = replace(adopt(value, target, stored.fields[path]), drift=value.drift or path == doubtful)
        elif certain and context.facts[target].returns_values and not value.drift:
            base[name] = value
        else:
            base[name] = replace(value, unconfirmed=target)
    return base


def pair_of(operation: Operation, target_id: str | None) -> tuple[str, str]:
    """(Alguna id, external id) of an operation's record."""
    if operation.target is Side.EXTERNAL:
        return operation.source_id, target_id or ""
    return target_id or "", operation.source_id


def _settle_ahead(context: PassContext, link: LinkState, settled: Iterable[str]) -> None:
    for name in settled:
        plan = next((item for item in context.plan.fields if item.alguna_field == name), None)
        for side in Side:
            link.waiting.get(side.value, {}).pop(name, None)
            if plan is not None:
                link.ahead.get(side.value, {}).pop(plan.name(side), None)


def _failed(
    context: PassContext, effects: Effects, item: OpenOperation, link: LinkState | None, failure: RecordFailure
) -> None:
    operation = item.operation
    effects.end("failed", operation.id)
    source = operation.target.other
    alguna_id, external_id = pair_of(operation, operation.target_id)
    effects.failed.append(
        FailedRecord(
            operation.target,
            operation.source_id,
            alguna_id or None,
            external_id or None,
            failure,
            digest=_digest(item, link),
            texts=texts_of(operation.values),
        )
    )
    effects.endings.append(
        Ending(
            operation.target, "failed", alguna_id or None, external_id or None, failure.message, [failure.field or ""]
        )
    )
    if link is None:
        effects.unlinked[source, operation.source_id] = ("", "error", failure.message)
        return
    link = effects.moved.setdefault(link.id, link)
    remember_ahead(context, link, source, item.pending)
    effects.refused.append(link.id)
    if _goes_to_both(context, item):
        # A person's own value that one side refuses must not reach the other alone: the question is asked again.
        effects.undecided.append(link.id)
        effects.ask.append((Side.EXTERNAL, link.external_id))


def _digest(item: OpenOperation, link: LinkState | None) -> str:
    """What a failed write stands for: its values, what they were to replace, and what both sides agreed on before."""
    agreed = {name: [base.alguna, base.external] for name, base in link.base.items()} if link else {}
    return fingerprint([dict(item.operation.values), dict(item.operation.expected), agreed])


def _goes_to_both(context: PassContext, item: OpenOperation) -> bool:
    """Whether a write towards the external side holds a value whose base waits for Alguna's write of it too."""
    operation = item.operation
    waiting = {plan.external_field for plan in context.plan.fields if plan.alguna_field not in item.pending}
    return operation.target is Side.EXTERNAL and not waiting.isdisjoint(operation.values.keys() - {context.plan.marker})


def remember_ahead(context: PassContext, link: LinkState, side: Side, values: Mapping[str, FieldBase]) -> None:
    """Keep values of a side that could not be carried over, so that they are known although not agreed."""
    ahead: dict[str, Value] = link.ahead.setdefault(side.value, {})
    waiting = link.waiting.setdefault(side.value, {})
    names = {plan.alguna_field: plan.name(side) for plan in context.plan.fields}
    for name, base in values.items():
        if name in names:
            ahead[names[name]] = base.value(side)
            waiting.setdefault(name, (base.edited_at or utc_now()).isoformat())


def _not_found(context: PassContext, effects: Effects, item: OpenOperation, link: LinkState | None) -> None:
    """The linked target is gone: skip with an error and a tombstone, or make it anew, as `onNotFound` says."""
    operation = item.operation
    if link is not None and context.plan.on_not_found is OnNotFound.CREATE and context.may_create(operation.target):
        effects.end("superseded", operation.id)
        effects.recreate.append((link.id, operation.target))
        return
    failure = RecordFailure(ErrorType.NOT_FOUND, f"{operation.entity} {operation.target_id} is gone")
    _failed(context, effects, item, link, failure)
    effects.gone += [(link.id, operation.target)] if link is not None else []
