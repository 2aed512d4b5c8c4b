"""The sample companies as an accounting team would have typed them into NetSuite."""

from decimal import Decimal
from typing import Any

from sandbox.kit.companies import Company, Line, company
from sandbox.netsuite.bodies import Reader
from sandbox.netsuite.people import PERSON
from sandbox.netsuite.record_types import CUSTOMER, INVOICE, PAYMENT
from sandbox.netsuite.records import Records
from sandbox.netsuite.schema import RecordType, Row
from sandbox.netsuite.values import rounded, text_of

# Legal forms as they are spelled here; the billing system has the short ones.
_FORMS = {"Ltd": "Limited", "Inc": "Inc.", "Corp": "Corp.", "LLC": "L.L.C.", "plc": "PLC"}


class Seeder:
    """Makes sample records as the account's person; `known` keeps one from being made twice. Markers stay empty.

    Invoice and payment number n belong to company n. Payment n pays invoice n, every third by half.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self.known: dict[str, str] = {}

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """The ids of the sample records number `offset … offset+count-1`."""
        make = {"accounts": self._customer, "invoices": self._invoice, "payments": self._payment}[entity]
        return [make(company(seed, index)) for index in range(offset, offset + count)]

    def _customer(self, one: Company) -> str:
        values = customer_values(one)
        values["currency"] = {"id": self._id_of("currency", "symbol", one.currency)}
        return self._make("accounts", CUSTOMER, one, values)

    def _invoice(self, one: Company) -> str:
        code = self._id_of("salesTaxItem", "itemId", f"S-{one.address.country_alpha2}")
        kind = self._records.lookup("salesTaxItem", code)["taxType"]
        lines, details = [], []
        for place, line in enumerate(one.lines, 1):
            reference = f"L{place}"
            lines.append({**self._line(line), "taxDetailsReference": reference})
            details.append({"taxDetailsReference": reference, "taxType": kind, "taxCode": code, **_tax(line, one)})
        values: dict[str, Any] = {
            "entity": self._customer(one),
            "tranDate": one.invoice_date.isoformat(),
            "item": {"items": lines},
        }
        if self._records.setup.suite_tax:
            values |= {"taxDetailsOverride": True, "taxDetails": {"items": details}}
        return self._make("invoices", INVOICE, one, values)

    def _payment(self, one: Company) -> str:
        invoice = self._records.lookup("invoice", self._invoice(one))
        total = Decimal(invoice["total"])
        amount = text_of(rounded(total / 2, 2) if one.index % 3 == 2 else total)
        values = {
            "customer": invoice["entity"],
            "payment": amount,
            "currency": invoice["currency"],
            "tranDate": invoice["tranDate"],
            "apply": {"items": [{"doc": {"id": invoice["id"]}, "apply": True, "amount": amount}]},
        }
        return self._make("payments", PAYMENT, one, values)

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

    def _make(self, entity: str, kind: RecordType, one: Company, values: dict[str, Any]) -> str:
        key = f"{entity}:{one.reference}"
        if self.known.get(key) not in self._records.rows[kind.name]:
            sent = Reader(self._records.find, "error").read(kind, values)
            self.known[key] = str(self._records.insert(PERSON, kind, sent)["id"])
        return self.known[key]


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
