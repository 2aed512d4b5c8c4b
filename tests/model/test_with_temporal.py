"""Twenty random histories through a real Temporal server and worker, judged like those in one process (I1-I7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.config import IntegrationConfig
from sandbox.kit.accounts import Account
from sandbox.kit.faults import FaultKind, FaultMatch, FaultRule
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.model.acts import Act, acts_on
from tests.model.checks import State, check_everything
from tests.model.machine import passes_to_rest
from tests.model.people import ALGUNA, SIDES, People
from tests.model.service import empty
from tests.model.setups import RULES, Rules
from tests.model.systems import ACCOUNTS, SYSTEMS_BY_NAME

SYNCED = (ACCOUNTS,)
SYSTEM = SYSTEMS_BY_NAME["salesforce"]
FAULTS = [None, FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT, FaultKind.ERROR_500]
ACTS = acts_on(SYSTEM, SYNCED)
DAYS = st.lists(
    st.tuples(
        st.lists(acts_on(SYSTEM, SYNCED), min_size=1, max_size=4), st.sampled_from(FAULTS), st.sampled_from(SIDES)
    ),
    min_size=1,
    max_size=2,
)


class Histories:
    """A world in which one history after the other happens."""

    def __init__(self, boxes: Sandboxes, world: World) -> None:
        self.boxes = boxes
        self.world = world

    @classmethod
    async def make(cls, folder: Path, address: str) -> Histories:
        boxes = Sandboxes()
        await boxes.start()
        return cls(boxes, await make_world(folder, address, boxes, heartbeat_seconds=3, chunk_size=3))

    async def close(self) -> None:
        await self.world.close()
        await self.boxes.stop()

    def account(self, side: str) -> Account:
        box = self.boxes.alguna if side == ALGUNA else self.boxes.external
        return box.account()

    async def happen(self, rules: Rules, days: list[tuple[list[Act], FaultKind | None, str]]) -> None:
        for side in SIDES:
            self.account(side).reset()
        await empty(self.world.services.db)
        people = People(SYSTEM, {side: self.account(side).vendor for side in SIDES})
        people.two_way = {entity: rules.two_way(entity) for entity in SYNCED}
        document = rules.document(SYSTEM, SYNCED)
        config = IntegrationConfig.model_validate(document).model_dump(mode="json", by_alias=True)
        await self.world.services.configs.save(INTEGRATION, config)
        async with self.world.worker():
            for work, fault, side in days:
                state = await State.read(self.world.services.db)
                linked = {
                    entity: [(row.alguna_id, row.external_id) for row in state.linked(entity)] for entity in SYNCED
                }
                for act in work:
                    act(people, linked)
                if fault is not None:
                    match = FaultMatch(method="POST")
                    self.account(side).faults.add(FaultRule(match=match, fault=fault, every=2, times=1))
                await self.world.sync()
                self.account(side).faults.clear()
            for _ in range(passes_to_rest(SYNCED) + 1):
                await self.boxes.clear_calls()
                await self.world.sync()
                written = await self.boxes.writes()
                if not written:
                    break
            assert written == []
            check_everything(await State.read(self.world.services.db), people, SYNCED)


@pytest.mark.server
@pytest.mark.timeout(600)
def test_i1_to_i7_hold_in_twenty_histories_through_temporal(tmp_path: Path, temporal_address: str) -> None:
    with asyncio.Runner() as runner:
        histories = runner.run(Histories.make(tmp_path, temporal_address))

        @settings(
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(RULES, DAYS)
        def happen(rules: Rules, days: list[tuple[list[Act], FaultKind | None, str]]) -> None:
            runner.run(histories.happen(rules, days))

        try:
            happen()
        finally:
            runner.run(histories.close())
