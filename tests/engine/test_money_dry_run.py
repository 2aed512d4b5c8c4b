"""A dry run of invoices and payments says what the next sync does, although their parents are not there yet (I6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from store.tables.runs import Run
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.netsuite_books import OPTIONS as NETSUITE
from tests.engine.test_quickbooks_money import OPTIONS as QUICKBOOKS
from tests.engine.world import Sandboxes
from tests.engine.xero_books import OPTIONS as XERO

MONEY = ("accounts", "invoices", "payments")
# Not every sample company's tax has a code in Xero: those invoices fail, and their payments wait.
OPTIONS: dict[str, Any] = {"quickbooks": QUICKBOOKS, "netsuite": NETSUITE, "xero": XERO}
ENDED = ("created", "updated", "skipped", "failed")
NUMBER = 4


@asynccontextmanager
async def connected(provider: str, folder: Path) -> AsyncIterator[Local]:
    """A service between Alguna with payments and an empty provider."""
    boxes = Sandboxes(provider)
    await boxes.start()
    await boxes.empty(enabled=False)
    world = await make_passes(folder, boxes, kind=Local, chunk_size=4)
    assert isinstance(world, Local)
    try:
        yield world
    finally:
        await world.close()
        await boxes.stop()


async def shown(world: Local, run: Run) -> dict[str, Any]:
    """How the records of a run ended."""
    counts = await world.counts(run)
    return {
        entity: {
            side: {key: found[side].get(key, 0) for key in ENDED} for side in ("alguna", "external") if side in found
        }
        | {"linked": found.get("linked", 0), "parked": found.get("parked", 0)}
        for entity, found in counts.items()
    }


@pytest.mark.parametrize("provider", sorted(OPTIONS))
async def test_i6_a_dry_run_of_a_first_load_of_money_says_what_the_sync_does(provider: str, tmp_path: Path) -> None:
    async with connected(provider, tmp_path) as world:
        await world.boxes.seed("alguna", "payments", NUMBER)
        await world.configure(*MONEY, entityOptions=OPTIONS[provider])
        await world.boxes.clear_calls()
        dry = await world.sync(dry_run=True)
        assert await world.boxes.writes() == []
        said = await shown(world, dry)
        real = await world.sync()
        assert await shown(world, real) == said
        assert (dry.status, said["accounts"]["linked"]) == (real.status, NUMBER)
        assert said["payments"]["external"]["created"] > 0


@pytest.mark.parametrize("provider", sorted(OPTIONS))
async def test_i6_a_dry_run_of_what_began_at_the_provider_says_what_the_sync_does(
    provider: str, tmp_path: Path
) -> None:
    async with connected(provider, tmp_path) as world:
        await world.boxes.seed(provider, "invoices", NUMBER)
        await world.configure(*MONEY, entityOptions=OPTIONS[provider])
        said = await shown(world, await world.sync(dry_run=True))
        assert await shown(world, await world.sync()) == said
        assert said["invoices"]["alguna"]["created"] + said["invoices"]["alguna"]["failed"] == NUMBER
