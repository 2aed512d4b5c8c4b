"""The sample companies as an accounting team would have typed them into NetSuite."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.kit.companies import Company, Line, company
from sandbox.kit.seeding import Seeder
from sandbox.netsuite.bodies import Reader
from sandbox.netsuite.people import PERSON
from sandbox.netsuite.record_types import CUSTOMER, INVOICE, PAYMENT
from sandbox.netsuite.records import Records
from sandbox.netsuite.schema import RecordType, Row
from sandbox.netsuite.values import rounded, text_of

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corp.", "LLC": "L.L.C.", "plc": "PLC"}


class NetSuiteSeeder(Seeder):
    """Makes sample records as the account's person. Markers stay empty.

    Invoice and payment number n belong to company n. Payment n pays invoice n, every third by half.
    """

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records

    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        return {"accounts": self._customer, "invoices": self._invoice, "payments": self._payment}

    def _customer(self, seed: int, index: int) -> str:
        one = company(seed, index)
        values = customer_values(one)
        values["currency"] = {"id": self._id_of("currency", "symbol", one.currency)}
        return self._make(CUSTOMER, values)

    def _invoice(self, seed: int, index: int) -> str:
        one = company(seed, index)
        code = self._id_of("salesTaxItem", "itemId", f"S-{one.address.country_alpha2}")
        kind = self._records.lookup("salesTaxItem", code)["taxType"]
        lines, details = [], []
        for place, line in enumerate(one.lines, 1):
            reference = f"L{place}"
            lines.append({**self._line(line), "taxDetailsReference": reference})
            details.append({"taxDetailsReference": reference, "taxType": kind, "taxCode": code, **_tax(line, one)})
        values: dict[str, Any] = {
            "entity": self.one("accounts", seed, index),
            "tranDate": one.invoice_date.isoformat(),
            "item": {"items": lines},
        }
        if self._records.setup.suite_tax:
            values |= {"taxDetailsOverride": True, "taxDetails": {"items": details}}
        return self._make(INVOICE, values)

    def _payment(self, seed: int, index: int) -> str:
        invoice = self._records.lookup("invoice", self.one("invoices", seed, index))
        total = Decimal(invoice["total"])
        amount = text_of(rounded(total / 2, 2) if index % 3 == 2 else total)
        values = {
            "customer": invoice["entity"],
            "payment": amount,
            "currency": invoice["currency"],
            "tranDate": invoice["tranDate"],
            "apply": {"items": [{"doc": {"id": invoice["id"]}, "apply": True, "amount": amount}]},
        }
        return self._make(PAYMENT, values)

    def _line(self, line: Line) -> Row:
        item = self._id_of("serviceSaleItem", "itemId", line.product.sku)
        return {
            "item": {"id": item},
            "description": line.description,
            "quantity": line.quantity,
            "rate": str(line.unit_price),
        }

    def _id_of(self, kind: str, name: str, value: str) -> str:
        return next(str(row["id"]) for row in self._records.rows[kind].values() if row[name] == value)

    def _make(self, kind: RecordType, values: dict[str, Any]) -> str:
        sent = Reader(self._records.find, "error").read(kind, values)
        return str(self._records.insert(PERSON, kind, sent)["id"])


def _tax(line: Line, one: Company) -> Row:
    net = line.unit_price * line.quantity
    amounts = {"taxBasis": net, "taxRate": one.tax_rate * 100, "taxAmount": rounded(net * one.tax_rate, 2)}
    return {name: text_of(value) for name, value in amounts.items()}


def customer_values(one: Company) -> dict[str, Any]:
    """A customer: legal form as accountants write it, the address as the default one for bills."""
    *words, form = one.name.split(" ")
    address = one.address
    parts = {
        "addressee": one.name,
        "addr1": address.line1,
        "addr2": address.line2,
        "city": address.city,
        "state": address.state,
        "zip": address.postal_code,
        "country": {"id": address.country_alpha2},
    }
    line = {"label": "Billing", "defaultBilling": True, "defaultShipping": True, "addressBookAddress": parts}
    return {
        "isPerson": False,
        "companyName": " ".join([*words, _FORMS.get(form, form)]),
        "email": one.contacts[0].email,
        "phone": one.phone,
        "url": one.website,
        "accountNumber": one.reference,
        "subsidiary": {"id": "1"},
        "addressBook": {"items": [line]},
    }
