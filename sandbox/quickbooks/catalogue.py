"""What a company has from the start: accounts, tax codes, currencies, and the sample products as items."""

from sandbox.kit.companies import PRODUCTS
from sandbox.quickbooks.books import Books, Row
from sandbox.quickbooks.lines import US_CODES
from sandbox.quickbooks.money import IN_DOLLARS
from sandbox.quickbooks.payments import UNDEPOSITED
from sandbox.quickbooks.schema import ACCOUNT, CURRENCY, ITEM, TAX_CODE, TAX_RATE

INCOME = "79"
_ACCOUNTS = (
    (UNDEPOSITED, "Undeposited Funds", "Other Current Asset", "UndepositedFunds", "Asset"),
    ("35", "Checking", "Bank", "Checking", "Asset"),
    (INCOME, "Sales of Product Income", "Income", "SalesOfProductIncome", "Revenue"),
    ("84", "Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable", "Asset"),
)
_RATES = ("20", "19", "13", "10", "8", "0")


def open_books(books: Books) -> None:
    """Fill an empty company."""
    for row_id, name, kind, sub, side in _ACCOUNTS:
        values = {"Name": name, "AccountType": kind, "AccountSubType": sub, "Classification": side, "Active": True}
        values["CurrencyRef"] = {"value": books.setup.home_currency}
        books.insert(ACCOUNT, {**values, "SubAccount": False, "CurrentBalance": 0.0}, row_id=row_id)
    for code in IN_DOLLARS:
        books.insert(CURRENCY, {"Code": code, "Name": code, "Active": True}, row_id=code)
    if not books.setup.line_taxes:
        for code in US_CODES:
            books.insert(TAX_CODE, {"Name": code, "Taxable": code == "TAX", "Active": True}, row_id=code)
    for number, rate in enumerate(_RATES, start=2):
        new_tax_code(books, f"{rate}% tax", [(f"Tax {rate}%", float(rate))], row_id=str(number))
    for number, product in enumerate(PRODUCTS, start=1):
        values = {"Name": product.name, "Sku": product.sku, "Description": product.name, "Type": "Service"}
        values |= {"UnitPrice": float(product.monthly_price), "IncomeAccountRef": {"value": INCOME}, "Active": True}
        books.insert(ITEM, {**values, "Taxable": False, "TrackQtyOnHand": False}, row_id=str(number))


def new_tax_code(books: Books, name: str, rates: list[tuple[str, float]], *, row_id: str | None = None) -> Row:
    """A tax code of its rates (name, per cent)."""
    details = []
    for order, (title, value) in enumerate(rates):
        rate = books.insert(TAX_RATE, {"Name": title, "RateValue": value, "Active": True}, row_id=row_id)
        details.append({"TaxRateRef": {"value": rate.id}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": order})
    values = {"Name": name, "Taxable": True, "TaxGroup": True, "Active": True}
    return books.insert(TAX_CODE, {**values, "SalesTaxRateList": {"TaxRateDetail": details}}, row_id=row_id)
