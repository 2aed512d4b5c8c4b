"""What the tests of Alguna's invoices and payments share."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.protocols import Connector, FetchRequest, WriteResult
from core.documents import AlgunaLine, line_values
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.support import Control, operation

CREATE, UPDATE, ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE
INVOICE_FIELDS = ["total", "currency", "externalReference", "issueDate", "dueDate", "description", "lineItems"]
PAYMENT_FIELDS = ["amount", "paidAt", "currency"]
LINE = AlgunaLine(description="Seats", quantity=Decimal(3), unit_price=Decimal("33.33"), amount=Decimal("99.99"))


async def customer(alguna: Control, *, tax_rate: str | None = None, currency: str = "GBP") -> str:
    made = await alguna.create(Entity.ACCOUNTS, {"name": "Acme", "currency": currency})
    if tax_rate is not None:
        await alguna.patch(Entity.ACCOUNTS, made["id"], {"tax_rate": tax_rate, "tax_reason": "standard_rated"})
    return str(made["id"])


async def issued(alguna: Control, customer_id: str, *prices: str, **more: Any) -> dict[str, Any]:
    """A person issues an invoice with a line of each price."""
    lines = [{"description": f"Line {n}", "quantity": "1", "unit_price": one} for n, one in enumerate(prices, 1)]
    body = {"customer_id": customer_id, "currency": "GBP", "status": "issued", "line_items": lines}
    made: dict[str, Any] = await alguna.create(Entity.INVOICES, body | more)
    return made


def read_all(entity: Entity, fields: list[str], cursor: str | None = None, *, full: bool = False) -> FetchRequest:
    return FetchRequest(entity, {entity: fields}, cursor, full=full)


def invoice(number: int, customer_id: str | None, total: str | None = "99.99", **values: Value) -> Operation:
    given: dict[str, Value] = {"lineItems": line_values([LINE]), "total": total and Decimal(total), **values}
    return operation(number, Entity.INVOICES, CREATE, Side.ALGUNA, given, parent_id=customer_id)


def payment(number: int, invoice_id: str, amount: str, **values: Value) -> Operation:
    given: dict[str, Value] = {"amount": Decimal(amount), **values}
    made = operation(number, Entity.PAYMENTS, CREATE, Side.ALGUNA, given, parent_id=invoice_id)
    return replace(made, planned_at=datetime.now(UTC))


async def write(connector: Connector, *operations: Operation) -> dict[int, WriteResult]:
    needy = [one for one in operations if connector.needs_current(one, age=0.0)]
    current = await connector.current(needy, INVOICE_FIELDS) if needy else {}
    results: dict[int, WriteResult] = {}
    for request in connector.plan(operations, current):
        fields = INVOICE_FIELDS if operations[0].entity is Entity.INVOICES else PAYMENT_FIELDS
        results |= {one.operation_id: one for one in await connector.send(request, operations, fields)}
    return results


async def settled(alguna: Control, invoice_id: str) -> dict[str, Any]:
    """The invoice once Alguna has issued it."""
    async with asyncio.timeout(10):
        while (row := await alguna.record(Entity.INVOICES, invoice_id))["status"] == "processing":
            await asyncio.sleep(0.1)
    return dict(row)
