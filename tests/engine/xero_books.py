"""Alguna and Xero as people use them, and the syncs between them; Xero is read back with xero-python."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx

from core.records import Entity
from store.tables.runs import RecordError, Run
from tests.engine.local import Local
from tests.sandbox.xero_organisation import Witness

OPTIONS = {
    "invoices": {
        "salesAccount": "200",
        "itemMap": {"by": "sku", "items": {}, "default": None},
        "taxMap": {"20": "OUTPUT2", "0": "NONE", "19": "TAX002", "10": "TAX004"},
    },
    "payments": {"paymentAccount": "090"},
}


class XeroBooks:
    """`control` is the sandboxes' control API: what people do."""

    def __init__(self, local: Local, witness: Witness) -> None:
        self.local = local
        self.witness = witness
        self.control = local.boxes.control

    async def configure(self, *entities: str, **more: Any) -> None:
        names = entities or ("accounts", "invoices", "payments")
        await self._product()
        options = {name: value for name, value in OPTIONS.items() if name in names}
        await self.local.configure(*names, **{"entityOptions": options, **more})

    async def sync(self) -> Run:
        return await self.local.sync()

    async def settled(self) -> None:
        """The systems agree: nothing is left to write, and Alguna has issued what is on its way (I4, I5)."""
        await self.issued()
        await self.sync()
        await self.local.boxes.clear_calls()
        run = await self.sync()
        assert run.status == "completed", run.problem
        assert await self.local.boxes.writes() == []

    async def issued(self) -> None:
        """Wait until Alguna has issued what is on its way."""
        async with asyncio.timeout(10):
            while any(one["status"] == "processing" for one in await self.ours("invoices")):
                await asyncio.sleep(0.1)

    async def errors(self) -> list[RecordError]:
        return await self.local.errors()

    async def ours(self, entity: str) -> list[dict[str, Any]]:
        """Alguna's records, the deleted ones among them."""
        return await self.local.boxes.records("alguna", entity)

    async def edit_ours(self, entity: str, record_id: str, **changes: object) -> None:
        await self.local.boxes.edit("alguna", entity, record_id, **changes)

    async def edit_theirs(self, entity: str, record_id: str, **changes: object) -> None:
        await self.local.boxes.edit("xero", entity, record_id, **changes)

    async def partner(self, entity: Entity, alguna_id: str) -> str:
        """The linked record in Xero."""
        return (await self.local.links_of(entity))[alguna_id]

    async def customer(self, name: str = "Harbor Optics Ltd", *, tax_rate: str = "0.20", currency: str = "GBP") -> str:
        made = await self.control("alguna", "POST", "records/accounts", {"name": name, "currency": currency})
        await self.edit_ours("accounts", made["id"], tax_rate=tax_rate, tax_reason="standard_rated")
        return str(made["id"])

    async def issue(self, *prices: str, customer: str | None = None, **more: Any) -> dict[str, Any]:
        """A person issues an invoice in Alguna, with a line of each price."""
        owner = customer or await self.customer()
        product = await self._product()
        lines = [
            {"description": f"Line {n}", "quantity": "1", "unit_price": one, "product_id": product}
            for n, one in enumerate(prices, 1)
        ]
        body = {"customer_id": owner, "currency": "GBP", "status": "issued", "line_items": lines, **more}
        made: dict[str, Any] = await self.control("alguna", "POST", "records/invoices", body)
        return made

    async def pay(self, invoice_id: str, amount: str, day: str) -> dict[str, Any]:
        """A payment comes in Alguna."""
        body = {"invoice_id": invoice_id, "amount": amount, "paid_at": day}
        made: dict[str, Any] = await self.control("alguna", "POST", "records/payments", body)
        return made

    async def invoice_theirs(self, contact_id: str, *prices: str, **more: Any) -> dict[str, Any]:
        """A person approves an invoice in Xero, with a line of each price and 20 % tax."""
        lines = [
            {"Description": f"Row {n}", "Quantity": 1, "UnitAmount": one, "AccountCode": "200", "ItemCode": "SEAT-PRO"}
            for n, one in enumerate(prices, 1)
        ]
        body = {
            "Contact": {"ContactID": contact_id},
            "Date": "2026-05-01",
            "DueDate": "2026-05-31",
            "Status": "AUTHORISED",
            "LineItems": lines,
            **more,
        }
        made: dict[str, Any] = await self.control("xero", "POST", "records/invoices", body)
        return made

    async def pay_theirs(self, invoice_id: str, amount: str, day: str) -> str:
        """A person records a payment in Xero; its id."""
        body = {"Invoice": {"InvoiceID": invoice_id}, "Account": {"Code": "090"}, "Date": day, "Amount": amount}
        return str((await self.control("xero", "POST", "records/payments", body))["PaymentID"])

    async def contacts(self) -> list[Any]:
        """Xero's contacts, archived ones too, as its own client gives them."""
        return list(await self._read("get_contacts", page=1, include_archived=True))

    async def invoices(self) -> list[Any]:
        """Xero's invoices, as its own client gives them."""
        return list(await self._read("get_invoices", page=1, unitdp=4))

    async def payments(self) -> list[Any]:
        """Xero's payments, deleted ones too, as its own client gives them."""
        return list(await self._read("get_payments", page=1))

    async def _read(self, name: str, **query: Any) -> Any:
        answer = await asyncio.to_thread(getattr(self.witness.accounting, name), self.witness.tenant, **query)
        return getattr(answer, name.removeprefix("get_"))

    async def _product(self) -> str:
        """The id of Alguna's product that Xero has an item for."""
        granted = await self.control("alguna", "GET", "credentials")
        headers = {"Authorization": f"Bearer {granted['apiKey']}", "Alguna-Version": "2026-04-01"}
        async with httpx.AsyncClient(base_url=granted["baseUrl"], trust_env=False, headers=headers) as http:
            listed = (await http.get("/products")).json()["data"]
            known = next((one["id"] for one in listed if one["sku"] == "SEAT-PRO"), None)
            if known:
                return str(known)
            body = {
                "name": "Professional seat",
                "sku": "SEAT-PRO",
                "fee_type": "fixed",
                "payment_terms": "advance",
                "billing_frequency": "recurring",
            }
            return str((await http.post("/products", json=body)).json()["id"])


def cents(value: object) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))
