"""A dry run says what the next sync does, and does nothing itself (I3, I6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from store import views
from store.listing import list_outcomes
from store.runs import passes_of
from store.tables.runs import Outcome, Run
from tests.engine.world import Sandboxes, World, make_world

# The history of runs, counted calls, and what was learned of fields and facts by reading.
MAY_CHANGE = {
    "runs",
    "passes",
    "run_passes",
    "outcomes",
    "readings",
    "chunks",
    "budgets",
    "connections",
    "descriptions",
    "notes",
}
MADE = ("accounts", "external", "created")
COUNTED = ("created", "updated", "unchanged", "skipped", "failed")


async def stored(world: World) -> dict[str, list[Any]]:
    """Every row of the store that a dry run has to leave as it is."""
    found: dict[str, list[Any]] = {}
    async with world.services.db.session() as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name not in MAY_CHANGE:
                rows = (await session.execute(select(table).order_by(*table.primary_key.columns))).all()
                found[table.name] = [tuple(row) for row in rows]
    return found


async def outcomes(world: World, run: Run) -> list[Outcome]:
    async with world.services.db.session() as session:
        return list((await list_outcomes(session, run.id, limit=10_000, offset=0)).rows)


async def shown(world: World, run: Run) -> dict[str, Any]:
    async with world.services.db.session() as session:
        return views.run(run, await passes_of(session, run.id), str)


def counts(run: dict[str, Any]) -> dict[str, Any]:
    """What a run did, without the second look that confirms it."""
    return {
        entity: {
            **{side: {key: stats[side][key] for key in COUNTED} for side in ("toExternal", "toAlguna")},
            **{key: stats[key] for key in ("linked", "conflicts", "parked")},
        }
        for entity, stats in run["stats"].items()
    }


async def rehearse_and_sync(world: World) -> tuple[dict[str, Any], list[Outcome]]:
    """Rehearse, check that nothing happened, sync, and check that this is what was said. Return run and outcomes."""
    before, sides = await stored(world), await everything(world)
    await world.boxes.clear_calls()
    dry = await world.sync(dry_run=True)
    assert dry.problem is None
    assert await world.boxes.writes() == []
    assert await everything(world) == sides
    assert await stored(world) == before
    said, planned = await shown(world, dry), await outcomes(world, dry)
    await world.boxes.clear_calls()
    real = await world.sync()
    done = await shown(world, real)
    assert counts(done) == counts(said)
    assert done["status"] == said["status"]
    assert wrote(await outcomes(world, real)) == wrote(planned)
    for side, made in done["apiCalls"].items():
        # Contacts come along with the accounts in a sync, and are read by themselves in a dry run.
        assert made <= said["apiCalls"][side] + said["plannedCalls"][side] <= made + 1
    return said, planned


def wrote(rows: list[Outcome]) -> list[tuple[str, ...]]:
    """What was written, or kept from it: by the ids that were known before, without those of new records."""
    kept = [row for row in rows if row.outcome not in ("linked", "unchanged")]
    return sorted((row.entity, row.target, row.outcome, str(known_id(row)), ",".join(row.fields)) for row in kept)


def known_id(row: Outcome) -> str | None:
    of_new_record = row.target == "alguna" or row.fields[:1] in (["Alguna_Customer_ID__c"], ["Alguna_Contact_ID__c"])
    return row.external_id if of_new_record else row.alguna_id


async def everything(world: World) -> dict[str, Any]:
    entities = ("accounts", "contacts", "subscriptions")
    boxes = ("alguna", "salesforce")
    return {f"{box} {entity}": await world.boxes.records(box, entity) for box in boxes for entity in entities}


async def test_a_dry_run_of_a_first_load_says_what_the_sync_does_and_does_nothing(world: World) -> None:
    await world.boxes.seed("alguna", "accounts", 20)
    await world.boxes.seed("alguna", "contacts", 20)
    await world.boxes.seed("salesforce", "accounts", 12, offset=10)
    await world.boxes.seed("salesforce", "contacts", 15, offset=40)
    await world.configure("accounts", "contacts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    async with world.worker():
        said, planned = await rehearse_and_sync(world)
        accounts = said["stats"]["accounts"]
        assert accounts["toExternal"]["created"] > 0
        assert accounts["toAlguna"]["created"] > 0
        assert accounts["linked"] > accounts["toExternal"]["created"] + accounts["toAlguna"]["created"]
        assert said["stats"]["contacts"]["toAlguna"]["created"] > 0, "children of parents that are not there yet"
        made = next(row for row in planned if (row.entity, row.target, row.outcome) == MADE)
        assert views.outcome(made)["externalId"] is None
        name = next(item for item in made.changes or [] if item["field"] == "Name")
        assert (name["from"], bool(name["to"]), name["rule"]) == (None, True, "create")
        assert any(row.outcome == "updated" and row.reason == "linked by name" for row in planned)


async def test_a_dry_run_of_changes_says_field_by_field_what_the_sync_does(world: World) -> None:
    ours = await world.boxes.seed("alguna", "accounts", 6)
    fields = [
        {"algunaField": "name", "externalField": "Name", "conflictResolution": "manual"},
        {"algunaField": "billingAddress.city", "externalField": "BillingCity"},
    ]
    mapped = {"accounts": fields, "contacts": CONTACTS}
    await world.configure("accounts", "contacts", mappings=mapped, onDelete={"toAlguna": "unlink"})
    async with world.worker():
        await world.sync()
        theirs = {
            row["Alguna_Customer_ID__c"]: row["Id"] for row in await world.boxes.records("salesforce", "accounts")
        }
        await world.boxes.edit("alguna", "accounts", ours[0], name="Renamed in Alguna")
        await world.boxes.edit("salesforce", "accounts", theirs[ours[1]], Name="Renamed in Salesforce")
        await world.boxes.edit("alguna", "accounts", ours[2], name="Ours")
        await world.boxes.edit("salesforce", "accounts", theirs[ours[2]], Name="Theirs")
        await world.boxes.edit("alguna", "accounts", ours[3], name="x" * 300)
        await world.boxes.control("salesforce", "DELETE", f"records/accounts/{theirs[ours[4]]}")
        await world.boxes.seed("alguna", "accounts", 2, offset=50)
        await world.boxes.seed("alguna", "contacts", 2, offset=50)
        said, planned = await rehearse_and_sync(world)
        assert said["status"] == "completed_with_errors"
        assert said["stats"]["accounts"]["conflicts"] == 1
        assert said["stats"]["accounts"]["toExternal"]["failed"] == 1
        changes = {(row.target, row.alguna_id): row.changes for row in planned if row.outcome == "updated"}
        before = next(row for row in planned if row.alguna_id == ours[0]).changes
        assert before == [
            {"field": "Name", "from": before[0]["from"], "to": "Renamed in Alguna", "rule": "only_change"}  # type: ignore
        ]
        assert changes["alguna", ours[1]][0]["to"] == "Renamed in Salesforce"  # type: ignore[index]


CONTACTS = [
    {"algunaField": "firstName", "externalField": "FirstName"},
    {"algunaField": "lastName", "externalField": "LastName", "required": True},
    {"algunaField": "email", "externalField": "Email", "required": True},
]


@pytest.mark.postgres
async def test_a_dry_run_works_on_a_copy_on_postgresql(
    tmp_path: Path, temporal_address: str, boxes: Sandboxes, postgres_url: str
) -> None:
    world = await make_world(
        tmp_path, temporal_address, boxes, database_url=postgres_url, heartbeat_seconds=3, chunk_size=100
    )
    ours = await boxes.seed("alguna", "accounts", 5)
    await boxes.seed("salesforce", "accounts", 5, offset=3)
    await world.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    async with world.worker():
        await world.sync()
        await boxes.edit("alguna", "accounts", ours[0], name="Renamed")
        await boxes.seed("alguna", "accounts", 1, offset=50)
        await rehearse_and_sync(world)
    await world.close()
