"""Fields that a vendor renames, removes or brings back: they alone stop, and say so once (pain P19)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from connectors.salesforce import writer
from core.enums import Direction
from store.tables.runs import RecordError
from store.tables.schemas import Description
from tests.engine.world import World

EMAIL = {"algunaField": "email", "externalField": "Email__c", "direction": Direction.BIDIRECTIONAL.value}
NAME = {"algunaField": "name", "externalField": "Name"}


async def hide(world: World, *fields: str) -> None:
    """Let an administrator take fields of the org away; those not named are there."""
    await world.boxes.control("salesforce", "PATCH", "records/setup/org", {"hiddenFields": list(fields)})


async def forget_description(world: World) -> None:
    """Let what both systems said of their fields be old."""
    async with world.services.db.transaction() as session:
        for known in (await session.execute(select(Description))).scalars():
            known.described_at = known.described_at.replace(year=2020)
            session.add(known)


async def errors(world: World, status: str = "open") -> list[RecordError]:
    async with world.services.db.session() as session:
        rows = (await session.execute(select(RecordError).order_by(RecordError.id))).scalars()  # type: ignore[arg-type]
        return [row for row in rows if row.status == status]


async def by_marker(world: World) -> dict[str, dict[str, Any]]:
    rows = await world.boxes.records("salesforce", "accounts")
    return {row["Alguna_Customer_ID__c"]: row for row in rows}


async def test_p19_a_field_that_is_removed_stops_alone_and_says_so_once(world: World) -> None:
    ids = await world.boxes.seed("alguna", "accounts", 30)
    await world.configure("accounts", mappings={"accounts": [NAME, EMAIL]})
    async with world.worker():
        assert (await world.sync()).status == "completed"

        # Gone while our description is young: the read is refused, and goes on without the field.
        await hide(world, "Account.Email__c")
        for number, record_id in enumerate(ids):
            await world.boxes.edit("alguna", "accounts", record_id, name=f"Renamed {number}")
        run = await world.sync()
        assert run.status == "completed_with_errors", run.problem
        assert {row["Name"] for row in (await by_marker(world)).values()} == {f"Renamed {n}" for n in range(30)}
        told = await errors(world)
        assert [(row.type, row.field, row.alguna_id) for row in told] == [("field_validation", "Email__c", None)]
        assert "rests" in told[0].message
        await world.boxes.edit("alguna", "accounts", ids[0], name="Again")
        assert (await world.sync()).problem is None
        assert (await by_marker(world))[ids[0]]["Name"] == "Again"
        assert [row.attempts for row in await errors(world)] == [2], "still one row"

        # Back, made anew and so empty: it is filled from Alguna, and never clears it.
        rows = await by_marker(world)
        edited = "while-it-was-gone@one.example"
        customer = await world.boxes.control("alguna", "GET", f"records/accounts/{ids[1]}")
        primary = [{**one, "email": edited} if one["is_primary"] else one for one in customer["contacts"]]
        await world.boxes.edit("alguna", "accounts", ids[1], contacts=primary)
        await world.sync()
        await hide(world)
        for row in rows.values():
            await world.boxes.edit("salesforce", "accounts", row["Id"], Email__c=None)
        await forget_description(world)
        run = await world.sync()
        assert run.status == "completed", [row.message for row in await errors(world)]
        assert await errors(world) == []
        filled = await by_marker(world)
        assert filled[ids[1]]["Email__c"] == edited
        assert all(row["Email__c"] for row in filled.values())
        await world.boxes.clear_calls()
        await world.sync()
        assert await world.boxes.writes() == []


async def test_p19_a_field_that_is_gone_at_the_write_is_left_out_and_the_rest_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await world.boxes.seed("alguna", "accounts", 5)
    mapped = {"direction": "alguna_to_external", "mappings": {"accounts": [NAME, EMAIL]}}
    await world.configure("accounts", **mapped)
    send = writer.send

    async def gone_before_the_write(*args: Any) -> Any:
        await hide(world, "Account.Email__c")
        return await send(*args)

    async with world.worker():
        monkeypatch.setattr(writer, "send", gone_before_the_write)
        run = await world.sync()
        assert (run.status, run.problem) == ("completed_with_errors", None)
        assert await world.linked() == len(await by_marker(world)) == 5
        assert [(row.field, row.alguna_id) for row in await errors(world)] == [("Email__c", None)]

        # The mapping is changed to a field that is there: the error is over.
        mapped["mappings"] = {"accounts": [NAME, {**EMAIL, "externalField": "Website"}]}
        await world.configure("accounts", **mapped)
        await world.boxes.edit("alguna", "accounts", ids[0], name="Under the new mapping")
        assert (await world.sync()).status == "completed"
        assert await errors(world) == []


async def test_i2_p19_without_its_marker_a_side_gets_no_new_records_until_the_field_is_back(world: World) -> None:
    ids = await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts", mappings={"accounts": [NAME]})
    async with world.worker():
        await world.sync()
        await hide(world, "Account.Alguna_Customer_ID__c")
        await world.boxes.edit("alguna", "accounts", ids[0], name="Renamed without a marker")
        await world.boxes.seed("alguna", "accounts", 2, offset=50)
        run = await world.sync()
        assert (run.status, run.problem) == ("completed_with_errors", None)
        rows = await world.boxes.records("salesforce", "accounts")
        assert len(rows) == 3
        assert "Renamed without a marker" in {row["Name"] for row in rows}
        assert [(row.field, row.alguna_id) for row in await errors(world)] == [("Alguna_Customer_ID__c", None)]
        await hide(world)
        await forget_description(world)
        assert (await world.sync()).status == "completed"
        assert len(await by_marker(world)) == 5
        assert await errors(world) == []
