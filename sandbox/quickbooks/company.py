"""The company as a whole: every write and every read form goes through here, whoever asks."""

from collections.abc import Mapping
from typing import Any

from sandbox.quickbooks.books import Books, Row
from sandbox.quickbooks.catalogue import new_tax_code
from sandbox.quickbooks.errors import QuickBooksError, missing, not_found, stale
from sandbox.quickbooks.invoices import Invoices
from sandbox.quickbooks.names import Names
from sandbox.quickbooks.payments import Payments
from sandbox.quickbooks.schema import CURRENCY, INVOICE, KINDS, PAYMENT, Kind
from sandbox.quickbooks.values import cleaned, wire_time

Values = dict[str, Any]
_REF_NAMES = {
    "CustomerRef": "Customer", "ParentRef": "Customer", "ItemRef": "Item", "IncomeAccountRef": "Account",
    "DepositToAccountRef": "Account", "TaxCodeRef": "TaxCode", "TxnTaxCodeRef": "TaxCode", "CurrencyRef": CURRENCY.name,
}  # fmt: skip


class Company:
    """Writes come as bodies of the API; `trusted` are those of the company's own pages."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._names = Names(books)
        self._invoices = Invoices(books)
        self._payments = Payments(books, self._invoices)

    def create(self, kind: Kind, body: Mapping[str, Any], *, trusted: bool = False) -> Row:
        """Raises QuickBooksError; then nothing has changed."""
        _check_writable(kind)
        values = self._prepared(kind, cleaned(kind, body, trusted=trusted), None)
        row = self.books.insert(kind, values)
        if kind is PAYMENT:
            self._payments.carry(row.id, {}, row.values)
        return row

    def update(self, kind: Kind, row: Row, body: Mapping[str, Any], *, trusted: bool = False) -> Row:
        """Sparse where the body says so, else what is not sent becomes empty (sheet 4)."""
        _check_writable(kind)
        sent = cleaned(kind, body, trusted=trusted)
        sparse = body.get("sparse") is True
        kept = row.values if sparse else _system_values(kind, row.values)
        before = row.values
        if "Line" in sent and "TxnTaxDetail" in kept:
            # Tax is computed anew for new lines; only the code stays.
            code = kept["TxnTaxDetail"].get("TxnTaxCodeRef")
            kept = {**kept, "TxnTaxDetail": {"TxnTaxCodeRef": code}}
        values = self._prepared(kind, {**kept, **sent}, row)
        self.books.put(kind, row, values)
        if kind is PAYMENT:
            self._payments.carry(row.id, before, row.values)
        return row

    def delete(self, kind: Kind, row: Row) -> None:
        """Only transactions. Raises QuickBooksError."""
        if not kind.deletable:
            raise QuickBooksError("500", "Unsupported Operation", f"Operation delete is not supported on {kind.name}")
        if kind is PAYMENT:
            self._payments.check_changeable(row)
            self.books.remove(kind, row)
            self._payments.carry(row.id, row.values, {})
        else:
            self._invoices.check_removable(row)
            self.books.remove(kind, row)

    def void(self, kind: Kind, row: Row) -> Row:
        """The transaction stays with no amounts. Raises QuickBooksError."""
        if kind is INVOICE:
            values = self._invoices.voided(row)
            self._payments.let_go(row.id)
            return self.books.put(kind, row, values, "Void")
        if kind is PAYMENT:
            before, values = row.values, self._payments.voided(row)
            self.books.put(kind, row, values, "Void")
            self._payments.carry(row.id, before, values)
            return row
        raise QuickBooksError("500", "Unsupported Operation", f"Operation void is not supported on {kind.name}")

    def new_tax_code(self, name: str, rates: list[tuple[str, float]]) -> Row:
        """A tax code of its rates (name, per cent)."""
        return new_tax_code(self.books, name, rates)

    def target(self, kind: Kind, body: Mapping[str, Any]) -> Row:
        """The record that a write names, if its token is the current one. Raises QuickBooksError."""
        row = self.books.find(kind, str(body.get("Id")))
        if row is None:
            raise not_found(f"{kind.name} {body.get('Id')}")
        if body.get("SyncToken") in (None, ""):
            raise missing("SyncToken")
        if str(body["SyncToken"]) != str(row.sync_token):
            raise stale(row.values.get(kind.name_field) or f"{kind.name} {row.id}")
        return row

    def shown(self, kind: Kind, row: Row) -> Values:
        """A record as it is read."""
        if row.deleted:
            return tombstone(row)
        values = {**row.values, **self._computed(kind, row)}
        return {
            **{name: self._named(name, value) for name, value in values.items()},
            "domain": "QBO",
            "sparse": False,
            "Id": row.id,
            "SyncToken": str(row.sync_token),
            "MetaData": {"CreateTime": wire_time(row.created), "LastUpdatedTime": wire_time(row.updated)},
        }

    def value(self, kind: Kind, row: Row, name: str) -> Any:
        """One property for a query: stored, or computed."""
        if name == "Id":
            return row.id
        return row.values[name] if name in row.values else self._computed(kind, row).get(name)

    def _prepared(self, kind: Kind, values: Values, before: Row | None) -> Values:
        if kind is INVOICE:
            return self._invoices.prepared(values, before)
        if kind is PAYMENT:
            return self._payments.prepared(values, before)
        return self._names.prepared(kind, values, before)

    def _computed(self, kind: Kind, row: Row) -> Values:
        if kind is INVOICE:
            return self._invoices.shown(row)
        if kind is PAYMENT:
            return self._payments.shown(row)
        return self._names.shown(kind, row) if kind.writable else {}

    def _named(self, name: str, value: Any) -> Any:
        """References get the name that their target has now."""
        if isinstance(value, list):
            return [self._named(name, one) for one in value]
        if not isinstance(value, dict):
            return value
        if name.endswith("Ref") and set(value) == {"value"}:
            return self._reference(name, value)
        return {key: self._named(key, one) for key, one in value.items()}

    def _reference(self, name: str, value: Values) -> Values:
        kind = KINDS.get(_REF_NAMES.get(name, ""))
        row = self.books.tables[kind.name].get(value["value"]) if kind else None
        if kind is None or row is None or row.deleted:
            return value
        title = self._computed(kind, row).get("FullyQualifiedName") or row.values.get("Name")
        return {**value, "name": title} if title else value


def tombstone(row: Row) -> Values:
    """All that is left of a deleted record (sheet 3)."""
    meta = {"LastUpdatedTime": wire_time(row.updated)}
    return {"domain": "QBO", "status": "Deleted", "Id": row.id, "MetaData": meta}


def _system_values(kind: Kind, values: Values) -> Values:
    """What a full update cannot empty: the company's own, and what was fixed at creation."""
    fixed = ("CurrencyRef", "Balance", "UnappliedAmt", "SalesTaxRateList")
    return {name: values[name] for name in fixed if name in values}


def _check_writable(kind: Kind) -> None:
    if not kind.writable:
        raise QuickBooksError("500", "Unsupported Operation", f"{kind.name} cannot be written")
