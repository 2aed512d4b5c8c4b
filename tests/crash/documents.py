"""Invoices and payments as people handle them in each system's own pages, and as its raw records show them.

A provider that takes invoices joins the money trials by one class here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from core.documents import allocation_id
from tests.engine.world import Sandboxes

Row = dict[str, Any]

TWO = {"USD": Decimal("0.25"), "JPY": Decimal(0), "KWD": Decimal("0.75")}
"""The fractions of amounts by currency, where the vendor knows two decimals and no more."""
EXACT = {**TWO, "KWD": Decimal("0.125")}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a raw invoice says. `text` is what is mapped both ways."""

    customer: str
    total: Decimal
    open: Decimal
    void: bool
    text: str


class Desk(ABC):
    """People with the invoices and payments of one system. Amounts are in the invoice's currency.

    `fractions` are the decimals of amounts by currency; `options` what the configuration needs.
    """

    system: ClassVar[str]
    fractions: ClassVar[dict[str, Decimal]] = TWO
    options: ClassVar[dict[str, Row]] = {}

    def __init__(self, boxes: Sandboxes) -> None:
        self.boxes = boxes

    @abstractmethod
    async def issue(self, customer: str, currency: str, amount: Decimal, text: str) -> str:
        """Issue an invoice with one line and no tax; return its id."""

    @abstractmethod
    async def pay(self, invoice: str, amount: Decimal) -> None:
        """Record a payment of today that settles so much of an invoice."""

    @abstractmethod
    async def note(self, invoice: str, text: str) -> None:
        """Change the text of an invoice."""

    @abstractmethod
    async def void(self, invoice: str) -> None:
        """Void an invoice."""

    @abstractmethod
    def seen(self, row: Row) -> tuple[str, Seen]:
        """Return the id of a raw invoice and what it says."""

    @abstractmethod
    def settled(self, row: Row) -> Iterable[tuple[str, Decimal]]:
        """Return what a raw payment settles: invoice ids and amounts."""

    async def invoices(self) -> dict[str, Seen]:
        """All invoices by id."""
        return dict(map(self.seen, await self.boxes.records(self.system, "invoices", deleted=True)))

    async def payments(self) -> list[tuple[str, Decimal]]:
        """What all payments settle."""
        rows = await self.boxes.records(self.system, "payments")
        return [part for row in rows for part in self.settled(row) if part[1]]

    async def _made(self, entity: str, body: Row) -> Row:
        made: Row = await self.boxes.control(self.system, "POST", f"records/{entity}", body)
        return made

    async def _invoice(self, invoice: str) -> Row:
        row: Row = await self.boxes.control(self.system, "GET", f"records/invoices/{invoice}")
        return row


class AlgunaDesk(Desk):
    """Alguna's dashboard. `text` is the name of the field that the provider's template maps both ways."""

    system = "alguna"

    def __init__(self, boxes: Sandboxes, text: str) -> None:
        super().__init__(boxes)
        self._text = text

    async def customer(self, name: str, currency: str) -> str:
        """Make a customer without tax; return its id."""
        return str((await self._made("accounts", {"name": name, "currency": currency}))["id"])

    async def issue(self, customer: str, currency: str, amount: Decimal, text: str) -> str:
        lines = [{"description": "Work", "quantity": "1", "unit_price": str(amount)}]
        body = {"customer_id": customer, "currency": currency, "status": "issued", "line_items": lines}
        return str((await self._made("invoices", {**body, self._text: text}))["id"])

    async def pay(self, invoice: str, amount: Decimal) -> None:
        await self._made("payments", {"invoice_id": invoice, "amount": str(amount)})

    async def note(self, invoice: str, text: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, **{self._text: text})

    async def void(self, invoice: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, status="void")

    def seen(self, row: Row) -> tuple[str, Seen]:
        total, left = Decimal(row["total"]), Decimal(row["amount_remaining"])
        return row["id"], Seen(row["customer_id"], total, left, row["status"] == "void", row[self._text] or "")

    def settled(self, row: Row) -> Iterable[tuple[str, Decimal]]:
        return [(part["invoice_id"], Decimal(part["amount"])) for part in row["allocations"] if not part["reversed"]]

    async def take_back(self, payment: str) -> None:
        """Void a payment."""
        await self.boxes.edit(self.system, "payments", payment, status="voided")

    async def allocations(self, invoice: str) -> dict[str, Decimal]:
        """What payments that hold settle of an invoice: amounts by allocation."""
        rows = await self.boxes.records(self.system, "payments")
        parts = [(row["id"], *part) for row in rows for part in self.settled(row)]
        return {allocation_id(payment, invoice): amount for payment, paid, amount in parts if paid == invoice}

    async def unsettled(self) -> set[str]:
        """The ids of the invoices that wait for money."""
        rows = await self.boxes.records(self.system, "invoices")
        return {row["id"] for row in rows if row["status"] in ("issued", "overdue")}

    async def issuing(self) -> bool:
        """Whether an invoice is on its way out: that takes Alguna a second."""
        return any(row["status"] == "processing" for row in await self.boxes.records(self.system, "invoices"))


