"""A run in one direction: the other waits, and is neither lost nor taken for agreed (I3, I4)."""

from __future__ import annotations

from core.enums import Direction
from tests.engine.test_agreement import BOTH, one, quiet
from tests.engine.world import World

OUT, IN = Direction.ALGUNA_TO_EXTERNAL, Direction.EXTERNAL_TO_ALGUNA


async def test_i3_what_may_not_flow_in_this_run_flows_in_the_next(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 3)
    await world.configure(
        "accounts",
        mappings=BOTH,
        entityOptions={"accounts": {"defaultCurrency": "EUR"}},
        conflictResolution="external_wins",
    )
    async with world.worker():
        await world.sync()
        first, second, third = await world.boxes.records("alguna", "accounts")
        theirs = {
            row["Alguna_Customer_ID__c"]: row["Id"] for row in await world.boxes.records("salesforce", "accounts")
        }
        await world.boxes.edit("alguna", "accounts", first["id"], name="Out")
        await world.boxes.edit(
            "salesforce", "accounts", theirs[first["id"]], Email__c="in@waits.example", BillingCity="Drifted"
        )
        await world.boxes.edit("salesforce", "accounts", theirs[second["id"]], Name="Waits")
        await world.boxes.edit("alguna", "accounts", third["id"], name="Loses In The End")
        await world.boxes.edit("salesforce", "accounts", theirs[third["id"]], Name="Wins In The End")
        await world.boxes.control("salesforce", "POST", "records/accounts", {"Name": "New There"})
        await world.boxes.clear_calls()

        for _ in range(2):
            run = await world.sync(direction=OUT)
            assert run.status == "completed", run.problem
            assert run.direction == OUT.value
        written = {path for _, path in await world.boxes.writes()}
        assert all(path.startswith("/services/data") for path in written), "nothing is written to Alguna"
        await one(world, "salesforce", "accounts", Name="Out", Email__c="in@waits.example")
        await one(world, "salesforce", "accounts", Name="Wins In The End")
        await one(world, "alguna", "accounts", name="Loses In The End")
        counts = (await world.counts(run))["accounts"]
        assert counts["alguna"]["skipped"] == 1, "the new one waits, counted again"

        await world.sync()
        emails = [item["email"] for item in (await one(world, "alguna", "accounts", name="Out"))["contacts"]]
        assert emails == ["in@waits.example"]
        await one(world, "alguna", "accounts", name="Waits")
        await one(world, "alguna", "accounts", name="Wins In The End")
        await one(world, "alguna", "accounts", name="New There")
        await quiet(world)


async def test_i3_a_run_into_alguna_leaves_the_external_side_as_it_is(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts", mappings=BOTH)
    async with world.worker():
        await world.sync()
        [ours] = await world.boxes.records("alguna", "accounts")
        [theirs] = await world.boxes.records("salesforce", "accounts")
        [new] = await world.boxes.seed("alguna", "accounts", 1, offset=50)
        await world.boxes.edit("alguna", "accounts", ours["id"], name="Waits Here")
        await world.boxes.edit("salesforce", "accounts", theirs["Id"], Email__c="flows@in.example")
        await world.boxes.clear_calls()
        await world.sync(direction=IN)
        assert {path for _, path in await world.boxes.writes()} == {f"/customers/{ours['id']}"}
        assert (await one(world, "alguna", "accounts", id=ours["id"]))["name"] == "Waits Here"
        await world.sync()
        await one(world, "salesforce", "accounts", Name="Waits Here", Email__c="flows@in.example")
        await one(world, "salesforce", "accounts", Alguna_Customer_ID__c=new)
        await quiet(world)
