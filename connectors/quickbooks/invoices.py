"""What is written of invoices: bodies whose total is known before they are sent (QuickBooks sheet 2, 8; ADR 10).

QuickBooks rounds tax once per rate. In the US an invoice has one tax code, and the amount of tax may be given with it;
elsewhere each line has its code, and a difference that rounding explains becomes a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.protocols import Current, WriteResult, WriteStatus
from connectors.quickbooks.company import Terms
from connectors.quickbooks.documents import invoice_record, is_void, note_of, with_mark
from connectors.quickbooks.records import Row, object_of
from connectors.quickbooks.spec import CURRENCY, LINES, NOTE, NUMBER, NUMBER_CHARACTERS, TOTAL, VENDOR
from connectors.quickbooks.writer import Item, ObjectWriter, gone, row_of, target
from connectors.values import as_number
from core.documents import (
    ExternalLine,
    TaxRounding,
    Totals,
    compute_totals,
    external_lines,
    fit_price,
    round_document,
    rounding_amount,
    rounding_line,
)
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.records import Entity, Operation, OperationKind

_PLACES = 2
_HALF_CENT = Decimal("0.005")
_OWN = frozenset({LINES, TOTAL, NUMBER, NOTE, CURRENCY})
_UNTAXED = "NON"


class InvoiceWriter(ObjectWriter):
    """See `connectors.quickbooks.writer.ObjectWriter`."""

    entity = Entity.INVOICES

    def items(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> Iterator[Item]:
        """One item each; a document that would come to another total is refused."""
        for operation in operations:
            row = row_of(operation, current)
            if operation.kind is OperationKind.CREATE:
                yield self._create(operation, current.get(operation.id))
            elif row is None:
                yield gone(operation)
            elif operation.kind is OperationKind.ARCHIVE:
                yield self.item(operation, "void", target(row))
            else:
                values = dict(operation.values)
                if NOTE in values:
                    values[NOTE] = with_mark(row, values[NOTE])
                yield self.item(operation, "update", {**target(row), "sparse": True, **object_of(values, row)})

    def results(self, operations: Sequence[Operation], row: Row) -> Iterator[WriteResult]:
        """The invoice as it is stored; another total than the expected one is told."""
        for operation in operations:
            if operation.kind is OperationKind.ARCHIVE:
                yield WriteResult(operation.id, WriteStatus.DONE, operation.target_id)
                continue
            record = invoice_record(row, operation.values.keys(), {})
            failure = _other_total(operation, row) if operation.kind is OperationKind.CREATE else None
            yield WriteResult(operation.id, WriteStatus.DONE, record.id, record, failure)

    def _create(self, operation: Operation, seen: Current | None) -> Item:
        try:
            body = invoice_body(operation, Terms.of(seen.context if seen else None))
        except FieldValidation as error:
            return Item([operation], None, RecordFailure(ErrorType.FIELD_VALIDATION, error.message, error.vendor_code))
        return self.item(operation, "create", body)


def invoice_body(operation: Operation, terms: Terms) -> dict[str, Any]:
    """Return the body of a new invoice.

    Raises `FieldValidation` for a line that finds no item or tax code, and for a total that would be another one; its
    `vendor_code` is the field to show.
    """
    values = operation.values
    lines = [_fitted(line, number, terms) for number, line in enumerate(external_lines(values.get(LINES)), start=1)]
    if not lines:
        raise FieldValidation("the invoice has no lines", vendor_code=LINES)
    codes = _codes(lines, terms)
    made = _made(lines, codes, terms)
    apart = _apart(operation, lines, made)
    rest = {name: value for name, value in values.items() if name not in _OWN and value is not None}
    body = {"CustomerRef": {"value": operation.parent_id}, **object_of(rest), **_numbered(operation, terms)}
    body |= _currency(operation, terms)
    if terms.line_taxes:
        return {**body, **_taxed_by_line(lines, apart, terms)}
    return {**body, **_taxed_as_a_whole(lines, codes, made, apart)}


def _fitted(line: ExternalLine, number: int, terms: Terms) -> ExternalLine:
    """A line with its item's id, and a price that QuickBooks multiplies to its amount (two decimals, any currency)."""
    named = f"line {number} (`{line.description:.60}`)" if line.description else f"line {number}"
    item = line.item
    if item is None and line.sku is not None:
        item = terms.items.get(line.sku)
        if item is None:
            raise FieldValidation(
                f"{named}: {VENDOR} has no item with the SKU `{line.sku}`: add it there, or name one in itemMap",
                vendor_code=LINES,
            )
    if item is None:
        raise FieldValidation(f"{named} names no item: set itemMap", vendor_code=LINES)
    code = None if line.tax_code == _UNTAXED else line.tax_code
    if code is not None and code not in terms.rates:
        raise FieldValidation(f"{named}: {VENDOR} has no tax code `{code}`: correct taxMap", vendor_code=LINES)
    amount = round_document(line.amount, None, places=_PLACES)
    return fit_price(replace(line, item=item, tax_code=code, amount=amount), currency=None)


