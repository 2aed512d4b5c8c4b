"""Conflicts over their life: ways to end by themselves, newer edits, many decided at once, all on record (I3)."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select

from core import names
from core.records import Entity
from starter.services import deciding, linking
from starter.services.backend import Backend
from store.tables.connections import Integration
from store.tables.runs import Audit, ConflictRow
from tests.engine.test_waiting import until
from tests.engine.world import INTEGRATION, World

MANUAL = [
    {"algunaField": "name", "externalField": "Name", "conflictResolution": "manual"},
    {"algunaField": "email", "externalField": "Email__c", "conflictResolution": "manual"},
]


async def pairs(world: World, count: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Linked accounts as both sides have them, oldest first."""
    await world.boxes.seed("alguna", "accounts", count)
    await world.configure("accounts", mappings={"accounts": MANUAL})
    await world.sync()
    theirs = {row["Alguna_Customer_ID__c"]: row for row in await world.boxes.records("salesforce", "accounts")}
    ours = await world.boxes.records("alguna", "accounts")
    return [(row, theirs[row["id"]]) for row in sorted(ours, key=lambda row: str(row["id"]))]


async def disagree(world: World, pair: tuple[dict[str, Any], dict[str, Any]], **external: str) -> None:
    """Both sides of a pair get another name; Salesforce also what is given."""
    ours, theirs = pair
    await world.boxes.edit("alguna", "accounts", ours["id"], name=f"Ours {ours['id']}")
    await world.boxes.edit("salesforce", "accounts", theirs["Id"], Name=f"Theirs {ours['id']}", **external)


async def by_record(world: World) -> dict[str, ConflictRow]:
    async with world.services.db.session() as session:
        rows = (await session.execute(select(ConflictRow))).scalars()
        return {row.alguna_id or "": row for row in rows}


async def ended_as(world: World, row: ConflictRow) -> str:
    """How a conflict's workflow ended; waits for it."""
    workflow_id = names.conflict_workflow_id(INTEGRATION, Entity.ACCOUNTS, row.id or 0)
    result: str = await asyncio.wait_for(world.client.get_workflow_handle(workflow_id).result(), 30)
    return result


async def integration_of(world: World) -> Integration:
    return await world.services.connections.get_integration(INTEGRATION)


async def test_i3_a_conflict_whose_cause_disappears_closes_itself_and_its_workflow(world: World) -> None:
    async with world.worker():
        agreed, edited, unlinked, deleted, waiting = await pairs(world, 5)
        for pair in (agreed, edited, unlinked, deleted, waiting):
            await disagree(world, pair)
        run = await world.sync()
        assert (await world.counts(run))["accounts"]["conflicts"] == 5
        before = await by_record(world)
        assert {row.status for row in before.values()} == {"open"}
        # The other side takes our value; a newer edit; the link goes; the record goes; and one is left alone.
        await world.boxes.edit("salesforce", "accounts", agreed[1]["Id"], Name=f"Ours {agreed[0]['id']}")
        await world.boxes.edit("salesforce", "accounts", edited[1]["Id"], Name="A newer edit")
        backend = Backend(world.services, world.client)
        await linking.remove(backend, await integration_of(world), Entity.ACCOUNTS, unlinked[0]["id"], by="operations")
        assert await ended_as(world, before[unlinked[0]["id"]]) == "closed", "at once, without a pass"
        await world.boxes.control("salesforce", "DELETE", f"records/accounts/{deleted[1]['Id']}")
        await world.sync()
        after = await by_record(world)
        for pair in (agreed, unlinked, deleted):
            assert after[pair[0]["id"]].status == "closed", pair
            assert await ended_as(world, after[pair[0]["id"]]) == "closed"
        newer, same = after[edited[0]["id"]], after[waiting[0]["id"]]
        assert (newer.status, newer.version) == ("open", before[edited[0]["id"]].version + 1)
        assert newer.fields[0]["external"] == "A newer edit"
        assert (same.status, same.version) == ("open", before[waiting[0]["id"]].version)
        # The rule decides now, and the mapping of the other field is gone.
        mapping = {"algunaField": "name", "externalField": "Name", "conflictResolution": "external_wins"}
        await world.configure("accounts", mappings={"accounts": [mapping]})
        await world.sync()
        after = await by_record(world)
        for pair in (edited, waiting):
            assert after[pair[0]["id"]].status == "closed"
            assert await ended_as(world, after[pair[0]["id"]]) == "closed"
        ours = {row["id"]: row["name"] for row in await world.boxes.records("alguna", "accounts")}
        assert ours[edited[0]["id"]] == "A newer edit"
        assert ours[waiting[0]["id"]] == f"Theirs {waiting[0]['id']}"


async def test_i3_many_conflicts_are_decided_by_field_in_one_run_and_the_rest_keeps_waiting(world: World) -> None:
    async with world.worker():
        plain, both, moved = await pairs(world, 3)
        await disagree(world, plain)
        await disagree(world, moved)
        await disagree(world, both, Email__c="theirs@mail.example")
        contacts = [{**both[0]["contacts"][0], "email": "ours@mail.example"}]
        await world.boxes.edit("alguna", "accounts", both[0]["id"], contacts=contacts)
        await world.sync()
        backend, integration = Backend(world.services, world.client), await integration_of(world)
        wish = deciding.Wish("alguna", field="name", dry_run=True)
        planned = await deciding.resolve_many(backend, integration, wish, "operations")
        assert (planned["matched"], planned["decided"], planned["syncId"]) == (3, 3, None)
        assert {row.status for row in (await by_record(world)).values()} == {"open"}
        asked = (await by_record(world))[both[0]["id"]].version
        wish = deciding.Wish("alguna", field="name")
        decided = await deciding.resolve_many(backend, integration, wish, "operations")
        assert (decided["decided"], decided["left"]) == (3, 0)

        async def carried_out() -> bool:
            rows = await world.boxes.records("salesforce", "accounts")
            return [str(row["Name"])[:4] for row in rows].count("Ours") == 3

        await until(carried_out)

        async def settled() -> bool:
            return [row.status for row in (await by_record(world)).values()].count("resolved") == 2

        await until(settled)
        left = (await by_record(world))[both[0]["id"]]
        assert (left.status, left.version > asked) == ("open", True)
        assert [item["algunaField"] for item in left.fields] == ["email"], "only the named field was decided"
        assert await ended_as(world, (await by_record(world))[plain[0]["id"]]) == "resolved"
        async with world.services.db.session() as session:
            rows = (await session.execute(select(Audit).where(Audit.alguna_id == plain[0]["id"]))).scalars()
            entries = [item for row in rows for item in row.decisions]
        entry = next(item for item in entries if item["rule"] == "resolution")
        assert entry["by"] == "operations"
        assert (entry["alguna"], entry["external"]) == (f"Ours {plain[0]['id']}", f"Theirs {plain[0]['id']}")
        assert entry["base"] == [plain[0]["name"], plain[1]["Name"]]
        assert entry["algunaModifiedAt"]
        assert entry["externalModifiedAt"]
