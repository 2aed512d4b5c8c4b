"""The crash matrix of money (`make test-crash`): every provider that takes invoices, act of people and fail point.

Not collected by `make test`, because its hundreds of kills take a while: it is named on the command line.
"""

from __future__ import annotations

import pytest

from tests.crash import points
from tests.crash.conftest import MakeMoney, Tell
from tests.crash.documents import DESKS
from tests.crash.money import ACTS
from tests.crash.systems import BY_NAME, System

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1200)]
of_each_provider = pytest.mark.parametrize(
    "system", [BY_NAME[provider] for provider in DESKS], ids=lambda system: system.provider
)
STOCK = {"pay": (12, 0), "receive": (12, 0), "take_back": (12, 3), "amend": (6, 0), "void": (30, 0)}
"""How many bills both sides have before people begin, and how many payments of each."""


@of_each_provider
@pytest.mark.parametrize("act", ACTS)
async def test_i2_i3_i7_money_killed_at_every_point(money_of: MakeMoney, tell: Tell, system: System, act: str) -> None:
    async with money_of(system, [act]) as trial:
        await trial.begin(*STOCK.get(act, (0, 0)))
        await trial.kill_at(points.OF_MONEY[act])
        await trial.check()
        tell(trial)
    assert trial.missed == []


@of_each_provider
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_i1_i2_i3_i7_two_workers_killed_at_random_amid_money(
    money_of: MakeMoney, tell: Tell, system: System, database: str
) -> None:
    async with money_of(system, ACTS, database) as trial:
        await trial.begin(36)
        await trial.kill_at_random(12, workers=2)
        await trial.check()
        tell(trial)
