"""The state machine: people, faults, deaths, events and syncs in any order; at the end all must be in agreement."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from activities.contracts import ConflictRef, Mode
from core.records import Entity
from sandbox.kit.faults import FaultKind, FaultMatch, FaultRule
from store import conflicts
from tests.crash.systems import ALGUNA as ALGUNA_RAW
from tests.engine.world import INTEGRATION
from tests.model.acts import PLACES, Act, acts_on
from tests.model.checks import State, check_everything, writing_calls
from tests.model.faults import KINDS
from tests.model.people import ALGUNA, SIDES, People, Place
from tests.model.service import Service
from tests.model.setups import RULES, Entities, Rules
from tests.model.systems import ACCOUNTS, CONTACTS

T = TypeVar("T")

FAULTS = [
    FaultKind.DROP_AFTER_COMMIT,
    FaultKind.DROP_BEFORE_COMMIT,
    FaultKind.MALFORMED_BODY,
    FaultKind.ERROR_500,
    FaultKind.RATE_LIMIT,
    FaultKind.PARTIAL_FAILURE,
]
OWN = {"name": {"value": "Decided"}, "email": {"value": "decided@mail.example"}, "lastName": {"value": "Decided"}}

MODES = st.sampled_from([Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.FULL])


def beginnings() -> st.SearchStrategy[tuple[Entities, list[Act]]]:
    """Which of the provider's entities are synced, and what people did before."""

    def begin(machine: Machine) -> st.SearchStrategy[tuple[Entities, list[Act]]]:
        system = machine.service.system
        return st.sampled_from(system.entity_sets).flatmap(
            lambda entities: st.tuples(st.just(entities), st.lists(acts_on(system, entities), min_size=1, max_size=6))
        )

    return st.runner().flatmap(begin)


def work_of(least: int) -> st.SearchStrategy[list[Act]]:
    """What people do in between, with records of the entities of this history."""
    return st.runner().flatmap(
        lambda machine: st.lists(acts_on(machine.service.system, machine.entities), min_size=least, max_size=5)
    )


WORK, SOME = work_of(1), work_of(0)


def passes_to_rest(entities: Collection[str]) -> int:
    """How many passes may write at most when people have stopped.

    One is enough once nothing waits for a retry. With contacts it is twice as many: a contact's address is also its
    customer's, and travels on with the passes after the one that brought it.
    """
    return 4 if CONTACTS in entities else 2


