"""The sample companies as a bookkeeper would have entered them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.kit.companies import Company as Sample
from sandbox.kit.companies import Line, company
from sandbox.kit.seeding import Seeder
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.schema import CUSTOMER, INVOICE, ITEM, PAYMENT, TAX_CODE
from sandbox.quickbooks.values import cents, number

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corporation", "LLC": "L.L.C.", "plc": "PLC"}
Values = dict[str, Any]


class QuickBooksSeeder(Seeder):
    """Payment n pays invoice n of company n, every third by half."""

    def __init__(self, books_company: Company) -> None:
        super().__init__()
        self._company = books_company

    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        return {"accounts": self._customer, "invoices": self._invoice, "payments": self._payment}

    def _customer(self, seed: int, index: int) -> str:
        return self._company.create(CUSTOMER, self._customer_values(company(seed, index))).id

    def _invoice(self, seed: int, index: int) -> str:
        values = self._invoice_values(company(seed, index), self.one("accounts", seed, index))
        return self._company.create(INVOICE, values).id

    def _payment(self, seed: int, index: int) -> str:
        invoice_id = self.one("invoices", seed, index)
        values = self._payment_values(company(seed, index), invoice_id, half=index % 3 == 0)
        return self._company.create(PAYMENT, values).id

    def _currency(self, code: str) -> Values:
        """A company with one currency has everything in that."""
        setup = self._company.books.setup
        return {"value": code if setup.multicurrency else setup.home_currency}

    def _customer_values(self, sample: Sample) -> Values:
        """Legal form in full, the finance person's name and address, country by name."""
        *words, form = sample.name.split(" ")
        name = " ".join([*words, _FORMS.get(form, form)])
        person, address = sample.contacts[0], sample.address
        return {
            "DisplayName": name,
            "CompanyName": name,
            "GivenName": person.first_name,
            "FamilyName": person.last_name,
            "PrimaryEmailAddr": {"Address": person.email},
            "PrimaryPhone": {"FreeFormNumber": sample.phone},
            "WebAddr": {"URI": sample.website},
            "CurrencyRef": self._currency(sample.currency),
            "Notes": sample.reference,
            "BillAddr": {
                "Line1": address.line1,
                "Line2": address.line2,
                "City": address.city,
                "CountrySubDivisionCode": address.state,
                "PostalCode": address.postal_code,
                "Country": address.country_name,
            },
        }

    def _invoice_values(self, sample: Sample, customer_id: str) -> Values:
        setup, code = self._company.books.setup, self._tax_code(sample.tax_rate)
        values: Values = {
            "CustomerRef": {"value": customer_id},
            "CurrencyRef": self._currency(sample.currency),
            "DocNumber": sample.reference,
            "TxnDate": sample.invoice_date.isoformat(),
            "PrivateNote": f"Services for {sample.name}",
            "Line": [self._line(one, code if setup.line_taxes else "TAX") for one in sample.lines],
        }
        if setup.line_taxes:
            return {**values, "GlobalTaxCalculation": "TaxExcluded"}
        return {**values, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": code}}}

    def _line(self, line: Line, tax_code: str) -> Values:
        [item] = [row for row in self._company.books.rows(ITEM) if row.values.get("Sku") == line.product.sku]
        detail = {
            "ItemRef": {"value": item.id},
            "Qty": line.quantity,
            "UnitPrice": number(line.unit_price),
            "TaxCodeRef": {"value": tax_code},
        }
        amount = number(cents(line.quantity * line.unit_price))
        return {"Description": line.description, "Amount": amount, "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": detail}  # fmt: skip

    def _tax_code(self, rate: Decimal) -> str:
        name = f"{(rate * 100).normalize():f}% tax"
        return next(row.id for row in self._company.books.rows(TAX_CODE) if row.values["Name"] == name)

    def _payment_values(self, sample: Sample, invoice_id: str, *, half: bool) -> Values:
        row = self._company.books.tables[INVOICE.name][invoice_id]
        amount = Decimal(str(row.values["Balance"]))
        paid = number(cents(amount / 2) if half else amount)
        link = {"Amount": paid, "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}]}
        return {
            "CustomerRef": row.values["CustomerRef"],
            "CurrencyRef": row.values["CurrencyRef"],
            "TotalAmt": paid,
            "PaymentRefNum": f"P-{sample.reference}",
            "TxnDate": sample.invoice_date.isoformat(),
            "Line": [link],
        }
