"""The audit of a merge: what was decided of each field, by which rule or person, from which values and times (I3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities.decided import Pair
from activities.engine import PassContext
from core.merge import Decision, MergeResult, SideView
from core.records import Side
from core.values import Value, is_blank
from store.passes import Trail
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
    person = str(pair.decision.get("by") or "a person") if pair.decision else "a person"
    decisions = [_entry(item, views, person) for item in result.decisions]
    decisions += _marker(context, pair, planned)
    return [Trail(pair.link.alguna_id, pair.link.external_id, decisions)] if decisions else []


def _entry(item: Decision, views: Mapping[Side, SideView], person: str) -> dict[str, Value]:
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
        view = views[side]
        first_seen = view.first_seen.get(item.field)
        if view.modified_at is not None:
            entry[f"{side}ModifiedAt"] = view.modified_at.isoformat()
        if first_seen is not None:
            entry[f"{side}FirstSeenAt"] = first_seen.isoformat()
    if item.rule == "resolution":
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
