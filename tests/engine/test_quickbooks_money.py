"""Invoices and payments between Alguna and QuickBooks through whole syncs, read back by Intuit's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quickbooks.objects.customer import Customer
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.payment import Payment

from activities.contracts import Mode
from core.errors import Transient
from core.records import Entity
from tests.engine.quickbooks import Company, company_world
from tests.engine.test_waiting import until
from tests.engine.world import Sandboxes

ALL = ("accounts", "invoices", "payments")
# The sandbox's tax codes by rate.
OPTIONS: dict[str, Any] = {
    "invoices": {
        "itemMap": {"by": "sku", "default": "7"},
        "taxMap": {"20": "2", "19": "3", "13": "4", "10": "5", "8": "6"},
    },
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandboxes]:
    boxes = Sandboxes("quickbooks")
    asyncio.run(boxes.start())
    yield boxes
    asyncio.run(boxes.stop())


@pytest.fixture
async def company(tmp_path: Path, running: Sandboxes) -> AsyncIterator[Company]:
    boxes = running.again()
    async with company_world(tmp_path, boxes) as made:
        # The company has an item without a SKU, as most have.
        item = {"Name": "Work", "IncomeAccountRef": {"value": "79"}}
        assert (await boxes.control("quickbooks", "POST", "records/items", item))["Id"] == "7"
        await made.world.configure(*ALL, entityOptions=OPTIONS)
        yield made


async def alguna(company: Company, entity: str) -> dict[str, dict[str, Any]]:
    """Alguna's raw records by id."""
    return {row["id"]: row for row in await company.world.boxes.records("alguna", entity)}


async def links(company: Company, entity: Entity) -> dict[str, str]:
    return await company.world.links_of(entity)


def line(amount: float) -> dict[str, Any]:
    detail = {"ItemRef": {"value": "7"}, "TaxCodeRef": {"value": "NON"}}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


async def billed(company: Company, customer: Any, *amounts: float, **more: Any) -> dict[str, Any]:
    """A person writes an invoice in QuickBooks."""
    body = {
        "CustomerRef": {"value": customer.Id},
        "CurrencyRef": {"value": customer.CurrencyRef.value},
        "Line": [line(amount) for amount in amounts],
        **more,
    }
    made: dict[str, Any] = await company.world.boxes.control("quickbooks", "POST", "records/invoices", body)
    return made


async def paid(company: Company, invoices: dict[str, float], total: float, of: Any) -> dict[str, Any]:
    """A person takes a payment in QuickBooks."""
    body = {
        "CustomerRef": {"value": of.CustomerRef.value},
        "CurrencyRef": {"value": of.CurrencyRef.value},
        "TotalAmt": total,
        "Line": [
            {"Amount": amount, "LinkedTxn": [{"TxnId": one, "TxnType": "Invoice"}]} for one, amount in invoices.items()
        ],
    }
    made: dict[str, Any] = await company.world.boxes.control("quickbooks", "POST", "records/payments", body)
    return made


async def untaxed_customer(company: Company) -> Any:
    """A customer that is linked, and has no tax in Alguna; as QuickBooks' own client shows it."""
    body = {"name": "Plain Harbor Ltd", "currency": "USD"}
    made = await company.world.boxes.control("alguna", "POST", "records/accounts", body)
    await company.sync()
    return await company.one(Customer, (await links(company, Entity.ACCOUNTS))[made["id"]])


async def issued(company: Company) -> None:
    """Wait until all invoices are out: Alguna takes a moment for that."""

    async def out() -> bool:
        states = {row["status"] for row in (await alguna(company, "invoices")).values()}
        return states <= {"issued", "overdue", "paid"}

    await until(out)


async def test_i2_i4_issued_invoices_and_their_payments_cross_to_the_cent(company: Company) -> None:
    world = company.world
    await world.boxes.seed("alguna", "payments", 12)
    await world.boxes.seed("alguna", "invoices", 18)
    await company.sync()
    ours, theirs = await alguna(company, "invoices"), {one.Id: one for one in await company.all(Invoice)}
    customers = await links(company, Entity.ACCOUNTS)
    pairs = await links(company, Entity.INVOICES)
    assert len(ours) == len(theirs) == len(pairs) == 18
    for alguna_id, record_id in pairs.items():
        row, invoice = ours[alguna_id], theirs[record_id]
        assert Decimal(str(invoice.TotalAmt)) == Decimal(row["total"])
        assert Decimal(str(invoice.TxnTaxDetail.TotalTax)) == Decimal(row["tax"])
        assert Decimal(str(invoice.Balance)) == Decimal(row["amount_remaining"]), "partial payments leave a rest"
        assert (invoice.DocNumber, invoice.TxnDate) == (row["external_reference"], row["issue_date"][:10])
        assert invoice.CustomerRef.value == customers[row["customer_id"]]
        assert invoice.CurrencyRef.value == row["currency"]
        assert len(invoice.Line) == len(row["line_items"]) + 1
    payments = await company.all(Payment)
    amounts = sorted(Decimal(str(one.TotalAmt)) for one in payments)
    assert amounts == sorted(Decimal(row["amount"]) for row in (await alguna(company, "payments")).values())
    assert {one.PaymentRefNum for one in payments} == set(await alguna(company, "payments")), "known by Alguna's ids"
    assert all(one.UnappliedAmt == 0 for one in payments)
    await company.quiet()
    assert len(await company.all(Payment)) == 12


