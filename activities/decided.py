"""All that follows from merging one chunk, gathered so that it is stored in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities.engine import PassContext
from core.merge import FieldBase, adopt
from core.records import Side
from core.values import Value
from store.conflicts import Question
from store.deletions import Verdict
from store.endings import Ending
from store.errors import FailedRecord
from store.links import LinkState
from store.passes import Tally
from store.staging import StagedRecord
from store.trails import Trail
from store.writes import Planned


@dataclass(slots=True)
class Pair:
    """A link with the records of it that were staged, what a person decided, since when each side is known,
    and whether a person wants its error retried."""

    link: LinkState
    staged: dict[Side, StagedRecord]
    decision: Mapping[str, Any] | None
    read_at: Mapping[Side, datetime]
    retried: bool = False


@dataclass(slots=True)
class Decided:
    """All that follows from one chunk, gathered to be stored at once."""

    planned: list[Planned] = field(default_factory=list)
    links: list[LinkState] = field(default_factory=list)
    unlinked: list[tuple[int, Side | None]] = field(default_factory=list)
    """Links to end, with the side whose record is deleted (None: both are)."""
    lost: list[tuple[int, Side, Verdict]] = field(default_factory=list)
    """Links that go on although the record of a side is deleted."""
    parted: list[int] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    untroubled: list[str] = field(default_factory=list)
    failed: list[FailedRecord] = field(default_factory=list)
    remembered: dict[Side, dict[str, tuple[str, str, str | None]]] = field(
        default_factory=lambda: {side: {} for side in Side}
    )
    endings: list[Ending] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    parked: list[int] = field(default_factory=list)
    waits: dict[tuple[Side, str], str] = field(default_factory=dict)
    """Why parents have no link, as far as it is known, by their id on the side of their children."""
    unasked: list[str] = field(default_factory=list)
    """Subjects (`side:record id`) of which no match question is open any more."""
    merged: dict[Side, list[str]] = field(default_factory=lambda: {side: [] for side in Side})
    """Records whose every field was looked at: target side -> ids on the other."""
    agreed: dict[Side, list[str]] = field(default_factory=lambda: {side: [] for side in Side})
    """Records that need no write to a side: target side -> ids on the other. An error that was open is mended."""


def decider(decision: Mapping[str, Any]) -> str:
    """Return who made a person's decision, by the name of the API key."""
    return str(decision.get("by") or "a person")


def as_stored(
    context: PassContext, target: Side, pending: Mapping[str, FieldBase], values: Mapping[str, Value]
) -> dict[str, FieldBase]:
    """The bases with what the target will make of our values, as far as its connector knows."""
    names = {plan.alguna_field: plan.name(target) for plan in context.plan.fields}
    return {
        name: adopt(base, target, values[names[name]]) if names[name] in values else base
        for name, base in pending.items()
    }
