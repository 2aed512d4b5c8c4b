"""Xero through the whole engine: each pair both ways, voids, payments exactly once, totals to the cent, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from core.records import Entity
from tests.engine.floors import Load, carry_out, refusals
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.world import Sandboxes, World
from tests.engine.xero_books import XeroBooks, cents
from tests.sandbox.xero_organisation import Witness

ACCOUNTS, INVOICES, PAYMENTS = Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS


@pytest.fixture(scope="module")
def running_xero() -> Iterator[Sandboxes]:
    """Alguna and Xero, started once for the tests of this file."""
    boxes = Sandboxes("xero")
    asyncio.run(boxes.start())
    yield boxes
    asyncio.run(boxes.stop())


@pytest.fixture
async def boxes(running_xero: Sandboxes) -> AsyncIterator[Sandboxes]:
    """The same for a worker, with the limits of ten organisations."""
    made = running_xero.again()
    for system in ("alguna", "xero"):
        await made.control(system, "POST", "reset", {})
        await made.control(system, "DELETE", "faults")
    yield made
    await made.http.aclose()


@pytest.fixture
async def books(tmp_path: Path, running_xero: Sandboxes) -> AsyncIterator[XeroBooks]:
    """Both empty, and connected."""
    boxes = running_xero.again()
    for system in ("alguna", "xero"):
        await boxes.control(system, "POST", "reset", {})
        # Limits that no test comes near: without any, the budget would keep to the published ones.
        await boxes.control(system, "POST", "limits", {"scale": 1000})
        await boxes.control(system, "DELETE", "faults")
    await boxes.clear_calls()
    local = await make_passes(tmp_path, boxes, kind=Local, chunk_size=100)
    assert isinstance(local, Local)
    yield XeroBooks(local, Witness(boxes.external.url, await boxes.control("xero", "GET", "credentials")))
    await local.close()
    await boxes.http.aclose()


async def test_accounts_are_created_updated_and_archived_in_xero(books: XeroBooks) -> None:
    await books.configure("accounts", onDelete={"toExternal": "archive"})
    [first, second] = await books.local.boxes.seed("alguna", "accounts", 2)
    await books.sync()
    made = {one.contact_number: one for one in await books.contacts()}
    rows = {row["id"]: row for row in await books.ours("accounts")}
    assert {number: one.name for number, one in made.items()} == {key: row["name"] for key, row in rows.items()}
    postal = next(one for one in made[first].addresses if one.address_type == "POBOX")
    assert postal.city == rows[first]["billing_address"]["city"]
    assert made[first].email_address == rows[first]["contacts"][0]["email"]

    address = {**rows[first]["billing_address"], "city": "Newport"}
    await books.edit_ours("accounts", first, name="Renamed Works", billing_address=address)
    await books.control("alguna", "DELETE", f"records/accounts/{second}")
    await books.sync()
    after = {one.contact_number: one for one in await books.contacts()}
    postal = next(one for one in after[first].addresses if one.address_type == "POBOX")
    assert (after[first].name, postal.city, postal.address_line1) == ("Renamed Works", "Newport", address["line1"])
    assert after[second].contact_status == "ARCHIVED"
    await books.settled()


async def test_accounts_are_created_and_updated_in_alguna(books: XeroBooks) -> None:
    await books.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "GBP"}})
    theirs = await books.control("xero", "POST", "records/accounts", {"Name": "Amber Works"})
    await books.sync()
    (row,) = await books.ours("accounts")
    assert (row["name"], row["currency"]) == ("Amber Works", "GBP")
    await books.edit_theirs("accounts", theirs["ContactID"], Name="Amber Mills")
    await books.sync()
    (row,) = await books.ours("accounts")
    assert row["name"] == "Amber Mills"
    await books.edit_theirs("accounts", theirs["ContactID"], ContactStatus="ARCHIVED")
    await books.sync()
    assert len(await books.ours("accounts")) == 1, "Alguna cannot delete"
    await books.settled()


async def test_a_contact_that_another_app_has_numbered_is_linked_and_keeps_its_number(books: XeroBooks) -> None:
    body = {"Name": "Harbor Optics Limited", "ContactNumber": "CRM-0042"}
    theirs = await books.control("xero", "POST", "records/accounts", body)
    ours = await books.customer("Harbor Optics Ltd")
    await books.configure("accounts")
    await books.sync()
    assert await books.partner(ACCOUNTS, ours) == theirs["ContactID"]
    await books.edit_ours("accounts", ours, name="Harbor Optics plc")
    await books.sync()
    (contact,) = await books.contacts()
    assert (contact.contact_number, contact.name) == ("CRM-0042", "Harbor Optics plc")
    await books.settled()


async def test_merged_contacts_keep_their_link(books: XeroBooks) -> None:
    ours = await books.customer()
    await books.configure("accounts", entityOptions={"accounts": {"defaultCurrency": "GBP"}})
    await books.sync()
    survivor = await books.control("xero", "POST", "records/accounts", {"Name": "Survivor"})
    await books.edit_theirs("accounts", await books.partner(ACCOUNTS, ours), mergedInto=survivor["ContactID"])
    await books.sync()
    await books.edit_ours("accounts", ours, name="After the merge")
    await books.sync()
    contact = next(one for one in await books.contacts() if one.contact_id == survivor["ContactID"])
    assert contact.name == "After the merge"


async def test_an_issued_invoice_and_its_payments_cross_once(books: XeroBooks) -> None:
    await books.configure()
    invoice = await books.issue("100.00", "0.03", purchase_order_number="PO-7")
    await books.pay(invoice["id"], "50.00", "2026-06-11")
    await books.sync()
    (made,) = await books.invoices()
    assert (made.invoice_number, made.status, made.reference) == (invoice["external_reference"], "AUTHORISED", "PO-7")
    assert (cents(made.total), cents(made.amount_due)) == (cents(invoice["total"]), cents("70.04"))
    assert [(one.item_code, one.tax_type, cents(one.unit_amount)) for one in made.line_items] == [
        ("SEAT-PRO", "OUTPUT2", cents("100.00")),
        ("SEAT-PRO", "OUTPUT2", cents("0.03")),
    ]
    assert made.contact.contact_id == await books.partner(ACCOUNTS, invoice["customer_id"])
    (paid,) = await books.payments()
    assert (cents(paid.amount), paid.date.isoformat(), paid.invoice.invoice_id) == (
        cents("50.00"),
        "2026-06-11",
        made.invoice_id,
    )
    await books.settled()
    await books.pay(invoice["id"], "70.04", "2026-06-12")
    await books.sync()
    (made,) = await books.invoices()
    assert (made.status, len(await books.payments())) == ("PAID", 2)
    await books.settled()
    assert len(await books.ours("payments")) == 2


async def test_an_approved_invoice_and_its_payments_come_to_alguna_once(books: XeroBooks) -> None:
    await books.configure()
    ours = await books.customer()
    await books.sync()
    contact = await books.partner(ACCOUNTS, ours)
    theirs = await books.invoice_theirs(contact, "70.00", "30.00", Reference="PO-9")
    await books.sync()
    await books.issued()
    (invoice,) = await books.ours("invoices")
    assert (invoice["total"], invoice["purchase_order_number"]) == ("120.00", "PO-9")
    assert [line["unit_price"] for line in invoice["line_items"]] == ["70", "30"]
    for _ in range(2):
        await books.pay_theirs(theirs["InvoiceID"], "40.00", "2026-06-12")
    await books.sync()
    await books.settled()
    payments = await books.ours("payments")
    assert [(one["amount"], one["paid_at"][:10]) for one in payments] == [("40.00", "2026-06-12")] * 2
    assert len(set((await books.local.links_of(PAYMENTS)).values())) == 2
    assert len(await books.payments()) == 2, "neither comes back as another payment"


async def test_voids_cross_both_ways(books: XeroBooks) -> None:
    await books.configure()
    ours = await books.issue("10.00")
    await books.sync()
    contact = await books.partner(ACCOUNTS, ours["customer_id"])
    theirs = await books.invoice_theirs(contact, "20.00")
    await books.sync()
    await books.settled()
    await books.edit_ours("invoices", ours["id"], status="void")
    await books.edit_theirs("invoices", theirs["InvoiceID"], Status="VOIDED")
    await books.sync()
    assert {one.status for one in await books.invoices()} == {"VOIDED"}
    assert {one["status"] for one in await books.ours("invoices")} == {"void"}
    await books.settled()


async def test_a_payment_taken_back_in_alguna_is_deleted_in_xero(books: XeroBooks) -> None:
    await books.configure()
    invoice = await books.issue("10.00")
    payment = await books.pay(invoice["id"], "12.00", "2026-06-11")
    await books.sync()
    await books.edit_ours("payments", payment["id"], status="voided")
    await books.sync()
    assert [one.status for one in await books.payments()] == ["DELETED"]
    (made,) = await books.invoices()
    assert (made.status, cents(made.amount_due)) == ("AUTHORISED", cents("12.00"))
    await books.settled()


async def test_a_payment_deleted_in_xero_is_an_error_because_alguna_cannot_take_it_back(books: XeroBooks) -> None:
    await books.configure()
    invoice = await books.issue("10.00")
    await books.pay(invoice["id"], "12.00", "2026-06-11")
    await books.sync()
    (paid,) = await books.payments()
    await books.edit_theirs("payments", paid.payment_id, Status="DELETED")
    await books.sync()
    (error,) = await books.errors()
    assert error.type == "field_validation"
    assert "Alguna cannot take" in error.message


async def test_an_edit_of_the_reference_goes_both_ways_and_one_of_the_lines_is_shown(books: XeroBooks) -> None:
    await books.configure()
    ours = await books.issue("10.00", purchase_order_number="PO-1")
    await books.sync()
    theirs = await books.partner(INVOICES, ours["id"])
    await books.edit_ours("invoices", ours["id"], purchase_order_number="PO-2")
    await books.sync()
    assert [one.reference for one in await books.invoices()] == ["PO-2"]
    lines = [{"Description": "Less", "Quantity": 1, "UnitAmount": "5", "AccountCode": "200"}]
    await books.edit_theirs("invoices", theirs, Reference="PO-3", LineItems=lines)
    await books.sync()
    assert [row["purchase_order_number"] for row in await books.ours("invoices")] == ["PO-3"]
    (made,) = await books.invoices()
    assert cents(made.total) == cents("6.00"), "an edit of an issued document is not overwritten"
    assert [row["total"] for row in await books.ours("invoices")] == [ours["total"]], "nor does it cross"
    await books.settled()


async def test_drafts_wait_and_cross_once_they_are_issued(books: XeroBooks) -> None:
    await books.configure()
    ours = await books.issue("10.00", status="draft")
    await books.sync()
    contact = await books.partner(ACCOUNTS, ours["customer_id"])
    theirs = await books.invoice_theirs(contact, "20.00", Status="DRAFT")
    await books.sync()
    assert (len(await books.invoices()), len(await books.ours("invoices"))) == (1, 1)
    await books.edit_ours("invoices", ours["id"], status="issued")
    await books.edit_theirs("invoices", theirs["InvoiceID"], Status="AUTHORISED")
    await books.sync()
    assert (len(await books.invoices()), len(await books.ours("invoices"))) == (2, 2)
    await books.settled()


async def test_a_total_that_xero_would_not_make_is_refused_with_both(books: XeroBooks) -> None:
    options = {"invoices": {"salesAccount": "200", "taxMap": {"20": "TAX002"}}}
    await books.configure("accounts", "invoices", entityOptions=options)
    await books.issue("100.00")
    await books.sync()
    (error,) = await books.errors()
    assert (error.type, error.field) == ("field_validation", "Total")
    assert "120.00 GBP in Alguna" in error.message
    assert "119.00 GBP in Xero" in error.message
    assert await books.invoices() == []


async def test_cents_of_rounding_become_a_line_of_their_own(books: XeroBooks) -> None:
    await books.configure("accounts", "invoices")
    # A tenth of 0.45 is 0.04 in Alguna, which rounds half to even, and 0.05 in Xero.
    invoice = await books.issue("0.45", "0.45", customer=await books.customer(tax_rate="0.10"))
    await books.sync()
    assert [one.message for one in await books.errors()] == []
    (made,) = await books.invoices()
    assert cents(made.total) == cents(invoice["total"]) == cents("0.98")
    assert [(cents(one.line_amount), one.account_code) for one in made.line_items][-1] == (cents("-0.02"), "860")
    await books.settled()


@pytest.mark.parametrize(
    ("setup", "field", "told"),
    [
        ({"periodLockDate": "2099-01-31"}, "Date", "the books are locked in Xero until 2099-01-31"),
        ({"currencies": ["USD"], "baseCurrency": "USD"}, "CurrencyCode", "not subscribed to currency GBP"),
    ],
)
async def test_documents_that_xero_does_not_take_are_named(
    books: XeroBooks, setup: dict[str, Any], field: str, told: str
) -> None:
    await books.control("xero", "PATCH", "records/setup/organisation", setup)
    await books.configure("accounts", "invoices")
    await books.issue("100.00")
    await books.sync()
    (error,) = await books.errors()
    assert (error.type, error.field) == ("field_validation", field)
    assert told in error.message


async def test_i2_i7_lost_replies_make_no_second_document(world: World) -> None:
    granted = await world.boxes.control("xero", "GET", "credentials")
    # Only what both kinds of world have is used here.
    books = XeroBooks(cast(Local, world), Witness(world.boxes.external.url, granted))
    await books.configure()
    for path in ("/Contacts", "/Invoices", "/Payments"):
        fault = {"match": {"method": "PUT", "path": path}, "fault": "drop_after_commit", "times": 1}
        await books.control("xero", "POST", "faults", fault)
    invoice = await books.issue("100.00")
    await books.pay(invoice["id"], "120.00", "2026-06-11")
    async with world.worker():
        run = await world.sync()
        assert run.status == "completed", (run.problem, await world.counts(run))
        await books.settled()
    made = [len(rows) for rows in (await books.contacts(), await books.invoices(), await books.payments())]
    assert made == [1, 1, 1]
    calls = await world.boxes.calls("xero")
    assert [call["status"] for call in calls].count(429) == 0


async def test_a_first_sync_keeps_to_the_floor_of_calls(world: World) -> None:
    await carry_out(world, Load(ours=160, theirs=60), within=60)
    assert await refusals(world) == 0
