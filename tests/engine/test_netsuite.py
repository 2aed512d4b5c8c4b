"""NetSuite through the whole engine: three entities, both ways, to the cent and once, read with another's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from activities.contracts import Mode
from core.errors import Transient
from core.records import Entity
from tests.engine.netsuite_books import NetSuiteBooks, netsuite_books
from tests.engine.world import Sandboxes

ACCOUNTS, INVOICES, PAYMENTS = Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS


@pytest.fixture(scope="module")
def running() -> Iterator[Sandboxes]:
    boxes = Sandboxes("netsuite")
    asyncio.run(boxes.start())
    yield boxes
    asyncio.run(boxes.stop())


@pytest.fixture
async def books(tmp_path: Path, running: Sandboxes) -> AsyncIterator[NetSuiteBooks]:
    async with netsuite_books(tmp_path, running.again()) as made:
        yield made


async def one_link(books: NetSuiteBooks, entity: Entity) -> tuple[str, str]:
    [link] = (await books.links(entity)).items()
    return link


async def test_i2_i4_invoices_and_payments_of_alguna_arrive_to_the_cent(books: NetSuiteBooks) -> None:
    await books.boxes.seed("alguna", "payments", 8)
    await books.configure(entityOptions={"invoices": {"itemMap": {"by": "sku"}}})
    await books.sync()
    invoices, payments = await books.links(INVOICES), await books.links(PAYMENTS)
    assert (len(await books.links(ACCOUNTS)), len(invoices), len(payments)) == (8, 8, 8)
    ours = {row["id"]: row for row in await books.ours(INVOICES)}
    for alguna_id, record_id in invoices.items():
        row = await books.shown(INVOICES, record_id)
        known = ours[alguna_id]
        assert Decimal(str(row["total"])) == Decimal(known["total"])
        assert Decimal(str(row["taxTotal"])) == Decimal(known["tax"])
        assert Decimal(str(row["amountRemaining"])) == Decimal(known["amount_remaining"])
        assert (row["externalId"], row["tranId"]) == (alguna_id, known["external_reference"])
        assert (row["tranDate"], row["currency"]["refName"]) == (known["issue_date"][:10], known["currency"])
    assert {row["externalId"] for row in await books.theirs(PAYMENTS)} == {one.split(":")[0] for one in payments}
    await books.quiet()
    assert (await books.errors(), len(await books.theirs(PAYMENTS))) == ([], 8)


async def test_i3_customers_agree_both_ways_and_an_address_is_changed_in_its_place(books: NetSuiteBooks) -> None:
    [alguna_id] = await books.boxes.seed("alguna", "accounts", 1)
    theirs = await books.made(ACCOUNTS, companyName="Told Works", subsidiary={"id": "1"}, currency={"id": "2"})
    await books.configure(ACCOUNTS)
    await books.sync()
    links = await books.links(ACCOUNTS)
    made = next(one for one, record in links.items() if record == theirs)
    row = next(row for row in await books.ours(ACCOUNTS) if row["id"] == made)
    assert (row["name"], row["currency"]) == ("Told Works", "GBP")
    assert (await books.shown(ACCOUNTS, theirs))["externalId"] == made, "marked"

    address = next(row for row in await books.ours(ACCOUNTS) if row["id"] == alguna_id)["billing_address"]
    await books.boxes.edit("alguna", "accounts", alguna_id, billing_address={**address, "city": "Hull"})
    await books.edit(ACCOUNTS, links[alguna_id], companyName="  Renamed Works  ")
    await books.sync()
    customer = await books.shown(ACCOUNTS, links[alguna_id])
    [line] = customer["addressBook"]["items"]
    shown = line["addressBookAddress"]
    assert (shown["city"], shown["addr1"], shown["country"]["id"]) == ("Hull", address["line1"], address["country"][:2])
    renamed = next(row for row in await books.ours(ACCOUNTS) if row["id"] == alguna_id)
    assert renamed["name"] == customer["companyName"] == "Renamed Works"
    await books.quiet()


async def test_a_customer_deleted_in_alguna_is_made_inactive(books: NetSuiteBooks) -> None:
    ids = await books.boxes.seed("alguna", "accounts", 3)
    await books.configure(ACCOUNTS, onDelete={"toExternal": "archive"})
    await books.sync()
    gone = (await books.links(ACCOUNTS))[ids[0]]
    await books.boxes.control("alguna", "DELETE", f"records/accounts/{ids[0]}")
    await books.sync(Mode.FULL)
    assert (await books.shown(ACCOUNTS, gone))["isInactive"] is True
    await books.quiet()


async def test_i7_a_customer_out_of_use_whose_mark_is_taken_is_an_error_and_the_pass_ends(books: NetSuiteBooks) -> None:
    [alguna_id] = await books.boxes.seed("alguna", "accounts", 1)
    await books.configure(ACCOUNTS, onNotFound="create")
    await books.sync()
    record_id = (await books.links(ACCOUNTS))[alguna_id]
    # NetSuite takes changes of what is out of use, which only shows where it is read again before the write.
    books.world.engine.options = replace(books.world.engine.options, stale_read_seconds=0)
    await books.edit(ACCOUNTS, record_id, isInactive=True)
    await books.boxes.edit("alguna", "accounts", alguna_id, name="Renamed Works")
    await books.sync(status="completed_with_errors")
    [error] = await books.errors()
    assert (error.type, error.alguna_id, record_id in error.message) == ("duplicate", alguna_id, True)
    await books.quiet()
    await books.edit(ACCOUNTS, record_id, isInactive=False)
    await books.sync()
    assert (await books.shown(ACCOUNTS, record_id))["companyName"] == "Renamed Works"
    assert (await books.links(ACCOUNTS), await books.errors()) == ({alguna_id: record_id}, [])
    await books.quiet()


async def test_i2_i7_lost_replies_make_nothing_twice(books: NetSuiteBooks) -> None:
    await books.boxes.seed("alguna", "payments", 3)
    await books.configure()
    for kind in ("customer", "invoice", "customerPayment"):
        await books.fault("drop_after_commit", "POST", f"/record/v1/{kind}$")
    for _ in range(3):
        with pytest.raises(Transient):
            await books.sync()
    await books.sync()
    assert [len(await books.theirs(entity)) for entity in (ACCOUNTS, INVOICES, PAYMENTS)] == [3, 3, 3]
    assert await books.errors() == []
    await books.quiet()


async def test_an_invoice_and_payments_made_in_netsuite_are_issued_and_marked_as_paid_once(
    books: NetSuiteBooks,
) -> None:
    customer = await books.customer()
    await books.configure()
    await books.sync()
    there = (await books.links(ACCOUNTS))[customer]
    bill = await books.bill(there, 70.0, 30.0, memo="June")
    await books.sync()
    await books.issued()
    await books.receive(there, {bill: 40.0}, tranDate="2026-11-12")
    await books.receive(there, {bill: 25.0})
    await books.sync()
    [invoice] = await books.ours(INVOICES)
    assert (invoice["total"], invoice["description"], invoice["amount_paid"]) == ("100.00", "June", "65.00")
    payments = await books.ours(PAYMENTS)
    assert sorted(one["amount"] for one in payments) == ["25.00", "40.00"]
    assert "2026-11-12" in {one["paid_at"][:10] for one in payments}
    assert [link[1] for link in (await books.links(INVOICES)).items()] == [bill]
    await books.quiet()
    assert len(await books.theirs(PAYMENTS)) == len(await books.ours(PAYMENTS)) == 2


async def test_a_payment_of_several_invoices_marks_each_of_them_as_paid_once(books: NetSuiteBooks) -> None:
    customer = await books.customer()
    await books.configure()
    await books.sync()
    there = (await books.links(ACCOUNTS))[customer]
    bills = [await books.bill(there, amount) for amount in (5.0, 7.0)]
    await books.sync()
    await books.issued()
    await books.receive(there, {bills[0]: 5.0, bills[1]: 6.0})
    await books.sync()
    paid = {row["id"]: row["amount_paid"] for row in await books.ours(INVOICES)}
    links = {theirs: ours for ours, theirs in (await books.links(INVOICES)).items()}
    assert [paid[links[bill]] for bill in bills] == ["5.00", "6.00"]
    await books.quiet()
    assert (len(await books.theirs(PAYMENTS)), len(await books.ours(PAYMENTS))) == (1, 2)


async def test_voids_cross_both_ways(books: NetSuiteBooks) -> None:
    customer = await books.customer()
    ours = await books.issue(customer, "10.00", "5.00")
    await books.configure()
    await books.sync()
    theirs = await books.bill((await books.links(ACCOUNTS))[customer], 20.0)
    await books.sync()
    await books.issued()
    await books.sync()
    links = await books.links(INVOICES)
    assert len(links) == 2
    await books.boxes.edit("alguna", "invoices", ours, status="void")
    await books.edit(INVOICES, theirs, voided=True)
    await books.sync()
    row = await books.shown(INVOICES, links[ours])
    assert (row["total"], row["amountRemaining"], row["memo"]) == (0.0, 0.0, "VOID")
    assert len(row["item"]["items"]) == 2, "the lines stay, without amounts"
    assert {one["status"] for one in await books.ours(INVOICES)} == {"void"}
    await books.quiet()


async def test_payments_taken_back_in_alguna_are_taken_off_and_the_last_takes_the_payment_along(
    books: NetSuiteBooks,
) -> None:
    customer = await books.customer()
    invoice = await books.issue(customer, "10.00")
    payment = await books.pay(invoice, "10.00")
    await books.configure()
    await books.sync()
    [there] = await books.theirs(PAYMENTS)
    await books.boxes.edit("alguna", "payments", payment, status="voided")
    await books.sync()
    assert await books.theirs(PAYMENTS) == []
    row = await books.shown(INVOICES, (await books.links(INVOICES))[invoice])
    assert (row["amountRemaining"], there["payment"]) == (10.0, 10.0)
    await books.quiet()


@pytest.mark.parametrize("how", ["deleted", "voided", "taken off"])
async def test_a_payment_taken_back_in_netsuite_is_an_error_because_alguna_cannot(
    books: NetSuiteBooks, how: str
) -> None:
    invoice = await books.issue(await books.customer(), "10.00")
    await books.pay(invoice, "10.00")
    await books.configure()
    await books.sync()
    [there] = await books.theirs(PAYMENTS)
    if how == "deleted":
        await books.remove(PAYMENTS, there["id"])
    elif how == "voided":
        await books.edit(PAYMENTS, there["id"], voided=True)
    else:
        await books.edit(PAYMENTS, there["id"], apply={"items": []})
    await books.sync(status="completed_with_errors")
    [error] = await books.errors()
    assert (error.type, "take" in error.message) == ("field_validation", True)
    assert len(await books.ours(PAYMENTS)) == 1
    await books.sync(status="completed")


async def test_an_invoice_that_waits_for_approval_crosses_once_it_has_it(books: NetSuiteBooks) -> None:
    customer = await books.customer()
    await books.configure()
    await books.sync()
    await books.set_up(invoiceApproval=True)
    bill = await books.bill((await books.links(ACCOUNTS))[customer], 30.0)
    await books.sync()
    assert await books.ours(INVOICES) == []
    await books.edit(INVOICES, bill, approvalStatus={"id": "2"})
    await books.sync()
    assert [one["total"] for one in await books.ours(INVOICES)] == ["30.00"]


async def test_totals_that_would_differ_are_refused_with_both_on_either_side(books: NetSuiteBooks) -> None:
    [taxed] = await books.boxes.seed("alguna", "accounts", 1)
    customer = await books.customer()
    await books.configure()
    await books.sync()
    bill = await books.bill((await books.links(ACCOUNTS))[taxed], 100.0)
    await books.sync(status="completed_with_errors")
    [error] = await books.errors()
    assert (error.external_id, error.type, error.field) == (bill, "field_validation", "total")
    assert "100" in error.message
    await books.set_up(suiteTax=False, defaultTaxRate="0.05")
    invoice = await books.issue(customer, "10.00")
    await books.sync(status="completed_with_errors")
    [_, drifted] = await books.errors()
    assert (drifted.alguna_id, drifted.field) == (invoice, "total")
    assert "10.5" in drifted.message
    assert "10" in drifted.message


async def test_what_netsuite_refuses_is_an_error_that_says_what_to_do(books: NetSuiteBooks) -> None:
    customer = await books.customer()
    early = await books.issue(customer, "10.00", issue_date="2026-02-03T00:00:00Z")
    yen = await books.issue(await books.customer("JPY"), "1000", currency="JPY")
    await books.set_up(closedBefore="2026-11-01")
    await books.configure(entityOptions={"invoices": {"itemMap": {"default": "no-such-item"}}})
    await books.sync(status="completed_with_errors")
    assert {"no item named `no-such-item`" in one.message for one in await books.errors()} == {True}
    await books.configure()
    await books.sync(Mode.FULL, status="completed_with_errors")
    [error] = await books.errors()
    assert (error.alguna_id, error.type) == (early, "field_validation")
    assert "closed" in error.message
    row = await books.shown(INVOICES, (await books.links(INVOICES))[yen])
    assert (row["total"], row["currency"]["refName"]) == (1000.0, "JPY")


async def test_a_customer_of_the_same_name_is_an_error_and_no_stranger_is_taken_over(books: NetSuiteBooks) -> None:
    await books.configure(
        ACCOUNTS, matching={"accounts": {"entity": "accounts", "rules": []}}, direction="alguna_to_external"
    )
    await books.made(ACCOUNTS, companyName="Plain Harbor USD Ltd", subsidiary={"id": "1"})
    customer = await books.customer()
    await books.sync(status="completed_with_errors")
    [error] = await books.errors()
    assert (error.alguna_id, error.type) == (customer, "duplicate")
    assert len(await books.theirs(ACCOUNTS)) == 1
