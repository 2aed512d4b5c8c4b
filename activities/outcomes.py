"""Storing what became of operations, together with every effect, in one transaction (I2, I6, I7).

DONE moves the base of the written fields only. EXISTS and lost replies link what is there and let the record be merged
again. A refused value is remembered as `ahead`, so that it is neither forgotten nor sent again by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import PassContext
from connectors.protocols import WriteResult, WriteStatus
from core.enums import OnNotFound
from core.errors import ErrorType, RecordFailure
from core.merge import FieldBase, adopt
from core.records import Operation, OperationKind, Record, Side
from core.values import Value
from store import conflicts, errors, links, passes, staging, writes
from store.errors import FailedRecord
from store.links import LinkState, NewLink
from store.passes import Ending, Tally
from store.types import utc_now
from store.writes import OpenOperation

_OUTCOME = {OperationKind.CREATE: "created", OperationKind.UPDATE: "updated", OperationKind.ARCHIVE: "archived"}


@dataclass(slots=True)
class _Effects:
    """What the results of one request change, gathered before it is stored."""

    tally: Tally = field(default_factory=Tally)
    endings: list[Ending] = field(default_factory=list)
    failed: list[FailedRecord] = field(default_factory=list)
    made: list[NewLink] = field(default_factory=list)
    moved: dict[int, LinkState] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    recreate: list[int] = field(default_factory=list)
    restage: list[Record] = field(default_factory=list)
    reached: dict[Side, list[str]] = field(default_factory=lambda: {side: [] for side in Side})
    states: dict[str, list[int]] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    undecided: list[int] = field(default_factory=list)
    ask: list[tuple[Side, str]] = field(default_factory=list)
    unlinked: dict[tuple[Side, str], tuple[str, str, str | None]] = field(default_factory=dict)

    def end(self, state: str, operation_id: int) -> None:
        self.states.setdefault(state, []).append(operation_id)


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
    effects = _Effects()
    link_ids = {item.link_id for item in opened.values() if item.link_id is not None}
    known = await links.by_ids(session, sorted(link_ids))
    for result in results:
        item = opened[result.operation_id]
        link = known.get(item.link_id) if item.link_id is not None else None
        _apply(context, effects, item, link, result, certain, sent)
    effects.restage += (fresh or {}).values()
    await _store(session, context, opened.values(), effects, chunk)
    return effects.again


def _apply(
    context: PassContext,
    effects: _Effects,
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
        case WriteStatus.EXISTS:
            effects.end("done", operation.id)
            _exists(context, effects, item, result, sent)
        case WriteStatus.REJECTED:
            failure = result.failure or RecordFailure(ErrorType.INTERNAL, "refused without a reason")
            _failed(context, effects, item, link, failure)
        case WriteStatus.NOT_FOUND:
            _not_found(context, effects, item, link)
        case WriteStatus.MOVED:
            effects.end("superseded", operation.id)
            if result.record is not None:
                effects.restage.append(result.record)
        case WriteStatus.RETRY:
            effects.again.append(operation.id)


def _done(
    context: PassContext,
    effects: _Effects,
    item: OpenOperation,
    link: LinkState | None,
    result: WriteResult,
    certain: bool,
) -> None:
    operation = item.operation
    effects.reached[operation.target].append(operation.source_id)
    target_id = result.target_id or operation.target_id or ""
    alguna_id, external_id = _pair(operation, target_id)
    base = written_base(context, item, result.record, certain=certain)
    marked = operation.target is Side.EXTERNAL and context.plan.marker is not None
    if operation.kind is OperationKind.CREATE:
        effects.made.append(NewLink(alguna_id, external_id, "created", base, item.generation, item.generation, marked))
        effects.tally.note("linked")
    elif operation.kind is OperationKind.ARCHIVE:
        effects.gone += [item.link_id] if item.link_id is not None else []
    elif link is not None:
        link = effects.moved.setdefault(link.id, link)
        link.base.update(base)
        link.revision += 1
        link.marked = link.marked or context.plan.marker in operation.values
        _settle_ahead(context, link, base)
    outcome = _OUTCOME[operation.kind]
    effects.tally.add(operation.target, outcome)
    effects.endings.append(Ending(operation.target, outcome, alguna_id, external_id, fields=sorted(operation.values)))


def _exists(context: PassContext, effects: _Effects, item: OpenOperation, result: WriteResult, sent: bool) -> None:
    """Link what is there instead of making it twice, and let the two be merged.

    A record that an earlier request of ours has made holds what was sent, or a person's later edit of it. One that was
    there before anything was sent has no common past with its partner: the rules of a first link apply.
    """
    operation = item.operation
    alguna_id, external_id = _pair(operation, result.target_id)
    base = written_base(context, item, None, certain=False) if sent else {}
    effects.made.append(NewLink(alguna_id, external_id, "exists", base, item.generation, item.generation))
    effects.tally.note("linked")
    effects.endings.append(Ending(operation.target, "linked", alguna_id, external_id, "it was there already"))
    effects.reached[operation.target].append(operation.source_id)
    effects.ask.append((operation.target, result.target_id or ""))


def written_base(
    context: PassContext, item: OpenOperation, stored: Record | None, *, certain: bool
) -> dict[str, FieldBase]:
    """The bases after a write: what the response shows, else what was sent, marked unconfirmed until it is read."""
    target = item.operation.target
    names = {plan.alguna_field: plan.name(target) for plan in context.plan.fields}
    base: dict[str, FieldBase] = {}
    for name, value in item.pending.items():
        path = names.get(name)
        if stored is not None and path is not None and path in stored.fields:
            base[name] = adopt(value, target, stored.fields[path])
        elif certain and context.facts[target].returns_values and not value.drift:
            base[name] = value
        else:
            base[name] = replace(value, unconfirmed=target)
    return base


def _pair(operation: Operation, target_id: str | None) -> tuple[str, str]:
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
    context: PassContext, effects: _Effects, item: OpenOperation, link: LinkState | None, failure: RecordFailure
) -> None:
    operation = item.operation
    effects.end("failed", operation.id)
    source = operation.target.other
    alguna_id, external_id = _pair(operation, operation.target_id)
    effects.failed.append(
        FailedRecord(operation.target, operation.source_id, alguna_id or None, external_id or None, failure)
    )
    effects.tally.add(operation.target, "failed")
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
    if _goes_to_both(context, item):
        # A person's own value that one side refuses must not reach the other alone: the question is asked again.
        effects.undecided.append(link.id)
        effects.ask.append((Side.EXTERNAL, link.external_id))


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


def _not_found(context: PassContext, effects: _Effects, item: OpenOperation, link: LinkState | None) -> None:
    """The linked target is gone: skip with an error and a tombstone, or make it anew, as `onNotFound` says."""
    operation = item.operation
    if link is not None and context.plan.on_not_found is OnNotFound.CREATE and context.may_create(operation.target):
        effects.end("superseded", operation.id)
        effects.recreate.append(link.id)
        return
    failure = RecordFailure(ErrorType.NOT_FOUND, f"{operation.entity} {operation.target_id} is gone")
    _failed(context, effects, item, link, failure)
    effects.gone += [link.id] if link is not None else []


async def _store(
    session: AsyncSession,
    context: PassContext,
    opened: Iterable[OpenOperation],
    effects: _Effects,
    chunk: int | None,
) -> None:
    scope, pass_id, at = context.scope, context.ref.pass_id, utc_now()
    run_id = context.ref.run_ids[0] if context.ref.run_ids else None
    for state, ids in effects.states.items():
        await writes.finish(session, ids, state)
    await writes.plan_again(session, effects.again)
    await _refuse_bound(session, context, effects)
    made = await links.add(session, scope, effects.made, config_version=context.config_version, at=at)
    await _mark(session, context, effects, made, chunk)
    await links.save(session, effects.moved.values(), at=at)
    await links.tombstone(session, effects.gone, "archived or gone")
    await links.tombstone(session, effects.recreate, "gone; to be made anew", recreate=True)
    await _remember(session, context, effects)
    await _restage(session, context, effects)
    await errors.open_errors(session, scope, run_id, effects.failed, at)
    for target, source_ids in effects.reached.items():
        await errors.close_errors(session, scope, target, source_ids)
        if source_ids and target is Side.EXTERNAL:
            await passes.note_written(session, pass_id)
    await passes.record_endings(session, scope, pass_id, effects.endings, at)
    await passes.add_counts(session, pass_id, effects.tally)
    await writes.supersede_links(session, pass_id, effects.undecided, Side.ALGUNA)
    await conflicts.reopen(session, scope, effects.undecided, at)
    await staging.ask(session, scope, effects.ask, "exists", at)
    if effects.recreate:
        await _ask_again(session, context, opened, effects)


async def _refuse_bound(session: AsyncSession, context: PassContext, effects: _Effects) -> None:
    """A record that is linked to another one already gets an error for a person, never a second link (I2)."""
    ours = await links.active(session, context.scope, Side.ALGUNA, [link.alguna_id for link in effects.made])
    theirs = await links.active(session, context.scope, Side.EXTERNAL, [link.external_id for link in effects.made])
    free: dict[str, NewLink] = {}
    for link in effects.made:
        bound = ours.get(link.alguna_id) or theirs.get(link.external_id)
        twin = free.get(link.external_id)
        if bound is None and twin is None:
            free[link.external_id] = link
        elif bound is None or (bound.alguna_id, bound.external_id) != (link.alguna_id, link.external_id):
            partner = bound or twin
            message = f"its partner is linked to {partner.alguna_id} / {partner.external_id} already" if partner else ""
            failure = RecordFailure(ErrorType.DUPLICATE, message)
            effects.failed.append(
                FailedRecord(Side.EXTERNAL, link.alguna_id, link.alguna_id, link.external_id, failure)
            )
    effects.made = list(free.values())


async def _mark(
    session: AsyncSession, context: PassContext, effects: _Effects, made: Mapping[str, int], chunk: int | None
) -> None:
    """Let the external record of a new link carry its marker, in the same pass."""
    unmarked = [link for link in effects.made if context.marks and not link.marked and link.rule == "created"]
    if chunk is None:
        effects.ask += [(Side.EXTERNAL, link.external_id) for link in unmarked]
        return
    at, marker = utc_now(), context.plan.marker or ""
    planned = [
        writes.Planned(
            key=writes.operation_key(
                context.scope, OperationKind.UPDATE, Side.EXTERNAL, link.alguna_id, link.generation, link.revision
            ),
            kind=OperationKind.UPDATE,
            target=Side.EXTERNAL,
            source_id=link.alguna_id,
            target_id=link.external_id,
            parent_id=None,
            values={marker: link.alguna_id},
            expected={},
            pending={},
            link_id=made[link.alguna_id],
            read_at=at,
        )
        for link in unmarked
    ]
    await writes.plan(session, context.scope, context.ref.pass_id, chunk, planned, at)


async def _restage(session: AsyncSession, context: PassContext, effects: _Effects) -> None:
    """Stage fresh records again under the links they have by now, together with what was staged of the other side."""
    restaged: list[tuple[Record, int | None]] = []
    for side in Side:
        records = [record for record in effects.restage if record.side is side]
        bound = await links.active(session, context.scope, side, [record.id for record in records])
        restaged += [(record, bound[record.id].id if record.id in bound else None) for record in records]
    await staging.put(session, context.scope, restaged, read_at=utc_now())
    await staging.release(session, [link_id for _, link_id in restaged if link_id is not None])


async def _remember(session: AsyncSession, context: PassContext, effects: _Effects) -> None:
    """Keep the outcome of records that stay without a link, under the digest they were staged with."""
    for side in Side:
        ids = [record_id for owner, record_id in effects.unlinked if owner is side]
        found = await staging.find(session, context.scope, side, ids)
        records = {
            record_id: (found[record_id].digest if record_id in found else "", *effects.unlinked[side, record_id][1:])
            for record_id in ids
        }
        await links.remember_unlinked(session, context.scope, side, records, context.config_version)


async def _ask_again(
    session: AsyncSession, context: PassContext, opened: Iterable[OpenOperation], effects: _Effects
) -> None:
    """Stage the source record of a target that is to be made anew."""
    sources = [item.operation for item in opened if item.link_id in set(effects.recreate)]
    await staging.ask(
        session, context.scope, [(item.target.other, item.source_id) for item in sources], "recreate", utc_now()
    )
