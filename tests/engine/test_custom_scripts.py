"""Custom JavaScript in a real sync: what fails costs its record, and its stack stays in the store (I8, I10)."""

from __future__ import annotations

from core.records import Entity
from tests.engine.test_targets import open_errors
from tests.engine.world import World

SCRIPT = """function shout(value) {
  if (value === "Loop Works") for (;;) {}
  if (value === "Broken Works") return value.missing.part;
  return value.toUpperCase();
}"""
MAPPINGS = {
    "accounts": [
        {
            "algunaField": "name",
            "externalField": "Name",
            "direction": "alguna_to_external",
            "transform": "custom",
            "toExternal": SCRIPT,
        },
        {
            "algunaField": "contacts[isPrimary=true].email",
            "externalField": "Email__c",
            "direction": "alguna_to_external",
        },
    ]
}


async def test_i10_an_endless_loop_costs_one_record_and_i8_no_stack_reaches_temporal(world: World) -> None:
    loop, broken, *_ = await world.boxes.seed("alguna", "accounts", 4)
    await world.boxes.edit("alguna", "accounts", loop, name="Loop Works")
    await world.boxes.edit("alguna", "accounts", broken, name="Broken Works")
    await world.configure("accounts", mappings=MAPPINGS)
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed_with_errors"
        assert await world.linked(Entity.ACCOUNTS) == 2
        errors = {row.alguna_id: row for row in await open_errors(world)}
        assert set(errors) == {loop, broken}
        assert {row.type for row in errors.values()} == {"field_validation"}
        assert "ran too long" in errors[loop].message
        assert "cannot read property 'part' of undefined\n    at shout (line 3" in errors[broken].message
        ours = {row["name"].upper(): row for row in await world.boxes.records("alguna", "accounts")}
        made = await world.boxes.records("salesforce", "accounts")
        for row in made:
            primary = next(one for one in ours[row["Name"]]["contacts"] if one["is_primary"])
            assert row["Email__c"] == primary["email"]
        async for found in world.client.list_workflows():
            history = await world.client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()
            assert "shout" not in history.to_json()
        await world.boxes.edit("alguna", "accounts", broken, name="Mended Works")
        await world.sync()
        assert set(row.alguna_id for row in await open_errors(world)) == {loop}
