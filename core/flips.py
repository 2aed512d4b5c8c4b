"""Fields that flip without end: something on a side takes back what is written there, again and again (I5).

Two automations that fight look like two people who edit in turn, so every single step of theirs is merged as an edit.
What gives them away is repetition: a side answers *our* write of one value with one and the same other value, and after
our next write of that value does so again. At the third time the field is stopped on that record.

The notes are kept with the link, as small as can be: fingerprints, no values. A first answer may as well be a person's
edit; it is noted, but only an answer that follows a write of ours raises the count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.compare import blank
from core.decisions import Decision, FieldBase, MergeResult
from core.plan import FieldPlan
from core.records import Side
from core.values import Value, fingerprint

LIMIT: Final = 3
"""So many equal answers stop a field."""

STOPPED: Final = "stopped"

Notes = dict[str, dict[str, Any]]
"""target side -> Alguna field -> [written, answer, how often, whether we have written it since]; and, under `stopped`,
Alguna field -> [Alguna's value, the external one, configuration version, target side]. All values are fingerprints."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A field that was found flipping: what we wrote to `target`, and what it was answered with each time."""

    field: str
    target: Side
    written: Value
    answer: Value


def still_stopped(notes: Notes, seen: Mapping[str, Mapping[Side, Value]], version: int) -> frozenset[str]:
    """The stopped fields that stay so; the others are forgotten, and start again.

    `seen`: Alguna field -> the values that both sides hold now. A field starts again when either side shows another
    value than it had when the field was stopped, or under another version of the configuration.
    """
    kept: dict[str, Any] = {}
    for name, stop in notes.get(STOPPED, {}).items():
        now = seen.get(name)
        if now is not None and stop[:3] == [_mark(now[Side.ALGUNA]), _mark(now[Side.EXTERNAL]), version]:
            kept[name] = stop
    _put(notes, STOPPED, kept)
    return frozenset(kept)


def forget(notes: Notes, fields: Collection[str]) -> None:
    """Let stopped fields start again, because a person asked for it."""
    kept = {name: stop for name, stop in notes.get(STOPPED, {}).items() if name not in fields}
    _put(notes, STOPPED, kept)


def find_flips(notes: Notes, decisions: Collection[Decision]) -> list[Flip]:
    """Note the answers that a merge shows, and return the fields that have reached the limit."""
    found: list[Flip] = []
    for decision in decisions:
        if decision.base is None or decision.rule == "confirmed":
            continue
        for target, answer in ((Side.ALGUNA, decision.alguna), (Side.EXTERNAL, decision.external)):
            written = decision.base.value(target)
            if _mark(answer) == _mark(written):
                continue
            if _answered(notes.setdefault(target.value, {}), decision.field, written, answer) >= LIMIT:
                found.append(Flip(decision.field, target, written, answer))
    return found


def stop(notes: Notes, flip: Flip, values: Mapping[Side, Value], version: int) -> None:
    """Stop a field at the values that both sides hold."""
    for side in Side:
        _put(notes, side.value, {key: one for key, one in notes.get(side.value, {}).items() if key != flip.field})
    marks = [_mark(values[Side.ALGUNA]), _mark(values[Side.EXTERNAL])]
    notes.setdefault(STOPPED, {})[flip.field] = [*marks, version, flip.target.value]


def note_writes(notes: Notes, result: MergeResult) -> None:
    """Note which of the values that were answered once are about to be written again."""
    for target, pending in result.pending.items():
        known = notes.get(target.value, {})
        for name in known.keys() & pending.keys():
            known[name] = _written_again(known[name], pending[name], target)


def stopped_target(notes: Notes, name: str) -> Side:
    """The side that takes our writes of a stopped field back."""
    return Side(notes[STOPPED][name][3])


def flip_message(item: FieldPlan, target: Side, values: Mapping[Side, Value]) -> str:
    """What a person is told; the values come last, so that errors of one cause group together."""
    where = "in the external system" if target is Side.EXTERNAL else "in Alguna"
    return (
        f"`{item.name(target)}` keeps flipping, although nobody edits it: what is written there is changed back "
        f"{where} each time. It is no longer written on this record. Switch off the rule or the other integration that "
        f"changes it back, or make the field one-way, then retry; or set the field anew on either side. "
        f"Happened {LIMIT} times. Alguna has '{_short(values[Side.ALGUNA])}', "
        f"the external system has '{_short(values[Side.EXTERNAL])}'."
    )


def _answered(known: dict[str, Any], name: str, written: Value, answer: Value) -> int:
    before = known.get(name)
    marks = [_mark(written), _mark(answer)]
    count = 1
    if before is not None and before[:2] == marks:
        count = before[2] + 1 if before[3] else before[2]
    known[name] = [*marks, count, False]
    return int(count)


def _written_again(entry: list[Any], base: FieldBase, target: Side) -> list[Any]:
    same = entry[0] == _mark(base.value(target))
    return [*entry[:3], True] if same else entry


def _mark(value: Value) -> str:
    """A short fingerprint; every kind of blank alike."""
    return fingerprint(None if blank(value) else value)[:12]


def _short(value: Value) -> str:
    return f"{'' if value is None else value}"[:80]


def _put(notes: Notes, key: str, value: dict[str, Any]) -> None:
    if value:
        notes[key] = value
    else:
        notes.pop(key, None)
