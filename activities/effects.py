"""What the results of one request change, gathered, and stored in one transaction (I2, I6, I7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from activities.engine import PassContext
from activities.rehearsal import show_changes
from activities.relating import with_parents
from core.errors import ErrorType, RecordFailure
from core.records import OperationKind, Record, Side
from store import conflicts, endings, errors, links, passes, staging, writes
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState, NewLink
from store.passes import Tally
from store.types import utc_now
from store.writes import OpenOperation


@dataclass(frozen=True, slots=True)
class Made:
    """A link that a create made, or found to be there: `created` or `linked`; what a person reads of it."""

    link: NewLink
    target: Side
    outcome: str
    reason: str | None = None
    fields: Sequence[str] = ()

    @property
    def source_id(self) -> str:
        """The id of the record that was to be brought to the target."""
        return self.link.alguna_id if self.target is Side.EXTERNAL else self.link.external_id


@dataclass(slots=True)
class Effects:
    """What the results of one request change, gathered before it is stored."""

    tally: Tally = field(default_factory=Tally)
    endings: list[Ending] = field(default_factory=list)
    failed: list[FailedRecord] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    moved: dict[int, LinkState] = field(default_factory=dict)
    gone: list[tuple[int, Side]] = field(default_factory=list)
    """Links to end, with the side whose record is deleted."""
    left: list[tuple[int, Side]] = field(default_factory=list)
    """Links whose target on that side was archived by a filter."""
    recreate: list[tuple[int, Side]] = field(default_factory=list)
    """Links whose target on that side is to be made anew."""
    restage: list[Record] = field(default_factory=list)
    reached: dict[Side, list[str]] = field(default_factory=lambda: {side: [] for side in Side})
    states: dict[str, list[int]] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Links of which a write was refused: an answer that it was to carry out is asked for again."""
    undecided: list[int] = field(default_factory=list)
    """Of these the ones whose answer was to go to both sides."""
    ask: list[tuple[Side, str]] = field(default_factory=list)
    kept: list[tuple[Side, str]] = field(default_factory=list)
    """Records that stay staged for the next pass."""
    unlinked: dict[tuple[Side, str], tuple[str, str, str | None]] = field(default_factory=dict)

    def end(self, state: str, operation_id: int) -> None:
        self.states.setdefault(state, []).append(operation_id)


async def store_effects(
    session: AsyncSession,
    context: PassContext,
    opened: Iterable[OpenOperation],
    effects: Effects,
    chunk: int | None,
) -> None:
    scope, pass_id, at = context.scope, context.ref.pass_id, utc_now()
    run_id = context.ref.run_id
    for state, ids in effects.states.items():
        await writes.finish(session, ids, state)
    await writes.plan_again(session, effects.again)
    await _refuse_bound(session, context, effects)
    if context.ref.dry_run:
        await show_changes(session, context, list(opened), effects.endings)
    new = await with_parents(session, context, opened, [item.link for item in effects.made])
    made = await links.add(session, scope, new, config_version=context.config_version, at=at)
    if chunk is None:
        await _join_staged(session, context, effects, made)
    await _mark(session, context, effects, made, chunk)
    await links.save(session, effects.moved.values(), at=at)
    for side in Side:
        ended = [link_id for link_id, gone in effects.gone if gone is side]
        await links.tombstone(session, ended, f"deleted on the {side} side", gone=side)
        left = [link_id for link_id, gone in effects.left if gone is side]
        await links.tombstone(session, left, "archived: outside a filter", gone=side, recreate=True)
        anew = [link_id for link_id, gone in effects.recreate if gone is side]
        await links.tombstone(session, anew, "gone; to be made anew", gone=side, recreate=True)
    parted = [str(link_id) for link_id, _ in (*effects.gone, *effects.left, *effects.recreate)]
    await conflicts.close(session, scope, "fields", parted, "closed")
    await _remember(session, context, effects)
    await staging.keep(session, scope, pass_id, effects.kept)
    await _restage(session, context, effects)
    await errors.open_errors(session, scope, run_id, effects.failed, at)
    for target, source_ids in effects.reached.items():
        await errors.close_errors(session, scope, target, source_ids, run_id, errors.of_writes())
        if source_ids and target is Side.EXTERNAL:
            await passes.note_written(session, pass_id)
    await endings.record(session, scope, pass_id, effects.endings, at, chunk=chunk, tally=effects.tally)
    await writes.supersede_links(session, pass_id, effects.undecided, Side.ALGUNA)
    await conflicts.reopen(session, scope, effects.refused, at)
    await staging.ask(session, scope, effects.ask, "exists", at, context.ref.direction)
    if effects.recreate:
        await _ask_again(session, context, opened, effects)


