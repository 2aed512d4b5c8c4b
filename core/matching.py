"""Finding which records of the two sides are the same thing (I2): rules in order, exactly one hit or none, no guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core.enums import MatchType
from core.normalize import normalise
from core.plan import MatchPlan, MatchRulePlan
from core.records import Record, Side
from core.value_maps import key_text
from core.values import Value

MARKER: Final = -1
"""The rule index of what a marker decided."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """An unlinked record reduced to what matching needs: rule index -> normalised key, blanks left out.

    `marker` is the id of the other side's record that it says it belongs to.
    """

    side: Side
    id: str
    keys: Mapping[int, str]
    marker: str | None = None


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A record that could be several others. `candidates` are ids of the other side, sorted."""

    side: Side
    id: str
    candidates: tuple[str, ...]
    rule_index: int


@dataclass(frozen=True, slots=True)
class MatchOutcome:
    """Pairs (Alguna id, external id, rule index) and the records that wait for a person; the rest matched nothing.

    The rule index is `MARKER` for what a marker decided.
    """

    pairs: list[tuple[str, str, int]]
    ambiguous: list[Ambiguity]


def keys_of(record: Record, plan: MatchPlan) -> dict[int, str]:
    """Return the record's key per rule index, normalised; rules whose value is blank are left out.

    For an `external_id` rule the Alguna key is the record's id, and the external one the value of the field, or the
    record's marker where the connector read the field as such.
    """
    keys: dict[int, str] = {}
    for index, rule in enumerate(plan.rules):
        value = _value(record, rule)
        if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
            text = value if isinstance(value, str) else key_text(value)
            key = normalise(rule.normalize, text, rule.region)
            if key:
                keys[index] = key
    return keys


def keyed(record: Record, plan: MatchPlan) -> Keyed:
    """Reduce a record to what matching needs."""
    return Keyed(record.side, record.id, keys_of(record, plan), record.marker)


def within(record: Keyed, parent: str | None) -> Keyed:
    """Return the record with keys that are equal only for records of the same parent; without a parent it has none."""
    keys = {} if parent is None else {rule: f"{parent} {key}" for rule, key in record.keys.items()}
    return replace(record, keys=keys)


def match(unlinked: Sequence[Keyed], rules: int) -> MatchOutcome:
    """Pair unlinked records by marker, then by rules 0 … `rules` - 1. The order of the input does not matter.

    A marker that names no record among these says nothing. Two records with the same marker (somebody copied one), or
    markers that contradict each other, are ambiguous.

    Exactly one record on each side for a key is a pair, and both are done. Several on either side make all of them
    ambiguous: no later rule tries them, but they still count as candidates there, since a record that could be one
    of them must not be paired with another, nor created anew, on a guess.
    """
    waiting = {(item.side, item.id): item for item in unlinked}
    pairs: list[tuple[str, str, int]] = []
    held: dict[tuple[Side, str], Ambiguity] = {}
    _match_markers(waiting, pairs, held)
    for index in range(rules):
        for group in _groups(waiting.values(), index):
            ours, theirs = group[Side.ALGUNA], group[Side.EXTERNAL]
            if not ours or not theirs:
                continue
            if len(ours) == len(theirs) == 1 and not {(Side.ALGUNA, *ours), (Side.EXTERNAL, *theirs)} & held.keys():
                pairs.append((ours[0], theirs[0], index))
                del waiting[Side.ALGUNA, ours[0]], waiting[Side.EXTERNAL, theirs[0]]
            else:
                _hold(held, Side.ALGUNA, ours, theirs, index)
                _hold(held, Side.EXTERNAL, theirs, ours, index)
    return MatchOutcome(sorted(pairs), sorted(held.values(), key=lambda item: (item.side, item.id)))


def _match_markers(
    waiting: dict[tuple[Side, str], Keyed], pairs: list[tuple[str, str, int]], held: dict[tuple[Side, str], Ambiguity]
) -> None:
    """Pair records of which a marker names the other, and neither is claimed by a third."""
    claims: dict[tuple[Side, str], set[str]] = {}
    for (side, record_id), item in waiting.items():
        if item.marker is not None and (side.other, item.marker) in waiting:
            claims.setdefault((side, record_id), set()).add(item.marker)
            claims.setdefault((side.other, item.marker), set()).add(record_id)
    for (side, record_id), partners in claims.items():
        if any(len(claims[side.other, partner]) > 1 for partner in partners) or len(partners) > 1:
            _hold(held, side, [record_id], sorted(partners), MARKER)
        elif side is Side.ALGUNA:
            (partner,) = partners
            pairs.append((record_id, partner, MARKER))
            del waiting[Side.ALGUNA, record_id], waiting[Side.EXTERNAL, partner]


def _value(record: Record, rule: MatchRulePlan) -> Value:
    if rule.type is MatchType.FIELD:
        return record.fields.get(rule.alguna_field if record.side is Side.ALGUNA else rule.external_field)
    if record.side is Side.ALGUNA:
        return record.id
    return record.fields.get(rule.external_field) or record.marker


def _groups(items: Iterable[Keyed], index: int) -> list[dict[Side, list[str]]]:
    """Return the ids that share a key of this rule, per side, sorted."""
    groups: dict[str, dict[Side, list[str]]] = {}
    for item in items:
        key = item.keys.get(index)
        if key is not None:
            groups.setdefault(key, {Side.ALGUNA: [], Side.EXTERNAL: []})[item.side].append(item.id)
    for group in groups.values():
        for ids in group.values():
            ids.sort()
    return list(groups.values())


def _hold(
    held: dict[tuple[Side, str], Ambiguity], side: Side, ids: list[str], candidates: list[str], index: int
) -> None:
    shared = tuple(candidates)
    for record_id in ids:
        held.setdefault((side, record_id), Ambiguity(side, record_id, shared, index))
