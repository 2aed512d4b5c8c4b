"""Currencies of transactions: the customer's own, and what it is worth at home (sheet 2)."""

from decimal import Decimal
from typing import Any

from sandbox.quickbooks.books import Books, Row
from sandbox.quickbooks.errors import business, missing
from sandbox.quickbooks.values import number

# What one unit is worth in US dollars; a fixed market for samples.
IN_DOLLARS = {
    "USD": Decimal(1), "EUR": Decimal("1.08"), "GBP": Decimal("1.27"), "CAD": Decimal("0.73"),
    "AUD": Decimal("0.66"), "JPY": Decimal("0.0067"), "KWD": Decimal("3.25"),
}  # fmt: skip
_PLACES = Decimal("0.000001")


def currency_of(books: Books, values: dict[str, Any], customer: Row, before: Row | None) -> dict[str, str]:
    """The currency of a transaction, which is its customer's. Raises QuickBooksError.

    It has to be named where several are in use, unless it is the home currency.
    """
    home, held = books.setup.home_currency, customer.values["CurrencyRef"]["value"]
    given = (values.get("CurrencyRef") or {}).get("value")
    if given is None and before is None and books.setup.multicurrency and held != home:
        raise missing("CurrencyRef")
    if (given or held) != held:
        raise business("The currency of the transaction is invalid for the customer.", "CurrencyRef")
    return {"value": str(held)}


def rate_of(books: Books, values: dict[str, Any]) -> float:
    """Home units per unit of the transaction's currency; as sent, else the market's."""
    code, home = values["CurrencyRef"]["value"], books.setup.home_currency
    if code == home:
        return 1.0
    given = values.get("ExchangeRate")
    # Intuit's clients send 1 where nobody set a rate.
    return float(given) if given and given != 1 else market_rate(code, home)


def market_rate(code: str, home: str) -> float:
    return number((IN_DOLLARS[code] / IN_DOLLARS[home]).quantize(_PLACES))
