"""What an account has before anybody makes a customer: subsidiaries, currencies, items, tax codes, periods."""

from calendar import monthrange
from datetime import date

from sandbox.kit.companies import PRODUCTS
from sandbox.kit.words import COUNTRIES
from sandbox.netsuite.schema import Row
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.values import text_of

BASE_CURRENCY = "1"
_CURRENCIES = (
    ("1", "US Dollar", "USD", "2"),
    ("2", "British Pound", "GBP", "2"),
    ("3", "Euro", "EUR", "2"),
    ("4", "Canadian Dollar", "CAD", "2"),
    ("5", "Australian Dollar", "AUD", "2"),
    ("6", "Japanese Yen", "JPY", "0"),
    ("7", "Kuwaiti Dinar", "KWD", "3"),
)
_ACCOUNTS = (
    ("1", "1000", "Checking", "Bank"),
    ("2", "1100", "Accounts Receivable", "AcctRec"),
    ("3", "1500", "Undeposited Funds", "UnDepFund"),
    ("4", "4000", "Sales", "Income"),
)
BANK, RECEIVABLE, UNDEPOSITED = "1", "2", "3"
_TERMS = (("1", "Due on receipt", "0"), ("2", "Net 30", "30"))
_FIRST_YEAR = 2024
_YEARS = 4


def rows(setup: Setup, today: date) -> dict[str, list[Row]]:
    """The rows of every lookup; references are ids."""
    return {
        "subsidiary": [
            {"id": str(number), "name": name, "currency": BASE_CURRENCY}
            for number, name in enumerate(setup.subsidiaries, 1)
        ],
        "currency": [
            {"id": one, "name": name, "symbol": symbol, "currencyPrecision": digits}
            for one, name, symbol, digits in _CURRENCIES
        ],
        "account": [
            {"id": one, "name": f"{number} {name}", "acctNumber": number, "acctType": kind}
            for one, number, name, kind in _ACCOUNTS
        ],
        "term": [{"id": one, "name": name, "daysUntilNetDue": days} for one, name, days in _TERMS],
        "serviceSaleItem": [
            {
                "id": str(11 + number),
                "name": one.sku,
                "itemId": one.sku,
                "displayName": one.name,
                "basePrice": text_of(one.monthly_price),
            }
            for number, one in enumerate(PRODUCTS)
        ],
        "taxType": [
            {"id": str(number), "name": f"Tax {one.alpha2}", "country": one.alpha2}
            for number, one in enumerate(COUNTRIES, 1)
        ],
        "salesTaxItem": _tax_codes(),
        "accountingPeriod": list(_periods(min(_FIRST_YEAR, today.year))),
    }


def _tax_codes() -> list[Row]:
    """A standard and a zero rate for each country."""
    made: list[Row] = []
    for number, one in enumerate(COUNTRIES, 1):
        for kind, rate in (("S", one.tax_rate * 100), ("Z", one.tax_rate * 0)):
            name = f"{kind}-{one.alpha2}"
            row = {"id": str(len(made) + 1), "name": name, "itemId": name, "rate": text_of(rate)}
            made.append({**row, "taxType": str(number)})
    return made


def _periods(first: int) -> list[Row]:
    return [
        {
            "id": str(number * 12 + month),
            "name": date(first + number, month, 1).strftime("%b %Y"),
            "startDate": date(first + number, month, 1).isoformat(),
            "endDate": date(first + number, month, monthrange(first + number, month)[1]).isoformat(),
        }
        for number in range(_YEARS)
        for month in range(1, 13)
    ]
