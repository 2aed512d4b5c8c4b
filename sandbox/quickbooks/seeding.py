"""The sample companies as a bookkeeper would have entered them."""

from decimal import Decimal
from typing import Any

from sandbox.kit.companies import Company as Sample
from sandbox.kit.companies import Line, company
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.schema import CUSTOMER, INVOICE, ITEM, PAYMENT, TAX_CODE, Kind
from sandbox.quickbooks.values import cents, number

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corporation", "LLC": "L.L.C.", "plc": "PLC"}
Values = dict[str, Any]


class Seeder:
    """Makes sample records, each once. Payment n pays invoice n of company n, every third by half."""

    def __init__(self, books_company: Company) -> None:
        self._company = books_company
        self.known: dict[str, str] = {}

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """The ids of the sample records number `offset … offset+count-1`."""
        make = {"accounts": self._customer, "invoices": self._invoice, "payments": self._payment}[entity]
        return [make(seed, index) for index in range(offset, offset + count)]

    def _customer(self, seed: int, index: int) -> str:
        return self._once(f"accounts:{seed}:{index}", CUSTOMER, lambda: self._customer_values(company(seed, index)))

    def _invoice(self, seed: int, index: int) -> str:
        def values() -> Values:
            return self._invoice_values(company(seed, index), self._customer(seed, index))

        return self._once(f"invoices:{seed}:{index}", INVOICE, values)

    def _payment(self, seed: int, index: int) -> str:
        def values() -> Values:
            return self._payment_values(company(seed, index), self._invoice(seed, index), half=index % 3 == 0)

        return self._once(f"payments:{seed}:{index}", PAYMENT, values)

    def _once(self, key: str, kind: Kind, values: Any) -> str:
        held = self.known.get(key)
        if held is None or self._company.books.find(kind, held) is None:
            self.known[key] = held = self._company.create(kind, values()).id
        return held

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
