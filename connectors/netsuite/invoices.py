"""What is written of invoices: lines with items and tax details, totals to the cent, a void by zeros (ADR 10; sheet 2).

REST has no call for a void. NetSuite's own direct void sets all amounts to zero and writes `VOID` into the memo; so do
we, and the ledger is the same. Tax goes as details that override what the account would work out, which needs SuiteTax.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import httpx

from connectors.http import gather_bounded
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.lookups import Lookups
from connectors.netsuite.records import VOID_MEMO
from connectors.netsuite.spec import LINES, MARKER, TOTAL, VENDOR, record_path
from connectors.netsuite.statements import Statement, among, parts
from connectors.netsuite.taxes import TaxedLine, taxed_lines
from connectors.netsuite.writing import (
    Context,
    RecordWriter,
    Refused,
    carried_out,
    create,
    currency_id,
    external_id,
    refuse,
    refused,
    update,
)
from connectors.protocols import WriteRequest, WriteResult
from connectors.values import as_number
from core.documents import ExternalLine, external_lines, fit_price, line_values
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.records import Entity, Operation, OperationKind, Record, Side
from core.values import Value, is_blank

_AT_ONCE = 2
_TEXTS = ("tranId", "tranDate", "dueDate", "memo", "otherRefNum")


class InvoiceWriter(RecordWriter):
    """The writes of invoices."""

    def __init__(self, client: NetSuiteClient, lookups: Lookups) -> None:
        """Take the client and the lookups."""
        self._client = client
        self._lookups = lookups

    def needs(self, operation: Operation) -> bool:
        """New ones need items, taxes and currencies; a void needs the lines."""
        return operation.kind is not OperationKind.UPDATE

    async def context(self, operations: Sequence[Operation]) -> dict[int, dict[str, Value]]:
        """Return what new invoices refer to, and the lines of those that end."""
        found: dict[int, dict[str, Value]] = {one.id: {} for one in operations}
        creates = [one for one in operations if one.kind is OperationKind.CREATE]
        if creates:
            shared = await self._shared(creates)
            currencies = await self._currencies_of([one.parent_id or "" for one in creates if not _symbol(one)])
            for one in creates:
                found[one.id] = {**shared, "currency": _symbol(one) or currencies.get(one.parent_id or "")}
        ends = [one for one in operations if one.kind is OperationKind.ARCHIVE and one.target_id]
        paths = [record_path(Entity.INVOICES, one.target_id or "", "?expandSubResources=true") for one in ends]
        shown = await gather_bounded([partial(self._client.record, path) for path in paths], _AT_ONCE)
        for one, invoice in zip(ends, shown, strict=True):
            found[one.id] = {"lines": _keys(invoice, LINES, "line")}
            found[one.id] |= {"taxes": _keys(invoice, "taxDetails", "taxDetailsReference")}
        return found

    def requests(self, operations: Sequence[Operation], known: Mapping[int, Context]) -> list[WriteRequest]:
        """One each; a refusal where the invoice cannot be sent as it is."""
        return [self._request(one, known.get(one.id, {})) for one in operations]

    async def results(
        self, request: WriteRequest, response: httpx.Response, operations: Sequence[Operation]
    ) -> list[WriteResult]:
        """A new invoice is known by what was sent, but where the account works out tax its total is read back."""
        [operation] = operations
        if not response.is_success:
            return [refused(response, operation)]
        result = carried_out(response, operation)
        if operation.kind is not OperationKind.CREATE or result.target_id is None:
            return [result]
        body = json.loads(request.body, parse_float=Decimal)
        record = self._stored(result.target_id, body)
        failure = None if body.get("taxDetailsOverride") else await self._other_total(operation, result.target_id)
        return [replace(result, record=record, failure=failure)]

    def _request(self, operation: Operation, context: Context) -> WriteRequest:
        try:
            if operation.kind is OperationKind.ARCHIVE:
                return update(operation, _void(context))
            if operation.kind is OperationKind.UPDATE:
                return update(operation, dict(sorted(operation.values.items())))
            return create(operation, invoice_body(operation, context))
        except FieldValidation as error:
            return refuse(operation, error)

    async def _shared(self, creates: Sequence[Operation]) -> dict[str, Value]:
        currencies = await self._lookups.currencies()
        lines = [line for one in creates for line in _lines(one)]
        names = {name for line in lines for name in (line.item, line.sku) if name is not None}
        items = await self._lookups.items_named(names)
        taxes = await self._lookups.tax_codes() if any(line.tax_code for line in lines) else {}
        return {
            "currencies": {one.symbol: one.id for one in currencies.values()},
            "digits": {one.symbol: one.digits for one in currencies.values()},
            "items": {name: [row["id"] for row in rows] for name, rows in items.items()},
            "taxCodes": {name: [one.id, one.rate, one.tax_type] for name, one in taxes.items()},
        }

    async def _currencies_of(self, customers: Sequence[str]) -> dict[str, str]:
        """The currencies of customers, for invoices that name none."""
        found: dict[str, str] = {}
        for part in parts(one for one in customers if one):
            text = "SELECT t.id, c.symbol FROM customer t JOIN currency c ON c.id = t.currency WHERE "
            page = await self._client.query(Statement(f"{text}{among('t.id', part)} ORDER BY t.id", part))
            found |= {row["id"]: row["symbol"] for row in page.rows}
        return found

    def _stored(self, record_id: str, body: Mapping[str, Any]) -> Record | None:
        """The lines as a read will show them."""
        lines: list[ExternalLine] = []
        for one in body[LINES]["items"]:
            item = str(one["item"]["id"])
            name = self._lookups.name_of(item)
            if name is None:
                return None
            numbers = {key: as_number(one[key]) or Decimal(0) for key in ("quantity", "rate", "amount")}
            lines.append(
                ExternalLine(
                    description=one.get("description"), quantity=numbers["quantity"], unit_price=numbers["rate"],
                    amount=numbers["amount"], item=item, sku=name,
                )
            )  # fmt: skip
        return Record(Side.EXTERNAL, Entity.INVOICES, record_id, {LINES: line_values(lines)})

    async def _other_total(self, operation: Operation, record_id: str) -> RecordFailure | None:
        """What a person must know when NetSuite has made another total of the invoice than it was to have."""
        shown = await self._client.record(record_path(Entity.INVOICES, record_id, "?fields=total"))
        expected, made = as_number(operation.values.get(TOTAL)), as_number((shown or {}).get("total"))
        if expected is None or made is None or expected == made:
            return None
        message = (
            f"{VENDOR} has saved this invoice with the total {made:f}, but it comes to {expected:f} in Alguna: set "
            "entityOptions.invoices.taxMap (it needs SuiteTax), or correct the customer's tax in NetSuite; then void "
            "it and sync it again"
        )
        return RecordFailure(ErrorType.FIELD_VALIDATION, message, TOTAL)


def invoice_body(operation: Operation, context: Context) -> dict[str, Any]:
    """Return the body that creates an invoice. Raises `FieldValidation`, also when the totals would differ."""
    values = operation.values
    if not operation.parent_id:
        raise Refused("an invoice needs its customer", "entity")
    symbol = str(context.get("currency") or "")
    currency = currency_id(context, symbol)
    lines = [_with_item(line, number, context) for number, line in enumerate(external_lines(values.get(LINES)), 1)]
    if not lines:
        raise Refused("an invoice needs at least one line", LINES)
    fitted = [replace(one, line=fit_price(one.line, currency=symbol)) for one in lines]
    try:
        made = taxed_lines(fitted, values.get(TOTAL), symbol, _digits(context, symbol))
    except FieldValidation as error:
        raise error if isinstance(error, Refused) else Refused(error.message, TOTAL) from error
    body: dict[str, Any] = {
        MARKER: external_id(str(values.get(MARKER) or operation.source_id)),
        "entity": {"id": operation.parent_id},
        "currency": {"id": currency},
        **{name: values[name] for name in _TEXTS if not is_blank(values.get(name))},
        LINES: {"items": [one.body(number) for number, one in enumerate(made, 1)]},
    }
    details = [one.details(number) for number, one in enumerate(made, 1) if one.code is not None]
    if details:
        body |= {"taxDetailsOverride": True, "taxDetails": {"items": details}}
    known = {MARKER, "entity", "currency", LINES, TOTAL, *_TEXTS}
    return {**body, **{name: value for name, value in values.items() if name not in known and not is_blank(value)}}


def _with_item(line: ExternalLine, number: int, context: Context) -> TaxedLine:
    """A line with the item's and the tax code's ids. Raises `Refused` for what NetSuite has not, naming the line."""
    items, codes = context.get("items"), context.get("taxCodes")
    name = line.item or line.sku
    found = items.get(name or "") if isinstance(items, dict) else None
    if not isinstance(found, list) or len(found) != 1:
        several = f"{len(found)} items" if isinstance(found, list) and found else "no item"
        raise Refused(
            f"line {number}: {VENDOR} has {several} named `{name}`: see entityOptions.invoices.itemMap", LINES
        )
    code = codes.get(line.tax_code or "") if isinstance(codes, dict) else None
    if line.tax_code is not None and not isinstance(code, list):
        raise Refused(
            f"line {number}: {VENDOR} has no tax code `{line.tax_code}`: see entityOptions.invoices.taxMap", LINES
        )
    taxed = TaxedLine(number, replace(line, item=str(found[0])))
    if isinstance(code, list):
        rate = as_number(code[1]) or Decimal(0)
        taxed = replace(taxed, code=str(code[0]), rate=rate, tax_type=str(code[2]) if code[2] else None)
    return taxed


def _digits(context: Context, symbol: str) -> int:
    known = context.get("digits")
    found = known.get(symbol) if isinstance(known, dict) else None
    return int(str(found)) if found is not None else 2


def _void(context: Context) -> dict[str, Any]:
    lines, taxes = context.get("lines"), context.get("taxes")
    zeros = [{"line": int(str(one)), "rate": 0, "amount": 0} for one in (lines if isinstance(lines, list) else [])]
    if not zeros:
        raise Refused(f"{VENDOR} does not show the lines of the invoice, so it cannot be voided", LINES)
    body: dict[str, Any] = {"memo": VOID_MEMO, LINES: {"items": zeros}}
    if isinstance(taxes, list) and taxes:
        body["taxDetails"] = {"items": [{"taxDetailsReference": one, "taxBasis": 0, "taxAmount": 0} for one in taxes]}
    return body


def _keys(invoice: Mapping[str, Any] | None, name: str, key: str) -> list[Value]:
    items = ((invoice or {}).get(name) or {}).get("items") or []
    return [str(one[key]) for one in items if key in one]


def _lines(operation: Operation) -> list[ExternalLine]:
    """The lines of a new invoice; none where they cannot be read, which the request will say."""
    try:
        return external_lines(operation.values.get(LINES))
    except FieldValidation:
        return []


def _symbol(operation: Operation) -> str | None:
    value = operation.values.get("currency")
    return value if isinstance(value, str) and value else None