async def test_i4_an_invoice_written_in_quickbooks_is_issued_in_alguna(company: Company) -> None:
    customer = await untaxed_customer(company)
    made = await billed(company, customer, 60.0, 39.99, PrivateNote="By hand", TxnDate="2026-03-01")
    await company.sync()
    [(alguna_id, record_id)] = (await links(company, Entity.INVOICES)).items()
    row = (await alguna(company, "invoices"))[alguna_id]
    assert (record_id, row["total"], row["description"]) == (made["Id"], "99.99", "By hand")
    await issued(company)
    await company.sync()
    number = (await alguna(company, "invoices"))[alguna_id]["external_reference"]
    assert (await company.one(Invoice, record_id)).DocNumber == number, "it had none, and gets Alguna's"
    await company.quiet()
    await company.edit("invoices", record_id, PrivateNote="Changed")
    await company.sync()
    assert (await alguna(company, "invoices"))[alguna_id]["description"] == "Changed"


async def test_a_memo_flows_back_and_what_is_fixed_is_kept_as_drift(company: Company) -> None:
    world = company.world
    [invoice_id] = await world.boxes.seed("alguna", "invoices", 1)
    await company.sync()
    [(_, record_id)] = (await links(company, Entity.INVOICES)).items()
    await world.boxes.edit("alguna", "invoices", invoice_id, description="Seen by the customer")
    await company.sync()
    invoice = await company.one(Invoice, record_id)
    assert invoice.PrivateNote == "Seen by the customer"
    total = invoice.TotalAmt
    await company.edit("invoices", record_id, TxnDate="2026-02-02")
    await company.sync()
    assert (await company.one(Invoice, record_id)).TotalAmt == total
    await company.quiet()


async def test_i4_a_void_crosses_each_way(company: Company) -> None:
    world = company.world
    first, second = await world.boxes.seed("alguna", "invoices", 2)
    await company.sync()
    pairs = await links(company, Entity.INVOICES)
    await world.boxes.edit("alguna", "invoices", first, status="void")
    await company.edit("invoices", pairs[second], voided=True)
    await company.sync()
    invoice = await company.one(Invoice, pairs[first])
    assert (invoice.TotalAmt, invoice.PrivateNote.startswith("Voided")) == (0.0, True)
    assert (await alguna(company, "invoices"))[second]["status"] == "void"
    await company.quiet()
    assert len(await company.all(Invoice)) == 2, "nothing is made anew"


async def test_i2_a_payment_taken_in_quickbooks_marks_each_of_its_invoices_as_paid_once(company: Company) -> None:
    customer = await untaxed_customer(company)
    first = await billed(company, customer, 100.0)
    second = await billed(company, customer, 50.0)
    await company.sync()
    await issued(company)
    invoice = await company.one(Invoice, first["Id"])
    made = await paid(company, {first["Id"]: 100.0, second["Id"]: 20.0}, 130.0, invoice)
    await company.sync()
    rows = {row["total"]: row for row in (await alguna(company, "invoices")).values()}
    assert (rows["100.00"]["status"], rows["50.00"]["amount_remaining"]) == ("paid", "30.00")
    ours = await alguna(company, "payments")
    assert sorted(row["amount"] for row in ours.values()) == ["100.00", "20.00"]
    assert set((await links(company, Entity.PAYMENTS)).values()) == {
        f"{made['Id']}:{one['Id']}" for one in (first, second)
    }
    await company.quiet()
    assert (len(await company.all(Payment)), len(await alguna(company, "payments"))) == (1, 2), "none comes back"


