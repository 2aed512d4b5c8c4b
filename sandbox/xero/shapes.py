"""Records as Xero shows them: dates in milliseconds with their ISO twins, numbers as numbers (sheet 3)."""

from datetime import datetime
from decimal import Decimal

from sandbox.xero.books import TAX_RATES, Books
from sandbox.xero.contacts import ADDRESS_TYPES, PHONE_TYPES
from sandbox.xero.values import Row, day_twin, moment_twin, wire_day, wire_moment

_CONTACT_TEXTS = (
    *("ContactNumber", "AccountNumber", "FirstName", "LastName", "EmailAddress", "CompanyNumber", "TaxNumber"),
    *("BankAccountDetails", "DefaultCurrency", "AccountsReceivableTaxType", "AccountsPayableTaxType", "PaymentTerms"),
)
_AMOUNTS = ("SubTotal", "TotalTax", "Total")


class Shapes:
    """The wire forms of one organisation's records."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def contact(self, row: Row, *, whole: bool = True) -> Row:
        """`whole` is a paged or single read; an unpaged list and `summaryOnly` show less (sheet 2, 3)."""
        shown: Row = {"ContactID": row["ContactID"], "ContactStatus": row["ContactStatus"], "Name": row["Name"]}
        for name in _CONTACT_TEXTS:
            if row.get(name) is not None:
                shown[name] = row[name]
        phones = [{"PhoneType": kind, **_phone(row["Phones"].get(kind))} for kind in PHONE_TYPES]
        phones += [{"PhoneType": "OFFICE", **row["Phones"]["OFFICE"]}] if "OFFICE" in row["Phones"] else []
        shown |= {"Phones": phones, "UpdatedDateUTC": _moment(row), "HasValidationErrors": False}
        if not whole:
            return shown
        invoices = self._books.invoices.find("contact", row["ContactID"])
        kinds = {one["Type"] for one in invoices if one["Status"] not in ("DRAFT", "DELETED")}
        merged = {"MergedToContactID": row["MergedToContactID"]} if row.get("MergedToContactID") else {}
        return {
            **shown,
            **merged,
            "Addresses": [{"AddressType": kind, **row["Addresses"].get(kind, {})} for kind in ADDRESS_TYPES],
            "ContactPersons": row["ContactPersons"],
            "ContactGroups": [],
            "IsSupplier": "ACCPAY" in kinds,
            "IsCustomer": "ACCREC" in kinds,
            "HasAttachments": False,
        }

    def invoice(self, row: Row, *, whole: bool = True, unit_decimals: int = 2) -> Row:
        """Without `whole` there are no lines, and the contact is an id and a name (sheet 3)."""
        paid = sum((Decimal(one["Amount"]) for one in self._books.paid(row["InvoiceID"])), Decimal(0))
        due = Decimal(row["Total"]) - paid if row["Status"] not in ("VOIDED", "DELETED") else Decimal(0)
        contact = self._books.contacts.rows[row["ContactID"]]
        shown: Row = {
            "Type": row["Type"],
            "InvoiceID": row["InvoiceID"],
            "InvoiceNumber": row["InvoiceNumber"] or "",
            "Reference": row["Reference"] or "",
            "Payments": [_short_payment(one) for one in self._books.paid(row["InvoiceID"])],
            **{name: [] for name in ("CreditNotes", "Prepayments", "Overpayments")},
            "AmountDue": float(due),
            "AmountPaid": float(paid),
            "AmountCredited": 0.0,
            "SentToContact": row["SentToContact"],
            "CurrencyRate": float(row["CurrencyRate"]),
            "IsDiscounted": any(line.get("DiscountRate") for line in row["LineItems"]),
            "HasErrors": False,
            "Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]},
            "Status": row["Status"],
            "LineAmountTypes": row["LineAmountTypes"],
            "LineItems": [],
            "CurrencyCode": row["CurrencyCode"],
            **{name: float(row[name]) for name in _AMOUNTS},
            **self._dates(row),
        }
        if row.get("Url"):
            shown["Url"] = row["Url"]
        if not whole:
            return shown
        empty: Row = {name: [] for name in ("Addresses", "Phones", "ContactGroups", "ContactPersons")}
        shown["Contact"] |= {**empty, "HasValidationErrors": False}
        return {**shown, "HasAttachments": False, "LineItems": [_line(one, unit_decimals) for one in row["LineItems"]]}

    @staticmethod
    def _dates(row: Row) -> Row:
        shown: Row = {}
        for name in ("Date", "DueDate", "ExpectedPaymentDate", "FullyPaidOnDate"):
            if row.get(name):
                shown[name] = wire_day(row[name])
                if name in ("Date", "DueDate"):
                    shown[f"{name}String"] = day_twin(row[name])
        twin = moment_twin(datetime.fromisoformat(row["UpdatedDateUTC"]))
        return {**shown, "UpdatedDateUTC": _moment(row), "UpdatedDateUTCString": twin}

    def payment(self, row: Row) -> Row:
        invoice = self._books.invoices.rows[row["InvoiceID"]]
        contact = self._books.contacts.rows[invoice["ContactID"]]
        account = next(one for one in self._books.accounts if one["AccountID"] == row["AccountID"])
        return {
            **_short_payment(row),
            "BankAmount": float(row["Amount"]),
            "PaymentType": row["PaymentType"],
            "Status": row["Status"],
            "IsReconciled": row["IsReconciled"],
            "HasAccount": True,
            "UpdatedDateUTC": _moment(row),
            "UpdatedDateUTCString": moment_twin(datetime.fromisoformat(row["UpdatedDateUTC"])),
            "Account": {"AccountID": account["AccountID"], "Code": account["Code"]},
            "Invoice": {
                "Type": invoice["Type"],
                "InvoiceID": invoice["InvoiceID"],
                "InvoiceNumber": invoice["InvoiceNumber"] or "",
                **{name: [] for name in ("Payments", "CreditNotes", "Prepayments", "Overpayments", "LineItems")},
                "IsDiscounted": False,
                "HasErrors": False,
                "CurrencyCode": invoice["CurrencyCode"],
                "Contact": {"ContactID": contact["ContactID"], "Name": contact["Name"]},
            },
        }

    def account(self, row: Row) -> Row:
        return {**row, "UpdatedDateUTC": _moment(row), "HasAttachments": False}

    def item(self, row: Row) -> Row:
        sales = {"UnitPrice": float(row["UnitPrice"]), "AccountCode": row["AccountCode"], "TaxType": row["TaxType"]}
        shown = {name: row[name] for name in ("ItemID", "Code", "Name", "Description")}
        flags = {"IsTrackedAsInventory": False, "IsSold": True, "IsPurchased": False}
        return {**shown, **flags, "SalesDetails": sales, "PurchaseDetails": {}, "UpdatedDateUTC": _moment(row)}

    def organisation(self) -> Row:
        books, setup = self._books, self._books.setup
        shown: Row = {
            "Name": books.name,
            "LegalName": books.name,
            "PaysTax": True,
            "Version": "UK",
            "OrganisationType": "COMPANY",
            "BaseCurrency": setup.base_currency,
            "CountryCode": "GB",
            "IsDemoCompany": False,
            "OrganisationStatus": "ACTIVE",
            "FinancialYearEndDay": 31,
            "FinancialYearEndMonth": 12,
            "SalesTaxBasis": "ACCRUALS",
            "SalesTaxPeriod": "QUARTERLY",
            "CreatedDateUTC": wire_moment(datetime.fromisoformat(books.created[:26] + "+00:00")),
            "OrganisationEntityType": "COMPANY",
            "Timezone": setup.timezone,
            "ShortCode": books.short_code,
            "OrganisationID": books.tenant_id,
            "Edition": "BUSINESS",
            "Class": "PREMIUM",
        }
        for name, until in (
            ("PeriodLockDate", setup.period_lock_date),
            ("EndOfYearLockDate", setup.end_of_year_lock_date),
        ):
            if until is not None:
                shown[name] = wire_day(until.isoformat())
        return shown


def tax_rates() -> list[Row]:
    """The organisation's tax rates; the codes are its own (sheet 8)."""
    return [
        {
            "Name": name,
            "TaxType": code,
            "CanApplyToAssets": True,
            "CanApplyToEquity": True,
            "CanApplyToExpenses": True,
            "CanApplyToLiabilities": True,
            "CanApplyToRevenue": True,
            "DisplayTaxRate": float(rate),
            "EffectiveRate": float(rate),
            "Status": "ACTIVE",
            "TaxComponents": [{"Name": name, "Rate": float(rate), "IsCompound": False, "IsNonRecoverable": False}],
        }
        for code, name, rate in TAX_RATES
    ]


def _phone(known: Row | None) -> Row:
    return known or {"PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}


def _moment(row: Row) -> str:
    return wire_moment(datetime.fromisoformat(row["UpdatedDateUTC"]))


def _short_payment(row: Row) -> Row:
    return {
        "PaymentID": row["PaymentID"],
        "Date": wire_day(row["Date"]),
        "Amount": float(row["Amount"]),
        "Reference": row["Reference"],
        "CurrencyRate": float(row["CurrencyRate"]),
        "HasAccount": False,
        "HasValidationErrors": False,
    }


def _line(row: Row, unit_decimals: int) -> Row:
    shown: Row = {"LineItemID": row["LineItemID"], "Tracking": []}
    for name in ("Description", "ItemCode", "AccountCode", "TaxType"):
        if row.get(name) is not None:
            shown[name] = row[name]
    for name in ("Quantity", "LineAmount", "TaxAmount", "DiscountRate", "DiscountAmount"):
        if row.get(name) is not None:
            shown[name] = float(row[name])
    if row.get("UnitAmount") is not None:
        shown["UnitAmount"] = round(float(row["UnitAmount"]), unit_decimals)
    return shown
