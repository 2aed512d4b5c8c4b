"""Upgrades rehearsed at length (`make test-upgrade`): a next release that migrates, and rollovers with every provider.

Not collected by `make test`, because it takes minutes: it is named on the command line.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.api.test_webhooks import Receiver
from tests.crash.systems import PROVIDERS, System
from tests.upgrade.conftest import Rolled
from tests.upgrade.release import make_release, worker_of
from tests.upgrade.rolling import replace_workers
from tests.upgrade.state import installation, read_book
from tests.upgrade.story import KINDS, after, before, taken_over, under_way

pytestmark = pytest.mark.timeout(600)


async def test_i7_a_next_release_migrates_while_syncs_are_under_way(tmp_path: Path, receiver: Receiver) -> None:
    folder, release = tmp_path / "installation", make_release(tmp_path / "next")
    async with installation(folder) as world:
        await before(world, folder)
        assert await under_way(world) == KINDS
        book = read_book(folder)
        trial = await taken_over(world, book, receiver)
        with worker_of(release, world):
            await after(trial, book, receiver)
        async with world.services.db.session() as session:
            kept = await session.execute(text("SELECT COUNT(*) FROM links WHERE made_up = external_id"))
            assert kept.scalar_one() >= 12, "what was linked before the migration is linked after it"
        older = world.spawn_worker()
        older.join(30)
        assert older.exitcode == 1
        told = (folder / f"worker-{len(world.processes) - 1}.log").read_text()
        assert "revision 0002, which this version does not know" in told


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("system", PROVIDERS, ids=lambda system: system.provider)
async def test_i7_workers_are_replaced_again_and_again(rolled: Rolled, system: System, database: str) -> None:
    async with rolled(system, "to_alguna", database) as trial:
        await trial.begin(80)
        assert await replace_workers(trial, 6) > 0, "no step was handed over"
        made = [path for _, path in await trial.world.boxes.writes() if path.endswith("/customers")]
        assert len(made) == 80, "a record was sent twice"
        await trial.check()
