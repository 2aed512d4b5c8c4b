"""Money documents that are on both sides already: linked where all that matters agrees, else asked about (I2)."""

from __future__ import annotations

from core.records import Entity
from tests.engine.books import Books

INVOICES, PAYMENTS = Entity.INVOICES, Entity.PAYMENTS


async def test_one_number_links_within_its_account_only(books: Books) -> None:
    customer = await books.customer()
    ours = await books.issue("10.00", customer=customer)
    stranger = await books.client()
    books.ledger.bill(stranger, "10.00", number=ours["external_reference"])
    await books.run()
    links = await books.passes.links_of(INVOICES)
    # The stranger's bill is an invoice of its own; ours is refused, because the ledger's numbers are unique.
    assert ours["id"] not in links
    assert [error.type for error in await books.passes.errors()] == ["duplicate"]
    assert len(await books.invoices()) == 2


async def test_one_number_and_one_total_link_and_another_total_asks(books: Books) -> None:
    customer = await books.customer()
    same, other = await books.issue("10.00", customer=customer), await books.issue("20.00", customer=customer)
    await books.passes.run_pass(Entity.ACCOUNTS)
    client = (await books.passes.links_of(Entity.ACCOUNTS))[customer]
    bill = books.ledger.bill(client, "10.00", number=same["external_reference"])
    books.ledger.bill(client, "20.01", number=other["external_reference"])
    await books.run()
    assert await books.passes.links_of(INVOICES) == {same["id"]: bill}
    assert {(one.alguna_id, one.kind) for one in await books.passes.conflicts()} >= {(other["id"], "match")}
    assert len(await books.invoices()) == len(books.rows(INVOICES)) == 2
    await books.quiet()


async def test_a_payment_recorded_on_both_sides_is_one_and_on_another_day_a_question(books: Books) -> None:
    invoice = await books.issue("100.00")
    await books.passes.run_all(Entity.ACCOUNTS, INVOICES)
    bill = (await books.passes.links_of(INVOICES))[invoice["id"]]
    await books.pay(invoice["id"], "40.00", "2026-06-11")
    books.ledger.receipt({bill: "40"}, "2026-06-11")
    await books.run()
    assert len(await books.passes.links_of(PAYMENTS)) == len(await books.payments()) == len(books.rows(PAYMENTS)) == 1
    await books.pay(invoice["id"], "30.00", "2026-06-12")
    books.ledger.receipt({bill: "30.00"}, "2026-06-14")
    await books.run()
    assert len(await books.payments()) == len(books.rows(PAYMENTS)) == 2
    assert {one.kind for one in await books.passes.conflicts()} == {"match"}
    await books.quiet()


async def test_payments_that_wait_for_their_invoices_find_each_other_then(books: Books) -> None:
    """Both payments are read before their invoice is linked: their keys are made when it is."""
    customer = await books.customer()
    invoice = await books.issue("100.00", customer=customer)
    await books.pay(invoice["id"], "40.00", "2026-06-11")
    await books.passes.run_pass(Entity.ACCOUNTS)
    client = (await books.passes.links_of(Entity.ACCOUNTS))[customer]
    bill = books.ledger.bill(client, "100.00", number=invoice["external_reference"])
    books.ledger.receipt({bill: "40.00"}, "2026-06-11")
    await books.passes.run_pass(PAYMENTS)
    assert len(await books.payments()) == len(books.rows(PAYMENTS)) == 1
    await books.run()
    assert len(await books.passes.links_of(PAYMENTS)) == len(await books.payments()) == len(books.rows(PAYMENTS)) == 1
    await books.quiet()


async def test_an_event_that_names_a_payment_brings_all_its_allocations(books: Books) -> None:
    invoice = await books.issue("10.00")
    await books.passes.run_all(Entity.ACCOUNTS, INVOICES)
    payment = await books.pay(invoice["id"], "10.00", "2026-06-11")
    await books.told(payment["id"])
    assert [row["state"] for row in books.rows(PAYMENTS)] == ["open"]
    await books.edit("payments", payment["id"], status="voided")
    await books.told(payment["id"])
    assert [row["state"] for row in books.rows(PAYMENTS)] == ["void"]
