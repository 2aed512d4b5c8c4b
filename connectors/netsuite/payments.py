"""What is written of payments: one customer payment for the allocations of one payment in Alguna (ADR 10; sheet 2).

A customer payment carries the id of Alguna's payment. Allocations that come later, because their invoices did, are
added to it; what is taken back is taken off, and the last one takes the payment along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from connectors.http import gather_bounded
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.spec import AMOUNT, MARKER, VENDOR, record_path
from connectors.netsuite.statements import Statement, among
from connectors.netsuite.writing import Context, RecordWriter, Refused, exact, external_id, made_id, refuse, refused
from connectors.protocols import Current, WriteRequest, WriteResult, WriteStatus
from connectors.values import as_number, canonical, json_text
from core.documents import allocation_id, split_allocation
from core.errors import FieldValidation
from core.records import Entity, Operation, OperationKind
from core.values import Value, is_blank

_AT_ONCE = 2
_TEXTS = ("tranDate", "tranId", "memo")


class PaymentWriter(RecordWriter):
    """The writes of customer payments."""

    def __init__(self, client: NetSuiteClient) -> None:
        """Take the client."""
        self._client = client

    def needs(self, operation: Operation) -> bool:
        """New ones need their invoices' customer and currency; what is taken back needs the rest of the payment."""
        return True

    async def context(self, operations: Sequence[Operation]) -> dict[int, dict[str, Value]]:
        """Return, in one query, the invoices to be settled, and payments that carry the ids of those to be made."""
        found: dict[int, dict[str, Value]] = {one.id: {} for one in operations}
        creates = [one for one in operations if one.kind is OperationKind.CREATE and one.parent_id]
        if creates:
            invoices = sorted({one.parent_id or "" for one in creates})
            marks = sorted({payment_of(one) for one in creates})
            where = f"{among('t.id', invoices)} OR (t.type = 'CustPymt' AND {among('t.externalid', marks)})"
            text = "SELECT t.id, t.type, t.externalid, t.entity, t.currency, t.foreigntotal FROM transaction t WHERE"
            page = await self._client.query(Statement(f"{text} {where} ORDER BY t.id", (*invoices, *marks)))
            held = {row["externalid"]: row for row in page.rows if row["type"] == "CustPymt" and "externalid" in row}
            known = {row["id"]: row for row in page.rows if row["type"] == "CustInvc"}
            for one in creates:
                there = held.get(payment_of(one))
                found[one.id] = {
                    "invoice": dict(known.get(one.parent_id or "", {})),
                    "payment": there["id"] if there else None,
                    "paid": abs(as_number(there.get("foreigntotal")) or Decimal(0)) if there else Decimal(0),
                }
        ends = [one for one in operations if one.kind is OperationKind.ARCHIVE and one.target_id]
        ids = sorted({split_allocation(one.target_id or "")[0] for one in ends})
        paths = [record_path(Entity.PAYMENTS, one, "?expandSubResources=true") for one in ids]
        shown = dict(
            zip(ids, await gather_bounded([partial(self._client.record, p) for p in paths], _AT_ONCE), strict=True)
        )
        for one in ends:
            found[one.id] = {"applied": _applied(shown[split_allocation(one.target_id or "")[0]])}
        return found

    def requests(self, operations: Sequence[Operation], known: Mapping[int, Context]) -> list[WriteRequest]:
        """One for the allocations of a payment that are made together; one for each that is taken back."""
        made: list[WriteRequest] = []
        groups: dict[str, list[Operation]] = {}
        for one in operations:
            if one.kind is OperationKind.CREATE:
                groups.setdefault(payment_of(one), []).append(one)
        for group in groups.values():
            made += _creates(group, known)
        taken: dict[str, set[str]] = {}
        for one in operations:
            if one.kind is OperationKind.ARCHIVE:
                made.append(_end(one, known.get(one.id, {}), taken))
            elif one.kind is OperationKind.UPDATE:
                refusal = Refused(f"a payment cannot be changed in {VENDOR} by a sync: correct it there", _first(one))
                made.append(refuse(one, refusal))
        return made

    async def results(
        self, request: WriteRequest, response: httpx.Response, operations: Sequence[Operation]
    ) -> list[WriteResult]:
        """Each allocation is known by the payment and its invoice."""
        if not response.is_success:
            return [refused(response, one) for one in operations]
        if operations[0].kind is OperationKind.ARCHIVE:
            return [WriteResult(one.id, WriteStatus.DONE, one.target_id) for one in operations]
        payment = made_id(response)
        return [WriteResult(one.id, WriteStatus.DONE, allocation_id(payment, one.parent_id)) for one in operations]