async def test_a_payment_voided_in_alguna_is_voided_there_and_one_voided_there_is_told(company: Company) -> None:
    world = company.world
    first, second = await world.boxes.seed("alguna", "payments", 2)
    await company.sync()
    pairs = {
        key.partition(":")[0]: value.partition(":")[0] for key, value in (await links(company, Entity.PAYMENTS)).items()
    }
    await world.boxes.edit("alguna", "payments", first, status="voided")
    await company.sync()
    payment = await company.one(Payment, pairs[first])
    assert (payment.TotalAmt, payment.Line) == (0.0, [])
    await company.edit("payments", pairs[second], voided=True)
    await company.sync(status="completed_with_errors")
    [error] = await world.errors()
    assert (error.entity, error.type) == ("payments", "field_validation")
    assert "Alguna" in error.message
    assert (await alguna(company, "payments"))[second]["status"] == "completed", "Alguna takes no payment back"


async def test_i2_i7_lost_replies_make_no_second_document(company: Company) -> None:
    world = company.world
    await world.boxes.seed("alguna", "payments", 8)
    for _ in range(2):
        await company.fault("drop_after_commit", "/batch$", times=1)
        with pytest.raises(Transient):
            await company.sync()
    await company.fault("drop_after_commit", "/batch$", times=1)
    with pytest.raises(Transient):
        await company.sync()
    await company.sync()
    assert [len(await company.all(kind)) for kind in (Customer, Invoice, Payment)] == [8, 8, 8]
    await company.quiet()


async def test_i2_without_numbers_of_our_own_an_invoice_is_found_again_by_its_memo(company: Company) -> None:
    await company.set_up(customTxnNumbers=False)
    world = company.world
    [invoice_id] = await world.boxes.seed("alguna", "invoices", 1)
    await company.set_up(requestIdSeconds=0)
    await company.fault("drop_after_commit", "/batch$", every=2, times=1)
    with pytest.raises(Transient):
        await company.sync()
    await company.sync()
    [invoice] = await company.all(Invoice)
    number = (await alguna(company, "invoices"))[invoice_id]["external_reference"]
    assert (invoice.DocNumber, invoice.PrivateNote.splitlines()[0]) == ("1001", f"Alguna invoice {number}")
    await company.quiet()


async def test_another_total_leaves_the_invoice_and_names_both(company: Company) -> None:
    world = company.world
    wrong = {"invoices": {**OPTIONS["invoices"], "taxMap": {"default": "7"}}}
    await world.configure(*ALL, entityOptions=wrong)
    await world.boxes.seed("alguna", "invoices", 1)
    await company.sync(status="completed_with_errors")
    [error] = await world.errors()
    row = next(iter((await alguna(company, "invoices")).values()))
    assert (error.type, error.field) == ("field_validation", "TotalAmt")
    assert row["total"].rstrip("0").rstrip(".") in error.message.replace(",", "")
    assert await company.all(Invoice) == []


async def test_an_unmapped_line_and_a_closed_period_are_told_and_carried_once_mended(company: Company) -> None:
    world = company.world
    await world.configure(*ALL, entityOptions={"invoices": {**OPTIONS["invoices"], "itemMap": {"by": "sku"}}})
    await untaxed_customer(company)
    account = next(iter(await links(company, Entity.ACCOUNTS)))
    bare = {
        "customer_id": account,
        "currency": "USD",
        "line_items": [{"description": "Work", "quantity": "1", "unit_price": "5"}],
    }
    await world.boxes.control("alguna", "POST", "records/invoices", {**bare, "status": "issued"})
    await company.sync(status="completed_with_errors")
    [error] = await world.errors()
    assert (error.type, "itemMap" in error.message) == ("field_validation", True)
    await company.set_up(closingDate="2099-12-31")
    await world.configure(*ALL, entityOptions=OPTIONS)
    await company.sync(status="completed_with_errors")
    [error] = await world.errors()
    assert (error.type, error.vendor_code) == ("conflict", "6210"), "the corrected map is tried without being asked"
    assert await company.all(Invoice) == []
    await company.set_up(closingDate=None)
    await company.sync(Mode.FULL)
    assert not await world.errors(), "nor does a full sync wait for the error's next attempt"
    assert len(await company.all(Invoice)) == 1


async def test_a_payment_that_both_sides_took_is_not_paid_twice(company: Company) -> None:
    world = company.world
    customer = await untaxed_customer(company)
    made = await billed(company, customer, 80.0)
    await company.sync()
    [(alguna_id, _)] = (await links(company, Entity.INVOICES)).items()
    invoice = await company.one(Invoice, made["Id"])
    await issued(company)
    await world.boxes.control("alguna", "POST", "records/payments", {"invoice_id": alguna_id, "amount": "80.00"})
    theirs = await paid(company, {made["Id"]: 80.0}, 80.0, invoice)
    await company.sync()
    [ours] = await alguna(company, "payments")
    assert (await links(company, Entity.PAYMENTS)) == {f"{ours}:{alguna_id}": f"{theirs['Id']}:{made['Id']}"}
    assert len(await company.all(Payment)) == 1, "the two are one payment of that invoice"
    await company.quiet()
