"""From Xero's records to ours, and from values to what Xero keeps (Xero sheet 2, 3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.values import as_number, as_value, iso
from connectors.xero.schema import AMOUNTS, GROUPS, INVOICE_DATES, group_of
from connectors.xero.spec import (
    ACCOUNT,
    ARCHIVED,
    CONTACT_NUMBER,
    DELETED,
    ID_KEY,
    LINES,
    NO_TAX,
    REFERENCE,
    TOTAL,
    VENDOR,
    VOIDED,
)
from core.documents import ExternalLine, allocation_id, line_values
from core.errors import Transient
from core.records import Entity, Record, Side
from core.values import Value

Row = Mapping[str, Any]

_MS_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = frozenset({*INVOICE_DATES, "FullyPaidOnDate"})
_NUMBERS = frozenset({*AMOUNTS, TOTAL, "Amount", "CurrencyRate"})
# Erased at a person's wish: no record to be synced any more (sheet 2).
_GONE = frozenset({ARCHIVED, "GDPRREQUEST", VOIDED, DELETED})
_OPEN = frozenset({"DRAFT", "SUBMITTED"})
_SALE, _SALE_PAYMENT = "ACCREC", "ACCRECPAYMENT"


def record_of(entity: Entity, row: Row, wanted: Collection[str]) -> Record | None:
    """Return one record with the wanted fields; None for what is no sale (a bill, the payment of a bill).

    Raises `Transient` for a row without an id.
    """
    record_id = row.get(ID_KEY[entity])
    if not record_id:
        raise Transient(f"{VENDOR} sent a record of {entity.value} without an id")
    fields = {path: _field(row, path) for path in wanted}
    modified = moment(row.get("UpdatedDateUTC"))
    if entity is Entity.ACCOUNTS:
        return _contact(str(record_id), row, fields, modified)
    if entity is Entity.INVOICES:
        return _invoice(str(record_id), row, fields, modified) if row.get("Type") == _SALE else None
    return _payment(str(record_id), row, fields, modified) if row.get("PaymentType") == _SALE_PAYMENT else None


def moment(value: Any) -> datetime | None:
    """Return the point in time of a `/Date(…)/`: its milliseconds are UTC, whatever offset follows (sheet 3)."""
    found = _MS_DATE.fullmatch(str(value or ""))
    return _EPOCH + timedelta(milliseconds=int(found[1])) if found else None


def stored_form(entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values as Xero keeps them: names with single spaces, two decimals, blank text as nothing."""
    return {name: _stored(entity, name, value) for name, value in values.items()}


def as_id(entity: Entity, row: Row) -> str | None:
    """Return the id of a written row as records have it; None where there is none, or the zero one (sheet 4)."""
    record_id = str(row.get(ID_KEY[entity]) or "")
    if not record_id.strip("0-"):
        return None
    invoice = row.get("Invoice") or {}
    return allocation_id(record_id, invoice.get("InvoiceID")) if entity is Entity.PAYMENTS else record_id


def _contact(record_id: str, row: Row, fields: dict[str, Value], modified: datetime | None) -> Record:
    merged = row.get("MergedToContactID")
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.ACCOUNTS,
        id=record_id,
        fields=fields,
        modified_at=modified,
        deleted=row.get("ContactStatus") in _GONE,
        marker=row.get(CONTACT_NUMBER) or None,
        merged_into=str(merged) if merged and row.get("ContactStatus") in _GONE else None,
    )


def _invoice(record_id: str, row: Row, fields: dict[str, Value], modified: datetime | None) -> Record:
    status = row.get("Status")
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.INVOICES,
        id=record_id,
        fields=fields,
        modified_at=modified,
        deleted=status in _GONE,
        parent_id=(row.get("Contact") or {}).get("ContactID"),
        unready=f"the invoice is {status} in Xero: it crosses once it is approved" if status in _OPEN else None,
    )


def _payment(payment_id: str, row: Row, fields: dict[str, Value], modified: datetime | None) -> Record:
    invoice_id = (row.get("Invoice") or {}).get("InvoiceID")
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.PAYMENTS,
        id=allocation_id(payment_id, invoice_id),
        fields=fields,
        modified_at=modified,
        deleted=row.get("Status") in _GONE,
        parent_id=invoice_id,
        marker=row.get(REFERENCE) or None,
    )


def _field(row: Row, path: str) -> Value:
    if path == LINES:
        return _lines(row)
    if path == ACCOUNT:
        account = row.get(ACCOUNT) or {}
        return account.get("Code") or account.get("AccountID")
    if (group := group_of(path)) is not None:
        return _part(row, group, path)
    head, _, inner = path.partition(".")
    value = (row.get(head) or {}).get(inner) if inner else row.get(head)
    if path in _DAYS or (path == "Date" and value):
        at = moment(value)
        return at.date().isoformat() if at else None
    if path == "UpdatedDateUTC":
        at = moment(value)
        return iso(at) if at else None
    if path in _NUMBERS:
        return as_number(value)
    return None if value == "" else as_value(value)


def _part(row: Row, group: str, path: str) -> Value:
    """A part of one of the typed rows of a list."""
    key, _, _ = GROUPS[group]
    _, kind, part = path.split(".")
    found: Row = next((one for one in row.get(group) or [] if one.get(key) == kind), {})
    return found.get(part) or None


def _lines(row: Row) -> Value:
    included = row.get("LineAmountTypes") == "Inclusive"
    return line_values(_line(one, included=included) for one in row.get(LINES) or [])


def _line(row: Row, *, included: bool) -> ExternalLine:
    """One line without its tax. A line of words alone charges nothing."""
    tax = as_number(row.get("TaxAmount")) or Decimal(0)
    amount = as_number(row.get("LineAmount")) or Decimal(0)
    price = as_number(row.get("UnitAmount"))
    code, item = row.get("TaxType"), row.get("ItemCode") or None
    return ExternalLine(
        description=row.get("Description") or None,
        quantity=as_number(row.get("Quantity")) or Decimal(1),
        unit_price=amount if price is None else price,
        amount=amount - tax if included else amount,
        tax=tax,
        item=item,
        sku=item,
        tax_code=None if code == NO_TAX else code,
        account=row.get("AccountCode") or None,
    )


def _stored(entity: Entity, name: str, value: Value) -> Value:
    if isinstance(value, str):
        text = " ".join(value.split()) if entity is Entity.ACCOUNTS and name == "Name" else value
        if name in _DAYS or name == "Date":
            text = text[:10]
        return text or None
    return value