class QuickBooksDesk(Desk):
    system = "quickbooks"
    options: ClassVar[dict[str, Row]] = {"invoices": {"itemMap": {"default": "1"}}}

    async def issue(self, customer: str, currency: str, amount: Decimal, text: str) -> str:
        detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "NON"}}
        line = {"Amount": float(amount), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        body = {"CustomerRef": {"value": customer}, "CurrencyRef": {"value": currency}, "Line": [line]}
        return str((await self._made("invoices", {**body, "PrivateNote": text}))["Id"])

    async def pay(self, invoice: str, amount: Decimal) -> None:
        row = await self._invoice(invoice)
        line = {"Amount": float(amount), "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]}
        body = {name: {"value": row[name]["value"]} for name in ("CustomerRef", "CurrencyRef")}
        await self._made("payments", {**body, "TotalAmt": float(amount), "Line": [line]})

    async def note(self, invoice: str, text: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, PrivateNote=text)

    async def void(self, invoice: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, voided=True)

    def seen(self, row: Row) -> tuple[str, Seen]:
        text = row.get("PrivateNote", "")
        total, left = Decimal(str(row["TotalAmt"])), Decimal(str(row["Balance"]))
        void = total == 0 and text.startswith("Voided")
        return row["Id"], Seen(row["CustomerRef"]["value"], total, left, void, text)

    def settled(self, row: Row) -> Iterable[tuple[str, Decimal]]:
        return [(line["LinkedTxn"][0]["TxnId"], Decimal(str(line["Amount"]))) for line in row["Line"]]


class NetSuiteDesk(Desk):
    system = "netsuite"
    fractions = EXACT
    options: ClassVar[dict[str, Row]] = {"invoices": {"itemMap": {"default": "11"}}}

    async def issue(self, customer: str, currency: str, amount: Decimal, text: str) -> str:
        lines = [{"item": {"id": "11"}, "quantity": 1, "rate": float(amount), "description": "Work"}]
        body = {"entity": {"id": customer}, "item": {"items": lines}, "memo": text}
        return str((await self._made("invoices", body))["id"])

    async def pay(self, invoice: str, amount: Decimal) -> None:
        lines = [{"doc": {"id": invoice}, "apply": True, "amount": float(amount)}]
        customer = {"id": (await self._invoice(invoice))["entity"]["id"]}
        await self._made("payments", {"customer": customer, "payment": float(amount), "apply": {"items": lines}})

    async def note(self, invoice: str, text: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, memo=text)

    async def void(self, invoice: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, voided=True)

    def seen(self, row: Row) -> tuple[str, Seen]:
        total, left = Decimal(str(row["total"])), Decimal(str(row["amountRemaining"]))
        text = row.get("memo") or ""
        return row["id"], Seen(row["entity"]["id"], total, left, text == "VOID", text)

    def settled(self, row: Row) -> Iterable[tuple[str, Decimal]]:
        return [(line["doc"]["id"], Decimal(str(line["amount"]))) for line in row["apply"]["items"] if line["apply"]]


class XeroDesk(Desk):
    system = "xero"
    options: ClassVar[dict[str, Row]] = {
        "invoices": {"salesAccount": "200", "taxMap": {"0": "NONE"}},
        "payments": {"paymentAccount": "090"},
    }

    async def issue(self, customer: str, currency: str, amount: Decimal, text: str) -> str:
        line = {"Description": "Work", "Quantity": 1, "UnitAmount": str(amount), "AccountCode": "200"}
        today = _today()
        body = {
            "Contact": {"ContactID": customer},
            "CurrencyCode": currency,
            "Date": today,
            "DueDate": today,
            "Status": "AUTHORISED",
            "LineItems": [{**line, "TaxType": "NONE"}],
            "Reference": text,
        }
        return str((await self._made("invoices", body))["InvoiceID"])

    async def pay(self, invoice: str, amount: Decimal) -> None:
        body = {"Invoice": {"InvoiceID": invoice}, "Account": {"Code": "090"}, "Date": _today()}
        await self._made("payments", {**body, "Amount": str(amount)})

    async def note(self, invoice: str, text: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, Reference=text)

    async def void(self, invoice: str) -> None:
        await self.boxes.edit(self.system, "invoices", invoice, Status="VOIDED")

    def seen(self, row: Row) -> tuple[str, Seen]:
        total, left = Decimal(str(row["Total"])), Decimal(str(row["AmountDue"]))
        return row["InvoiceID"], Seen(
            row["Contact"]["ContactID"], total, left, row["Status"] == "VOIDED", row["Reference"]
        )

    def settled(self, row: Row) -> Iterable[tuple[str, Decimal]]:
        return [(row["Invoice"]["InvoiceID"], Decimal(str(row["Amount"])))]


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


DESKS: dict[str, tuple[type[Desk], str]] = {
    "quickbooks": (QuickBooksDesk, "description"),
    "netsuite": (NetSuiteDesk, "description"),
    "xero": (XeroDesk, "purchase_order_number"),
}
"""The providers that take invoices, each with the field of Alguna's whose text is mapped both ways."""
