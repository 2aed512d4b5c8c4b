"""The lines of an invoice as Xero is sent them, and the totals that it will make of them (Xero sheet 2, 8; ADR 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.values import as_number
from connectors.xero.catalogue import Settings
from connectors.xero.spec import LINES, NO_TAX, PLACES, ROUNDING_ALLOWANCE, TOTAL, UNIT_DECIMALS, VENDOR
from core.documents import (
    ExternalLine,
    TaxRounding,
    compute_totals,
    external_lines,
    fit_price,
    rounding_amount,
    rounding_line,
)
from core.errors import FieldValidation
from core.records import Operation
from core.values import Value

_CENT = Decimal(1).scaleb(-PLACES)


class Refused(Exception):
    """A document that Xero could not take as it is meant. `field` is its own name of what is wrong."""

    def __init__(self, message: str, field: str) -> None:
        """Take the message, which is for people, and the field."""
        super().__init__(message)
        self.message = message
        self.field = field


def sent_lines(operation: Operation) -> list[ExternalLine]:
    """Return the lines of a new invoice, each with its item's code. Raises `Refused`."""
    try:
        lines = external_lines(operation.values.get(LINES))
    except FieldValidation as error:
        raise Refused(error.message, LINES) from error
    if not lines:
        raise Refused("an invoice without lines cannot be approved in Xero", LINES)
    return [replace(line, item=line.item or line.sku) for line in lines]


def codes_in(operations: Sequence[Operation]) -> tuple[set[str], set[str]]:
    """Return the item codes and the tax types that new invoices name."""
    items, taxes = set[str](), set[str]()
    for operation in operations:
        try:
            lines = sent_lines(operation)
        except Refused:
            continue
        items |= {line.item for line in lines if line.item}
        taxes |= {line.tax_code for line in lines if line.tax_code}
    return items, taxes


def context_of(settings: Settings, operation: Operation) -> dict[str, Value]:
    """Return what `document` has to know of the organisation to write one invoice; JSON values only."""
    items, taxes = codes_in([operation])
    return {
        "items": {code: [one.name, one.account] for code in sorted(items) if (one := settings.items.get(code))},
        "rates": {code: settings.rates[code] for code in sorted({*taxes, NO_TAX}) if code in settings.rates},
        "rounding": settings.rounding_account,
        "locked": settings.locked_until.isoformat() if settings.locked_until else None,
        "currency": settings.currency,
    }


def document(operation: Operation, context: Mapping[str, Any]) -> list[dict[str, Value]]:
    """Return the `LineItems` of a new invoice, a rounding line among them where one is needed.

    Raises `Refused` for a line without item, account or tax type, and for a total that would not be the expected one.
    """
    lines = [
        _complete(fit_price(line, currency=None, decimals=UNIT_DECIMALS), number, context)
        for number, line in enumerate(sent_lines(operation), start=1)
    ]
    rows = [(line.quantity * line.unit_price, _rate(line, number, context)) for number, line in enumerate(lines, 1)]
    made = compute_totals(rows, rounding=TaxRounding.PER_LINE, currency=None, places=PLACES)
    expected = operation.values.get(TOTAL)
    account = context.get("rounding")
    total = as_number(expected)
    whole = total is not None and total == total.quantize(_CENT)
    currency = str(operation.values.get("CurrencyCode") or context.get("currency") or "") or None
    try:
        apart = rounding_amount(
            expected,
            made,
            currency=currency,
            allowance=ROUNDING_ALLOWANCE if account and whole else Decimal(0),
            system=VENDOR,
        )
    except FieldValidation as error:
        raise Refused(error.message, TOTAL) from error
    if apart:
        lines.append(replace(rounding_line(apart, account), tax_code=NO_TAX))
    return [_line_body(line) for line in lines]


def _complete(line: ExternalLine, number: int, context: Mapping[str, Any]) -> ExternalLine:
    """The line with all that an approved invoice asks for: description, account, tax type."""
    name, account = None, None
    if line.item is not None:
        known = context["items"].get(line.item)
        if known is None:
            message = f"line {number}: Xero has no item with the code `{line.item}`: add it there, or set itemMap"
            raise Refused(message, LINES)
        name, account = known
    account = line.account or account
    if account is None:
        raise Refused(f"line {number} has no account: set entityOptions.invoices.salesAccount", LINES)
    described = line.description or name
    if described is None:
        raise Refused(f"line {number} has no description, which Xero needs to approve an invoice", LINES)
    return replace(line, description=described, account=account, tax_code=line.tax_code or NO_TAX)


def _rate(line: ExternalLine, number: int, context: Mapping[str, Any]) -> Decimal:
    rate = as_number(context["rates"].get(line.tax_code))
    if rate is None:
        told = f"line {number}: Xero has no active tax rate `{line.tax_code}` for sales"
        raise Refused(f"{told}: set entityOptions.invoices.taxMap", LINES)
    return rate


def _line_body(line: ExternalLine) -> dict[str, Value]:
    body: dict[str, Value] = {
        "ItemCode": line.item,
        "Description": line.description,
        "Quantity": line.quantity,
        "UnitAmount": line.unit_price,
        "AccountCode": line.account,
        "TaxType": line.tax_code,
    }
    return {key: value for key, value in body.items() if value is not None}
