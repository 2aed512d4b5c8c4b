"""Invoices and payments through the engine: each crosses once, to the cent, and nothing comes back (P20, P21)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from core.records import Entity
from store.types import utc_now
from tests.engine.books import BOTH, Books

INVOICES, PAYMENTS = Entity.INVOICES, Entity.PAYMENTS


async def test_an_issued_invoice_and_its_payment_cross_once(books: Books) -> None:
    invoice = await books.issue("100.00", "0.03", tax_rate="0.20", description="May")
    await books.pay(invoice["id"], "50.00", "2026-06-11")
    await books.run()
    (bill,) = books.rows(INVOICES)
    assert (bill["total"], bill["number"], bill["memo"]) == (Decimal("120.04"), invoice["external_reference"], "May")
    assert [(line["unitPrice"], line["taxCode"], line["account"]) for line in bill["rows"]] == [
        (Decimal(100), "STD", "200"),
        (Decimal("0.03"), "STD", "200"),
    ]
    (receipt,) = books.rows(PAYMENTS)
    (bill_id,) = books.ledger.rows[INVOICES]
    assert (receipt["parts"], receipt["date"], receipt["bank"]) == ({bill_id: Decimal(50)}, "2026-06-11", "1000")
    await books.quiet()


async def test_a_draft_waits_and_crosses_once_it_is_issued(books: Books) -> None:
    draft = await books.issue("10.00", status="draft")
    made = await books.run()
    assert books.rows(INVOICES) == []
    assert made[INVOICES].counts["external"]["skipped"] == 1
    await books.edit("invoices", draft["id"], status="issued")
    await books.run()
    assert [row["total"] for row in books.rows(INVOICES)] == [Decimal("10.00")]
    await books.quiet()


async def test_a_pending_payment_waits_until_the_money_has_come(books: Books) -> None:
    invoice = await books.issue("10.00")
    payment = await books.pay(invoice["id"], "10.00", "2026-06-11", status="processing")
    await books.run()
    assert books.rows(PAYMENTS) == []
    await books.edit("payments", payment["id"], status="completed")
    await books.run()
    assert len(books.rows(PAYMENTS)) == 1
    await books.quiet()


async def test_a_bill_becomes_an_issued_invoice_and_its_receipt_marks_it_as_paid(books: Books) -> None:
    bill = books.ledger.bill(await books.client(), "70.00", "30.00", memo="June")
    books.ledger.receipt({bill: "40.00"}, "2026-06-12")
    await books.run()
    (invoice,) = await books.invoices()
    assert (invoice["total"], invoice["description"], invoice["amount_paid"]) == ("100.00", "June", "40.00")
    (payment,) = await books.payments()
    assert (payment["amount"], payment["paid_at"][:10]) == ("40.00", "2026-06-12")
    await books.issued()
    await books.run()
    await books.quiet()
    assert len(books.rows(PAYMENTS)) == len(books.rows(INVOICES)) == 1
    assert len(await books.payments()) == 1


async def test_a_payment_waits_without_an_error_while_alguna_still_issues_its_invoice(books: Books) -> None:
    tomorrow = (utc_now() + timedelta(days=1)).date().isoformat()
    bill = books.ledger.bill(await books.client(), "70.00", date=tomorrow)
    await books.run()
    assert [one["status"] for one in await books.invoices()] == ["scheduled"]
    books.ledger.receipt({bill: "40.00"}, "2026-06-12")
    for _ in range(2):
        waiting = (await books.run())[PAYMENTS]
        assert waiting.counts["alguna"] == {"skipped": 1}
        assert (await books.payments(), await books.passes.errors()) == ([], [])
    await books.control("alguna", "POST", "behaviour", {"clockSkewSeconds": 2 * 86_400})
    await books.issued()
    done = (await books.run())[PAYMENTS]
    assert done.counts["alguna"] == {"created": 1}
    assert [one["amount"] for one in await books.payments()] == ["40.00"]


async def test_equal_partial_payments_are_each_marked_once(books: Books) -> None:
    bill = books.ledger.bill(await books.client(), "100.00")
    for _ in range(3):
        books.ledger.receipt({bill: "20.00"}, "2026-06-12")
    await books.run()
    assert [one["amount"] for one in await books.payments()] == ["20.00"] * 3
    assert len(set((await books.passes.links_of(PAYMENTS)).values())) == 3
    await books.issued()
    await books.run()
    await books.quiet()
    assert len(books.rows(PAYMENTS)) == 3


async def test_a_payment_of_several_invoices_stays_one_payment_each_way(books: Books) -> None:
    first, second = await books.issue("10.00"), await books.issue("20.00")
    parts = [{"invoice_id": one["id"], "amount": one["total"]} for one in (first, second)]
    await books.control("alguna", "POST", "records/payments", {"allocations": parts, "paid_at": "2026-06-11"})
    await books.run()
    (receipt,) = books.rows(PAYMENTS)
    assert sorted(receipt["parts"].values()) == [Decimal(10), Decimal(20)]
    client = await books.client()
    bills = [books.ledger.bill(client, amount) for amount in ("5.00", "7.00")]
    books.ledger.receipt({bills[0]: "5.00", bills[1]: "7.00"})
    await books.run()
    assert sorted(one["amount"] for one in await books.payments() if one["invoice_id"]) == ["5.00", "7.00"]
    await books.issued()
    await books.run()
    await books.quiet()
    assert len(books.rows(PAYMENTS)) == 2


async def test_voids_cross_both_ways(books: Books) -> None:
    ours = await books.issue("10.00")
    theirs = books.ledger.bill(await books.client(), "20.00")
    await books.run()
    await books.issued()
    await books.run()
    await books.edit("invoices", ours["id"], status="void")
    books.ledger.void(INVOICES, theirs)
    await books.run()
    assert {row["state"] for row in books.rows(INVOICES)} == {"void"}
    assert {row["status"] for row in await books.invoices()} == {"void"}
    await books.quiet()


async def test_a_payment_voided_in_alguna_is_voided_in_the_ledger(books: Books) -> None:
    invoice = await books.issue("10.00")
    payment = await books.pay(invoice["id"], "10.00", "2026-06-11")
    await books.run()
    await books.edit("payments", payment["id"], status="voided")
    await books.run()
    assert [row["state"] for row in books.rows(PAYMENTS)] == ["void"]
    await books.quiet()


async def test_a_payment_taken_back_in_the_ledger_is_an_error_because_alguna_cannot(books: Books) -> None:
    invoice = await books.issue("10.00")
    await books.pay(invoice["id"], "10.00", "2026-06-11")
    await books.run()
    books.ledger.void(PAYMENTS, next(iter(books.ledger.rows[PAYMENTS])))
    await books.run()
    (error,) = await books.passes.errors()
    assert error.type == "field_validation"
    assert "void or deleted in ledger, and Alguna cannot take it back" in error.message
    await books.quiet()
    assert len(await books.passes.errors()) == 1


async def test_an_edit_of_an_issued_document_is_drift_and_overwrites_nothing(books: Books) -> None:
    invoice = await books.issue("10.00")
    await books.run()
    (bill_id,) = books.ledger.rows[INVOICES]
    books.ledger.put(
        INVOICES, {"rows": [{"unitPrice": Decimal(9), "amount": Decimal(9)}], "total": Decimal(9)}, bill_id
    )
    books.ledger.put(INVOICES, {"memo": "Thanks"}, bill_id)
    made = await books.run()
    assert made[INVOICES].counts["drift"] == 2
    (after,) = await books.invoices()
    assert (after["total"], after["description"]) == (invoice["total"], "Thanks")
    assert books.ledger.rows[INVOICES][bill_id]["total"] == 9
    await books.quiet()


async def test_a_cent_of_rounding_becomes_a_line_and_more_refuses_with_both_totals(books: Books) -> None:
    # Alguna rounds the tax of each line, the ledger that of the document: 3 x 0.03 against 0.08.
    await books.issue("0.13", "0.13", "0.13", tax_rate="0.20")
    await books.run()
    (bill,) = books.rows(INVOICES)
    assert bill["total"] == Decimal("0.48")
    assert bill["rows"][-1] == {
        "description": "Rounding",
        "quantity": Decimal(1),
        "unitPrice": Decimal("0.01"),
        "amount": Decimal("0.01"),
        "account": "9999",
    }
    await books.quiet()
    await books.issue(*["0.13"] * 12, tax_rate="0.20")
    await books.run()
    (error,) = await books.passes.errors()
    assert "comes to 1.92 GBP in Alguna, but would come to 1.87 GBP in the ledger" in error.message
    assert len(books.rows(INVOICES)) == 1


async def test_a_tax_without_a_code_refuses_the_invoice_by_its_line(books: Books) -> None:
    await books.issue("10.00", tax_rate="0.07")
    await books.run()
    (error,) = await books.passes.errors()
    assert error.message.startswith("line 1 (`Line 1`) finds no tax code: set entityOptions.invoices.taxMap[")
    assert books.rows(INVOICES) == []
    await books.configure(taxMap={"20": "STD", "7": "RED"})
    await books.retry(error)
    (error,) = await books.passes.errors()
    assert "10.70 GBP in Alguna, but would come to 10.50 GBP in the ledger" in error.message


async def test_children_wait_for_their_invoices_and_these_for_their_accounts(books: Books) -> None:
    invoice = await books.issue("10.00")
    await books.pay(invoice["id"], "10.00", "2026-06-11")
    await books.passes.run_pass(PAYMENTS)
    await books.passes.run_pass(INVOICES)
    assert books.rows(INVOICES) == books.rows(PAYMENTS) == []
    await books.run()
    assert len(books.rows(INVOICES)) == len(books.rows(PAYMENTS)) == 1
    await books.quiet()


async def test_all_that_crosses_ends_linked_both_ways(books: Books) -> None:
    await books.issue("1.00")
    books.ledger.bill(await books.client(), "2.00")
    await books.run()
    for entity in BOTH:
        assert set((await books.passes.links_of(entity)).values()) == set(books.ledger.rows[entity])
