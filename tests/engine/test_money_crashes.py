"""Lost replies and deaths around invoices and payments that carry no marker: each is made once (I2, I7; P20, P21)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from activities import write as write_step
from core.errors import Transient
from core.records import Entity
from store.scope import table_of
from store.tables.sync import RequestRow
from store.types import utc_now
from tests.engine.books import Books

INVOICES, PAYMENTS = Entity.INVOICES, Entity.PAYMENTS
Scene = Callable[[Books], Any]


async def an_invoice(books: Books) -> str:
    """A bill that is to become an invoice."""
    books.ledger.bill(await books.client(), "100.00", memo="June")
    return "^/invoices$"


async def a_payment(books: Books) -> str:
    """A receipt that is to mark an invoice as paid."""
    invoice = await books.issue("100.00")
    await books.run()
    bill = (await books.passes.links_of(INVOICES))[invoice["id"]]
    books.ledger.receipt({bill: "40.00"}, "2026-06-12")
    return "mark-as-paid"


SCENES = pytest.mark.parametrize(("scene", "entity"), [(an_invoice, INVOICES), (a_payment, PAYMENTS)])


async def made(books: Books, entity: Entity) -> list[dict[str, Any]]:
    return await (books.invoices() if entity is INVOICES else books.payments())


async def linked_once(books: Books, entity: Entity, count: int = 1) -> None:
    """There are so many records on each side, all of them linked, and nothing more happens."""
    await books.issued()
    await books.run()
    await books.quiet()
    assert len(await made(books, entity)) == len(books.rows(entity)) == count
    assert len(await books.passes.links_of(entity)) == count


async def lose(books: Books, path: str, fault: str, entity: Entity) -> None:
    """The reply to a write is lost."""
    rule = {"match": {"method": "POST", "path": path}, "fault": fault, "times": 1}
    await books.control("alguna", "POST", "faults", rule)
    with pytest.raises(Transient):
        await books.passes.run_pass(entity)


async def forget_the_key(books: Books) -> None:
    """Two days pass, and Alguna has forgotten the keys of what it was sent."""
    requests, long_ago = table_of(RequestRow), utc_now() - timedelta(days=2)
    async with books.passes.services.db.transaction() as session:
        await session.execute(update(requests).values(first_sent_at=long_ago))


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
@SCENES
async def test_a_lost_reply_is_told_by_the_key(books: Books, scene: Scene, entity: Entity, fault: str) -> None:
    await lose(books, await scene(books), fault, entity)
    await books.passes.run_pass(entity)
    await linked_once(books, entity)


@SCENES
async def test_a_death_between_the_reply_and_the_store_makes_nothing_twice(
    books: Books, scene: Scene, entity: Entity, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene(books)

    async def die(*given: Any, **more: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(write_step, "store_results", die)
        with pytest.raises(RuntimeError):
            await books.passes.run_pass(entity)
    await linked_once(books, entity)


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
@SCENES
async def test_after_the_key_is_forgotten_one_lookalike_is_adopted_and_none_sent_again(
    books: Books, scene: Scene, entity: Entity, fault: str
) -> None:
    await lose(books, await scene(books), fault, entity)
    await forget_the_key(books)
    await linked_once(books, entity)


async def test_several_lookalikes_are_for_a_person(books: Books) -> None:
    await lose(books, await a_payment(books), "drop_after_commit", PAYMENTS)
    await forget_the_key(books)
    (invoice,) = await books.invoices()
    await books.pay(invoice["id"], "40.00", "2026-06-12")
    await books.run()
    (error,) = [one for one in await books.passes.errors() if one.type == "duplicate"]
    assert "2 records could be what it made" in error.message
    assert len(await books.payments()) == 2


async def test_an_older_payment_that_is_linked_is_no_lookalike(books: Books) -> None:
    """Two equal payments of one invoice on one day: the reply to the second is lost, and its key forgotten."""
    path = await a_payment(books)
    await books.run()
    (bill,) = books.ledger.rows[INVOICES]
    books.ledger.receipt({bill: "40.00"}, "2026-06-12")
    await lose(books, path, "drop_after_commit", PAYMENTS)
    await forget_the_key(books)
    await linked_once(books, PAYMENTS, 2)


async def test_a_lost_reply_of_the_ledger_makes_no_second_receipt(books: Books) -> None:
    invoice = await books.issue("100.00")
    await books.pay(invoice["id"], "40.00", "2026-06-11")
    for entity in (INVOICES, PAYMENTS):
        await books.passes.run_pass(Entity.ACCOUNTS)
        books.ledger.lose_replies = 1
        with pytest.raises(Transient):
            await books.passes.run_pass(entity)
        await books.passes.run_pass(entity)
    await linked_once(books, PAYMENTS)
    assert len(books.rows(INVOICES)) == 1