class Machine(RuleBasedStateMachine):
    """One installation with records on both sides."""

    service: ClassVar[Service]
    runner: ClassVar[asyncio.Runner]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(beginning=beginnings(), rules=RULES)
    def begin(self, beginning: tuple[Entities, list[Act]], rules: Rules) -> None:
        self.do(self.service.reset())
        vendors = {side: self.service.account(side).vendor for side in SIDES}
        self.people = People(self.service.system, vendors)
        self.skew = 0.0
        self.entities, work = beginning
        self.configure(rules)
        self.people_work(work)
        self.sync(Mode.INCREMENTAL, None)

    @rule(work=WORK)
    def people_work(self, work: list[Act]) -> None:
        linked = self.do(self.service.read_linked())
        for act in work:
            act(self.people, linked)

    @rule(rules=RULES)
    def configure(self, rules: Rules) -> None:
        """The names always go both ways; the direction of the account's address changes, and the filter."""
        self.people.two_way = {entity: rules.two_way(entity) for entity in self.entities}
        self.do(self.service.configure(rules.document(self.service.system, self.entities)))

    @rule(place=PLACES, answer=st.sampled_from(["alguna", "external", "own"]), work=SOME)
    def resolve(self, place: int, answer: str, work: list[Act]) -> None:
        """A person answers an open conflict; others may work on before the answer is carried out."""
        waiting = sorted(self.do(State.read(self.service.db)).conflicts, key=lambda row: row.id)
        waiting = [row for row in waiting if row.status == "open"]
        if not waiting:
            return
        row = waiting[place % len(waiting)]
        decision: dict[str, Any]
        if row.kind == "fields":
            names = [item["algunaField"] for item in row.fields]
            decision = {"choices": {name: OWN[name] if answer == "own" else answer for name in names}}
        elif row.kind == "deletions":
            decision = {"resolution": "approve" if answer == "alguna" else "reject"}
        elif answer == "alguna":
            chosen = row.candidates[place % len(row.candidates)]
            decision = {"resolution": "link", **chosen}
        else:
            decision = {"resolution": "create" if answer == "own" else "skip"}
        self.do(self._decide(row, decision))
        self.people_work(work)
        entity = Entity(row.entity)
        provider = self.service.system.provider
        ref = ConflictRef(conflict_id=row.id, integration_id=INTEGRATION, provider=provider, entity=entity)
        self.do(self.service.apply(ref))

    async def _decide(self, row: Any, decision: dict[str, Any]) -> None:
        async with self.service.db.transaction() as session:
            assert await conflicts.decide(session, row.id, row.version, decision)

    @rule(seconds=st.sampled_from([3, 700]))
    def time_passes(self, seconds: int) -> None:
        """Both vendors' clocks move on, also beyond what an incremental read looks back."""
        self.skew += seconds
        for side in SIDES:
            self.service.account(side).vendor.behaviour.clock_skew_seconds = self.skew

    @rule(mode=MODES, place=PLACES | st.none())
    def sync(self, mode: Mode, place: int | None) -> None:
        """A run of all entities, or of one."""
        one = None if place is None else [Entity(self.entities[place % len(self.entities)])]
        self.do(self.service.run(mode, one))

    @rule(work=WORK, picks=st.lists(PLACES, max_size=6), strays=st.lists(PLACES, max_size=2))
    def hear(self, work: list[Act], picks: list[int], strays: list[int]) -> None:
        """Vendors tell of changes: shuffled, doubled, some never, some of records that did not change (P24)."""
        self.people.book.changes.clear()
        self.people_work(work)
        changed = [place for place in self.people.book.changes if place[1] in self.entities]
        resting = [(side, ACCOUNTS, record) for side in SIDES for record in self.people.records(side, ACCOUNTS)]
        told = [*_picked(changed, picks), *_picked(resting, strays)]
        if told:
            self.do(self.service.hear(told))

    @rule(
        work=WORK,
        side=st.sampled_from(SIDES),
        kind=st.sampled_from(FAULTS),
        writes=st.sampled_from([True, True, False]),
        every=st.integers(1, 3),
        times=st.integers(1, 3),
        mode=MODES,
    )
    def sync_with_faults(
        self, work: list[Act], side: str, kind: FaultKind, writes: bool, every: int, times: int, mode: Mode
    ) -> None:
        """A vendor fails now and then while the service works."""
        self.people_work(work)
        account, raw = self.service.account(side), ALGUNA_RAW if side == ALGUNA else self.service.system.raw
        if kind in account.vendor.faults:
            match = FaultMatch.model_validate(raw.writes if writes else raw.reads)
            account.faults.add(FaultRule(match=match, fault=kind, every=every, times=times, retry_after=0.001))
        self.sync(mode, None)
        account.faults.clear()

    @rule(work=WORK, kind=st.sampled_from(KINDS), number=st.integers(0, 12), mode=MODES, after=SOME)
    def sync_and_die(self, work: list[Act], kind: str, number: int, mode: Mode, after: list[Act]) -> None:
        """The process dies at some point; people work on before it is started again."""
        self.people_work(work)
        self.service.points.die_at(kind, number)
        self.service.after_death = lambda: self._work_now(after)
        self.sync(mode, None)
        self.service.points.reset()

    @rule(before=WORK, steps=st.integers(1, 12), work=WORK)
    def people_work_during_a_sync(self, before: list[Act], steps: int, work: list[Act]) -> None:
        """People work between two steps of a pass."""
        self.people_work(before)
        left = [steps]

        def between(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                self._work_now(work)

        self.service.between = between
        self.sync(Mode.INCREMENTAL, None)
        self.service.between = lambda _: None

    def _work_now(self, work: list[Act]) -> None:
        for act in work:
            act(self.people, self.service.linked)

    @rule()
    def rest(self) -> None:
        """People stop and the faults are over: soon everything agrees, and then nothing is written any more."""
        for _ in range(passes_to_rest(self.entities) + 1):
            for side in SIDES:
                self.service.account(side).calls.clear()
            self.do(self.service.run())
            self.do(self.service.follow())
            written = writing_calls(self.service)
            if not written:
                break
        assert written == []
        check_everything(self.do(State.read(self.service.db)), self.people, self.entities)

    def teardown(self) -> None:
        if hasattr(self, "people"):
            self.rest()


def _picked(places: list[Place], picks: list[int]) -> list[Place]:
    return [places[pick % len(places)] for pick in picks] if places else []
