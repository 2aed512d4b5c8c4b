"""The sample companies as an accountant would have entered them into Xero."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from sandbox.kit.companies import Address, Company, company
from sandbox.kit.seeding import Seeder
from sandbox.xero.books import BANK, SALES, TAX_RATES
from sandbox.xero.resources import Resources
from sandbox.xero.values import Row, money

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corporation", "LLC": "LLC.", "plc": "PLC"}


class XeroSeeder(Seeder):
    """Makes sample records as the organisation's person, without contact numbers.

    Account, invoice and payment number n belong to company n; payment n pays invoice n, every third by half.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__()
        self._resources = resources

    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        return {"accounts": self._contact, "invoices": self._invoice, "payments": self._payment}

    def _contact(self, seed: int, index: int) -> str:
        row = self._resources.contacts.save(contact_values(company(seed, index)), None)
        return str(row["ContactID"])

    def _invoice(self, seed: int, index: int) -> str:
        sample = company(seed, index)
        rate = next(code for code, _, percent in TAX_RATES if Decimal(percent) == sample.tax_rate * 100)
        element: Row = {
            "Type": "ACCREC",
            "Contact": {"ContactID": self.one("accounts", seed, index)},
            "Date": sample.invoice_date.isoformat(),
            "DueDate": sample.invoice_date.isoformat(),
            "Reference": sample.reference,
            "CurrencyCode": sample.currency,
            "Status": "AUTHORISED",
            "LineItems": [
                {
                    "ItemCode": line.product.sku,
                    "Description": line.description,
                    "Quantity": line.quantity,
                    "UnitAmount": str(line.unit_price),
                    "AccountCode": SALES,
                    "TaxType": rate,
                }
                for line in sample.lines
            ],
        }
        row, _ = self._resources.invoices.save(element, None)
        return str(row["InvoiceID"])

    def _payment(self, seed: int, index: int) -> str:
        invoice = self._resources.books.invoices.rows[self.one("invoices", seed, index)]
        amount = Decimal(invoice["Total"])
        row = self._resources.payments.create(
            {
                "Invoice": {"InvoiceID": invoice["InvoiceID"]},
                "Account": {"Code": BANK},
                "Date": company(seed, index).invoice_date.isoformat(),
                "Amount": str(money(amount / 2) if index % 3 == 0 else amount),
            }
        )
        return str(row["PaymentID"])


def contact_values(sample: Company) -> Row:
    """A contact: legal form in full, the address as it is written on letters, country by name."""
    *words, form = sample.name.split(" ")
    person = sample.contacts[0]
    return {
        "Name": " ".join([*words, _FORMS.get(form, form)]),
        "FirstName": person.first_name,
        "LastName": person.last_name,
        "EmailAddress": person.email,
        "DefaultCurrency": sample.currency,
        "Addresses": [_address(sample.address)],
        "Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": sample.phone}],
    }


def _address(address: Address) -> Row:
    return {
        "AddressType": "POBOX",
        "AddressLine1": address.line1,
        "AddressLine2": address.line2 or "",
        "City": address.city,
        "Region": address.state,
        "PostalCode": address.postal_code,
        "Country": address.country_name,
    }
