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
from tests.model import acts
from tests.model.acts import Act
from tests.model.checks import State, check_everything
from tests.model.machine import DIRECTIONS, ON_DELETE, ON_NOT_FOUND, PASSES_TO_REST, configuration
from tests.model.people import ALGUNA, SYSTEMS, People
from tests.model.service import empty
from tests.ports import free_port

FAULTS = [None, FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT, FaultKind.ERROR_500]
STRATEGIES = ["alguna_wins", "external_wins", "latest_wins"]
DAYS = st.lists(
    st.tuples(st.lists(acts.ACTS, min_size=1, max_size=4), st.sampled_from(FAULTS), st.sampled_from(SYSTEMS)),
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

    async def happen(
        self, settings_of: tuple[str, str, str, str], days: list[tuple[list[Act], FaultKind | None, str]]
    ) -> None:
        for system in SYSTEMS:
            self.account(system).reset()
        await empty(self.world.services.db)
        people = People({system: self.account(system).vendor for system in SYSTEMS})
        document, people.two_way = configuration(*settings_of)
        config = IntegrationConfig.model_validate(document).model_dump(mode="json", by_alias=True)
        await self.world.services.configs.save(INTEGRATION, config)
        async with self.world.worker():
            for work, fault, system in days:
                linked = (await State.read(self.world.services.db)).active
                for act in work:
                    act(people, [(row.alguna_id, row.external_id) for row in linked])
                if fault is not None:
                    match = FaultMatch(method="POST")
                    self.account(system).faults.add(FaultRule(match=match, fault=fault, every=2, times=1))
                await self.world.sync()
                self.account(system).faults.clear()
            for _ in range(PASSES_TO_REST):
                await self.world.sync()
            check_everything(await State.read(self.world.services.db), people)
            await self.boxes.clear_calls()
            await self.world.sync()
            assert await self.boxes.writes() == []


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
        @given(st.tuples(*(st.sampled_from(some) for some in (STRATEGIES, DIRECTIONS, ON_DELETE, ON_NOT_FOUND))), DAYS)
        def happen(settings_of: tuple[str, str, str, str], days: list[tuple[list[Act], FaultKind | None, str]]) -> None:
            runner.run(histories.happen(settings_of, days))

        try:
            happen()
        finally:
            runner.run(histories.close())
