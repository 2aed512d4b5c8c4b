"""Record filters at work: a linked pair of which one record is outside its filter rests, as `onLeave` says (P26).

The link knows which sides are outside, so that entering is noticed although only a field changed that nothing maps. Its
base stays: what people edited meanwhile is merged when the pair is complete again, and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from activities.decided import Decided, Pair
from activities.engine import PassContext
from core.filters import OnLeave
from core.records import OperationKind, Record, Side
from store import links, parting
from store.endings import Ending
from store.links import LinkState
from store.trails import about_record
from store.types import utc_now
from store.writes import Planned, operation_key


def sides_outside(context: PassContext, link: LinkState, records: Iterable[Record]) -> list[str]:
    """The sides of a link that are outside their filter, as far as these records show; else as known before."""
    outside = set(link.outside)
    for record in records:
        inside = None if record.deleted else context.plan.filters.judge(record)
        if inside is not None:
            (outside.discard if inside else outside.add)(record.side.value)
    return sorted(outside)


def strays(context: PassContext, link: LinkState, record: Record) -> bool:
    """Whether a record has left its filter or entered it since it was last looked at."""
    return sides_outside(context, link, [record]) != sorted(link.outside)


def rests(context: PassContext, decided: Decided, pair: Pair) -> bool:
    """Say whether a linked pair is outside a filter, and decide what follows from leaving it."""
    link = pair.link
    before = link.outside
    link.outside = sides_outside(context, link, [item.record for item in pair.staged.values()])
    if not link.outside:
        return False
    left = Side(link.outside[0])
    target, on_leave = left.other, context.plan.filters.on_leave
    if on_leave is OnLeave.ARCHIVE and not context.reaches(target):
        # This run may not touch the partner: the pair leaves with the next run that may.
        link.outside = before
    elif on_leave is OnLeave.ARCHIVE:
        decided.planned.append(_archive(context, pair, target))
    elif on_leave is OnLeave.UNLINK:
        decided.parted.append(link.id)
    if link.outside != before:
        trail = about_record(link.alguna_id, link.external_id, "left_filter", on_leave.value, side=left.value)
        decided.trails.append(trail)
    decided.links.append(link)
    decided.untroubled.append(str(link.id))
    for side in Side:
        decided.agreed[side].append(link.id_on(side.other))
    for side in {target, *(side.other for side in pair.staged)}:
        decided.endings.append(Ending(side, "skipped", link.alguna_id, link.external_id, outside_reason(left)))
    return True


def outside_reason(side: Side | str) -> str:
    """Why a record is skipped that is outside the filter of a side."""
    return f"outside the filter of the {side} side"


def _archive(context: PassContext, pair: Pair, target: Side) -> Planned:
    link, kind = pair.link, OperationKind.ARCHIVE
    source_id, staged = link.id_on(target.other), pair.staged.get(target)
    return Planned(
        key=operation_key(context.scope, kind, target, source_id, link.generation, link.revision),
        kind=kind,
        target=target,
        source_id=source_id,
        target_id=link.id_on(target),
        parent_id=None,
        values={},
        expected={},
        pending={},
        link_id=link.id,
        read_at=staged.read_at if staged else pair.read_at[target],
    )


@dataclass(slots=True)
class Parted:
    """Records whose pair was taken apart by a filter: those that find together again, and those that stay apart."""

    rejoined: dict[str, int] = field(default_factory=dict)
    """Record id -> link id."""
    apart: set[str] = field(default_factory=set)


async def reunite(
    session: AsyncSession,
    context: PassContext,
    side: Side,
    records: Sequence[Record],
    tombs: Mapping[str, LinkState],
) -> Parted:
    """Link again the pairs that a filter took apart and that are inside again; the others stay apart.

    `tombs`: the tombstones of the records by id. A pair of which one record has another partner by now is given up, so
    that the other may find one of its own.
    """
    found = Parted()
    back: dict[str, LinkState] = {}
    for record in records:
        tomb = tombs.get(record.id)
        if tomb is None or tomb.rule != parting.PARTED:
            continue
        outside = sides_outside(context, tomb, [record])
        if not outside and not record.deleted:
            back[record.id] = tomb
            continue
        found.apart.add(record.id)
        if outside != tomb.outside:
            tomb.outside = outside
            await links.save(session, [tomb], at=utc_now())
    if back:
        partners = [tomb.id_on(side.other) for tomb in back.values()]
        taken = await links.active(session, context.scope, side.other, partners)
        free = {key: tomb for key, tomb in back.items() if tomb.id_on(side.other) not in taken}
        given_up = [tomb.id for key, tomb in back.items() if key not in free]
        await links.tombstone(session, given_up, "its partner found another", recreate=True)
        await parting.rejoin(session, [tomb.id for tomb in free.values()])
        found.rejoined = {key: tomb.id for key, tomb in free.items()}
    return found
