"""First syncs of each provider, and the calls that none can do without (I10).

The figures are the vendors' own: how many records one call lists, writes, and reads back. Whoever goes beyond sends
records one by one, reads what it knows, or looks up what it could have read at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tests.engine.world import World

SLACK = 1.05
FIXED_CALLS = 15
"""Descriptions, accounts, currencies: what a sync asks once, whatever its size."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What one call carries at most. `confirmed` is None where the answer to a write shows what was stored."""

    listed: int
    written: int
    confirmed: int | None = None

    def writes(self, records: int) -> int:
        """The calls that write so many records and know what became of them."""
        confirming = ceil(records / self.confirmed) if self.confirmed else 0
        return ceil(records / self.written) + confirming


ALGUNA = Floor(listed=100, written=1)
FLOORS = {
    "salesforce": Floor(listed=2_000, written=200, confirmed=2_000),
    "hubspot": Floor(listed=100, written=100),
    "quickbooks": Floor(listed=1_000, written=30),
    "netsuite": Floor(listed=1_000, written=1, confirmed=1_000),
    "xero": Floor(listed=1_000, written=50),
}


@dataclass(frozen=True, slots=True)
class Load:
    """A first sync: so many accounts are in Alguna alone, and so many at the provider alone."""

    ours: int
    theirs: int

    def floor(self, provider: str) -> int:
        """List both sides, make what is missing on each, and mark at the provider what was made in Alguna."""
        vendor = FLOORS[provider]
        listed = ceil(self.ours / ALGUNA.listed) + ceil(self.theirs / vendor.listed)
        return listed + ALGUNA.writes(self.theirs) + vendor.writes(self.ours) + vendor.writes(self.theirs)


async def carry_out(world: World, load: Load, *, within: float) -> None:
    """Seed both systems and sync them for the first time; all must be linked, and the calls be near the floor."""
    provider = world.boxes.provider
    await world.boxes.seed("alguna", "accounts", load.ours)
    await world.boxes.seed(provider, "accounts", load.theirs, offset=load.ours)
    await world.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    await world.boxes.clear_calls()
    async with world.worker():
        run = await world.sync(within=within)
    assert run.status == "completed", (run.problem, await world.counts(run))
    assert await world.linked() == load.ours + load.theirs
    calls = [*await world.boxes.calls("alguna"), *await world.boxes.calls(provider)]
    most = SLACK * load.floor(provider) + FIXED_CALLS
    assert len(calls) <= most, f"{len(calls)} calls, where {load.floor(provider)} are the floor"


async def refusals(world: World) -> int:
    """How many calls either system has refused for its limits since the log was cleared."""
    calls = [*await world.boxes.calls("alguna"), *await world.boxes.calls(world.boxes.provider)]
    return sum(call["status"] == 429 or (call["status"] == 403 and "LIMIT" in str(call)) for call in calls)