def _codes(lines: Sequence[ExternalLine], terms: Terms) -> list[str]:
    """The tax codes in use. Raises `FieldValidation` where the company's tax model cannot take them."""
    codes = sorted({line.tax_code for line in lines if line.tax_code is not None})
    if not terms.line_taxes and len(codes) > 1:
        message = f"{VENDOR} has one tax code for an invoice in the US, but the lines have {', '.join(codes)}"
        raise FieldValidation(message, vendor_code=LINES)
    if terms.line_taxes and codes and any(line.tax_code is None for line in lines):
        message = f'{VENDOR} needs a tax code on every line outside the US: set taxMap["0"] for lines without tax'
        raise FieldValidation(message, vendor_code=LINES)
    return codes


def _made(lines: Sequence[ExternalLine], codes: Sequence[str], terms: Terms) -> Totals:
    """What QuickBooks will make of the lines: each rate of a code is rounded once."""
    net = compute_totals(
        [(line.amount, Decimal(0)) for line in lines], rounding=TaxRounding.PER_RATE, currency=None, places=_PLACES
    ).net
    tax = Decimal(0)
    for code in codes:
        amounts = [line.amount for line in lines if line.tax_code == code]
        for rate in terms.rates[code]:
            rows = [(amount, rate) for amount in amounts]
            tax += compute_totals(rows, rounding=TaxRounding.PER_RATE, currency=None, places=_PLACES).tax
    return Totals(net, tax)


def _apart(operation: Operation, lines: Sequence[ExternalLine], made: Totals) -> Decimal:
    """How far the expected total is from it, as far as rounding explains that: half a cent for each line with tax.

    A total with more decimals than QuickBooks keeps (Kuwaiti dinars) can be no total there.
    """
    taxed = sum(line.tax_code is not None for line in lines)
    expected = as_number(operation.values.get(TOTAL))
    exact = expected is None or expected == round_document(expected, None, places=_PLACES)
    currency = operation.values.get(CURRENCY)
    try:
        return rounding_amount(
            operation.values.get(TOTAL),
            made,
            currency=str(currency) if currency else None,
            allowance=_HALF_CENT * (taxed + 1) if taxed and exact else Decimal(0),
            system=VENDOR,
        )
    except FieldValidation as error:
        raise FieldValidation(error.message, vendor_code=TOTAL) from error


def _numbered(operation: Operation, terms: Terms) -> dict[str, Any]:
    """The number, where the company takes ours; else the memo begins with it, by which the invoice is found again."""
    number, memo = operation.values.get(NUMBER), operation.values.get(NOTE)
    if terms.own_numbers and number:
        if len(str(number)) > NUMBER_CHARACTERS:
            message = f"the number `{number}` is longer than {NUMBER_CHARACTERS} characters"
            raise FieldValidation(message, vendor_code=NUMBER)
        return {NUMBER: str(number), **({NOTE: str(memo)} if memo else {})}
    return {NOTE: note_of(str(number or operation.source_id), str(memo) if memo else None)}


def _currency(operation: Operation, terms: Terms) -> dict[str, Any]:
    currency = operation.values.get(CURRENCY) or terms.home_currency
    if terms.several_currencies:
        return {"CurrencyRef": {"value": currency}}
    if currency != terms.home_currency:
        message = (
            f"the invoice is in {currency}, but the company keeps {terms.home_currency} only: switch on multicurrency"
        )
        raise FieldValidation(message, vendor_code=CURRENCY)
    return {}


def _taxed_as_a_whole(
    lines: Sequence[ExternalLine], codes: Sequence[str], made: Totals, apart: Decimal
) -> dict[str, Any]:
    """The US: the code once, with the amount of tax that makes the total the expected one."""
    rows = [_row(line, "TAX" if line.tax_code is not None else _UNTAXED) for line in lines]
    if codes:
        return {
            LINES: rows,
            "TxnTaxDetail": {"TxnTaxCodeRef": {"value": codes[0]}, "TotalTax": made.tax + apart},
        }
    return {LINES: rows}


def _taxed_by_line(lines: Sequence[ExternalLine], apart: Decimal, terms: Terms) -> dict[str, Any]:
    """Everywhere else: codes on the lines; what rounding leaves is a line without tax."""
    untaxed = all(line.tax_code is None for line in lines)
    rows = [_row(line, line.tax_code) for line in lines]
    if apart:
        free = next((code for code, rates in terms.rates.items() if rates and not any(rates)), None)
        if free is None:
            message = f"{VENDOR} has no tax code of 0 % for the rounding difference of {apart:f}"
            raise FieldValidation(message, vendor_code=TOTAL)
        rows.append(_row(rounding_line(apart, None, item=lines[0].item), free))
    return {LINES: rows, "GlobalTaxCalculation": "NotApplicable" if untaxed else "TaxExcluded"}


def _row(line: ExternalLine, tax_code: str | None) -> dict[str, Any]:
    detail: dict[str, Any] = {"ItemRef": {"value": line.item}, "Qty": line.quantity, "UnitPrice": line.unit_price}
    if tax_code is not None:
        detail["TaxCodeRef"] = {"value": tax_code}
    described = {"Description": line.description} if line.description else {}
    return {**described, "Amount": line.amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


def _other_total(operation: Operation, row: Row) -> RecordFailure | None:
    """What is wrong with an invoice of which QuickBooks has made another total after all."""
    expected, made = as_number(operation.values.get(TOTAL)), as_number(row.get(TOTAL))
    if expected == made or is_void(row):
        return None
    message = f"the invoice comes to {expected} in Alguna, but {VENDOR} has made {made} of it: check its tax and items"
    return RecordFailure(ErrorType.FIELD_VALIDATION, message, TOTAL)
