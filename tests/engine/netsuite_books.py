"""A service between Alguna and NetSuite without Temporal, and NetSuite by the PyPI client `netsuite`, unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from activities.contracts import Mode
from core.records import Entity
from store.tables.runs import RecordError
from tests.engine.inproc import make_passes
from tests.engine.local import Local
from tests.engine.world import Sandboxes
from tests.sandbox.netsuite_account import Client

ALL = (Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS)
_TYPES = {Entity.ACCOUNTS: "customer", Entity.INVOICES: "invoice", Entity.PAYMENTS: "customerPayment"}
# What Alguna charges in the countries of the sample companies, and the codes of the account.
TAXES = {"20": "S-GB", "8": "S-US", "19": "S-DE", "13": "S-CA", "10": "S-AU"}
OPTIONS: dict[str, dict[str, Any]] = {
    "accounts": {"subsidiary": "1", "defaultCurrency": "USD"},
    "invoices": {"itemMap": {"default": "11"}, "taxMap": TAXES},
}


class NetSuiteBooks:
    """Both systems as people use them, and the sync between them."""

    def __init__(self, world: Local, client: Client) -> None:
        self.world = world
        self.boxes = world.boxes
        self.client = client

    async def configure(self, *entities: Entity, **more: Any) -> None:
        """The provider's templates with the options that money documents need."""
        chosen = entities or ALL
        options = {name: values for name, values in OPTIONS.items() if Entity(name) in chosen}
        given = more.pop("entityOptions", {})
        merged = {name: {**options.get(name, {}), **given.get(name, {})} for name in {*options, *given}}
        await self.world.configure(*(one.value for one in chosen), entityOptions=merged, **more)

    async def sync(self, mode: Mode = Mode.INCREMENTAL, status: str = "completed") -> None:
        run = await self.world.sync(mode)
        told = [(one.type, one.field, one.message) for one in await self.world.errors()]
        assert run.status == status, (run.problem, told)

    async def quiet(self) -> None:
        """The next sync writes nothing to either side (I4, I5)."""
        await self.boxes.clear_calls()
        await self.sync()
        assert await self.boxes.writes() == []

    async def errors(self) -> list[RecordError]:
        return await self.world.errors()

    async def shown(self, entity: Entity, record_id: str) -> dict[str, Any]:
        """A record with its sublists, by the client."""
        return await asyncio.to_thread(self.client.get, _TYPES[entity], record_id)

    async def made(self, entity: Entity, /, **body: Any) -> str:
        """A person makes a record in NetSuite; its id."""
        return str((await self.boxes.control("netsuite", "POST", f"records/{entity.value}", body))["id"])

    async def edit(self, entity: Entity, record_id: str, **changes: Any) -> None:
        """A person edits a record in NetSuite."""
        await self.boxes.edit("netsuite", entity.value, record_id, **changes)

    async def remove(self, entity: Entity, record_id: str) -> None:
        """A person deletes a record in NetSuite."""
        await self.boxes.control("netsuite", "DELETE", f"records/{entity.value}/{record_id}")

    async def theirs(self, entity: Entity) -> list[dict[str, Any]]:
        return await self.boxes.records("netsuite", entity.value)

    async def ours(self, entity: Entity) -> list[dict[str, Any]]:
        return await self.boxes.records("alguna", entity.value)

    async def links(self, entity: Entity) -> dict[str, str]:
        return await self.world.links_of(entity)

    async def set_up(self, **values: Any) -> None:
        """An administrator of NetSuite switches something."""
        await self.boxes.control("netsuite", "PATCH", "records/setup/company", values)

    async def fault(self, kind: str, method: str, path: str, times: int = 1) -> None:
        body = {"match": {"method": method, "path": path}, "fault": kind, "times": times}
        await self.boxes.control("netsuite", "POST", "faults", body)

    async def customer(self, currency: str = "USD") -> str:
        """A customer without tax in Alguna."""
        body = {"name": f"Plain Harbor {currency} Ltd", "currency": currency}
        return str((await self.boxes.control("alguna", "POST", "records/accounts", body))["id"])

    async def issue(self, customer: str, *prices: str, currency: str = "USD", **more: Any) -> str:
        """A person issues an invoice in Alguna, with a line of each price; waits until it is out."""
        lines = [{"description": f"Line {n}", "quantity": "1", "unit_price": one} for n, one in enumerate(prices, 1)]
        body = {"customer_id": customer, "currency": currency, "status": "issued", "line_items": lines, **more}
        made = await self.boxes.control("alguna", "POST", "records/invoices", body)
        await self.issued()
        return str(made["id"])

    async def issued(self) -> None:
        """Wait until Alguna has issued what is on its way."""
        async with asyncio.timeout(15):
            while any(one["status"] == "processing" for one in await self.ours(Entity.INVOICES)):
                await asyncio.sleep(0.1)

    async def pay(self, invoice: str, amount: str, day: str = "2026-11-20", **more: Any) -> str:
        """A payment comes in Alguna."""
        body = {"invoice_id": invoice, "amount": amount, "paid_at": day, **more}
        return str((await self.boxes.control("alguna", "POST", "records/payments", body))["id"])

    async def bill(self, customer: str, *amounts: float, **more: Any) -> str:
        """A person writes an invoice in NetSuite, with a line of each amount."""
        lines = [{"item": {"id": "11"}, "quantity": 1, "rate": one, "description": "Seats"} for one in amounts]
        return await self.made(Entity.INVOICES, entity={"id": customer}, item={"items": lines}, **more)

    async def receive(self, customer: str, parts: dict[str, float], **more: Any) -> str:
        """A person records a payment in NetSuite, of so much for each invoice."""
        lines = [{"doc": {"id": doc}, "apply": True, "amount": amount} for doc, amount in parts.items()]
        body = {"customer": {"id": customer}, "payment": sum(parts.values()), "apply": {"items": lines}, **more}
        return await self.made(Entity.PAYMENTS, **body)


@asynccontextmanager
async def netsuite_books(folder: Path, boxes: Sandboxes) -> AsyncIterator[NetSuiteBooks]:
    """A connected service with an empty store, on emptied sandboxes."""
    for system in ("alguna", "netsuite"):
        await boxes.control(system, "POST", "reset", {})
        await boxes.control(system, "POST", "limits", {"enabled": False})
        await boxes.control(system, "DELETE", "faults")
    await boxes.clear_calls()
    world = await make_passes(folder, boxes, kind=Local, chunk_size=100)
    assert isinstance(world, Local)
    granted = await boxes.control("netsuite", "GET", "credentials")
    client = Client(boxes.external.url, granted)
    try:
        yield NetSuiteBooks(world, client)
    finally:
        client.close()
        await world.close()
        await boxes.http.aclose()
