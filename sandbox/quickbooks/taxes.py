"""What tax QuickBooks makes of an invoice: by transaction in the US, by line elsewhere (sheet 8.2, 8.3).

Tax is rounded once per rate, on the sum of all lines with that rate.
"""

from decimal import Decimal
from typing import Any

from sandbox.quickbooks.books import Books
from sandbox.quickbooks.lines import SALE, Line, amount_of, discount, subtotal
from sandbox.quickbooks.schema import TAX_CODE, TAX_RATE
from sandbox.quickbooks.values import cents, decimal, number, reference

_HOME_COUNTRY = ("", "US", "USA", "United States")
AUTOMATIC = "automatic"


def computed(books: Books, lines: list[Line], sent: Any, address: dict[str, Any]) -> tuple[Decimal, dict[str, Any]]:
    """Total tax and `TxnTaxDetail`. `sent` is the caller's, which may override in the US; `address` is shipped to."""
    detail = sent if isinstance(sent, dict) else {}
    if books.setup.line_taxes:
        return _by_line(books, lines)
    code = reference(detail.get("TxnTaxCodeRef"), "TxnTaxDetail.TxnTaxCodeRef")
    taxable = _taxable(lines)
    if code is not None and code["value"] != AUTOMATIC:
        books.refer(TAX_CODE, code["value"], "TxnTaxDetail.TxnTaxCodeRef")
        given = decimal(detail.get("TotalTax"), "TxnTaxDetail.TotalTax")
        return _by_code(books, code["value"], taxable, given)
    if books.setup.automated_sales_tax and taxable:
        return _automatic(books, taxable, address)
    return Decimal(0), {"TotalTax": 0.0}


def _taxable(lines: list[Line]) -> Decimal:
    """The sum of the lines that say TAX, with their share of the discounts taken off."""
    total = subtotal(lines)
    found = sum(
        (amount_of(one) for one in lines if one.get(SALE, {}).get("TaxCodeRef", {}).get("value") == "TAX"), Decimal(0)
    )
    return found if not total else found - cents(discount(lines) * found / total)


def _by_code(books: Books, code: str, taxable: Decimal, given: Decimal | None) -> tuple[Decimal, dict[str, Any]]:
    """One code for the whole transaction. A total that is sent with it overrides."""
    rates = _rates(books, code)
    amounts = [cents(taxable * rate / 100) for _, rate in rates]
    if given is not None:
        amounts = [cents(given), *[Decimal(0)] * (len(rates) - 1)]
    tax_lines = [_tax_line(rate_id, rate, taxable, tax) for (rate_id, rate), tax in zip(rates, amounts, strict=True)]
    total = sum(amounts, Decimal(0))
    return total, {"TxnTaxCodeRef": {"value": code}, "TotalTax": number(total), "TaxLine": tax_lines}


def _automatic(books: Books, taxable: Decimal, address: dict[str, Any]) -> tuple[Decimal, dict[str, Any]]:
    """Automated sales tax goes by the address; abroad there is none."""
    home = str(address.get("Country", "")) in _HOME_COUNTRY
    rate = Decimal(str(books.setup.automated_tax_percent)) if home else Decimal(0)
    tax = cents(taxable * rate / 100)
    detail: dict[str, Any] = {"TxnTaxCodeRef": {"value": AUTOMATIC}, "TotalTax": number(tax)}
    return tax, {**detail, "TaxLine": [_tax_line(AUTOMATIC, rate, taxable, tax)]}


def _by_line(books: Books, lines: list[Line]) -> tuple[Decimal, dict[str, Any]]:
    nets: dict[tuple[str, Decimal], Decimal] = {}
    share = Decimal(1) - (discount(lines) / subtotal(lines) if subtotal(lines) else Decimal(0))
    for one in lines:
        code = one.get(SALE, {}).get("TaxCodeRef", {}).get("value")
        for rate in _rates(books, code) if code and code != "NON" else ():
            nets[rate] = nets.get(rate, Decimal(0)) + amount_of(one) * share
    taxes = {rate: cents(net * rate[1] / 100) for rate, net in nets.items()}
    total = sum(taxes.values(), Decimal(0))
    tax_lines = [_tax_line(rate_id, rate, cents(nets[rate_id, rate]), tax) for (rate_id, rate), tax in taxes.items()]
    return total, {"TotalTax": number(total), "TaxLine": tax_lines}


def _rates(books: Books, code: str) -> list[tuple[str, Decimal]]:
    """The rates of a tax code: id and percentage."""
    row = books.find(TAX_CODE, code)
    details = (row.values.get("SalesTaxRateList") or {}).get("TaxRateDetail", []) if row else []
    found = []
    for one in details:
        rate = books.find(TAX_RATE, one["TaxRateRef"]["value"])
        if rate is not None:
            found.append((rate.id, Decimal(str(rate.values["RateValue"]))))
    return found


def _tax_line(rate_id: str, rate: Decimal, net: Decimal, tax: Decimal) -> dict[str, Any]:
    detail = {
        "TaxRateRef": {"value": rate_id},
        "PercentBased": True,
        "TaxPercent": number(rate),
        "NetAmountTaxable": number(net),
    }
    return {"Amount": number(tax), "DetailType": "TaxLineDetail", "TaxLineDetail": detail}
