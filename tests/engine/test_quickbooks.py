"""QuickBooks customers through the whole engine: both ways, lost replies, names that are taken, costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from quickbooks.objects.customer import Customer

from activities.contracts import Mode
from core.errors import Transient
from core.records import Entity
from store import writes
from store.scope import Scope
from tests.engine.quickbooks import Company, company_world
from tests.engine.world import INTEGRATION, Sandboxes


@pytest.fixture(scope="module")
def running() -> Iterator[Sandboxes]:
    boxes = Sandboxes("quickbooks")
    asyncio.run(boxes.start())
    yield boxes
    asyncio.run(boxes.stop())


@pytest.fixture
async def company(tmp_path: Path, running: Sandboxes) -> AsyncIterator[Company]:
    async with company_world(tmp_path, running.again()) as made:
        yield made


async def test_i2_i4_customers_come_into_agreement_and_the_vendors_client_sees_it(company: Company) -> None:
    world = company.world
    await world.boxes.seed("alguna", "accounts", 40)
    await world.boxes.seed("quickbooks", "accounts", 40, offset=30)
    await world.configure("accounts")
    await company.sync()
    links = await world.links_of(Entity.ACCOUNTS)
    ours = {row["id"]: row for row in await world.boxes.records("alguna", "accounts")}
    theirs = {one.Id: one for one in await company.all(Customer)}
    assert (len(ours), len(theirs), len(links)) == (70, 70, 70), "ten are known to both, under other spellings"
    for alguna_id, record_id in links.items():
        assert theirs[record_id].DisplayName == ours[alguna_id]["name"]
        assert theirs[record_id].CurrencyRef.value == ours[alguna_id]["currency"]
        assert theirs[record_id].PrimaryEmailAddr.Address == ours[alguna_id]["contacts"][0]["email"]
    await company.quiet()


async def test_i3_edits_of_one_customer_on_both_sides_are_merged(company: Company) -> None:
    world = company.world
    [alguna_id] = await world.boxes.seed("alguna", "accounts", 1)
    await world.configure("accounts")
    await company.sync()
    [(_, record_id)] = (await world.links_of(Entity.ACCOUNTS)).items()
    await company.edit("accounts", record_id, DisplayName="  O'Brien & Sons ")
    address = (await world.boxes.records("alguna", "accounts"))[0]["billing_address"]
    await world.boxes.edit("alguna", "accounts", alguna_id, billing_address={**address, "city": "Hull"})
    await company.sync()
    customer = await company.one(Customer, record_id)
    assert (customer.DisplayName, customer.BillAddr.City) == ("O'Brien & Sons", "Hull")
    assert customer.BillAddr.Line1 == address["line1"], "the rest of the address stays"
    assert (await world.boxes.records("alguna", "accounts"))[0]["name"] == "O'Brien & Sons"
    await world.boxes.edit("alguna", "accounts", alguna_id, name="O'Brien: North")
    await company.sync()
    assert (await company.one(Customer, record_id)).DisplayName == "O'Brien North", "a colon is not for QuickBooks"
    await company.quiet()


async def test_i2_i7_lost_replies_make_no_duplicates(company: Company) -> None:
    world = company.world
    await world.boxes.seed("alguna", "accounts", 65)
    await company.fault("drop_after_commit", "/batch$", times=2)
    await world.configure("accounts")
    with pytest.raises(Transient):
        await company.sync()
    await company.sync()
    customers = await company.all(Customer)
    assert len(customers) == len({one.DisplayName for one in customers}) == await world.linked() == 65
    async with world.services.db.session() as session:
        assert await writes.count_open(session, Scope(INTEGRATION, Entity.ACCOUNTS)) == 0
    await company.quiet()


async def test_a_part_of_a_batch_that_fails_is_sent_again(company: Company) -> None:
    world = company.world
    await world.boxes.seed("alguna", "accounts", 10)
    await company.fault("partial_failure", "/batch$", times=1)
    await world.configure("accounts")
    await company.sync()
    assert len(await company.all(Customer)) == await world.linked() == 10


async def test_a_name_that_a_vendor_holds_is_an_error_and_a_stranger_is_never_taken_over(company: Company) -> None:
    world = company.world
    [alguna_id] = await world.boxes.seed("alguna", "accounts", 1)
    name = (await world.boxes.records("alguna", "accounts"))[0]["name"]
    await world.boxes.control("quickbooks", "POST", "records/vendors", {"DisplayName": name})
    await world.configure("accounts")
    await company.sync(status="completed_with_errors")
    [error] = await world.errors()
    assert (error.type, error.alguna_id, "Vendor" in error.message) == ("duplicate", alguna_id, True)
    assert await company.all(Customer) == []


async def test_i4_a_refused_name_that_was_to_overrule_another_is_not_sent_in_every_pass(company: Company) -> None:
    world = company.world
    taken, alguna_id = await world.boxes.seed("alguna", "accounts", 2)
    await world.configure("accounts")
    await company.sync()
    links = await world.links_of(Entity.ACCOUNTS)
    name = (await company.one(Customer, links[taken])).DisplayName
    await world.boxes.edit("alguna", "accounts", alguna_id, name=name)
    await company.edit("accounts", links[alguna_id], DisplayName="Theirs Ltd")
    await company.sync(status="completed_with_errors")
    await world.boxes.clear_calls()
    await company.sync()
    assert await world.boxes.writes() == []
    [error] = await world.errors()
    assert (error.type, error.alguna_id, error.attempts) == ("duplicate", alguna_id, 1)
    await world.boxes.edit("alguna", "accounts", alguna_id, name="Ours Ltd")
    await company.sync()
    assert (await company.one(Customer, links[alguna_id])).DisplayName == "Ours Ltd"
    await company.quiet()


async def test_a_customer_deleted_in_alguna_is_made_inactive(company: Company) -> None:
    world = company.world
    ids = await world.boxes.seed("alguna", "accounts", 3)
    await world.configure("accounts", onDelete={"toExternal": "archive"})
    await company.sync()
    gone = (await world.links_of(Entity.ACCOUNTS))[ids[0]]
    await world.boxes.control("alguna", "DELETE", f"records/accounts/{ids[0]}")
    await company.sync(Mode.FULL)
    customer = await company.one(Customer, gone)
    assert (customer.Active, customer.DisplayName.endswith("(deleted)")) == (False, True)
    assert len(await company.all(Customer)) == 2
    await company.quiet()


async def test_i4_more_changes_than_cdc_tells_are_read_by_their_time(company: Company) -> None:
    world = company.world
    await world.boxes.seed("quickbooks", "accounts", 1005)
    rules = [{"type": "field", "algunaField": "name", "externalField": "DisplayName"}]
    await world.configure(
        "accounts", matching={"accounts": {"entity": "accounts", "rules": rules, "onNoMatch": "skip"}}
    )
    await company.sync()
    await world.boxes.clear_calls()
    await company.sync()
    paths = [call["path"].rpartition("/")[2] for call in await world.boxes.calls("quickbooks")]
    assert paths == ["cdc", "query", "query"], "one answer of CDC is full, so the times are asked for"
    assert await world.boxes.writes() == []
