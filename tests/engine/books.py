"""Alguna's sandbox and the ledger of `tests.engine.ledger`, synced pass by pass; what tests of money share."""

from __future__ import annotations

import asyncio
from typing import Any

from activities.contracts import Mode
from core.records import Entity, Side
from store import staging
from store.connections import ALGUNA
from store.tables.runs import Pass, RecordError
from store.types import utc_now
from tests.engine.inproc import Passes
from tests.engine.ledger import Ledger
from tests.engine.world import INTEGRATION

BOTH = (Entity.ACCOUNTS, Entity.INVOICES)
ALL = (*BOTH, Entity.PAYMENTS)


class LedgerPasses(Passes):
    """Passes between Alguna and the ledger."""

    async def connect(self) -> None:
        alguna = await self.boxes.control("alguna", "GET", "credentials")
        alguna.pop("limits", None)
        # Nothing here is about limits, and a pass in the test itself has nobody to wait for one.
        limits = {"requestsPerSecond": 10_000.0}
        await self.services.connections.put_credentials(ALGUNA, ALGUNA, alguna, None, limits=limits)
        await self.services.connections.create_integration(INTEGRATION, "ledger", {}, "books", limits={})


class Books:
    """Both systems as people use them, and the sync between them."""

    def __init__(self, passes: LedgerPasses, ledger: Ledger) -> None:
        self.passes = passes
        self.ledger = ledger
        self.control = passes.boxes.control

    async def configure(self, taxMap: dict[str, str] | None = None, **more: Any) -> None:  # noqa: N803
        invoices = {"salesAccount": "200", "taxMap": taxMap or {"20": "STD"}}
        options = {"invoices": invoices, "payments": {"paymentAccount": "1000"}}
        await self.passes.configure(*(entity.value for entity in ALL), entityOptions=options, **more)

    async def run(self) -> dict[Entity, Pass]:
        """One sync of everything, parents first."""
        return await self.passes.run_all(*ALL)

    async def retry(self, error: RecordError) -> None:
        """A person lets a record be tried again."""
        entity, side = Entity(error.entity), Side(error.target).other
        async with self.passes.services.db.transaction() as session:
            await staging.ask(session, self.passes.scope(entity), [(side, error.source_id)], "retry", utc_now())
        await self.passes.run_pass(entity)

    async def told(self, payment_id: str) -> None:
        """An event of Alguna names a payment, and nothing else is read."""
        async with self.passes.services.db.transaction() as session:
            asked = [(Side.ALGUNA, payment_id)]
            await staging.ask(session, self.passes.scope(Entity.PAYMENTS), asked, staging.HINT, utc_now())
        await self.passes.run_pass(Entity.PAYMENTS, Mode.INBOX)

    async def quiet(self) -> None:
        """The next sync writes nothing to either side (I4, I5)."""
        await self.passes.boxes.control("alguna", "DELETE", "calls")
        before = len(self.ledger.sent)
        await self.run()
        calls = (await self.passes.boxes.control("alguna", "GET", "calls"))["data"]
        assert [(call["method"], call["path"]) for call in calls if call["method"] != "GET"] == []
        assert [(one.method, one.path, one.body) for one in self.ledger.sent[before:]] == []

    def rows(self, entity: Entity) -> list[dict[str, Any]]:
        """The ledger's rows."""
        return list(self.ledger.rows[entity].values())

    async def invoices(self) -> list[dict[str, Any]]:
        return await self.passes.boxes.records("alguna", "invoices")

    async def payments(self) -> list[dict[str, Any]]:
        return await self.passes.boxes.records("alguna", "payments")

    async def edit(self, entity: str, record_id: str, **changes: object) -> None:
        await self.passes.boxes.edit("alguna", entity, record_id, **changes)

    async def customer(self, *, tax_rate: str | None = None) -> str:
        body = {"name": f"Acme {tax_rate or ''}".strip(), "currency": "GBP"}
        customer = await self.control("alguna", "POST", "records/accounts", body)
        if tax_rate is not None:
            await self.edit("accounts", customer["id"], tax_rate=tax_rate, tax_reason="standard_rated")
        return str(customer["id"])

    async def issue(
        self, *prices: str, tax_rate: str | None = None, customer: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """A person issues an invoice in Alguna, with a line of each price."""
        lines = [{"description": f"Line {n}", "quantity": "1", "unit_price": one} for n, one in enumerate(prices, 1)]
        body = {
            "customer_id": customer or await self.customer(tax_rate=tax_rate),
            "currency": "GBP",
            "status": "issued",
            "line_items": lines,
            **more,
        }
        made: dict[str, Any] = await self.control("alguna", "POST", "records/invoices", body)
        return made

    async def pay(self, invoice_id: str, amount: str, day: str, **more: Any) -> dict[str, Any]:
        """A payment comes in Alguna."""
        body = {"invoice_id": invoice_id, "amount": amount, "paid_at": day, **more}
        made: dict[str, Any] = await self.control("alguna", "POST", "records/payments", body)
        return made

    async def client(self) -> str:
        """A customer who is linked: its id in the ledger."""
        customer = await self.customer()
        await self.passes.run_pass(Entity.ACCOUNTS)
        return (await self.passes.links_of(Entity.ACCOUNTS))[customer]

    async def issued(self) -> None:
        """Wait until Alguna has issued what is on its way."""
        async with asyncio.timeout(10):
            while any(one["status"] == "processing" for one in await self.invoices()):
                await asyncio.sleep(0.1)
