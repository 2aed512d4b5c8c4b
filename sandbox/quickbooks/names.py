"""Name lists: customers, vendors, employees, items, accounts. Their only delete is `Active: false` (sheet 2)."""

from decimal import Decimal
from typing import Any

from sandbox.quickbooks.books import DELETED_SUFFIX, Books, Row
from sandbox.quickbooks.errors import QuickBooksError, business, missing
from sandbox.quickbooks.schema import ACCOUNT, CUSTOMER, INVOICE, ITEM, PAYMENT, Kind
from sandbox.quickbooks.values import number

_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_MOST_LEVELS = 4
_INCOME_TYPES = ("Service", "NonInventory", "Inventory")
Values = dict[str, Any]


class Names:
    """Prepares the values of a name-list record, and adds to a stored one what the company computes."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._balances_of = -1
        self._balances: dict[str, Decimal] = {}

    def prepared(self, kind: Kind, values: Values, before: Row | None) -> Values:
        """The values to store. Raises QuickBooksError."""
        values = dict(values)
        if kind is ITEM:
            self._check_item(values)
        elif kind is ACCOUNT:
            self._check_account(values)
        else:
            self._check_person(values, before)
        values["Active"] = values.get("Active") is not False
        self._rename(kind, values, before)
        self._books.check_name(kind, values[kind.name_field], before.id if before else None)
        return values

    def shown(self, kind: Kind, row: Row) -> Values:
        """What is read of a record beyond its stored values."""
        values = row.values
        name = values[kind.name_field]
        if kind is not CUSTOMER:
            return {"FullyQualifiedName": name}
        more: Values = {"FullyQualifiedName": name, "Level": 0, "IsProject": False}
        parent = self._books.find(CUSTOMER, (values.get("ParentRef") or {}).get("value", ""))
        if parent is not None:
            above = self.shown(CUSTOMER, parent)
            more |= {"FullyQualifiedName": f"{above['FullyQualifiedName']}:{name}", "Level": above["Level"] + 1}
        balance = number(self._balance(row.id))
        return {**more, "Balance": balance, "BalanceWithJobs": balance}

    def _check_person(self, values: Values, before: Row | None) -> None:
        parts = [values[name] for name in _NAME_PARTS if values.get(name)]
        if not values.get("DisplayName"):
            if not parts:
                message = "Another field is needed: DisplayName or a part of the name"
                raise QuickBooksError("6090", "Name Required", message, element="DisplayName")
            values["DisplayName"] = " ".join(parts)
        if not values.get("PrintOnCheckName"):
            values["PrintOnCheckName"] = values.get("CompanyName") or values["DisplayName"]
        self._check_currency(values, before)
        for name in ("Job", "BillWithParent", "Taxable"):
            values.setdefault(name, False)
        values.setdefault("PreferredDeliveryMethod", "Print")
        self._check_parent(values, before)

    def _check_currency(self, values: Values, before: Row | None) -> None:
        setup = self._books.setup
        code = (values.get("CurrencyRef") or {}).get("value") or setup.home_currency
        if before is not None:
            held = before.values["CurrencyRef"]["value"]
            if values.get("CurrencyRef") and code != held:
                raise business("The currency of a customer cannot be changed.", "CurrencyRef")
            code = held
        elif code != setup.home_currency and not setup.multicurrency:
            raise business("Multi Currency should be enabled to perform this operation.", "CurrencyRef")
        if code not in currencies(self._books):
            raise QuickBooksError("2500", "Invalid Reference Id", f"Invalid Reference Id : Currency {code} not found",
                                  element="CurrencyRef")  # fmt: skip
        values["CurrencyRef"] = {"value": code}

    def _check_parent(self, values: Values, before: Row | None) -> None:
        above = (values.get("ParentRef") or {}).get("value")
        if not values.get("Job") or above is None:
            values.pop("ParentRef", None)
            return
        level = 1
        while above is not None:
            if before is not None and above == before.id:
                raise QuickBooksError("900", "Parent and child are the same", element="ParentRef")
            row = self._books.refer(CUSTOMER, above, "ParentRef")
            above = (row.values.get("ParentRef") or {}).get("value")
            level += 1
        if level > _MOST_LEVELS + 1:
            raise QuickBooksError("700", "Sub level maximum exceeded", element="ParentRef")

    def _rename(self, kind: Kind, values: Values, before: Row | None) -> None:
        """An inactive record lets go of its name, and gets it back with its life."""
        name = values[kind.name_field].removesuffix(DELETED_SUFFIX) if before is not None else values[kind.name_field]
        values[kind.name_field] = name if values["Active"] else name + DELETED_SUFFIX

    def _check_item(self, values: Values) -> None:
        if not values.get("Name"):
            raise missing("Name")
        values.setdefault("Type", "Service")
        if values["Type"] in _INCOME_TYPES:
            account = (values.get("IncomeAccountRef") or {}).get("value")
            if account is None:
                raise missing("IncomeAccountRef")
            self._books.refer(ACCOUNT, account, "IncomeAccountRef")
        values.setdefault("Taxable", False)
        values.setdefault("UnitPrice", 0.0)

    def _check_account(self, values: Values) -> None:
        if not values.get("Name"):
            raise missing("Name")
        if not values.get("AccountType") and not values.get("AccountSubType"):
            raise missing("AccountType")
        values["CurrencyRef"] = values.get("CurrencyRef") or {"value": self._books.setup.home_currency}

    def _balance(self, customer_id: str) -> Decimal:
        """What a customer owes, in its currency: open invoices less unapplied payments."""
        if self._balances_of != self._books.version:
            self._balances_of, self._balances = self._books.version, self._all_balances()
        return self._balances.get(customer_id, Decimal(0))

    def _all_balances(self) -> dict[str, Decimal]:
        owed: dict[str, Decimal] = {}
        for kind, name, sign in ((INVOICE, "Balance", 1), (PAYMENT, "UnappliedAmt", -1)):
            for row in self._books.rows(kind):
                customer_id = row.values["CustomerRef"]["value"]
                owed[customer_id] = owed.get(customer_id, Decimal(0)) + sign * Decimal(str(row.values.get(name, 0)))
        return owed


def currencies(books: Books) -> set[str]:
    """The currencies that are in use in the company."""
    return {row.values["Code"] for row in books.tables["CompanyCurrency"].values()} | {books.setup.home_currency}
