"""A full pass finds what feeds have missed, and says what it found: matched, different, missing, extra (I4, P12)."""

from __future__ import annotations

from typing import Any

from activities.contracts import Mode
from core.records import Entity, Side
from store import views
from store.tables.runs import Run
from tests.engine.local import Local
from tests.engine.test_deletes import begin, delete, pairs, tomb, writes_of
from tests.engine.world import World


async def found(world: World, run: Run, entity: Entity = Entity.ACCOUNTS) -> Any:
    """What a run's stats say that it found."""
    from store import runs

    async with world.services.db.session() as session:
        passes = await runs.passes_of(session, run.id)
    return views.run(run, passes, str)["stats"][entity.value]["found"]


def sides(**numbers: tuple[int, int]) -> dict[str, dict[str, int]]:
    """The report from pairs (Alguna, external)."""
    return {side: {key: both[place] for key, both in numbers.items()} for place, side in enumerate(Side)}


async def test_p12_a_full_pass_finds_the_edit_and_the_deletion_that_the_feeds_missed(local: Local) -> None:
    async with local.worker():
        made = await begin(local, count=5, onDelete={"toAlguna": "unlink"})
        await local.sync()
        raw = {row["Id"]: row for row in await local.boxes.records("salesforce", "accounts")}
        old = "2026-01-05T08:00:00.000+0000"
        await local.boxes.edit("salesforce", "accounts", made[0][1], Name="Unseen Edit Works", SystemModstamp=old)
        for _ in range(2):  # into the recycle bin, and out of it for good
            await delete(local, "salesforce", "accounts", made[1][1])
        run = await local.sync()
        assert await found(local, run) is None, "only a full pass reports"
        assert len(await pairs(local)) == len(raw), "no feed shows them"
        run = await local.sync(Mode.FULL)
        assert run.status == "completed", run.problem
        names = {row["id"]: row["name"] for row in await local.boxes.records("alguna", "accounts")}
        assert names[made[0][0]] == "Unseen Edit Works"
        assert await tomb(local, Side.ALGUNA, made[1][0])
        assert await found(local, run) == sides(matched=(3, 3), different=(1, 1), missing=(0, 1), extra=(0, 0))
        run = await local.sync(Mode.FULL)
        # The unlinked survivor has no partner any more.
        assert await found(local, run) == sides(matched=(4, 4), different=(0, 0), missing=(0, 1), extra=(1, 0))
        assert await writes_of(local, Mode.FULL) == []


async def test_i6_the_first_full_pass_reports_pairs_by_rule_and_records_of_one_side_only(local: Local) -> None:
    await local.boxes.seed("alguna", "accounts", 6)
    await local.boxes.seed("salesforce", "accounts", 6, offset=4)
    await local.boxes.control("alguna", "POST", "records/accounts", {"name": "Twin Falls Works", "currency": "EUR"})
    await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": "Twin Falls Works"})
    await local.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "EUR"}})
    async with local.worker():
        run = await local.sync()
        report = await found(local, run)
        linked = report["alguna"]["matched"] + report["alguna"]["different"]
        assert linked == report["external"]["matched"] + report["external"]["different"] == 3
        assert report["alguna"]["extra"] == report["external"]["missing"] == 4
        assert report["external"]["extra"] == report["alguna"]["missing"] == 4
        run = await local.sync(Mode.FULL)
        # Addresses go to Salesforce only: those of the accounts that came from there drift.
        assert await found(local, run) == sides(matched=(7, 7), different=(4, 4), missing=(0, 0), extra=(0, 0))


async def test_i6_drift_and_waiting_conflicts_are_different_until_they_end(local: Local) -> None:
    mappings = {
        "accounts": [
            {"algunaField": "name", "externalField": "Name", "direction": "alguna_to_external"},
            {"algunaField": "email", "externalField": "Email__c", "conflictResolution": "manual"},
        ]
    }
    async with local.worker():
        made = await begin(local, count=4, mappings=mappings)
        await local.boxes.edit("salesforce", "accounts", made[0][1], Name="Drifting Works")
        contacts = {row["customer_id"]: row["id"] for row in await local.boxes.records("alguna", "contacts")}
        await local.boxes.edit("alguna", "contacts", contacts[made[1][0]], email="ours@mail.example")
        await local.boxes.edit("salesforce", "accounts", made[1][1], Email__c="theirs@mail.example")
        for _ in range(2):
            run = await local.sync(Mode.FULL)
            assert await found(local, run) == sides(matched=(2, 2), different=(2, 2), missing=(0, 0), extra=(0, 0))
