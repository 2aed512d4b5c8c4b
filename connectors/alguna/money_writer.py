"""Writing invoices and payments to Alguna (Alguna sheet 2.3; ADR 10).

An invoice is created as issued, changed in two fields, and voided. A payment is made by marking its invoice as paid;
the answer shows the invoice, so the payments that it may have made are looked for, and the engine picks the one that
has no link.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from alguna.types.invoice_list_item_response import InvoiceListItemResponse
from alguna.types.invoice_response import InvoiceResponse

from connectors.alguna.bodies import Refused
from connectors.alguna.documents import COMING, LINES, TOTAL, payment_records
from connectors.alguna.money_reader import Customer, MoneyReader, made_since
from connectors.alguna.products import Products
from connectors.http import gather_bounded
from connectors.protocols import Current, WriteResult, WriteStatus
from connectors.values import as_number
from core.documents import (
    AlgunaLine,
    TaxRounding,
    Totals,
    alguna_lines,
    compute_totals,
    fit_price,
    rounding_amount,
    same_money,
)
from core.errors import ErrorType, FieldValidation, RecordFailure, Transient
from core.money import round_amount
from core.records import Entity, Operation, OperationKind, Record
from core.values import Value, is_blank

CLOCKS: Final = timedelta(minutes=5)
"""How far Alguna's clock may be behind ours when something is said to be made since a time."""

_CHANGEABLE: Final = {"description": "description", "purchaseOrderNumber": "purchase_order_number"}
_SET_ONCE: Final = frozenset({*_CHANGEABLE, "currency", "issueDate", LINES, TOTAL})
_PAYMENT: Final = frozenset({"amount", "paidAt", "source", "note"})
_USUAL_SOURCE: Final = "other"


