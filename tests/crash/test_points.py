"""A worker is killed at twenty points of syncs, and in the midst of marking invoices as paid (I2, I3, I7)."""

from __future__ import annotations

import pytest

from tests.crash import points
from tests.crash.conftest import Make, MakeMoney
from tests.crash.systems import BY_NAME


@pytest.mark.crash
@pytest.mark.timeout(400)
async def test_i2_i3_i7_a_worker_killed_at_twenty_points_duplicates_and_loses_nothing(trial_of: Make) -> None:
    async with trial_of(BY_NAME["salesforce"], "both") as trial:
        await trial.begin(12)
        await trial.kill_at(points.SOME)
        await trial.kill_at_random(5)
        await trial.check()
    assert trial.missed == []
    assert len(trial.kills) == 20


@pytest.mark.crash
@pytest.mark.timeout(200)
async def test_i2_i7_a_worker_killed_while_it_marks_as_paid_records_each_payment_once(money_of: MakeMoney) -> None:
    async with money_of(BY_NAME["xero"], ["receive"]) as trial:
        await trial.begin(2)
        await trial.kill_at(["outcome:storing@payments", "call:answered@payments"])
        await trial.check()
    assert trial.missed == []
