"""Lines with their tax, so that an invoice comes to the cent to what it is in Alguna (ADR 10).

The tax of a line is told to NetSuite as an amount, so nothing is left to its rounding. It is Alguna's own, as long as
the tax code's rate explains it; cents by which the document was rounded as a whole go to the line with the most tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.netsuite.spec import LINES, VENDOR
from connectors.netsuite.writing import Refused, exact
from connectors.values import canonical
from core.documents import ExternalLine, Totals, rounding_amount
from core.values import Value

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line of an invoice: `code` is the tax code's id (None: no tax), `rate` its percentage, `tax` the amount."""

    number: int
    line: ExternalLine
    code: str | None = None
    rate: Decimal = Decimal(0)
    tax_type: str | None = None
    tax: Decimal = Decimal(0)

    def body(self, number: int) -> dict[str, Any]:
        """Return the line as NetSuite takes it."""
        body: dict[str, Any] = {"item": {"id": self.line.item}, "quantity": canonical(self.line.quantity)}
        body |= {"rate": canonical(self.line.unit_price), "amount": canonical(self.line.amount)}
        if self.line.description:
            body["description"] = self.line.description
        return {**body, "taxDetailsReference": f"L{number}"} if self.code is not None else body

    def details(self, number: int) -> dict[str, Any]:
        """Return the tax of the line as NetSuite takes it."""
        return {
            "taxDetailsReference": f"L{number}",
            "taxType": {"id": self.tax_type},
            "taxCode": {"id": self.code},
            "taxBasis": canonical(self.line.amount),
            "taxRate": canonical(self.rate),
            "taxAmount": canonical(self.tax),
        }


def taxed_lines(lines: Sequence[TaxedLine], expected: Value, currency: str, digits: int) -> list[TaxedLine]:
    """Return the lines with their tax, so that they come to the expected total.

    Raises `FieldValidation`: a tax that the code does not explain, more decimals or digits than NetSuite keeps
    of an amount, or another total (both are told).
    """
    unit = Decimal(1).scaleb(-digits)
    made = [replace(one, tax=_tax(one, unit)) for one in lines]
    for one in made:
        if one.line.amount.quantize(unit) != one.line.amount:
            text = f"line {one.number}: {VENDOR} keeps {digits} decimals of {currency}, {one.line.amount:f} has more"
            raise Refused(text, LINES)
        exact(one.line.amount, LINES)
    totals = Totals(sum((one.line.amount for one in made), Decimal(0)), sum((one.tax for one in made), Decimal(0)))
    taxed = [one for one in made if one.tax]
    apart = rounding_amount(expected, totals, currency=currency, allowance=unit * len(taxed), system=VENDOR)
    if not apart:
        return made
    largest = max(taxed, key=lambda one: abs(one.tax))
    return [replace(one, tax=one.tax + apart) if one is largest else one for one in made]


def _tax(one: TaxedLine, unit: Decimal) -> Decimal:
    computed = one.line.amount * one.rate / _HUNDRED
    told = one.line.tax
    if told is None or one.code is None:
        if told:
            raise Refused(f"line {one.number} has tax, but no tax code: set entityOptions.invoices.taxMap", LINES)
        return computed.quantize(unit, ROUND_HALF_UP)
    if abs(told - computed) > unit:
        raise Refused(
            f"line {one.number} bears {told:f} of tax on {one.line.amount:f}, which {VENDOR}'s tax code of "
            f"{one.rate.normalize():f} % does not give: check entityOptions.invoices.taxMap",
            LINES,
        )
    return told.quantize(unit, ROUND_HALF_UP)
