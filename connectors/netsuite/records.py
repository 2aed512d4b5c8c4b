"""From SuiteQL's rows to records. Every value comes as text, blanks not at all, booleans as T and F (sheet 3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from connectors.netsuite.spec import AMOUNT, COLUMNS, Column, Kind
from connectors.netsuite.statements import columns
from connectors.values import as_number
from core.documents import ExternalLine, allocation_id, line_values
from core.errors import FieldValidation, Transient
from core.money import round_amount
from core.records import Entity, Record, Side
from core.values import Value

Row = Mapping[str, str]
VOIDED = "V"
VOID_MEMO = "VOID"
_APPROVED = frozenset({"", "2"})


@dataclass(frozen=True, slots=True)
class Clock:
    """How far SuiteQL's local clock is ahead of UTC; None while that is not known."""

    ahead: timedelta | None

    def utc(self, text: str | None) -> datetime | None:
        """Return a time of SuiteQL as UTC."""
        if not text or self.ahead is None:
            return None
        return (local_time(text) - self.ahead).replace(tzinfo=UTC)


def local_time(text: str) -> datetime:
    """Return a time of SuiteQL, in its own clock. Raises `Transient` for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    except ValueError as error:
        raise Transient("NetSuite sent a time that cannot be read") from error


def fields_of(entity: Entity, row: Row, wanted: Collection[str], custom: Mapping[str, Kind]) -> dict[str, Value]:
    """Return the wanted fields that a row holds."""
    kinds: dict[str, Kind] = {one.name: one.kind for one in COLUMNS[entity]} | dict(custom)
    found = columns(entity, wanted, custom)
    return {name: value_of(kinds[name], row.get(f"f{place}")) for place, (name, _) in enumerate(found)}


def value_of(kind: Kind, text: str | None) -> Value:
    """Return a column's value."""
    if text is None or text == "":
        return None
    if kind == "boolean":
        return text == "T"
    if kind in ("number", "currency"):
        return as_number(text)
    return text


def customer(row: Row, fields: dict[str, Value], clock: Clock) -> Record:
    """Return a customer; an inactive one counts as deleted."""
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.ACCOUNTS,
        id=row["id"],
        fields=fields,
        modified_at=clock.utc(row.get("changed")),
        deleted=row.get("inactive") == "T",
        marker=row.get("marker"),
    )


def invoice(row: Row, fields: dict[str, Value], clock: Clock) -> Record:
    """Return an invoice: a void one is deleted, one that waits for approval is not ready.

    A direct void leaves zeros and the memo `VOID`; so does ours, which NetSuite does not mark (sheet 2; docs).
    """
    zero = not as_number(row.get("due"))
    voided = is_void(row) or (zero and (row.get("note") or "").upper().startswith(VOID_MEMO))
    waits = row.get("approval", "") not in _APPROVED and not voided
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.INVOICES,
        id=row["id"],
        fields=fields,
        modified_at=clock.utc(row.get("changed")),
        deleted=voided,
        parent_id=row.get("parent"),
        marker=row.get("marker"),
        unready="the invoice is not approved in NetSuite: it crosses once it is" if waits else None,
    )


def allocation(row: Row, invoice_id: str | None, amount: Value, fields: dict[str, Value], clock: Clock) -> Record:
    """Return what a payment settles of an invoice; one that settles nothing has no parent."""
    named: dict[str, Value] = {"id": allocation_id(row["id"], invoice_id), AMOUNT: amount, "invoice": invoice_id}
    return Record(
        side=Side.EXTERNAL,
        entity=Entity.PAYMENTS,
        id=allocation_id(row["id"], invoice_id),
        fields={**fields, **named},
        modified_at=clock.utc(row.get("changed")),
        deleted=is_void(row),
        parent_id=invoice_id,
    )


def gone(entity: Entity, record_id: str, parent_id: str | None = None) -> Record:
    """Return what is left to say of a deleted record."""
    return Record(Side.EXTERNAL, entity, record_id, {}, deleted=True, parent_id=parent_id)


def is_void(row: Row) -> bool:
    """Whether a transaction was voided in NetSuite's own way."""
    return row.get("voided") == "T" or row.get("state") == VOIDED


def invoice_line(row: Row) -> ExternalLine:
    """Return a line; the ledger holds revenue with its sign turned (sheet 3)."""
    quantity, amount = as_number(row.get("quantity")), as_number(row.get("foreignamount")) or Decimal(0)
    units = -quantity if quantity else Decimal(1)
    rate = as_number(row.get("rate"))
    return ExternalLine(
        description=row.get("memo"),
        quantity=units,
        unit_price=rate if rate is not None else -amount / units,
        amount=-amount,
        item=row.get("item"),
        sku=row.get("sku"),
    )


def lines_value(rows: Collection[Row]) -> Value:
    """Return the value of the field of lines."""
    return line_values(invoice_line(row) for row in rows)


def stored_form(entity: Entity, values: Mapping[str, Value], kinds: Mapping[str, Kind]) -> dict[str, Value]:
    """Return values as NetSuite keeps them: text without blanks around it, amounts with the currency's decimals."""
    known: dict[str, Kind] = {one.name: one.kind for one in COLUMNS[entity]} | dict(kinds)
    currency = values.get("currency")
    return {name: _stored(known.get(name, "text"), value, currency) for name, value in values.items()}


def _stored(kind: Kind, value: Value, currency: Value) -> Value:
    if isinstance(value, str):
        value = value.strip() or None
    if kind in ("number", "currency") and value is not None:
        number = as_number(value)
        if number is None:
            return value
        rounded = kind == "currency" and isinstance(currency, str)
        try:
            return as_number(round_amount(number, str(currency))) if rounded else number
        except FieldValidation:
            # More digits than any field there holds: the vendor will say so of this record.
            return number
    if kind == "id" and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    return value


def column_of(entity: Entity, name: str) -> Column | None:
    """Return a field's column; None where it is a custom one, or none at all."""
    return next((one for one in COLUMNS[entity] if one.name == name), None)
