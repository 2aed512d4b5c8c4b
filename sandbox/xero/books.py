"""The books of one organisation: its records in tables, and what the organisation came with."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sandbox.kit.clock import Clock
from sandbox.kit.companies import PRODUCTS
from sandbox.xero.setup import Setup
from sandbox.xero.values import Row

MILLISECOND = 1000
Key = Callable[[Row], str | None]
SALES, BANK, RECEIVABLE, TAX, ROUNDING = "200", "090", "610", "820", "860"
# Type, name, percentage; the organisation is British (sheet 8: codes are the organisation's own).
TAX_RATES = (
    ("OUTPUT2", "20% (VAT on Income)", "20"),
    ("ZERORATEDOUTPUT", "Zero Rated Income", "0"),
    ("NONE", "No VAT", "0"),
    ("TAX001", "Sales tax 8%", "8"),
    ("TAX002", "EU VAT 19%", "19"),
    ("TAX003", "HST 13%", "13"),
    ("TAX004", "GST 10%", "10"),
)
_ACCOUNTS: tuple[tuple[str, str, str, str, str, dict[str, Any]], ...] = (
    (BANK, "Business Bank Account", "BANK", "ASSET", "NONE", {"BankAccountType": "BANK"}),
    (SALES, "Sales", "REVENUE", "REVENUE", "OUTPUT2", {}),
    ("270", "Interest Income", "OTHERINCOME", "REVENUE", "NONE", {}),
    ("429", "General Expenses", "OVERHEADS", "EXPENSE", "NONE", {}),
    (RECEIVABLE, "Accounts Receivable", "CURRENT", "ASSET", "NONE", {"SystemAccount": "DEBTORS"}),
    (TAX, "VAT", "CURRLIAB", "LIABILITY", "NONE", {"SystemAccount": "GST"}),
    (ROUNDING, "Rounding", "CURRLIAB", "LIABILITY", "NONE", {"SystemAccount": "ROUNDING"}),
)


class Table:
    """Rows by id in order of creation; a write puts a new row and never changes one in place."""

    def __init__(self, id_key: str, keys: Mapping[str, Key]) -> None:
        self.id_key = id_key
        self.rows: dict[str, Row] = {}
        self._keys = keys
        self._index: dict[str, dict[str, dict[str, None]]] = {name: {} for name in keys}

    def put(self, row: Row) -> Row:
        row_id = row[self.id_key]
        before = self.rows.get(row_id)
        for name, key in self._keys.items():
            index = self._index[name]
            old, new = key(before) if before else None, key(row)
            if old is not None and old != new:
                del index[old][row_id]
            if new is not None:
                index.setdefault(new, {})[row_id] = None
        self.rows[row_id] = row
        return row

    def find(self, name: str, value: str) -> list[Row]:
        """The rows that hold this value of a key, oldest first."""
        return [self.rows[row_id] for row_id in self._index[name].get(value, ())]

    def clear(self) -> None:
        self.rows.clear()
        for index in self._index.values():
            index.clear()

    def load(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.put(row)


class Books:
    """Knows everything that one tenant holds. Amounts are decimal text, days and moments ISO text."""

    def __init__(self, name: str, setup: Setup, clock: Clock) -> None:
        self.name = name
        self.tenant_id = str(uuid4())
        self.connection_id = str(uuid4())
        self.auth_event_id = str(uuid4())
        self.short_code = f"!{secrets.token_hex(3)}"
        self.setup = setup
        self.clock = clock
        self.created = _seven_digits(clock.now())
        self.changed: Callable[[str, str, bool], None] = lambda category, record_id, new: None
        self.contacts = Table(
            "ContactID", {"number": lambda row: row.get("ContactNumber"), "name": _active_name, "account": _account}
        )
        self.invoices = Table("InvoiceID", {"number": _sales_number, "contact": lambda row: str(row["ContactID"])})
        self.payments = Table("PaymentID", {"invoice": lambda row: str(row["InvoiceID"])})
        self.clear()

    def clear(self) -> None:
        """No records; the chart of accounts, the tax rates and the items of the price list are there."""
        for table in (self.contacts, self.invoices, self.payments):
            table.clear()
        self.next_number = 1
        born = self.stamp()
        self.accounts = [_account_row(born, *one) for one in _ACCOUNTS]
        self.items = [
            {
                "ItemID": str(uuid4()),
                "Code": product.sku,
                "Name": product.name,
                "Description": product.name,
                "UnitPrice": str(product.monthly_price),
                "AccountCode": SALES,
                "TaxType": "OUTPUT2",
                "UpdatedDateUTC": born,
            }
            for product in PRODUCTS
        ]

    def stamp(self) -> str:
        """Now, in whole milliseconds, as ISO text; later changes have later stamps or the same."""
        at = self.clock.stamp()
        return at.replace(microsecond=at.microsecond // MILLISECOND * MILLISECOND).isoformat()

    def account(self, code: str | None) -> Row | None:
        return next((row for row in self.accounts if row["Code"] == code), None)

    def item(self, code: str) -> Row | None:
        return next((row for row in self.items if row["Code"] == code), None)

    def paid(self, invoice_id: str) -> list[Row]:
        """The payments of an invoice that count."""
        return [row for row in self.payments.find("invoice", invoice_id) if row["Status"] == "AUTHORISED"]

    def number(self) -> str:
        """The next free number of the organisation's own sequence."""
        while True:
            found = f"{self.setup.numbers_start}{self.next_number:04d}"
            self.next_number += 1
            if not self.invoices.find("number", found):
                return found

    def dump(self) -> dict[str, Any]:
        return {
            "ids": [self.tenant_id, self.connection_id, self.auth_event_id, self.short_code, self.created],
            "accounts": self.accounts,
            "items": self.items,
            "contacts": list(self.contacts.rows.values()),
            "invoices": list(self.invoices.rows.values()),
            "payments": list(self.payments.rows.values()),
            "nextNumber": self.next_number,
        }

    def load(self, data: dict[str, Any]) -> None:
        self.tenant_id, self.connection_id, self.auth_event_id, self.short_code, self.created = data["ids"]
        self.clear()
        self.accounts, self.items, self.next_number = data["accounts"], data["items"], data["nextNumber"]
        for table in ("contacts", "invoices", "payments"):
            getattr(self, table).load(data[table])


def tax_rate(code: str) -> str | None:
    """The percentage of a tax type."""
    return next((rate for tax_type, _, rate in TAX_RATES if tax_type == code), None)


def folded(name: str) -> str:
    """Names are compared without case and with single spaces (sheet 8)."""
    return " ".join(name.split()).casefold()


def _active_name(row: Row) -> str | None:
    return folded(row["Name"]) if row["ContactStatus"] == "ACTIVE" else None


def _account(row: Row) -> str | None:
    return row.get("AccountNumber") or None


def _sales_number(row: Row) -> str | None:
    """Bills have numbers of their own, which need not be unique. Voided and deleted ones keep theirs (sheet 4)."""
    return row.get("InvoiceNumber") if row["Type"] == "ACCREC" else None


def _account_row(born: str, code: str, name: str, kind: str, group: str, tax: str, more: dict[str, Any]) -> Row:
    row = {
        "AccountID": str(uuid4()),
        "Code": code,
        "Name": name,
        "Status": "ACTIVE",
        "Type": kind,
        "TaxType": tax,
        "Class": group,
        "EnablePaymentsToAccount": False,
        "ShowInExpenseClaims": False,
        "UpdatedDateUTC": born,
    }
    return {**row, **more}


def _seven_digits(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
