"""From Alguna's invoices and payments to flat records in camelCase paths (Alguna sheet 2.3, 2.4; ADR 10)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from alguna.types.invoice_list_item_response import InvoiceListItemResponse
from alguna.types.invoice_response import InvoiceResponse
from alguna.types.payment_response import PaymentResponse

from connectors.alguna.records import day_of, moment, time_of
from connectors.values import as_number
from core import paths
from core.documents import AlgunaLine, allocation_id, line_values
from core.records import Entity, Record, Side
from core.values import Value

LINES, TOTAL = "lineItems", "total"
ISSUED = frozenset({"issued", "overdue", "paid"})
VOIDED = frozenset({"void", "canceled"})
COMING = frozenset({"processing", "scheduled", "pending_approval", "upcoming"})
"""States of an invoice that is on its way to be issued."""
_PAID = frozenset({"completed", "succeeded"})
_LOST = frozenset({"failed", "voided"})
_TEXTS = {
    "id": "id",
    "currency": "currency",
    "status": "status",
    "description": "description",
    "purchaseOrderNumber": "purchase_order_number",
    "externalReference": "external_reference",
    "billingPeriod": "billing_period",
    "externalId": "external_id",
    "externalProvider": "external_provider",
    "externalUrl": "external_url",
    "merchantId": "merchant_id",
}
_DAYS = {
    "issueDate": "issue_date",
    "dueDate": "due_date",
    "invoicingDate": "invoicing_date",
    "paidDate": "paid_date",
    "billingPeriodStart": "billing_period_start",
    "billingPeriodEnd": "billing_period_end",
}
_AMOUNTS = {
    "subtotal": "subtotal",
    "tax": "tax",
    TOTAL: "total",
    "amountPaid": "amount_paid",
    "amountRemaining": "amount_remaining",
}
_TIMES = {"createdAt": "created_at", "updatedAt": "updated_at"}
_PAYMENT_TEXTS = {
    "id": "id",
    "customerId": "customer_id",
    "currency": "currency",
    "status": "status",
    "externalId": "external_id",
    "externalUrl": "external_url",
}
INVOICE_PATHS = frozenset({*_TEXTS, *_DAYS, *_AMOUNTS, *_TIMES, "customerId", LINES})


def invoice_record(
    one: InvoiceResponse, wanted: Collection[str], skus: Mapping[str, str | None], tax_type: str | None
) -> Record:
    """Return an invoice as a record: void is deleted, not issued yet is not ready.

    `skus` are those of its lines' products; `tax_type` is the customer's word for lines without tax.
    """
    fields = _flat(one, wanted, _TEXTS, _DAYS, _AMOUNTS, _TIMES)
    if "customerId" in wanted:
        fields["customerId"] = one.customer_id
    if any(path.startswith(LINES) for path in wanted):
        lines = line_values(_line(line, skus, tax_type) for line in one.line_items or [])
        fields |= {path: paths.get({LINES: lines}, path) for path in wanted if path.startswith(LINES)}
    return _invoice(one, fields)


def listed_invoice(one: InvoiceListItemResponse) -> Record:
    """Return what a row of the list says of an invoice that is void or not issued: its state alone."""
    return _invoice(one, {})


def needs_reading(one: InvoiceListItemResponse) -> bool:
    """Whether the row says too little: of an invoice that is out, everything counts."""
    return one.status in ISSUED


def payment_records(one: PaymentResponse, wanted: Collection[str]) -> list[Record]:
    """Return a payment's allocations as records; one that settles no invoice is a record without a parent."""
    parts = [
        (part.invoice_id, part.amount, part.status in _LOST or bool(part.reversed)) for part in one.allocations or []
    ]
    if not parts:
        # Payments from before there were allocations settle one invoice as a whole.
        parts = [(one.invoice_id or "", one.amount, False)]
    return [_allocation(one, wanted, invoice_id or None, amount, lost) for invoice_id, amount, lost in parts]


def _allocation(
    one: PaymentResponse, wanted: Collection[str], invoice_id: str | None, amount: str, lost: bool
) -> Record:
    fields = _flat(one, wanted, _PAYMENT_TEXTS, {}, {}, _TIMES)
    named = {"amount": as_number(amount), "paidAt": day_of(one.paid_at), "invoiceId": invoice_id}
    fields |= {path: value for path, value in named.items() if path in wanted}
    gone = lost or one.status in _LOST
    ready = gone or one.status in _PAID
    return Record(
        side=Side.ALGUNA,
        entity=Entity.PAYMENTS,
        id=allocation_id(one.id, invoice_id),
        fields=fields,
        modified_at=moment(one.updated_at),
        deleted=gone,
        parent_id=invoice_id,
        unready=None if ready else f"the payment is `{one.status}` in Alguna: it crosses once it is completed",
    )


def _invoice(one: InvoiceResponse | InvoiceListItemResponse, fields: dict[str, Value]) -> Record:
    out = one.status in ISSUED or one.status in VOIDED
    return Record(
        side=Side.ALGUNA,
        entity=Entity.INVOICES,
        id=one.id,
        fields=fields,
        modified_at=moment(one.updated_at),
        deleted=one.status in VOIDED,
        parent_id=one.customer_id,
        unready=None if out else f"the invoice is `{one.status}` in Alguna: it crosses once it is issued",
    )


def _line(line: Any, skus: Mapping[str, str | None], tax_type: str | None) -> AlgunaLine:
    tax, rate = as_number(line.tax_amount), as_number(line.tax_rate)
    return AlgunaLine(
        description=line.description or None,
        quantity=as_number(line.quantity) or Decimal(0),
        unit_price=as_number(line.unit_price) or Decimal(0),
        amount=as_number(line.amount_excluding_tax) or Decimal(0),
        tax=tax,
        tax_rate=rate,
        tax_type=None if tax or rate else tax_type,
        product_id=line.product_id or None,
        sku=skus.get(line.product_id or ""),
    )


def products_in(invoices: Sequence[InvoiceResponse]) -> set[str]:
    """Return the ids of the products on these invoices."""
    return {line.product_id for one in invoices for line in one.line_items or [] if line.product_id}


def _flat(
    one: Any,
    wanted: Collection[str],
    texts: Mapping[str, str],
    days: Mapping[str, str],
    amounts: Mapping[str, str],
    times: Mapping[str, str],
) -> dict[str, Value]:
    fields: dict[str, Value] = {path: getattr(one, texts[path]) or None for path in wanted if path in texts}
    fields |= {path: day_of(getattr(one, days[path])) for path in wanted if path in days}
    fields |= {path: as_number(getattr(one, amounts[path])) for path in wanted if path in amounts}
    return fields | {path: time_of(getattr(one, times[path])) for path in wanted if path in times}
