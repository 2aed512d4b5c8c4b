"""Hostile vendors (`make test-chaos`): whatever goes wrong, both sides agree at the end, or an error says why not.

Not collected by `make test`; a small part of it is `test_chaos.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from core.errors import ErrorType
from core.records import Side
from store.connections import ConnectionState
from store.tables.runs import Run
from tests.chaos import weather
from tests.crash.conftest import Make
from tests.crash.systems import ALGUNA, PROVIDERS, System
from tests.crash.trial import Trial
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION

pytestmark = pytest.mark.timeout(900)
of_each_provider = pytest.mark.parametrize("system", PROVIDERS, ids=lambda system: system.provider)
on_each_side = pytest.mark.parametrize("side", ["alguna", "external"])
# NetSuite, like Alguna, takes one record with each call.
BATCHED = [system for system in PROVIDERS if system.provider != "netsuite"]
TYPES = {kind.value for kind in ErrorType}


def box(trial: Trial, side: str) -> str:
    return trial.system.provider if side == "external" else side


async def status_of(trial: Trial, run: WorkflowHandle[Any, Any]) -> str | None:
    """The status of a run in the history; None before it is there."""
    async with trial.world.services.db.session() as session:
        row = await session.get(Run, run.id.removeprefix("run/"))
    return row.status if row else None


@of_each_provider
@on_each_side
@pytest.mark.parametrize("calls", ["reads", "writes"])
async def test_i2_i3_i4_every_kind_of_fault_ends_in_agreement(
    trial_of: Make, system: System, side: str, calls: str
) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(6)
        async with trial.world.worker():
            for kind in weather.KINDS:
                one = ALGUNA if side == "alguna" else system
                await weather.more_work(trial)
                run = await weather.storm(trial, one.provider, kind, one.reads if calls == "reads" else one.writes)
                assert run.problem is None or run.problem["type"] in TYPES, (kind, run.problem)
            await weather.settle(trial)
        assert "internal" not in {error.type for error in await weather.all_errors(trial)}
        await trial.check()


@pytest.mark.parametrize("system", BATCHED, ids=lambda system: system.provider)
async def test_i2_i6_partial_batches_whose_rows_come_back_in_another_order(trial_of: Make, system: System) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(8)
        async with trial.world.worker():
            for _ in range(2):
                run = await weather.storm(trial, system.provider, "partial_failure", system.writes)
                assert run.problem is None or run.problem["type"] in TYPES, run.problem
                await weather.more_work(trial, 4)
            await weather.settle(trial)
        left = [error.model_dump() for error in await weather.all_errors(trial) if error.status != "resolved"]
        assert not left, left
        await trial.check()


@of_each_provider
@on_each_side
async def test_i7_a_vendor_that_hangs_is_given_up_and_asked_again(trial_of: Make, system: System, side: str) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(6)
        async with trial.world.worker():
            one = ALGUNA if side == "alguna" else system
            for match in (one.reads, one.writes):
                hang = {"fault": "timeout", "times": 1, "match": match}
                await trial.world.boxes.control(box(trial, side), "POST", "faults", hang)
                await trial.edit(2)
                await trial.world.sync(within=150)
                await trial.world.boxes.control(box(trial, side), "DELETE", "faults")
            await weather.settle(trial)
        await trial.check()


@of_each_provider
@pytest.mark.parametrize("hours", [-1, 1])
async def test_i3_i4_clocks_that_are_off_by_an_hour(trial_of: Make, system: System, hours: int) -> None:
    async with trial_of(system, "both") as trial:
        for name, sign in (("alguna", 1), (system.provider, -1)):
            skew = {"clockSkewSeconds": 3600 * hours * sign}
            await trial.world.boxes.control(name, "POST", "behaviour", skew)
        await trial.begin(6)
        async with trial.world.worker():
            for _ in range(3):
                await trial.world.sync()
                await weather.more_work(trial)
            await weather.settle(trial)
        await trial.check()


@of_each_provider
async def test_i7_tokens_that_die_in_mid_page(trial_of: Make, system: System) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(30)
        async with trial.world.worker():
            run = await trial.world.start()
            deaths = await weather.tokens_die(trial, run)
            assert deaths > 2
            assert await trial.world.services.connections.state(INTEGRATION) is ConnectionState.CONNECTED
            await run.result()
            await weather.settle(trial)
        await trial.check()


@of_each_provider
async def test_i7_answers_to_token_refreshes_are_lost(trial_of: Make, system: System) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(6)
        async with trial.world.worker():
            await trial.world.sync()
            await trial.edit(2)
            lost = {"fault": "drop_after_commit", "times": 2, "match": {"path": "oauth|token"}}
            await trial.world.boxes.control(system.provider, "POST", "faults", lost)
            await trial.world.boxes.control(system.provider, "POST", "auth", {"action": "expire_access_token"})
            run = await trial.world.start()

            async def over() -> bool:
                return await status_of(trial, run) in ("completed", "paused", "failed")

            await until(over, 60)
            if await trial.world.services.connections.state(INTEGRATION) is ConnectionState.AUTH_EXPIRED:
                await trial.world.reconnect()
            await run.result()
            await weather.settle(trial)
        await trial.check()


@of_each_provider
@pytest.mark.parametrize(
    "point", ["page:read", "page:stored", "match:end", "operations:stored", "request:stored", "outcome:stored"]
)
async def test_i3_people_edit_at_every_instant_of_a_sync(trial_of: Make, system: System, point: str) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(8)
        async with trial.world.worker():
            await trial.world.sync()
            await trial.edit(4)
            edits = trial.edits
            with weather.at(point, await weather.renaming(trial)):
                await trial.world.sync()
            assert trial.edits > edits
            await weather.settle(trial)
        await trial.check()


@of_each_provider
@on_each_side
async def test_i6_records_that_vanish_between_read_and_write(trial_of: Make, system: System, side: str) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(6)
        async with trial.world.worker():
            await trial.world.sync()
            with weather.at("operations:stored", await weather.deleting(trial, Side(side))):
                run = await trial.world.sync()
            assert run.status in ("completed", "completed_with_errors"), run.problem
            await trial.world.sync()
        assert {error.type for error in await weather.all_errors(trial)} == {"not_found"}
        await weather.quiet(trial)


@of_each_provider
@on_each_side
async def test_i6_odd_and_huge_values_agree_or_are_told(trial_of: Make, system: System, side: str) -> None:
    async with trial_of(system, "both") as trial:
        await trial.begin(2)
        made = await weather.odd_records(trial, Side(side))
        async with trial.world.worker():
            run = await trial.world.sync()
            assert run.status in ("completed", "completed_with_errors"), run.problem
            await trial.world.sync()
        told = {(error.alguna_id, error.external_id) for error in await weather.all_errors(trial)}
        linked = await weather.linked_ids(trial, Side(side))
        silent = [one for one in made if one not in linked and not any(one in pair for pair in told)]
        assert silent == []
        await weather.quiet(trial)
