"""Workers are replaced one after the other while a sync runs: each hands over what it holds at once (I2, I7)."""

from __future__ import annotations

from tests.crash.systems import BY_NAME
from tests.upgrade.conftest import Rolled
from tests.upgrade.rolling import replace_workers


async def test_i7_workers_are_replaced_in_the_middle_of_a_write(rolled: Rolled) -> None:
    async with rolled(BY_NAME["salesforce"], "to_alguna") as trial:
        await trial.begin(40)
        assert await replace_workers(trial, 2) > 0, "no step was handed over"
        made = [path for _, path in await trial.world.boxes.writes() if path.endswith("/customers")]
        assert len(made) == 40, "a record was sent twice"
        await trial.check()
