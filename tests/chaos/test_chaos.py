"""A small part of the chaos suite, for everybody's tests: answers cut short, and a gateway in between (I2, I3, I4)."""

from __future__ import annotations

from tests.chaos import weather
from tests.crash.conftest import Make
from tests.crash.systems import BY_NAME

WORST = ("truncated_body", "redirect")


async def test_i2_i3_i4_the_worst_faults_of_writes_end_in_agreement(trial_of: Make) -> None:
    system = BY_NAME["salesforce"]
    async with trial_of(system, "both") as trial:
        await trial.begin(4)
        async with trial.world.worker():
            for kind in WORST:
                await weather.more_work(trial)
                run = await weather.storm(trial, system.provider, kind, system.writes)
                assert run.status == "completed", (kind, run.problem)
            await weather.settle(trial)
        assert await weather.all_errors(trial) == []
        await trial.check()
