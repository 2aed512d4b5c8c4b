"""The state machine: people, faults, deaths and syncs in any order; at the end everything must be in agreement."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from activities.contracts import ConflictRef, Mode
from core.records import Entity
from sandbox.kit.faults import FaultKind, FaultMatch, FaultRule
from store import conflicts
from tests.model import acts
from tests.model.acts import Act
from tests.model.checks import State, check_everything, writing_calls
from tests.model.faults import KINDS
from tests.model.people import CITY, EMAIL, EXTERNAL_FIELDS, NAME, SYSTEMS, People
from tests.model.service import INTEGRATION, Service

T = TypeVar("T")

PASSES_TO_REST = 2
STRATEGIES = ["alguna_wins", "external_wins", "latest_wins", "manual"]
DIRECTIONS = ["bidirectional", "bidirectional", "alguna_to_external", "external_to_alguna"]
ON_DELETE = ["ignore", "archive", "unlink"]
ON_NOT_FOUND = ["skip", "create"]
FAULTS = [
    FaultKind.DROP_AFTER_COMMIT,
    FaultKind.DROP_BEFORE_COMMIT,
    FaultKind.MALFORMED_BODY,
    FaultKind.ERROR_500,
    FaultKind.RATE_LIMIT,
    FaultKind.PARTIAL_FAILURE,
]
RULES = [
    {"type": "external_id", "algunaField": "id", "externalField": "Alguna_Customer_ID__c"},
    {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"},
]


def configuration(strategy: str, direction: str, deleted: str, missing: str) -> tuple[dict[str, Any], list[str]]:
    """A configuration as the API takes it, and the fields that go both ways under it."""
    directions = {NAME: "bidirectional", EMAIL: direction, CITY: "alguna_to_external"}
    mappings = [
        {"algunaField": name, "externalField": EXTERNAL_FIELDS[name], "direction": way}
        for name, way in directions.items()
    ]
    document = {
        "entities": ["accounts"],
        "mappings": {"accounts": mappings},
        "matching": {"accounts": {"entity": "accounts", "rules": RULES}},
        "conflictResolution": strategy,
        "onDelete": {"toExternal": deleted},
        "onNotFound": missing,
        "entityOptions": {"accounts": {"defaultCurrency": "EUR"}},
    }
    return document, [name for name, way in directions.items() if way == "bidirectional"]


MODES = st.sampled_from([Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.INCREMENTAL, Mode.FULL])
WORK = st.lists(acts.ACTS, min_size=1, max_size=5)


class Machine(RuleBasedStateMachine):
    """One installation with accounts on both sides."""

    service: ClassVar[Service]
    runner: ClassVar[asyncio.Runner]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(
        strategy=st.sampled_from(STRATEGIES),
        direction=st.sampled_from(DIRECTIONS),
        deleted=st.sampled_from(ON_DELETE),
        missing=st.sampled_from(ON_NOT_FOUND),
        work=WORK,
    )
    def begin(self, strategy: str, direction: str, deleted: str, missing: str, work: list[Act]) -> None:
        self.do(self.service.reset())
        self.people = People({system: self.service.account(system).vendor for system in SYSTEMS})
        self.skew = 0.0
        self.configure(strategy, direction, deleted, missing)
        self.people_work(work)
        self.sync(Mode.INCREMENTAL)

    @rule(work=WORK)
    def people_work(self, work: list[Act]) -> None:
        linked = [(row.alguna_id, row.external_id) for row in self.do(State.read(self.service.db)).active]
        for act in work:
            act(self.people, linked)

    @rule(
        strategy=st.sampled_from(STRATEGIES),
        direction=st.sampled_from(DIRECTIONS),
        deleted=st.sampled_from(ON_DELETE),
        missing=st.sampled_from(ON_NOT_FOUND),
    )
    def configure(self, strategy: str, direction: str, deleted: str, missing: str) -> None:
        """The name always goes both ways; the email's direction changes."""
        document, self.people.two_way = configuration(strategy, direction, deleted, missing)
        self.do(self.service.configure(document))

    @rule(place=acts.PLACES, answer=st.sampled_from(["alguna", "external", "own"]), work=st.lists(acts.ACTS))
    def resolve(self, place: int, answer: str, work: list[Act]) -> None:
        """A person answers an open conflict; others may work on before the answer is carried out."""
        waiting = sorted(self.do(State.read(self.service.db)).conflicts, key=lambda row: row.id)
        waiting = [row for row in waiting if row.status == "open"]
        if not waiting:
            return
        row = waiting[place % len(waiting)]
        if row.kind == "fields":
            own = {"name": {"value": "Decided"}, "email": {"value": "decided@mail.example"}}
            choices = {
                item["algunaField"]: own[item["algunaField"]] if answer == "own" else answer for item in row.fields
            }
            decision: dict[str, Any] = {"choices": choices}
        else:
            decision = {"resolution": "create" if answer == "own" else "skip"}
            if answer == "alguna":
                decision = {"resolution": "link", **row.candidates[place % len(row.candidates)]}
        self.do(self._decide(row, decision))
        self.people_work(work)
        self.do(
            self.service.apply(
                ConflictRef(
                    conflict_id=row.id, integration_id=INTEGRATION, provider="salesforce", entity=Entity(row.entity)
                )
            )
        )

    async def _decide(self, row: Any, decision: dict[str, Any]) -> None:
        async with self.service.db.transaction() as session:
            assert await conflicts.decide(session, row.id, row.version, decision)

    @rule(seconds=st.sampled_from([3, 700]))
    def time_passes(self, seconds: int) -> None:
        """Both vendors' clocks move on, also beyond what an incremental read looks back."""
        self.skew += seconds
        for system in SYSTEMS:
            self.service.account(system).vendor.behaviour.clock_skew_seconds = self.skew

    @rule(mode=MODES)
    def sync(self, mode: Mode) -> None:
        self.do(self.service.run(mode))

    @rule(
        work=WORK,
        system=st.sampled_from(SYSTEMS),
        kind=st.sampled_from(FAULTS),
        method=st.sampled_from(["POST|PATCH", "POST|PATCH", "GET"]),
        every=st.integers(1, 3),
        times=st.integers(1, 3),
        mode=MODES,
    )
    def sync_with_faults(
        self, work: list[Act], system: str, kind: FaultKind, method: str, every: int, times: int, mode: Mode
    ) -> None:
        """A vendor fails now and then while the service works."""
        self.people_work(work)
        account = self.service.account(system)
        for one in method.split("|"):
            if kind in account.vendor.faults:
                rule_of = FaultRule(
                    match=FaultMatch(method=one), fault=kind, every=every, times=times, retry_after=0.001
                )
                account.faults.add(rule_of)
        self.sync(mode)
        account.faults.clear()

    @rule(work=WORK, kind=st.sampled_from(KINDS), number=st.integers(0, 12), mode=MODES, after=st.lists(acts.ACTS))
    def sync_and_die(self, work: list[Act], kind: str, number: int, mode: Mode, after: list[Act]) -> None:
        """The process dies at some point; people work on before it is started again."""
        self.people_work(work)
        self.service.points.die_at(kind, number)
        self.service.after_death = lambda: self._work_now(after)
        self.sync(mode)
        self.service.points.reset()

    @rule(before=WORK, steps=st.integers(1, 8), work=WORK)
    def people_work_during_a_sync(self, before: list[Act], steps: int, work: list[Act]) -> None:
        """People work between two steps of a pass."""
        self.people_work(before)
        left = [steps]

        def between(_: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                self._work_now(work)

        self.service.between = between
        self.sync(Mode.INCREMENTAL)
        self.service.between = lambda _: None

    def _work_now(self, work: list[Act]) -> None:
        for act in work:
            act(self.people, self.service.linked)

    @rule()
    def rest(self) -> None:
        """People stop and the faults are over: soon everything agrees, and then nothing is written any more."""
        for _ in range(PASSES_TO_REST):
            self.do(self.service.run())
        check_everything(self.do(State.read(self.service.db)), self.people)
        for system in SYSTEMS:
            self.service.account(system).calls.clear()
        self.do(self.service.run())
        assert writing_calls(self.service) == []

    def teardown(self) -> None:
        if hasattr(self, "people"):
            self.rest()