class MoneyWriter:
    """What writes of invoices and payments need to know, send, and make of the answers."""

    def __init__(self, reader: MoneyReader, products: Products, customer: Customer, integration_id: str) -> None:
        """Take the reader, the products, how a customer is read by its id, and the integration."""
        self._reader = reader
        self._products = products
        self._customer = customer
        self._integration_id = integration_id

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the invoices to be changed or paid; for new ones their customer's currency and tax, products by sku."""
        found: dict[int, Current] = {}
        changes = [one for one in operations if one.target_id is not None]
        for entity in (Entity.INVOICES, Entity.PAYMENTS):
            ids = {one.target_id for one in changes if one.entity is entity and one.target_id}
            records = await self._reader.read(entity, ids, fields) if ids else {}
            found |= {one.id: _as_current(records.get(one.target_id or "")) for one in changes if one.entity is entity}
        creates = [one for one in operations if one.target_id is None and one.entity is Entity.INVOICES]
        owners = sorted({one.parent_id for one in creates if one.parent_id})
        customers = dict(
            zip(owners, await gather_bounded([partial(self._customer, one) for one in owners]), strict=True)
        )
        products = await self._products.of_skus({sku for one in creates for sku in _skus(one)})
        for one in creates:
            customer = customers.get(one.parent_id or "")
            known: dict[str, Value] = {"products": {sku: list(products[sku]) for sku in _skus(one)}}
            if customer is not None:
                known |= {"currency": customer.currency, "taxRate": as_number(customer.tax_rate)}
            found[one.id] = Current(None, known)
        return found | await self._invoices_to_pay(operations)

    async def _invoices_to_pay(self, operations: Sequence[Operation]) -> dict[int, Current]:
        pays = [one for one in operations if one.target_id is None and one.entity is Entity.PAYMENTS]
        ids = sorted({one.parent_id for one in pays if one.parent_id})
        read = await gather_bounded([partial(self._reader.invoice, one) for one in ids])
        states = {
            one.id: {"status": one.status, "version": str(one.updated_at), "currency": one.currency}
            for one in read
            if one
        }
        return {one.id: Current(None, states.get(one.parent_id or "")) for one in pays}

    def call(self, operation: Operation, current: Current | None) -> tuple[str, str, dict[str, Value]]:
        """Return method, path and body of an operation's request. Raises `Refused`."""
        if operation.entity is Entity.PAYMENTS:
            return self._payment_call(operation, current)
        if operation.kind is OperationKind.CREATE:
            return "POST", "invoices", invoice_body(operation, current.context if current else None)
        path = f"invoices/{quote(operation.target_id or '', safe='')}"
        if operation.kind is OperationKind.ARCHIVE:
            return "POST", f"{path}/void", {}
        fixed = sorted(operation.values.keys() - _CHANGEABLE.keys())
        if fixed:
            raise Refused(f"{fixed[0]} of an issued invoice cannot be changed in Alguna: void it there", fixed[0])
        return "PATCH", path, {_CHANGEABLE[name]: operation.values[name] or "" for name in sorted(operation.values)}

    async def results(self, operation: Operation, answer: Any, fields: Collection[str]) -> list[WriteResult]:
        """Return the outcome that the answer to an operation's request tells."""
        if operation.entity is Entity.PAYMENTS:
            return [await self._paid(operation, fields)]
        invoice = InvoiceResponse.model_validate(answer)
        record = (await self._reader.records([invoice], fields))[0]
        failure = _other_total(operation, invoice) if operation.kind is OperationKind.CREATE else None
        return [WriteResult(operation.id, WriteStatus.DONE, record.id, record, failure)]

    async def lookalikes(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, list[Record]]:
        """See `FindsLookalikes`: what agrees with these creates in customer or invoice, amount, date and age."""
        found: dict[int, list[Record]] = {}
        for one in operations:
            alike = self._alike_payments if one.entity is Entity.PAYMENTS else self._alike_invoices
            found[one.id] = await alike(one, fields)
        return found

    def _payment_call(self, operation: Operation, current: Current | None) -> tuple[str, str, dict[str, Value]]:
        values = operation.values
        if operation.kind is OperationKind.ARCHIVE:
            raise Refused("Alguna cannot take a payment back: refund or correct it in Alguna", None)
        unknown = sorted(values.keys() - _PAYMENT)
        if operation.kind is not OperationKind.CREATE or unknown:
            name = (unknown or sorted(values) or ["amount"])[0]
            raise Refused(f"{name} of a payment cannot be written to Alguna", name)
        if not operation.parent_id:
            raise Refused("a payment needs its invoice", "invoiceId")
        known = (current.context if current else None) or {}
        state = known.get("status")
        if state in COMING:
            # In a moment it is issued; the key of the next try is another one, because the invoice has changed.
            raise Refused(f"the invoice is still `{state}` in Alguna", "invoiceId", ErrorType.TRANSIENT)
        amount = _amount(values.get("amount"), "amount")
        if amount <= 0:
            raise Refused(f"a payment of {amount:f} cannot be recorded in Alguna", "amount")
        currency = known.get("currency")
        if isinstance(currency, str) and amount != round_amount(amount, currency):
            # Alguna would record another amount, and the payment could not be told from others.
            raise Refused(f"a payment of {amount:f} {currency} has more decimals than {currency}", "amount")
        body: dict[str, Value] = {
            "amount_paid": f"{amount:f}",
            "external_payment_source": values.get("source") or _USUAL_SOURCE,
            "external_payment_note": values.get("note") or f"{self._integration_id} {operation.source_id}",
        }
        if not is_blank(values.get("paidAt")):
            body["paid_date"] = _midnight(values["paidAt"], "paidAt")
        return "POST", f"invoices/{quote(operation.parent_id, safe='')}/mark-as-paid", body

    async def _paid(self, operation: Operation, fields: Collection[str]) -> WriteResult:
        alike = await self._alike_payments(operation, fields)
        if not alike:
            # The payment is there, its list only does not show it yet: the request, sent again, says the same.
            raise Transient("Alguna does not show the payment that it has recorded", outcome_unknown=True)
        return WriteResult(operation.id, WriteStatus.DONE, lookalikes=tuple(alike))

    async def _alike_payments(self, operation: Operation, fields: Collection[str]) -> list[Record]:
        """The payments of the invoice that could be what marking it as paid has made, oldest first."""
        invoice_id, values = operation.parent_id or "", operation.values
        amount, day = as_number(values.get("amount")), values.get("paidAt")
        listed = await self._reader.payments_of(invoice_id)
        young = [one for one in listed if made_since(operation.planned_at, CLOCKS, one.created_at)]
        wanted = {*fields, "amount", "paidAt"}
        found = [
            (str(one.created_at), record)
            for one in young
            for record in payment_records(one, wanted)
            if record.parent_id == invoice_id and record.fields["amount"] == amount
            if is_blank(day) or record.fields["paidAt"] == str(day)[:10]
        ]
        return [record for _, record in sorted(found, key=lambda one: (one[0], one[1].id))]

    async def _alike_invoices(self, operation: Operation, fields: Collection[str]) -> list[Record]:
        """The invoices of the customer that could be what a create has made, oldest first."""
        rows = await self._reader.invoice_rows(customer_id=operation.parent_id or "")
        ids = [one.id for one in reversed(rows) if _could_be(one, operation)]
        wanted = {*fields, LINES, "issueDate", "description"}
        records = await self._reader.read(Entity.INVOICES, ids, wanted)
        return [records[one] for one in ids if one in records and _agrees(records[one], operation)]


