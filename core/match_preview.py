"""What matching would make of unlinked records: pairs, questions, and those left over with what comes nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.matching import MARKER, Ambiguity, Keyed, match
from core.plan import MatchPlan
from core.records import Side
from core.similarity import Proposal, proposals, ranked

MOST_CANDIDATES = 20
_MOST_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Open:
    """A record that finds no partner by itself, with the records of the other side that it could be."""

    side: Side
    id: str
    candidates: Sequence[Proposal]


@dataclass(frozen=True, slots=True)
class Preview:
    """`matched`: (Alguna id, external id, rule index or `MARKER`). `unmatched` is by side."""

    matched: Sequence[tuple[str, str, int]]
    ambiguous: Sequence[Open]
    unmatched: Mapping[Side, Sequence[Open]]


def preview(unlinked: Sequence[Keyed], bound: Mapping[tuple[Side, str], str], plan: MatchPlan) -> Preview:
    """Match unlinked records of both sides; nothing is stored.

    `bound` are records with a link that markers of these name (a copied marker), with their partners.
    """
    outcome = match(unlinked, len(plan.rules))
    by_place = {(one.side, one.id): one for one in unlinked}
    paired = {(side, pair[index]) for pair in outcome.pairs for index, side in enumerate(Side)}
    copied = [
        Ambiguity(one.side, one.id, (one.marker,), MARKER)
        for place, one in by_place.items()
        if place not in paired and one.marker is not None and (one.side.other, one.marker) in bound
    ]
    known = {(item.side, item.id) for item in copied}
    held = [*copied, *(item for item in outcome.ambiguous if (item.side, item.id) not in known)]
    done = paired | {(item.side, item.id) for item in held}
    rest = {side: [one for place, one in by_place.items() if place[0] is side and place not in done] for side in Side}
    free = {side: rest[side] for side in Side}
    unmatched = {}
    for side in Side:
        near = proposals(free[side], free[side.other], plan)
        unmatched[side] = [Open(side, one.id, near.get(one.id, [])) for one in free[side]]
    return Preview(outcome.pairs, [_open(item, by_place, plan) for item in held], unmatched)


def _open(item: Ambiguity, by_place: Mapping[tuple[Side, str], Keyed], plan: MatchPlan) -> Open:
    other = item.side.other
    candidates = [by_place.get((other, one), Keyed(other, one, {})) for one in item.candidates[:_MOST_COMPARED]]
    return Open(item.side, item.id, ranked(by_place[item.side, item.id], candidates, plan, least=0)[:MOST_CANDIDATES])
