"""Twenty random histories through a real Temporal server and worker, judged like those in one process (I1-I7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.config import IntegrationConfig
from runtime.dev_server import start_dev_server
from sandbox.kit.accounts import Account
from sandbox.kit.faults import FaultKind, FaultMatch, FaultRule
from tests.engine.world import INTEGRATION, Sandboxes, World, make_world
from tests.model.acts import ACTS, Act
from tests.model.checks import State, check_everything
from tests.model.machine import PASSES_TO_REST
from tests.model.people import ACCOUNTS, ALGUNA, SYSTEMS, People
from tests.model.service import empty
from tests.model.setups import RULES, Rules
from tests.ports import free_port

SYNCED = (ACCOUNTS,)
FAULTS = [None, FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT, FaultKind.ERROR_500]
DAYS = st.lists(
    st.tuples(st.lists(ACTS[SYNCED], min_size=1, max_size=4), st.sampled_from(FAULTS), st.sampled_from(SYSTEMS)),
    min_size=1,
    max_size=2,
)


@pytest.fixture
def temporal_address(tmp_path: Path) -> Iterator[str]:
    """A real Temporal server."""
    server = asyncio.run(start_dev_server(folder=tmp_path, port=free_port(), ui_port=None))
    yield server.address
    asyncio.run(server.stop())


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

    def account(self, system: str) -> Account:
        box = self.boxes.alguna if system == ALGUNA else self.boxes.external
        return box.account()

    async def happen(self, rules: Rules, days: list[tuple[list[Act], FaultKind | None, str]]) -> None:
        for system in SYSTEMS:
            self.account(system).reset()
        await empty(self.world.services.db)
        people = People({system: self.account(system).vendor for system in SYSTEMS})
        people.two_way = {entity: rules.two_way(entity) for entity in SYNCED}
        document = rules.document(SYNCED)
        config = IntegrationConfig.model_validate(document).model_dump(mode="json", by_alias=True)
        await self.world.services.configs.save(INTEGRATION, config)
        async with self.world.worker():
            for work, fault, system in days:
                state = await State.read(self.world.services.db)
                linked = {
                    entity: [(row.alguna_id, row.external_id) for row in state.linked(entity)] for entity in SYNCED
                }
                for act in work:
                    act(people, linked)
                if fault is not None:
                    match = FaultMatch(method="POST")
                    self.account(system).faults.add(FaultRule(match=match, fault=fault, every=2, times=1))
                await self.world.sync()
                self.account(system).faults.clear()
            for _ in range(PASSES_TO_REST + 1):
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