def current_of_new(operation: Operation) -> Current:
    """Return what `current` would say of a payment's invoice once it was created."""
    invoice: dict[str, Value] = {"id": operation.parent_id, "entity": "", "currency": ""}
    return Current(None, {"invoice": invoice, "payment": None, "paid": Decimal(0)})


def payment_of(operation: Operation) -> str:
    """Return the id of Alguna's payment that an allocation belongs to."""
    return split_allocation(operation.source_id)[0]


def _creates(group: Sequence[Operation], known: Mapping[int, Context]) -> list[WriteRequest]:
    refusals: list[WriteRequest] = []
    good: list[Operation] = []
    for one in group:
        try:
            _check(one, known.get(one.id, {}))
            good.append(one)
        except FieldValidation as error:
            refusals.append(refuse(one, error))
    if not good:
        return refusals
    first = known[good[0].id]
    lines = [{"doc": {"id": one.parent_id}, "apply": True, AMOUNT: _amount(one)} for one in good]
    total = sum((_amount(one) for one in good), Decimal(0))
    ids = tuple(one.id for one in good)
    if first.get("payment") is not None:
        paid = as_number(first.get("paid")) or Decimal(0)
        body: dict[str, Any] = {"payment": canonical(paid + total), "apply": {"items": lines}}
        path = record_path(Entity.PAYMENTS, str(first["payment"]))
        return [*refusals, WriteRequest(ids, "PATCH", path, json_text(body))]
    invoice = first["invoice"]
    assert isinstance(invoice, dict)
    values = good[0].values
    body = {
        MARKER: external_id(payment_of(good[0])),
        "customer": {"id": invoice["entity"]},
        "currency": {"id": invoice["currency"]},
        "payment": canonical(total),
        "autoApply": False,
        **{name: values[name] for name in _TEXTS if not is_blank(values.get(name))},
        "apply": {"items": lines},
    }
    if not is_blank(values.get("account")):
        body["account"] = {"id": values["account"]}
    return [*refusals, WriteRequest(ids, "POST", record_path(Entity.PAYMENTS), json_text(body))]


def _check(operation: Operation, context: Context) -> None:
    invoice = context.get("invoice")
    if not operation.parent_id:
        raise Refused("a payment needs its invoice", "invoice")
    if not isinstance(invoice, dict) or "entity" not in invoice:
        raise Refused(f"{VENDOR} does not show the invoice {operation.parent_id} that is to be settled", "invoice")
    if _amount(operation) <= 0:
        raise Refused(f"a payment of {_amount(operation):f} cannot be recorded in {VENDOR}", AMOUNT)
    exact(_amount(operation), AMOUNT)
    external_id(payment_of(operation))


def _amount(operation: Operation) -> Decimal:
    amount = as_number(operation.values.get(AMOUNT))
    if amount is None:
        raise Refused("amount must be an amount", AMOUNT)
    return amount


def _end(operation: Operation, context: Context, taken: dict[str, set[str]]) -> WriteRequest:
    """Take one allocation off its payment; the last one deletes it. `taken` are those that this batch takes off."""
    payment, invoice = split_allocation(operation.target_id or "")
    applied = context.get("applied")
    held = {
        str(doc): as_number(amount) or Decimal(0)
        for doc, amount in (applied if isinstance(applied, dict) else {}).items()
    }
    gone = taken.setdefault(payment, set())
    rest = {doc: amount for doc, amount in held.items() if doc not in gone and doc != invoice}
    gone.add(invoice or "")
    if not rest:
        return WriteRequest((operation.id,), "DELETE", record_path(Entity.PAYMENTS, payment), "")
    body = {
        "payment": canonical(sum(rest.values(), Decimal(0))),
        "apply": {"items": [{"doc": {"id": invoice}, "apply": False}]},
    }
    return WriteRequest((operation.id,), "PATCH", record_path(Entity.PAYMENTS, payment), json_text(body))


def _applied(payment: Mapping[str, Any] | None) -> dict[str, Value]:
    """What a payment settles, by invoice; its page also lists open invoices that it does not settle."""
    items = ((payment or {}).get("apply") or {}).get("items") or []
    return {str(one["doc"]["id"]): as_number(one.get("amount")) for one in items if one.get("apply")}


def _first(operation: Operation) -> str:
    return next(iter(sorted(operation.values)), AMOUNT)
