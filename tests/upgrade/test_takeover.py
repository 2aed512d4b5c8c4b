"""A database and a running Temporal of an earlier version are taken over, with all under way (I2, I3, I7, I12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.test_webhooks import Receiver
from tests.store.test_migrations import differences
from tests.upgrade.state import STATES, installation, read_book, unpack
from tests.upgrade.story import KINDS, after, taken_over, under_way

pytestmark = [pytest.mark.server, pytest.mark.crash]


def states() -> list[Path]:
    """One file per released version."""
    return sorted(STATES.glob("*.tar.xz"))


def test_there_is_a_state_of_the_first_version() -> None:
    assert "0.1.0.tar.xz" in [path.name for path in states()]


@pytest.mark.parametrize("state", states(), ids=lambda path: path.name.removesuffix(".tar.xz"))
async def test_i7_an_upgrade_goes_on_with_all_that_was_under_way(
    state: Path, tmp_path: Path, receiver: Receiver
) -> None:
    unpack(state, tmp_path)
    book = read_book(tmp_path)
    async with installation(tmp_path) as world:
        assert await under_way(world) == KINDS
        await world.services.db.migrate()
        async with world.services.db.session() as session:
            missing = await (await session.connection()).run_sync(differences)
        assert missing == [], "a released version needs a migration (before 0.1.0: python -m tests.upgrade.record)"
        trial = await taken_over(world, book, receiver)
        world.spawn_worker()
        await after(trial, book, receiver)
