"""The main job: first sync, edits both ways, and passes that have nothing to do."""

from __future__ import annotations

from tests.engine.world import World


async def test_i2_i4_first_sync_links_everything_and_the_next_pass_writes_nothing(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 250)
    await world.configure("accounts")
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", run.problem
        assert await world.linked() == 250
        accounts = await world.boxes.records("salesforce", "accounts")
        assert len(accounts) == 250
        assert len({row["Alguna_Customer_ID__c"] for row in accounts}) == 250
        await world.boxes.clear_calls()
        again = await world.sync()
        assert await world.boxes.writes() == []
        assert (await world.counts(again))["accounts"]["external"] == {"unchanged": 250}
