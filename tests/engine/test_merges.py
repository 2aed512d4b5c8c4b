"""Records merged by people in Salesforce: the link moves, no write goes to the dead id, nothing comes back (P13)."""

from __future__ import annotations

import pytest

from connectors.protocols import FetchRequest, Page
from connectors.salesforce.reader import SalesforceReader
from core.records import Entity, Side
from tests.engine.local import Local
from tests.engine.test_deletes import begin, delete, errors, pairs, tomb, writes_of
from tests.engine.world import World

EUR = {"accounts": {"defaultCurrency": "EUR"}}


async def merge(world: World, entity: str, loser: str, winner: str) -> None:
    """Merge one record into another, as a person does in Salesforce."""
    await world.boxes.edit("salesforce", entity, loser, MasterRecordId=winner)


async def test_p13_the_link_moves_to_the_winner_and_its_values_are_merged(local: Local) -> None:
    async with local.worker():
        (ours, loser), *_ = await begin(local, count=2, direction="alguna_to_external", onNotFound="create")
        stranger = await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": "Surviving Works"})
        await local.sync()
        await local.configure("accounts", onNotFound="create")
        await merge(local, "accounts", loser, stranger["Id"])
        await local.boxes.clear_calls()
        run = await local.sync()
        assert run.status == "completed", run.problem
        assert (ours, stranger["Id"]) in await pairs(local)
        assert all(loser not in path for _, path in await local.boxes.writes()), "nothing is written to the dead id"
        mine = next(row for row in await local.boxes.records("alguna", "accounts") if row["id"] == ours)
        assert mine["name"] == "Surviving Works"
        marked = next(row for row in await local.boxes.records("salesforce", "accounts") if row["Id"] == stranger["Id"])
        assert marked["Alguna_Customer_ID__c"] == ours
        assert len(await local.boxes.records("salesforce", "accounts")) == 2
        assert len(await local.boxes.records("alguna", "accounts")) == 2
        await local.boxes.edit("alguna", "accounts", ours, name="Edited after the merge")
        await local.sync()
        names = {row["Id"]: row["Name"] for row in await local.boxes.records("salesforce", "accounts")}
        assert names[stranger["Id"]] == "Edited after the merge"
        assert await writes_of(local) == []


async def test_p13_two_linked_records_merged_leave_one_link_and_one_error_that_names_both(local: Local) -> None:
    async with local.worker():
        (first, loser), (second, winner), *_ = await begin(local, onNotFound="create", onDelete={"toAlguna": "unlink"})
        await merge(local, "accounts", loser, winner)
        await local.boxes.edit("alguna", "accounts", first, name="Edited where the partner is gone")
        run = await local.sync()
        assert run.status == "completed_with_errors"
        assert (second, winner) in await pairs(local)
        assert len(await pairs(local)) == 2
        assert len(await local.boxes.records("salesforce", "accounts")) == 2, "it is not made anew"
        (error,) = await errors(local)
        assert error.type == "duplicate"
        assert first in error.message
        assert second in error.message
        ended = await tomb(local, Side.ALGUNA, first)
        assert ended is not None
        await local.boxes.clear_calls()
        await local.sync()
        assert await local.boxes.writes() == []


async def test_p13_a_chain_of_merges_is_followed_to_its_end_with_the_children(local: Local) -> None:
    async with local.worker():
        await begin(local, "contacts", 4, entityOptions=EUR)
        (ours, first), *_ = await pairs(local)
        contacts = await pairs(local, Entity.CONTACTS)
        later = [
            await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": f"Survivor {number} Works"})
            for number in range(2)
        ]
        await merge(local, "accounts", first, later[0]["Id"])
        await merge(local, "accounts", later[0]["Id"], later[1]["Id"])
        run = await local.sync()
        assert run.status == "completed", run.problem
        assert (ours, later[1]["Id"]) in await pairs(local)
        assert await pairs(local, Entity.CONTACTS) == contacts, "children that moved along keep their links"
        assert len(await local.boxes.records("alguna", "accounts")) == len(await pairs(local))
        assert await writes_of(local) == []


async def test_p13_a_merge_between_the_read_and_the_write_is_followed_too(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with local.worker():
        (ours, loser), *_ = await begin(local, count=2, onNotFound="create", direction="alguna_to_external")
        stranger = await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": "Surviving Works"})
        await local.sync()
        await local.boxes.edit("alguna", "accounts", ours, name="Edited meanwhile")
        real = SalesforceReader.fetch

        async def then_merged(self: SalesforceReader, request: FetchRequest) -> Page:
            page = await real(self, request)
            monkeypatch.setattr(SalesforceReader, "fetch", real)
            await merge(local, "accounts", loser, stranger["Id"])
            return page

        monkeypatch.setattr(SalesforceReader, "fetch", then_merged)
        run = await local.sync()
        assert run.status == "completed", (run.problem, [item.message for item in await errors(local)])
        assert (ours, stranger["Id"]) in await pairs(local)
        assert len(await local.boxes.records("salesforce", "accounts")) == 2
        names = {row["Id"]: row["Name"] for row in await local.boxes.records("salesforce", "accounts")}
        assert names[stranger["Id"]] == "Edited meanwhile"


async def test_p13_a_record_merged_away_whose_partner_was_deleted_takes_nobody_along(local: Local) -> None:
    async with local.worker():
        (ours, loser), *_ = await begin(local, count=2, onDelete={"toExternal": "archive"})
        stranger = await local.boxes.control("salesforce", "POST", "records/accounts", {"Name": "Surviving Works"})
        await local.sync()
        await delete(local, "alguna", "accounts", ours)
        await merge(local, "accounts", loser, stranger["Id"])
        await local.sync()
        assert stranger["Id"] in {row["Id"] for row in await local.boxes.records("salesforce", "accounts")}


async def test_i6_an_account_deleted_with_its_children_makes_no_storm_of_errors(local: Local) -> None:
    async with local.worker():
        made = await begin(local, "contacts", 6, entityOptions=EUR)
        ours, theirs = (await pairs(local))[0]
        await delete(local, "salesforce", "accounts", theirs)
        run = await local.sync()
        assert run.status == "completed", run.problem
        body = {"customer_id": ours, "email": "new.person@mail.example", "first_name": "New", "last_name": "Person"}
        await local.boxes.control("alguna", "POST", "records/contacts", body)
        run = await local.sync()
        assert run.status == "completed", [item.message for item in await errors(local)]
        assert (await local.counts(run))["contacts"]["parked"] == 1, "nothing is made under a parent that is gone"
        await local.boxes.edit("salesforce", "accounts", theirs, IsDeleted=False)
        run = await local.sync()
        assert run.status == "completed", [item.message for item in await errors(local)]
        emails = {row["Email"] for row in await local.boxes.records("salesforce", "contacts")}
        assert "new.person@mail.example" in emails
        assert len(await pairs(local, Entity.CONTACTS)) == len(made) + 1
