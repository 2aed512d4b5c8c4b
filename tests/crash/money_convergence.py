"""How soon invoices and payments agree after workers were killed at random instants; part of `make test-convergence`.

People issue, pay, amend and void on both sides in a random order, replies get lost meanwhile, and then everybody stops.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from sandbox.kit.faults import FaultKind
from tests.crash.conftest import MakeMoney
from tests.crash.documents import DESKS
from tests.crash.money import ACTS, MoneyTrial
from tests.crash.systems import BY_NAME

HISTORIES = int(os.environ.get("CONVERGENCE_HISTORIES", "12"))
SEED = int(os.environ.get("CONVERGENCE_SEED", "0"))
KILLS = 5
MOST_PASSES = 3


@pytest.mark.crash
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
@pytest.mark.parametrize("provider", DESKS)
async def test_i1_to_i7_money_converges_after_kills(
    money_of: MakeMoney, provider: str, seed: int, record_property: Callable[[str, object], None]
) -> None:
    numbers = random.Random(seed)
    async with money_of(BY_NAME[provider], numbers.sample(ACTS, len(ACTS))) as trial:
        trial.seed = seed
        await trial.begin(numbers.randint(7, 21))
        for name in ("alguna", provider):
            fault = {"fault": FaultKind.DROP_AFTER_COMMIT.value, "every": numbers.randint(4, 9), "times": 3}
            await trial.world.boxes.control(name, "POST", "faults", fault)
        await trial.kill_at_random(KILLS, workers=numbers.choice([1, 1, 2]))
        for name in ("alguna", provider):
            await trial.world.boxes.control(name, "DELETE", "faults")
        passes, seconds = await _converge(trial)
        await trial.check()
    told = {"kills": len(trial.kills), "edits": trial.done, "passes": passes}
    record_property("converged", {"provider": f"{provider}, money", **told, "seconds": seconds})


async def _converge(trial: MoneyTrial) -> tuple[int, float]:
    """People have stopped: count the passes that write, and the seconds from the last act until both systems agree."""
    agreed = time.monotonic()
    async with trial.world.worker():
        for number in range(MOST_PASSES + 1):
            await trial.world.boxes.clear_calls()
            await trial.world.sync()
            if not await trial.world.boxes.writes():
                return number, agreed - trial.last_act
            agreed = time.monotonic()
    raise AssertionError("the passes do not come to rest")