def invoice_body(operation: Operation, context: Mapping[str, Any] | None) -> dict[str, Value]:
    """Return the body that creates an issued invoice. Raises `Refused`, also when the totals would differ."""
    values, known = operation.values, context or {}
    unknown = sorted(values.keys() - _SET_ONCE - {"customerId"})
    if unknown:
        raise Refused(f"{unknown[0]} of an invoice cannot be written to Alguna", unknown[0])
    if not operation.parent_id:
        raise Refused("an invoice needs its customer", "customerId")
    currency = values.get("currency") or known.get("currency")
    if not isinstance(currency, str):
        raise Refused("currency must not be empty in Alguna", "currency")
    lines = [fit_price(line, currency=currency, half_up=False) for line in _read_lines(values)]
    if not lines:
        raise Refused("an invoice without lines cannot be issued in Alguna", LINES)
    try:
        _check_total(lines, values.get(TOTAL), currency, as_number(known.get("taxRate")) or Decimal(0))
    except FieldValidation as error:
        raise Refused(error.message, TOTAL) from error
    body: dict[str, Value] = {
        "currency": currency,
        "customer_id": operation.parent_id,
        "line_items": [_line_body(line, number, known) for number, line in enumerate(lines, start=1)],
        "status": "issued",
    }
    body |= {key: values[name] for name, key in _CHANGEABLE.items() if not is_blank(values.get(name))}
    if not is_blank(values.get("issueDate")):
        body["issue_date"] = _midnight(values["issueDate"], "issueDate")
    return body


def _read_lines(values: Mapping[str, Value]) -> list[AlgunaLine]:
    try:
        return alguna_lines(values.get(LINES))
    except FieldValidation as error:
        raise Refused(error.message, LINES) from error


def _check_total(lines: Sequence[AlgunaLine], expected: Value, currency: str, tax_rate: Decimal) -> None:
    """Refuse an invoice of which Alguna would make another total, whichever way it rounds (not documented)."""
    rows = [(line.amount, tax_rate * 100) for line in lines]
    made: list[Totals] = []
    for rounding in TaxRounding:
        for mode in (ROUND_HALF_UP, ROUND_HALF_EVEN):
            made.append(compute_totals(rows, rounding=rounding, currency=currency, mode=mode))
    if as_number(expected) not in [one.total for one in made]:
        rounding_amount(
            expected, made[0], currency=currency, allowance=Decimal(0), system="Alguna", source="the provider"
        )


def _other_total(operation: Operation, invoice: InvoiceResponse) -> RecordFailure | None:
    """What a person must know when Alguna has issued the invoice with another total than it was to have."""
    expected, made = as_number(operation.values.get(TOTAL)), as_number(invoice.total)
    if expected is None or made is None or expected == made:
        return None
    message = (
        f"Alguna has issued this invoice with the total {made:f} {invoice.currency} (tax {invoice.tax}), but it comes "
        f"to {expected:f} at the provider: void it, correct the customer's tax in Alguna, and sync it again"
    )
    return RecordFailure(ErrorType.FIELD_VALIDATION, message, TOTAL)


def _line_body(line: AlgunaLine, number: int, known: Mapping[str, Any]) -> dict[str, Value]:
    product = line.product_id
    if product is None and line.sku is not None:
        found = (known.get("products") or {}).get(line.sku) or []
        if len(found) != 1:
            how_many = "no product" if not found else f"{len(found)} products"
            raise Refused(f"line {number}: Alguna has {how_many} with the sku `{line.sku}`", LINES)
        product = found[0]
    body: dict[str, Value] = {
        "description": line.description,
        "product_id": product,
        "quantity": f"{line.quantity:f}",
        "unit_price": f"{line.unit_price:f}",
    }
    return {key: value for key, value in body.items() if value is not None}


def _skus(operation: Operation) -> list[str]:
    """The skus of lines that name no product by its id."""
    try:
        lines = alguna_lines(operation.values.get(LINES))
    except FieldValidation:
        return []
    return sorted({line.sku for line in lines if line.sku is not None and line.product_id is None})


def _could_be(row: InvoiceListItemResponse, operation: Operation) -> bool:
    wanted = as_number(operation.values.get(TOTAL))
    young = made_since(operation.planned_at, CLOCKS, row.created_at)
    return young and (wanted is None or as_number(row.total) == wanted)


def _agrees(record: Record, operation: Operation) -> bool:
    """Whether an invoice charges what was sent, on the same day and with the same words where they were sent."""
    values, held = operation.values, record.fields
    if not same_money(values.get(LINES), held[LINES]):
        return False
    day, words = values.get("issueDate"), values.get("description")
    return (is_blank(day) or held["issueDate"] == day) and (is_blank(words) or held["description"] == words)


def _as_current(record: Record | None) -> Current:
    version = record.modified_at.isoformat() if record and record.modified_at else ""
    return Current(record, {"version": version} if record else None)


def _midnight(value: Value, name: str) -> str:
    """A day as Alguna takes it: its midnight in UTC."""
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Refused(f"{name} must be a date like 2026-01-31", name) from None
    return f"{day.isoformat()}T00:00:00Z"


def _amount(value: Value, name: str) -> Decimal:
    amount = as_number(value)
    if amount is None:
        raise Refused(f"{name} must be an amount", name)
    return amount
