"""From QuickBooks' invoices and payments to flat records (QuickBooks sheet 2, 8; ADR 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.protocols import parse_time
from connectors.quickbooks.records import Row, field_value, id_of, is_tombstone, modified
from connectors.quickbooks.schema import FIELDS
from connectors.quickbooks.spec import AMOUNT, LINES, NOTE, TOTAL
from connectors.values import as_number
from core.documents import ExternalLine, allocation_id, line_values
from core.records import Entity, Record, Side
from core.values import Value

_VOIDED = "Voided"
NOTE_START = "Alguna invoice "
"""How a memo begins whose invoice could not carry our number."""

_CREDITS = "it links a credit to the invoice and moves no money"


def is_void(row: Row) -> bool:
    """Whether a transaction is void: there is no status, only nothing left and a memo that says so (sheet 2)."""
    return as_number(row.get(TOTAL)) == 0 and str(row.get(NOTE) or "").startswith(_VOIDED)


def note_of(number: str, memo: str | None) -> str:
    """Return a memo whose first line names the invoice in Alguna."""
    return f"{NOTE_START}{number}" + (f"\n{memo}" if memo else "")


def split_note(row: Row) -> tuple[str | None, str | None]:
    """Return the invoice that a memo names as its own in Alguna, and the memo without that."""
    note = str(row.get(NOTE) or "")
    if not note.startswith(NOTE_START):
        return None, note or None
    first, _, memo = note.removeprefix(NOTE_START).partition("\n")
    return first.strip(), memo or None


def with_mark(row: Row, memo: Value) -> Value:
    """Return a new memo that still begins as the one before."""
    number, _ = split_note(row)
    return memo if number is None else note_of(number, str(memo) if memo else None)


def invoice_record(row: Row, wanted: Collection[str], skus: Mapping[str, str | None]) -> Record:
    """Return one invoice; a void one is deleted. `skus` are those of items by id."""
    known = FIELDS[Entity.INVOICES]
    fields = {name: field_value(Entity.INVOICES, row, name) for name in wanted if name in known and name != LINES}
    if LINES in wanted:
        fields[LINES] = line_values(invoice_lines(row, skus))
    if NOTE in fields:
        fields[NOTE] = split_note(row)[1]
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.INVOICES,
        id=id_of(row),
        fields=fields,
        modified_at=parse_time(modified(row)),
        deleted=is_tombstone(row) or is_void(row),
        parent_id=_reference(row, "CustomerRef"),
    )


def invoice_lines(row: Row, skus: Mapping[str, str | None]) -> Iterator[ExternalLine]:
    """Yield the lines that charge something, without the subtotal that QuickBooks adds; discounts are negative."""
    whole = (row.get("TxnTaxDetail") or {}).get("TxnTaxCodeRef") or {}
    for line in _flat(row.get("Line") or []):
        detail = line.get("SalesItemLineDetail")
        amount = as_number(line.get("Amount")) or Decimal(0)
        if line.get("DetailType") == "DiscountLineDetail":
            yield ExternalLine(description=line.get("Description") or "Discount", unit_price=-amount, amount=-amount)
        elif isinstance(detail, Mapping):
            item = _reference(detail, "ItemRef")
            code = _reference(detail, "TaxCodeRef")
            yield ExternalLine(
                description=line.get("Description"),
                quantity=as_number(detail.get("Qty")) or Decimal(1),
                unit_price=amount if (price := as_number(detail.get("UnitPrice"))) is None else price,
                amount=amount,
                item=item,
                sku=skus.get(item or ""),
                tax_code=str(whole["value"]) if code == "TAX" and whole.get("value") else code,
            )


def payment_records(row: Row, wanted: Collection[str], known: Collection[str]) -> list[Record]:
    """Return a payment's allocations: what it settles of each invoice.

    `known` are the invoices that it was seen to settle before: those it settles no more are deleted allocations. A
    payment of nothing is made by QuickBooks itself to link a credit, and is not ready for ever (sheet 8.5).
    """
    amounts = {} if is_tombstone(row) or is_void(row) else settled(row)
    gone = [_allocation(row, wanted, one, None) for one in sorted(set(known) - amounts.keys())]
    if amounts or gone:
        return [*(_allocation(row, wanted, one, amount) for one, amount in amounts.items()), *gone]
    return [_allocation(row, wanted, None, as_number(row.get(TOTAL)))]


def settled(row: Row) -> dict[str, Decimal]:
    """Return what a payment settles, by invoice."""
    amounts: dict[str, Decimal] = {}
    for line in row.get("Line") or []:
        for link in line.get("LinkedTxn") or []:
            if link.get("TxnType") == "Invoice":
                invoice = str(link.get("TxnId"))
                amounts[invoice] = amounts.get(invoice, Decimal(0)) + (as_number(line.get("Amount")) or Decimal(0))
    return amounts


def _allocation(row: Row, wanted: Collection[str], invoice_id: str | None, amount: Decimal | None) -> Record:
    known = FIELDS[Entity.PAYMENTS]
    fields = {name: field_value(Entity.PAYMENTS, row, name) for name in wanted if name in known and name != AMOUNT}
    if AMOUNT in wanted:
        fields[AMOUNT] = amount
    gone = is_tombstone(row) or is_void(row) or amount is None
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.PAYMENTS,
        id=allocation_id(id_of(row), invoice_id),
        fields=fields,
        modified_at=parse_time(modified(row)),
        deleted=gone,
        parent_id=invoice_id,
        unready=_CREDITS if not gone and as_number(row.get(TOTAL)) == 0 else None,
    )


def _flat(lines: Any) -> Iterator[Mapping[str, Any]]:
    """Lines, those of a bundle in its place."""
    for line in lines:
        inner = (line.get("GroupLineDetail") or {}).get("Line") if isinstance(line, Mapping) else None
        if inner:
            yield from _flat(inner)
        elif isinstance(line, Mapping):
            yield line


def _reference(values: Mapping[str, Any], name: str) -> str | None:
    value = (values.get(name) or {}).get("value")
    return str(value) if value else None
