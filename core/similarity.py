"""How alike two records are, and why: to propose candidates to a person. Never used to link records by itself (I2).

Records are compared by their match keys, so nothing has to be read again. Proposals are found within blocks of records
that share something cheap (a word of the name, a domain, the end of a number), never by comparing all with all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from core.enums import MatchType, Normalize
from core.matching import Keyed
from core.normalize import domain_of, is_free_mail
from core.plan import MatchPlan, MatchRulePlan

LEAST_SCORE: Final = 0.5
"""A proposal less alike than this is not shown."""

_LEAST_NAME: Final = 0.75
_BLOCK_LIMIT: Final = 50
_SHORT_WORD: Final = 3
_NUMBER_END: Final = 7
# How much an equal key of each kind says that two records are the same thing.
_WEIGHT: Final = {
    Normalize.EMAIL: 0.95,
    Normalize.TAX_ID: 0.95,
    Normalize.PHONE: 0.8,
    Normalize.NAME: 0.8,
    Normalize.DOMAIN: 0.6,
}
_MARKER_WEIGHT: Final = 0.95
_PLAIN_WEIGHT: Final = 0.8
_SAME_DOMAIN_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` from 0 to 1; `reasons` in words, the strongest first: `same email`, `name 93 % similar`."""

    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A record of the other side that could be the same thing."""

    id: str
    likeness: Likeness


def likeness(one: Keyed, other: Keyed, plan: MatchPlan) -> Likeness:
    """Compare two records by their markers and match keys. The reasons speak of the other one.

    Each thing in common raises the score by its weight of what is still missing to 1.
    """
    found: list[tuple[float, str]] = []
    if other.marker == one.id:
        found.append((_MARKER_WEIGHT, "carries this record's id"))
    if one.marker == other.id:
        found.append((_MARKER_WEIGHT, "named by this record's marker"))
    for index, rule in enumerate(plan.rules):
        if index in one.keys and index in other.keys:
            found += _compare(rule, one.keys[index], other.keys[index])
    missing = 1.0
    for weight, _ in found:
        missing *= 1 - weight
    found.sort(key=lambda item: (-item[0], item[1]))
    return Likeness(round(1 - missing, 2), tuple(dict.fromkeys(reason for _, reason in found)))


def proposals(
    records: Sequence[Keyed], others: Sequence[Keyed], plan: MatchPlan, *, most: int = 3
) -> dict[str, list[Proposal]]:
    """Return for each record the records of the other side most like it: record id -> at most `most`, best first."""
    blocks: dict[str, list[int]] = {}
    for place, other in enumerate(others):
        for block in _blocks(other.keys, plan):
            blocks.setdefault(block, []).append(place)
    found: dict[str, list[Proposal]] = {}
    for record in records:
        # A block that everybody is in says nothing.
        near = [blocks.get(block, []) for block in set(_blocks(record.keys, plan))]
        shared = Counter(place for places in near if len(places) <= _BLOCK_LIMIT for place in places)
        likely = (others[place] for place, _ in shared.most_common(_BLOCK_LIMIT))
        if best := ranked(record, likely, plan)[:most]:
            found[record.id] = best
    return found


def ranked(record: Keyed, candidates: Iterable[Keyed], plan: MatchPlan, least: float = LEAST_SCORE) -> list[Proposal]:
    """Return the candidates that are at least so much like the record, the most like first."""
    made = [Proposal(one.id, likeness(record, one, plan)) for one in candidates]
    return sorted(
        (one for one in made if one.likeness.score >= least), key=lambda item: (-item.likeness.score, item.id)
    )


def _compare(rule: MatchRulePlan, one: str, other: str) -> Iterator[tuple[float, str]]:
    label = rule.alguna_field
    if rule.type is MatchType.EXTERNAL_ID:
        yield from [(_MARKER_WEIGHT, "carries this record's id")] if one == other else []
    elif one == other:
        yield _WEIGHT.get(rule.normalize, _PLAIN_WEIGHT), f"same {label}"
    elif rule.normalize is Normalize.NAME:
        similar = fuzz.token_sort_ratio(one, other) / 100
        if similar >= _LEAST_NAME:
            yield _WEIGHT[Normalize.NAME] * similar, f"{label} {int(similar * 100)} % similar"
    elif rule.normalize is Normalize.EMAIL:
        host = domain_of(one)
        if host and host == domain_of(other) and not is_free_mail(host):
            yield _SAME_DOMAIN_WEIGHT, "same domain"


def _blocks(keys: Mapping[int, str], plan: MatchPlan) -> Iterator[str]:
    """The cheap things that records worth comparing have in common."""
    for index, rule in enumerate(plan.rules):
        key = keys.get(index)
        if key is None:
            continue
        if rule.normalize is Normalize.NAME:
            yield from {f"{index}:{word}" for word in key.split() if len(word) > _SHORT_WORD}
            yield f"{index}^{key.replace(' ', '')[:4]}"
        elif rule.normalize is Normalize.EMAIL:
            host = domain_of(key)
            if host and not is_free_mail(host):
                yield f"@{host}"
        elif rule.normalize is Normalize.DOMAIN:
            yield f"@{key}"
        elif rule.normalize is Normalize.PHONE:
            yield f"{index}#{key[-_NUMBER_END:]}"
        else:
            yield f"{index}={key}"
