"""How amounts are made and read at each provider that keeps invoices, and what tests of amounts hold both sides to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.errors import ErrorType
from core.records import Entity, Side
from store.tables.runs import Run
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.world import Sandboxes

Body = dict[str, Any]
ENTITIES = (Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS)
TYPES = frozenset(kind.value for kind in ErrorType) - {ErrorType.INTERNAL.value}


@dataclass(frozen=True, slots=True)
class Till:
    """A provider's raw invoices and payments: the keys of their ids and amounts, and the bodies by which people make
    them, from a customer's (and invoice's) id and an amount."""

    provider: str
    currency: str
    options: Body
    ids: dict[Entity, str]
    amounts: dict[Entity, str]
    invoice: Callable[[str, str], Body]
    payment: Callable[[str, str, str], Body]
    items: list[Body] = field(default_factory=list)


def _quickbooks_invoice(customer: str, amount: str) -> Body:
    detail = {"ItemRef": {"value": "7"}, "TaxCodeRef": {"value": "NON"}}
    line = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    return {"CustomerRef": {"value": customer}, "CurrencyRef": {"value": "USD"}, "Line": [line]}


def _quickbooks_payment(customer: str, invoice: str, amount: str) -> Body:
    line = {"Amount": amount, "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]}
    money = {"CurrencyRef": {"value": "USD"}, "TotalAmt": amount}
    return {"CustomerRef": {"value": customer}, **money, "Line": [line]}


def _netsuite_invoice(customer: str, amount: str) -> Body:
    line = {"item": {"id": "11"}, "quantity": 1, "rate": amount, "description": "Seats"}
    return {"entity": {"id": customer}, "item": {"items": [line]}}


def _netsuite_payment(customer: str, invoice: str, amount: str) -> Body:
    line = {"doc": {"id": invoice}, "apply": True, "amount": amount}
    return {"customer": {"id": customer}, "payment": amount, "apply": {"items": [line]}}


def _xero_invoice(customer: str, amount: str) -> Body:
    line = {"Description": "Seats", "Quantity": 1, "UnitAmount": amount, "AccountCode": "200", "TaxType": "NONE"}
    days = {"Date": "2026-05-01", "DueDate": "2026-05-31"}
    return {"Contact": {"ContactID": customer}, "Status": "AUTHORISED", **days, "LineItems": [line]}


def _xero_payment(customer: str, invoice: str, amount: str) -> Body:
    return {"Invoice": {"InvoiceID": invoice}, "Account": {"Code": "090"}, "Date": "2026-06-10", "Amount": amount}


TILLS = [
    Till(
        "quickbooks",
        "USD",
        {"invoices": {"itemMap": {"by": "sku", "default": "7"}}},
        {Entity.INVOICES: "Id", Entity.PAYMENTS: "Id"},
        {Entity.INVOICES: "TotalAmt", Entity.PAYMENTS: "TotalAmt"},
        _quickbooks_invoice,
        _quickbooks_payment,
        # The company has an item without a SKU, as most have.
        [{"Name": "Work", "IncomeAccountRef": {"value": "79"}}],
    ),
    Till(
        "netsuite",
        "USD",
        {
            "accounts": {"subsidiary": "1", "defaultCurrency": "USD"},
            "invoices": {"itemMap": {"default": "11"}, "taxMap": {"20": "S-GB"}},
        },
        {Entity.INVOICES: "id", Entity.PAYMENTS: "id"},
        {Entity.INVOICES: "total", Entity.PAYMENTS: "payment"},
        _netsuite_invoice,
        _netsuite_payment,
    ),
    Till(
        "xero",
        "GBP",
        {"invoices": {"salesAccount": "200", "taxMap": {"0": "NONE"}}, "payments": {"paymentAccount": "090"}},
        {Entity.INVOICES: "InvoiceID", Entity.PAYMENTS: "PaymentID"},
        {Entity.INVOICES: "Total", Entity.PAYMENTS: "Amount"},
        _xero_invoice,
        _xero_payment,
    ),
]


class Counter:
    """Both sides' books as people keep them, and the sync between them."""

    def __init__(self, world: Local, till: Till) -> None:
        self.world = world
        self.till = till
        self.customers: dict[Side, str] = {}

    async def open(self) -> None:
        """Configure all that is money, and let one customer be known to both sides."""
        for item in self.till.items:
            assert await self.made(Side.EXTERNAL, "items", item) is not None
        await self.world.configure(*ENTITIES, entityOptions=self.till.options)
        body = {"name": "Plain Harbor Ltd", "currency": self.till.currency}
        ours = await self.made(Side.ALGUNA, "accounts", body)
        assert ours is not None
        await self.sync()
        self.customers = {Side.ALGUNA: ours, Side.EXTERNAL: (await self.world.links_of(Entity.ACCOUNTS))[ours]}

    async def bill(self, side: Side, amounts: Iterable[str]) -> None:
        """A person writes an invoice of each of these amounts that the system takes; then they are synced."""
        for amount in amounts:
            await self._invoice(side, amount)
        await self.sync()

    async def _invoice(self, side: Side, amount: str) -> str | None:
        """A person writes an invoice of one line; its id, or None where that system takes no such amount."""
        customer = self.customers[side]
        if side is Side.EXTERNAL:
            return await self.made(side, "invoices", self.till.invoice(customer, amount))
        line = {"description": "Seats", "quantity": "1", "unit_price": amount}
        money = {"currency": self.till.currency, "line_items": [line]}
        return await self.made(side, "invoices", {"customer_id": customer, "status": "issued", **money})

    async def pay(self, side: Side, invoice_id: str, amount: str) -> str | None:
        """A payment comes in; its id, or None where that system takes no such amount."""
        if side is Side.EXTERNAL:
            return await self.made(side, "payments", self.till.payment(self.customers[side], invoice_id, amount))
        return await self.made(side, "payments", {"invoice_id": invoice_id, "amount": amount, "paid_at": "2026-11-20"})

    async def made(self, side: Side, entity: str, body: Body) -> str | None:
        """A person makes a record; its id, or None where the system refuses it."""
        box = self.world.boxes.alguna if side is Side.ALGUNA else self.world.boxes.external
        reply = await self.world.boxes.http.post(f"{box.url}/_sandbox/records/{entity}", json=body)
        assert reply.status_code < 500, reply.text
        key = "id" if side is Side.ALGUNA else self.till.ids.get(Entity(entity), "Id") if entity != "items" else "Id"
        return str(reply.json()[key]) if reply.is_success else None

    async def sync(self) -> Run:
        """Carry out a run, which ends; then wait until Alguna has issued what is on its way."""
        run = await self.world.sync()
        assert run.status in ("completed", "completed_with_errors"), run.problem
        async with asyncio.timeout(15):
            while any(row["status"] == "processing" for row in await self.world.boxes.records("alguna", "invoices")):
                await asyncio.sleep(0.1)
        return run

    async def amounts(self, side: Side, entity: Entity) -> dict[str, Decimal]:
        """The amounts of a side's records by id, as the system shows them."""
        system = "alguna" if side is Side.ALGUNA else self.till.provider
        key = "id" if side is Side.ALGUNA else self.till.ids[entity]
        name = {Entity.INVOICES: "total", Entity.PAYMENTS: "amount"}[entity]
        name = name if side is Side.ALGUNA else self.till.amounts[entity]
        # A JSON number's shortest text is what its sender meant.
        return {str(row[key]): Decimal(str(row[name])) for row in await self.world.boxes.records(system, entity.value)}

    async def linked(self, side: Side, entity: Entity) -> dict[str, str]:
        """The partners of a side's linked records, by id."""
        links = await self.world.links_of(entity)
        pairs = {_record(ours): _record(theirs) for ours, theirs in links.items()}
        return pairs if side is Side.ALGUNA else {theirs: ours for ours, theirs in pairs.items()}

    async def judge(self, entity: Entity) -> tuple[list[Decimal], list[str]]:
        """Return the amounts on which both sides agree, and the records of either side of which nobody is told."""
        held = {side: await self.amounts(side, entity) for side in Side}
        if entity is Entity.PAYMENTS:
            # A payment of nothing moves no money: it is skipped with that reason.
            held = {side: {one: amount for one, amount in rows.items() if amount} for side, rows in held.items()}
        partner = {side: await self.linked(side, entity) for side in Side}
        told = {
            (side, _record(record_id))
            for error in await self.world.errors()
            if error.entity == entity.value and error.type in TYPES and error.field and error.message
            for side, record_id in ((Side.ALGUNA, error.alguna_id), (Side.EXTERNAL, error.external_id))
            if record_id
        }
        ours, theirs = held[Side.ALGUNA], held[Side.EXTERNAL]
        agreed = [amount for one, amount in ours.items() if theirs.get(partner[Side.ALGUNA].get(one, "")) == amount]
        silent = [
            f"{side} {amount:f}, there {held[side.other].get(partner[side].get(one, ''))}"
            for side in Side
            for one, amount in held[side].items()
            if held[side.other].get(partner[side].get(one, "")) != amount and (side, one) not in told
        ]
        return agreed, silent

    async def quiet(self) -> None:
        """A further sync writes nothing to either side (I4)."""
        await self.sync()
        await self.world.boxes.clear_calls()
        await self.sync()
        assert await self.world.boxes.writes() == []


@asynccontextmanager
async def counter(folder: Path, till: Till) -> AsyncIterator[Counter]:
    """A connected service without Temporal between Alguna and a provider, both empty and without limits to wait for."""
    boxes = Sandboxes(till.provider)
    await boxes.start()
    await boxes.empty(scale=1000)
    world = await make_passes(folder, boxes, kind=Local, chunk_size=100)
    assert isinstance(world, Local)
    try:
        made = Counter(world, till)
        await made.open()
        yield made
    finally:
        await world.close()
        await boxes.stop()


def _record(record_id: str) -> str:
    """The record of which an allocation's id speaks."""
    return record_id.partition(":")[0]
