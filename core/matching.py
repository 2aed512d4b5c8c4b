"""Finding which records of the two sides are the same thing (I2): rules in order, exactly one hit or none, no guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.plan import MatchPlan
from core.records import Record, Side


@dataclass(frozen=True, slots=True)
class Keyed:
    """An unlinked record reduced to what matching needs: rule index -> normalised key, blanks left out."""

    side: Side
    id: str
    keys: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """A record that could be several others. `candidates` are ids of the other side, sorted."""

    side: Side
    id: str
    candidates: tuple[str, ...]
    rule_index: int


@dataclass(frozen=True, slots=True)
class MatchOutcome:
    """Pairs (Alguna id, external id, rule index) and the records that wait for a person; the rest matched nothing."""

    pairs: list[tuple[str, str, int]]
    ambiguous: list[Ambiguity]


def keys_of(record: Record, plan: MatchPlan) -> dict[int, str]:
    """Return the record's key per rule index, normalised; rules whose value is blank are left out."""
    raise NotImplementedError


def match(unlinked: Sequence[Keyed], rules: int) -> MatchOutcome:
    """Pair unlinked records by rules 0 … `rules` - 1. The order of the input does not matter."""
    raise NotImplementedError
