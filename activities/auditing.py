"""The audit of a pass: what was decided of each field, by which rule or person, from which values and times (I3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.decided import Pair, decider
from activities.engine import PassContext
from core.merge import Decision, MergeResult, SideView
from core.records import Side
from core.values import Value, is_blank
from store import trails
from store.trails import Trail
from store.writes import Planned

MARKER_RULE = "marker"


def trails_of(
    context: PassContext,
    pair: Pair,
    result: MergeResult,
    views: Mapping[Side, SideView],
    planned: Sequence[Planned],
) -> list[Trail]:
    """Return the trail of one merge: a decision of each field, and of a marker that is written over another value."""
    person = decider(pair.decision) if pair.decision else None
    decisions = [_entry(item, views, person) for item in result.decisions]
    decisions += _marker(context, pair, planned)
    return [Trail(pair.link.alguna_id, pair.link.external_id, decisions)] if decisions else []


async def store_trails(session: AsyncSession, context: PassContext, made: Sequence[Trail], at: datetime) -> None:
    """Keep what a pass decided, under the run that caused it."""
    await trails.record(session, context.scope, made, at, pass_id=context.ref.pass_id, run_id=context.ref.run_id)


def times_of(side: Side, modified_at: datetime | None, first_seen: datetime | None = None) -> dict[str, Value]:
    """When a side's value was written and when it was first seen there, as far as it is known."""
    entry: dict[str, Value] = {}
    if modified_at is not None:
        entry[f"{side}ModifiedAt"] = modified_at.isoformat()
    if first_seen is not None:
        entry[f"{side}FirstSeenAt"] = first_seen.isoformat()
    return entry


def _entry(item: Decision, views: Mapping[Side, SideView], person: str | None) -> dict[str, Value]:
    base = item.base
    entry: dict[str, Value] = {
        "field": item.field,
        "action": item.action.value,
        "rule": item.rule,
        "base": [base.alguna, base.external] if base else None,
        "alguna": item.alguna,
        "external": item.external,
    }
    for side in Side:
        entry |= times_of(side, views[side].modified_at, views[side].first_seen.get(item.field))
    if item.rule == "resolution" and person is not None:
        entry["by"] = person
    return entry


def _marker(context: PassContext, pair: Pair, planned: Sequence[Planned]) -> list[dict[str, Value]]:
    """Our own marker belongs to no mapping; where it replaces what someone put there, that is on record too."""
    staged, name = pair.staged.get(Side.EXTERNAL), context.plan.marker
    if staged is None or name is None or is_blank(staged.record.marker) or staged.record.marker == pair.link.alguna_id:
        return []
    if not any(item.target is Side.EXTERNAL and name in item.values for item in planned):
        return []
    return [
        {
            "field": name,
            "action": "to_external",
            "rule": MARKER_RULE,
            "base": None,
            "alguna": pair.link.alguna_id,
            "external": staged.record.marker,
        }
    ]
