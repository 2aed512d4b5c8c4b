"""When a field counts as flipping: only equal answers to our own equal writes, and never people who edit (I5)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.decisions import Action, Decision, FieldBase, MergeResult
from core.flips import LIMIT, STOPPED, Flip, Notes, find_flips, forget, note_writes, still_stopped, stop
from core.merge import SideView, merge
from core.plan import EntityPlan, FieldPlan
from core.records import Entity, Side
from core.values import Value, dump_json

PLAN = EntityPlan(Entity.ACCOUNTS, (FieldPlan("name", "Name"),))
STEP = {Side.ALGUNA: 1.0, Side.EXTERNAL: 1.0}


class Pair:
    """A linked pair under automation: what each side does with our writes, and passes over it."""

    def __init__(self, answers: dict[Side, Any]) -> None:
        self.values: dict[Side, Value] = {Side.ALGUNA: "start", Side.EXTERNAL: "start"}
        self.base = {"name": FieldBase("start", "start")}
        self.notes: Notes = {}
        self.answers = answers

    def edit(self, side: Side, value: Value) -> None:
        self.values[side] = value

    def sync(self, rounds: int = 5) -> list[Flip]:
        """Merge until nothing is written; a side may answer each write with a value of its own."""
        for _ in range(rounds):
            views = {side: SideView({self._path(side): self.values[side]}) for side in Side}
            result = merge(PLAN, views[Side.ALGUNA], views[Side.EXTERNAL], self.base, step=STEP)
            found = find_flips(self.notes, result.decisions)
            if found:
                return found
            note_writes(self.notes, result)
            self.base.update(result.settled)
            if not result.writes:
                return []
            for side, pending in result.pending.items():
                written = pending["name"].value(side)
                self.base["name"] = FieldBase(pending["name"].alguna, pending["name"].external)
                self.values[side] = self.answers.get(side, lambda value: value)(written)
        return []

    def _path(self, side: Side) -> str:
        return "name" if side is Side.ALGUNA else "Name"


def test_a_fight_of_two_automations_is_found_at_the_third_equal_answer() -> None:
    pair = Pair({Side.EXTERNAL: lambda value: "forced"})
    found = []
    for _ in range(LIMIT):
        pair.edit(Side.ALGUNA, "insisted")
        found.append(pair.sync())
    assert [len(flips) for flips in found] == [0, 0, 1]
    assert found[-1][0] == Flip("name", Side.EXTERNAL, "insisted", "forced")


@settings(deadline=None)
@given(st.sampled_from(list(Side)), st.lists(st.sampled_from(["on", "off", None]), max_size=30))
def test_one_person_may_toggle_a_value_as_often_as_they_like(side: Side, values: list[Value]) -> None:
    pair = Pair({})
    for value in values:
        pair.edit(side, value)
        assert pair.sync() == []


@settings(deadline=None)
@given(
    st.sampled_from([str.upper, str.strip, str.title]),
    st.lists(st.text("aB ", max_size=4), max_size=12, unique=True),
)
def test_a_normalisation_is_no_flip(rule: Any, names: list[str]) -> None:
    pair = Pair({Side.EXTERNAL: lambda value: rule(value) if isinstance(value, str) else value})
    for name in names:
        pair.edit(Side.ALGUNA, f"x{name}")
        assert pair.sync() == []


def test_a_stopped_field_starts_again_with_an_edit_a_retry_or_a_new_configuration() -> None:
    values: dict[Side, Value] = {Side.ALGUNA: "insisted", Side.EXTERNAL: "forced"}

    def notes() -> Notes:
        made: Notes = {"external": {"name": ["a", "b", 3, False]}}
        stop(made, Flip("name", Side.EXTERNAL, "insisted", "forced"), values, version=4)
        return made

    def kept(seen: dict[Side, Value], version: int = 4) -> frozenset[str]:
        return still_stopped(notes(), {"name": seen}, version)

    assert kept(values) == {"name"}
    assert kept({**values, Side.ALGUNA: "third"}) == frozenset()
    assert kept({**values, Side.EXTERNAL: "third"}) == frozenset()
    assert kept(values, version=5) == frozenset()
    assert still_stopped(notes(), {}, 4) == frozenset(), "its mapping is gone"
    retried = notes()
    forget(retried, {"name"})
    assert still_stopped(retried, {"name": values}, 4) == frozenset()
    assert STOPPED not in retried
    assert "external" not in retried, "the count begins anew"


def test_notes_hold_no_values() -> None:
    notes: Notes = {}
    base = FieldBase("a secret name", "a secret name")
    find_flips(notes, [Decision("name", Action.TO_ALGUNA, "only_change", base, "a secret name", "another secret")])
    note_writes(notes, MergeResult((), {}, {}, {Side.EXTERNAL: {"name": base}}, (), {}, {}))
    stop(notes, Flip("name", Side.EXTERNAL, "x", "y"), {Side.ALGUNA: "a secret", Side.EXTERNAL: None}, 1)
    assert "secret" not in dump_json(notes)