async def _refuse_bound(session: AsyncSession, context: PassContext, effects: Effects) -> None:
    """Count what was made. A record linked to another one already becomes an error for a person, never a second link.

    (I2, I6.)
    """
    new = [item.link for item in effects.made]
    ours = await links.active(session, context.scope, Side.ALGUNA, [link.alguna_id for link in new])
    theirs = await links.active(session, context.scope, Side.EXTERNAL, [link.external_id for link in new])
    kept: list[Made] = []
    pairs: dict[tuple[Side, str], tuple[str, str]] = {}
    for bound in (*ours.values(), *theirs.values()):
        pairs |= _ends(bound.alguna_id, bound.external_id)
    for item in effects.made:
        pair = (item.link.alguna_id, item.link.external_id)
        ends = _ends(*pair)
        partner = next((pairs[end] for end in ends if end in pairs), None)
        if partner is None:
            kept.append(item)
            pairs |= ends
        if partner is None or partner == pair:
            _count(effects, item)
        else:
            _refuse(effects, item, partner)
    effects.made = kept


def _ends(alguna_id: str, external_id: str) -> dict[tuple[Side, str], tuple[str, str]]:
    pair = (alguna_id, external_id)
    return {(Side.ALGUNA, alguna_id): pair, (Side.EXTERNAL, external_id): pair}


def _count(effects: Effects, item: Made) -> None:
    link = item.link
    effects.tally.note("linked")
    effects.endings.append(
        Ending(item.target, item.outcome, link.alguna_id, link.external_id, item.reason, item.fields)
    )
    effects.reached[item.target].append(item.source_id)


def _refuse(effects: Effects, item: Made, partner: tuple[str, str]) -> None:
    link = item.link
    message = f"its partner is linked to {partner[0]} / {partner[1]} already"
    failure = RecordFailure(ErrorType.DUPLICATE, message)
    effects.failed.append(FailedRecord(item.target, item.source_id, link.alguna_id, link.external_id, failure))
    effects.endings.append(Ending(item.target, "failed", link.alguna_id, link.external_id, message))
    effects.unlinked[item.target.other, item.source_id] = ("", "error", message)


async def _join_staged(session: AsyncSession, context: PassContext, effects: Effects, made: Mapping[str, int]) -> None:
    """Tell what is still staged of the records of new links: a later pass must not make their partners again.

    Rows of the chunk in work end with it; those of a pass that died, whose writes are settled, would be new records.
    """
    rows: dict[int, int] = {}
    for side in Side:
        ids = {item.link.alguna_id if side is Side.ALGUNA else item.link.external_id: item for item in effects.made}
        staged = await staging.find(session, context.scope, side, sorted(ids))
        rows |= {one.row_id: made[ids[record_id].link.alguna_id] for record_id, one in staged.items()}
    await staging.link(session, rows)


async def _mark(
    session: AsyncSession, context: PassContext, effects: Effects, made: Mapping[str, int], chunk: int | None
) -> None:
    """Let the external record of a new link carry its marker, in the same pass."""
    new = [item.link for item in effects.made]
    unmarked = [link for link in new if context.marks and not link.marked and link.rule == "created"]
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


async def _restage(session: AsyncSession, context: PassContext, effects: Effects) -> None:
    """Stage fresh records again under the links they have by now, together with what was staged of the other side."""
    restaged: list[tuple[Record, int | None]] = []
    for side in Side:
        records = [record for record in effects.restage if record.side is side]
        bound = await links.active(session, context.scope, side, [record.id for record in records])
        restaged += [(record, bound[record.id].id if record.id in bound else None) for record in records]
        # A pass that died may have staged the partner before there was a link; without it, it would be made again.
        partners = {link.id_on(side.other): link.id for link in bound.values()}
        waiting = await staging.find(session, context.scope, side.other, sorted(partners))
        lone = {item.row_id: partners[record_id] for record_id, item in waiting.items() if item.link_id is None}
        await staging.link(session, lone)
    await staging.put(session, context.scope, restaged, read_at=utc_now())
    await staging.release(session, [link_id for _, link_id in restaged if link_id is not None])


async def _remember(session: AsyncSession, context: PassContext, effects: Effects) -> None:
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
    session: AsyncSession, context: PassContext, opened: Iterable[OpenOperation], effects: Effects
) -> None:
    """Stage the source record of a target that is to be made anew."""
    anew = {link_id for link_id, _ in effects.recreate}
    asked = [(item.operation.target.other, item.operation.source_id) for item in opened if item.link_id in anew]
    await staging.ask(session, context.scope, asked, "recreate", utc_now(), context.ref.direction)
