"""The relation of a linked child to its parent: what follows when a side moves it to another one (I3, I4, I12).

A parent has another id on each side, so a relation is compared through the parents' links, never as a field. Each side
is held against its own base, as in the merge of fields. What each rule name means:

| rule | the relation |
|---|---|
| `first_link` | had no base yet: both agree, or the blank one is filled, or the strategy decides |
| `same_meaning` | changed, and both sides name the same parent |
| `direction` | is one-way: a move on its target alone is kept as drift, and its source overwrites it |
| `only_change` | changed on one side, and that move is carried over |
| `alguna_wins`, `external_wins`, `latest_wins`, `manual` | changed on both sides, and this strategy decided |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.enums import Strategy
from core.records import Side


@dataclass(frozen=True, slots=True)
class Parents:
    """The parent of a linked child on each side, by its id there; None: it has none."""

    alguna: str | None
    external: str | None

    def on(self, side: Side) -> str | None:
        """Return the parent's id on a side."""
        return self.alguna if side is Side.ALGUNA else self.external


@dataclass(frozen=True, slots=True)
class Kinship:
    """What is kept of a link's relation.

    `base` is the pair last agreed (None before the first agreement), `seen` what each side showed last (absent: it was
    never read). `held` is the side to which a move waits for a run that may write there; `awaits` the new parent, with
    the side it is on, that has no partner yet.
    """

    base: Parents | None = None
    seen: Mapping[Side, str | None] = field(default_factory=dict)
    held: Side | None = None
    awaits: tuple[Side, str] | None = None

    def shows_news(self, side: Side, parent_id: str | None) -> bool:
        """Say whether a side's record with this parent shows what is not known yet."""
        return side not in self.seen or self.seen[side] != parent_id

    def written(self, target: Side, parent_id: str | None) -> Kinship:
        """Return what is known once a move has been carried out on `target`: both sides agree."""
        seen = {**self.seen, target: parent_id}
        return Kinship(Parents(seen.get(Side.ALGUNA), seen.get(Side.EXTERNAL)), seen)


class Outcome(StrEnum):
    """What was decided of a relation."""

    KEEP = "keep"
    AGREED = "agreed"
    MOVE = "move"
    DRIFT = "drift"
    HELD = "held"
    WAITS = "waits"
    CANNOT = "cannot"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Relation:
    """The decision: `target` is the side to be moved to `parent` (its id there); `kinship` is what to keep now."""

    outcome: Outcome
    kinship: Kinship
    rule: str = ""
    target: Side | None = None
    parent: str | None = None

    @property
    def quiet(self) -> bool:
        """True when there is nothing to write, to wait for or to report."""
        return self.outcome in (Outcome.KEEP, Outcome.AGREED, Outcome.DRIFT)


@dataclass(frozen=True, slots=True)
class Powers:
    """What the configuration, the run and the systems allow.

    `flows`: the sides that the configuration lets be written. `reaches`: those that this run may write. `moves`: those
    that can take another parent. `winner` is the side that prevails when both moved, as `strategy` says (None: manual).
    """

    flows: Collection[Side]
    reaches: Collection[Side]
    moves: Collection[Side]
    strategy: Strategy
    winner: Side | None


def relate(known: Kinship, read: Mapping[Side, str | None], partners: Parents, powers: Powers) -> Relation:
    """Decide the relation of one linked child.

    `read` are the parents of the sides that were read now. `partners.external` is the linked partner of the parent
    that Alguna names, `partners.alguna` that of the parent the external side names; None: there is no link.
    """
    seen = {**known.seen, **read}
    now = Kinship(known.base, seen)
    if len(seen) < len(Side):
        return Relation(Outcome.KEEP, now)
    present = Parents(seen[Side.ALGUNA], seen[Side.EXTERNAL])
    settled = replace(now, base=present)
    if _agree(present, partners):
        return Relation(*_agreed(known, settled))
    changed = _changed(known.base, present, partners)
    if not changed:
        return Relation(Outcome.KEEP, settled)
    rule, source = _source(known.base, changed, powers)
    if source is None:
        return Relation(Outcome.CONFLICT, now, rule)
    target = source.other
    if target not in powers.flows:
        return Relation(Outcome.DRIFT, settled, "direction", target)
    moved_to = present.on(source)
    if moved_to is not None and partners.on(target) is None:
        return Relation(Outcome.WAITS, replace(now, awaits=(source, moved_to)), rule, target)
    if target not in powers.moves:
        return Relation(Outcome.CANNOT, now, rule, target)
    if target not in powers.reaches:
        return Relation(Outcome.HELD, replace(now, held=target), rule, target)
    return Relation(Outcome.MOVE, now, rule, target, partners.on(target) if moved_to is not None else None)


def _agree(present: Parents, partners: Parents) -> bool:
    if present.alguna is None or present.external is None:
        return present.alguna is None and present.external is None
    return partners.external == present.external or partners.alguna == present.alguna


def _agreed(known: Kinship, settled: Kinship) -> tuple[Outcome, Kinship, str]:
    if known.base == settled.base:
        return Outcome.KEEP, settled, ""
    return Outcome.AGREED, settled, "first_link" if known.base is None else "same_meaning"


def _changed(base: Parents | None, present: Parents, partners: Parents) -> list[Side]:
    """The sides that moved. At a first link what is there stays, unless the partners of all parents are known."""
    if base is not None:
        return [side for side in Side if present.on(side) != base.on(side)]
    named = [side for side in Side if present.on(side) is not None]
    return named if all(partners.on(side.other) is not None for side in named) else []


def _source(base: Parents | None, changed: list[Side], powers: Powers) -> tuple[str, Side | None]:
    """The rule that decides, and the side whose parent prevails (None: a person has to say)."""
    if len(changed) == 1:
        return "first_link" if base is None else "only_change", changed[0]
    if len(powers.flows) == 1:
        return "direction", next(iter(powers.flows)).other
    return powers.strategy.value, powers.winner
