"""What a company tells of itself: CompanyInfo, Preferences, exchange rates (sheet 2, 8)."""

from typing import Any

from sandbox.quickbooks.books import Books
from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.money import IN_DOLLARS, market_rate
from sandbox.quickbooks.values import wire_time

Values = dict[str, Any]
NAMES = {"companyinfo": "CompanyInfo", "preferences": "Preferences"}


class About:
    def __init__(self, books: Books, realm_id: str) -> None:
        self._books = books
        self._realm_id = realm_id
        self._made = books.clock.now()

    def one(self, path: str) -> Values:
        """The single record of `companyinfo` or `preferences`, under its name."""
        values = self._company() if path == "companyinfo" else self._preferences()
        made = wire_time(self._made)
        meta = {"CreateTime": made, "LastUpdatedTime": made}
        common = {"domain": "QBO", "sparse": False, "Id": "1", "SyncToken": "0", "MetaData": meta}
        return {NAMES[path]: {**values, **common}}

    def rate(self, code: str) -> Values:
        """The exchange rate of a currency."""
        home = self._books.setup.home_currency
        if code not in IN_DOLLARS:
            raise QuickBooksError("2500", "Invalid Reference Id", f"Invalid Reference Id : Currency {code} not found")
        rate = {"SourceCurrencyCode": code, "TargetCurrencyCode": home, "Rate": market_rate(code, home)}
        return {"ExchangeRate": {**rate, "AsOfDate": self._books.today()}}

    def _company(self) -> Values:
        return {
            "CompanyName": "Sandbox Company",
            "LegalName": "Sandbox Company",
            "Country": self._books.setup.country,
            "FiscalYearStartMonth": "January",
            "SupportedLanguages": "en",
            "Email": {"Address": "books@company.example"},
            "CompanyStartDate": "2024-01-01",
            "NameValue": [{"Name": "CompanyType", "Value": "Other"}, {"Name": "OfferingSku", "Value": "QBO Plus"}],
        }

    def _preferences(self) -> Values:
        setup = self._books.setup
        accounting: Values = {"UseAccountNumbers": False, "FirstMonthOfFiscalYear": "January"}
        if setup.closing_date is not None:
            accounting["BookCloseDate"] = setup.closing_date.isoformat()
        return {
            "AccountingInfoPrefs": accounting,
            "SalesFormsPrefs": {
                "CustomTxnNumbers": setup.custom_txn_numbers,
                "AllowDiscount": True,
                "DefaultTerms": {"value": "3"},
            },
            "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": setup.automated_sales_tax},
            "CurrencyPrefs": {
                "MultiCurrencyEnabled": setup.multicurrency,
                "HomeCurrency": {"value": setup.home_currency},
            },
        }
