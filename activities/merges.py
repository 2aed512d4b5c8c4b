"""Records that people have merged: the link moves to the record that lives on (P13).

Where that one is linked too, only its own link remains, and a person is told which two Alguna (or external) records
now share one partner. Nothing is ever written to the id that is dead, and nothing is made anew for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from activities.auditing import store_trails
from activities.engine import Engine, PassContext
from core.errors import ErrorType, RecordFailure
from core.records import Side
from core.values import Value
from store import deletions, endings, errors, links, passes, staging
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState
from store.passes import Tally
from store.staging import StagedRecord
from store.trails import Trail, about_record
from store.types import utc_now


async def follow_merges(engine: Engine, context: PassContext) -> bool:
    """Move the links of staged records that were merged into others; return whether there were any.

    The records that live on are asked for, so that they are read, and followed if they were merged as well.
    """
    async with engine.turn(context) as session:
        merged = await staging.merged(session, context.scope)
        states = await links.by_ids(session, [item.link_id for item in merged if item.link_id is not None])
        for side in Side:
            await _follow(session, context, side, [item for item in merged if item.record.side is side], states)
        await staging.drop(session, [item.row_id for item in merged])
    return bool(merged)


async def _follow(
    session: AsyncSession,
    context: PassContext,
    side: Side,
    merged: Sequence[StagedRecord],
    states: Mapping[int, LinkState],
) -> None:
    scope, at = context.scope, utc_now()
    winners = {item.record.merged_into for item in merged if item.record.merged_into}
    bound = await links.active(session, scope, side, sorted(winners))
    partners = [state.id_on(side.other) for item in merged if (state := states.get(item.link_id or 0))]
    staged = await staging.find(session, scope, side.other, partners)
    asked: list[tuple[Side, str]] = []
    twins: list[tuple[LinkState, LinkState]] = []
    trails, tally = list[Trail](), Tally()
    for item in merged:
        link, winner = states.get(item.link_id or 0), item.record.merged_into or ""
        if link is None or link.status != "active":
            continue
        partner = staged.get(link.id_on(side.other))
        if link.gone is side.other or (partner is not None and partner.record.deleted):
            await links.tombstone(session, [link.id], "merged away, and deleted on the other side")
            await staging.drop_link(session, link.id)
            continue
        other = bound.get(winner)
        if other is not None:
            twins.append((link, other))
            continue
        await links.forget_unlinked(session, scope, side, [winner])
        await deletions.move(session, link.id, side, winner)
        await staging.adopt(session, scope, side, winner, link.id)
        trails.append(_trail(link, side, winner))
        tally.note("merged")
        asked += [(side, winner), (side.other, link.id_on(side.other))]
        bound[winner] = link
    await staging.ask(session, scope, asked, "merged", at)
    await _end_twins(session, context, side, twins)
    trails += [_trail(link, side, other.id_on(side)) for link, other in twins]
    await store_trails(session, context, trails, at)
    await passes.add_counts(session, context.ref.pass_id, tally)


async def _end_twins(
    session: AsyncSession, context: PassContext, side: Side, twins: Sequence[tuple[LinkState, LinkState]]
) -> None:
    """End the links whose record was merged into one that has a partner of its own, and tell a person."""
    if not twins:
        return
    target, ended, failed = side, list[Ending](), list[FailedRecord]()
    run_id = context.ref.run_id
    for link, other in twins:
        ours, theirs = link.id_on(side.other), other.id_on(side.other)
        message = (
            f"{link.id_on(side)} was merged into {other.id_on(side)} on the {side} side, linked with {theirs}; "
            f"{ours} has no partner any more: merge {ours} and {theirs}, or ignore this"
        )
        failure = RecordFailure(ErrorType.DUPLICATE, message)
        failed.append(FailedRecord(target, ours, link.alguna_id, link.external_id, failure))
        ended.append(Ending(target, "failed", link.alguna_id, link.external_id, message))
        reason = f"merged into {other.id_on(side)}, which is linked with {theirs}"
        await links.tombstone(session, [link.id], reason, gone=side)
        await staging.drop_link(session, link.id)
    await errors.open_errors(session, context.scope, run_id, failed, utc_now())
    await endings.record(session, context.scope, context.ref.pass_id, ended, utc_now())


def _trail(link: LinkState, side: Side, winner: str) -> Trail:
    ids: dict[str, Value] = {side.value: [link.id_on(side), winner]}
    return about_record(link.alguna_id, link.external_id, "merged", "merged", **ids)
