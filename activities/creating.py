"""What follows for a record without a partner: it is created on the other side, parked, or skipped (I2, I6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from activities.auditing import times_of
from activities.decided import Decided, as_stored
from activities.engine import PassContext
from activities.filtering import outside_reason
from activities.intake import revivable
from activities.relating import unlinked_reason
from core.causes import texts_of
from core.config import given_options
from core.merge import FieldBase, SideView, create
from core.records import PARENT_OF, Entity, OperationKind, Side
from core.values import Value
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState
from store.parked import waits_for
from store.scope import Scope
from store.staging import StagedRecord
from store.trails import Trail
from store.writes import Planned, operation_key

_ORPHAN = {Entity.PAYMENTS: "settles no invoice"}


def decide_alone(
    context: PassContext,
    decided: Decided,
    item: StagedRecord,
    parents: Mapping[str, LinkState],
    tomb: LinkState | None,
) -> None:
    """Create the partner of a record that has none, park it, or say why not."""
    record, target = item.record, item.record.side.other
    decided.unasked.append(f"{record.side}:{record.id}")
    if record.deleted:
        decided.endings.append(_ending(item, "skipped", "deleted before it had a partner"))
        decided.agreed[target].append(record.id)
        return
    if context.plan.filters.excludes(record):
        _skip(decided, item, outside_reason(record.side))
        return
    if tomb is not None and not revivable(tomb, record.side):
        _skip(decided, item, "unlinked before; link it again to sync it")
        return
    if record.unready is not None:
        _skip(decided, item, record.unready)
        return
    if not context.reaches(target):
        # Without a digest it is not taken for settled: the next pass that may create it looks at it again.
        _skip(decided, replace(item, digest=""), "waits for a sync in both directions")
        return
    if target is Side.EXTERNAL and context.unmarkable:
        _skip(decided, replace(item, digest=""), "waits for the field that carries our id")
        return
    if not context.may_create(target):
        _skip(decided, item, "no partner found, and creating one is switched off or not possible")
        decided.agreed[target].append(record.id)
        return
    parent_id: str | None = None
    if PARENT_OF.get(context.ref.entity) is not None:
        if record.parent_id is None:
            _skip(decided, item, _ORPHAN.get(context.ref.entity, "belongs to no account"))
            return
        parent = parents.get(record.parent_id)
        if parent is None:
            decided.parked.append(item.row_id)
            scope = Scope(context.scope.integration_id, PARENT_OF[context.ref.entity])
            why = unlinked_reason(context, decided.waits.get((record.side, record.parent_id)))
            decided.endings.append(_ending(item, "parked", waits_for(scope, record.parent_id, why)))
            return
        parent_id = parent.id_on(target)
    _create(context, decided, item, parent_id, tomb.generation + 1 if tomb else 0)


def _create(context: PassContext, decided: Decided, item: StagedRecord, parent_id: str | None, generation: int) -> None:
    record, target = item.record, item.record.side.other
    result = create(context.plan, record.side, SideView(record.fields, record.modified_at, record.modified_by_us))
    decided.merged[target].append(record.id)
    if result.failures:
        ours = record.side is Side.ALGUNA
        for failure in result.failures:
            decided.failed.append(
                FailedRecord(
                    target,
                    record.id,
                    record.id if ours else None,
                    None if ours else record.id,
                    failure,
                    place=failure.field or "",
                    digest=item.digest,
                    texts=texts_of(record.fields),
                )
            )
            decided.endings.append(_ending(item, "failed", failure.message, [failure.field or ""]))
        decided.remembered[record.side][record.id] = (item.digest, "error", result.failures[0].message)
        return
    values = context.connectors[target].normalise(context.ref.entity, result.values)
    if context.ref.entity is Entity.ACCOUNTS and target is Side.ALGUNA and context.currency is not None:
        values.setdefault("currency", context.currency)
    chosen = given_options(context.config.entity_options.get(context.ref.entity))
    for option, name in context.facts[target].option_fields.items():
        if option in chosen:
            values.setdefault(name, chosen[option])
    pending = _unwritten(context, target, item) | {
        name: replace(base, unconfirmed=None)
        for name, base in as_stored(context, target, result.pending, values).items()
    }
    decided.planned.append(
        Planned(
            key=operation_key(context.scope, OperationKind.CREATE, target, record.id, generation, 0),
            kind=OperationKind.CREATE,
            target=target,
            source_id=record.id,
            target_id=None,
            parent_id=parent_id,
            values=values,
            expected={},
            pending=pending,
            link_id=None,
            read_at=item.read_at,
            generation=generation,
        )
    )
    moves: list[dict[str, Value]] = [
        {
            "field": name,
            "action": "create",
            "rule": "create",
            "base": None,
            "alguna": base.alguna,
            "external": base.external,
            **times_of(record.side, record.modified_at),
        }
        for name, base in pending.items()
    ]
    ours = record.side is Side.ALGUNA
    decided.trails.append(Trail(record.id if ours else None, None if ours else record.id, moves))


def _unwritten(context: PassContext, target: Side, item: StagedRecord) -> dict[str, FieldBase]:
    """Bases of mapped fields that the create does not write.

    What a new record shows in them is the system's own default, no edit of a person: it is taken as it is, so that it
    never travels back over the record it was created from.
    """
    bases: dict[str, FieldBase] = {}
    for plan in context.plan.fields:
        if plan.direction is None:
            continue
        value = item.record.fields.get(plan.name(target.other))
        ours, theirs = (value, None) if target is Side.EXTERNAL else (None, value)
        bases[plan.alguna_field] = FieldBase(ours, theirs, drift=not plan.flows_to(target))
    return bases


def _skip(decided: Decided, item: StagedRecord, reason: str) -> None:
    record = item.record
    decided.remembered[record.side][record.id] = (item.digest, "skipped", reason)
    decided.endings.append(_ending(item, "skipped", reason))


def _ending(item: StagedRecord, outcome: str, reason: str, fields: Sequence[str] = ()) -> Ending:
    record = item.record
    if record.side is Side.ALGUNA:
        return Ending(Side.EXTERNAL, outcome, alguna_id=record.id, reason=reason, fields=fields)
    return Ending(Side.ALGUNA, outcome, external_id=record.id, reason=reason, fields=fields)
