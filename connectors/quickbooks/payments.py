"""What is written of payments: allocations that are written together become one payment (QuickBooks sheet 2; ADR 10).

A payment's reference is made of the payment in Alguna, so that one whose creation had no answer is found again. Too
large an amount would be taken and stay unapplied (sheet 8.13), so what is open is compared before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.protocols import Current, WriteResult, WriteStatus
from connectors.quickbooks.documents import payment_records, settled
from connectors.quickbooks.records import Row, object_of
from connectors.quickbooks.spec import AMOUNT, LINES, NUMBER_CHARACTERS, REFERENCE, TOTAL, VENDOR
from connectors.quickbooks.writer import ROW, Item, ObjectWriter, gone, row_of, target
from connectors.values import as_number
from core.documents import allocation_id, split_allocation
from core.errors import ErrorType, RecordFailure
from core.records import Entity, Operation, OperationKind
from core.values import Value

_CENT_PLACES = 2


def reference_of(operation: Operation) -> str:
    """Return the reference of the payment that an allocation becomes part of: Alguna's id, if it is short enough."""
    payment, _ = split_allocation(operation.source_id)
    if len(payment) <= NUMBER_CHARACTERS:
        return payment
    return "A-" + hashlib.sha256(payment.encode()).hexdigest()[: NUMBER_CHARACTERS - 2]


def current_of_new(operation: Operation, invoice: Mapping[str, Value]) -> Current:
    """Return what `current` would say of a payment's invoice once it was created with these values."""
    row: dict[str, Value] = {
        "Id": operation.parent_id,
        "CustomerRef": {"value": ""},
        "CurrencyRef": {"value": invoice.get("CurrencyRef.value")},
        "Balance": invoice.get(TOTAL),
    }
    return Current(None, {ROW: row})


class PaymentWriter(ObjectWriter):
    """See `connectors.quickbooks.writer.ObjectWriter`. The row of a create is the invoice that it settles."""

    entity = Entity.PAYMENTS

    def items(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> Iterator[Item]:
        """One item for each payment."""
        groups: dict[Any, list[tuple[Operation, Row]]] = {}
        for operation in operations:
            row = row_of(operation, current)
            if row is None:
                yield gone(operation)
            elif operation.kind is OperationKind.CREATE and (failure := _unfit(operation, row)) is not None:
                yield Item([operation], None, failure)
            else:
                groups.setdefault(_whole(operation, row), []).append((operation, row))
        for group in groups.values():
            chosen = [operation for operation, _ in group]
            if chosen[0].kind is OperationKind.CREATE:
                yield Item(chosen, {"operation": "create", self.name: _new(group)})
            else:
                yield self._less(chosen, group[0][1])

    def results(self, operations: Sequence[Operation], row: Row) -> Iterator[WriteResult]:
        """Each allocation as it is stored; one that settles less than it should is told."""
        amounts = settled(row)
        for operation in operations:
            if operation.kind is OperationKind.ARCHIVE:
                yield WriteResult(operation.id, WriteStatus.DONE, operation.target_id)
                continue
            allocation = allocation_id(str(row.get("Id")), operation.parent_id)
            records = {one.id: one for one in payment_records(row, operation.values.keys(), [])}
            failure = _less_settled(operation, amounts.get(operation.parent_id or "", Decimal(0)))
            yield WriteResult(operation.id, WriteStatus.DONE, allocation, records.get(allocation), failure)

    def _less(self, operations: Sequence[Operation], row: Row) -> Item:
        """Take allocations out of a payment; when nothing is left of it, it is void."""
        invoices = {split_allocation(one.target_id or "")[1] for one in operations}
        amounts = settled(row)
        if amounts.keys() <= invoices:
            voided = {**target(row), "sparse": True}
            return Item(operations, {"operation": "update", "optionsData": "void", self.name: voided})
        total = as_number(row.get(TOTAL)) or Decimal(0)
        taken = sum((amount for one, amount in amounts.items() if one in invoices), Decimal(0))
        kept = [_line(one, amount) for one, amount in amounts.items() if one not in invoices]
        values = {**target(row), "sparse": True, "CustomerRef": row["CustomerRef"], TOTAL: total - taken, LINES: kept}
        return Item(operations, {"operation": "update", self.name: values})


def _whole(operation: Operation, row: Row) -> Any:
    """What allocations have in common that become, or are, one payment."""
    if operation.kind is not OperationKind.CREATE:
        return split_allocation(operation.target_id or "")[0]
    others = tuple(sorted((name, str(value)) for name, value in operation.values.items() if name != AMOUNT))
    return split_allocation(operation.source_id)[0], str(row["CustomerRef"]["value"]), others


def _new(group: Sequence[tuple[Operation, Row]]) -> dict[str, Any]:
    operation, row = group[0]
    lines = [_line(one.parent_id or "", as_number(one.values[AMOUNT]) or Decimal(0)) for one, _ in group]
    rest = {name: value for name, value in operation.values.items() if name != AMOUNT and value is not None}
    currency = {"CurrencyRef": {"value": row["CurrencyRef"]["value"]}} if row.get("CurrencyRef") else {}
    return {
        "CustomerRef": {"value": row["CustomerRef"]["value"]},
        **currency,
        TOTAL: sum((line["Amount"] for line in lines), Decimal(0)),
        REFERENCE: reference_of(operation),
        **object_of(rest),
        LINES: lines,
    }


def _line(invoice_id: str, amount: Decimal) -> dict[str, Any]:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}]}


def _unfit(operation: Operation, invoice: Row) -> RecordFailure | None:
    """Why an allocation cannot be written: more than is open, or more decimals than QuickBooks has."""
    amount, open_amount = as_number(operation.values.get(AMOUNT)), as_number(invoice.get("Balance"))
    if amount is None or amount <= 0:
        return RecordFailure(ErrorType.FIELD_VALIDATION, "the payment settles nothing of the invoice", AMOUNT)
    if amount != round(amount, _CENT_PLACES):
        message = f"{VENDOR} keeps two decimals of every currency; the payment settles {amount:f}"
        return RecordFailure(ErrorType.FIELD_VALIDATION, message, AMOUNT)
    if open_amount is not None and amount > open_amount:
        message = (
            f"the payment settles {amount:f}, but {open_amount:f} of the invoice is open in {VENDOR}: if it was paid "
            "there too, link the two payments, else correct one of them"
        )
        return RecordFailure(ErrorType.DUPLICATE, message, AMOUNT)
    return None


def _less_settled(operation: Operation, amount: Decimal) -> RecordFailure | None:
    expected = as_number(operation.values.get(AMOUNT))
    if expected == amount:
        return None
    message = (
        f"the payment should settle {expected} of the invoice, but {VENDOR} has applied {amount}: look at it there"
    )
    return RecordFailure(ErrorType.FIELD_VALIDATION, message, AMOUNT)
