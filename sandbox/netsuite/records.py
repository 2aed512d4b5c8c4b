"""The account's data: what a save checks, derives, refuses and leaves behind (sheet 2, 4, 8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sandbox.kit.clock import Clock
from sandbox.netsuite import customers, invoices, lookups, payments
from sandbox.netsuite.bodies import Sent, merged
from sandbox.netsuite.errors import no_such_record, user_error
from sandbox.netsuite.record_types import BY_LOWER, CUSTOMER, INVOICE, PAYMENT, TYPES
from sandbox.netsuite.schema import RecordType, Row
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.values import minute

_UNIQUE = ("externalId", "entityId", "tranId")
_FIRST_IDS = {"entity": 101, "transaction": 1001}


@dataclass(frozen=True)
class Edit:
    """Who writes: the integration's user over REST, or a person in the pages."""

    user: str
    context: str


@dataclass(frozen=True)
class Change:
    """One save or deletion: the row before and after it; `derived` where the record changed only through another."""

    kind: RecordType
    before: Row | None
    after: Row | None
    edit: Edit
    derived: bool = False

    @property
    def id(self) -> str:
        row = self.after or self.before or {}
        return str(row["id"])


class Records:
    """All records of one account. Every method is synchronous, and so atomic."""

    def __init__(self, clock: Clock, setup: Setup) -> None:
        self.setup = setup
        self.clock = clock
        self.rows: dict[str, dict[str, Row]] = {}
        self.deleted: list[Row] = []
        self.listeners: list[Callable[[Change], None]] = []
        self._next = dict(_FIRST_IDS)
        self._keys: dict[tuple[str, str, str], str] = {}
        self._payments_of: dict[str, set[str]] = {}
        self._transactions_of: dict[str, set[str]] = {}
        self.clear()

    def clear(self) -> None:
        """Take all records away. Ids go on rising, as an account never gives one twice."""
        self.rows = {name: {} for name in TYPES}
        self.deleted.clear()
        self._keys.clear()
        self._payments_of.clear()
        self._transactions_of.clear()
        self.refresh_lookups()

    def refresh_lookups(self) -> None:
        """Make the lookups anew, as the set-up says."""
        for name, rows in lookups.rows(self.setup, self.today()).items():
            self.rows[name] = {row["id"]: row for row in rows}

    def dump(self) -> Row:
        kept = {kind.name: list(self.rows[kind.name].values()) for kind in (CUSTOMER, INVOICE, PAYMENT)}
        return {"rows": kept, "deleted": self.deleted, "next": self._next}

    def load(self, data: Row) -> None:
        self.clear()
        self._next |= data["next"]
        self.deleted.extend(data["deleted"])
        for name, rows in data["rows"].items():
            for row in rows:
                self._put(TYPES[name], row)

    def today(self) -> date:
        return self.clock.now().date()

    def find(self, kind: str, by: str, value: str) -> str | None:
        """The internal id of a record by its id or its external id; also what references go by."""
        rows = self.rows[BY_LOWER[kind.lower()].name]
        if by == "id":
            return value if value in rows else None
        return self.holder(BY_LOWER[kind.lower()].name, by, value)

    def holder(self, kind: str, name: str, value: str) -> str | None:
        """The id of the record that holds this value of a unique field; case counts in external ids only."""
        return self._keys.get((kind, name, _folded(name, value)))

    def get(self, kind: RecordType, key: str) -> Row:
        """A record by id or `eid:…`. Raises the errors of sheet 0 and 3."""
        by, value = ("externalId", key[4:]) if key.startswith("eid:") else ("id", key)
        found = self.find(kind.name, by, value)
        if found is None:
            if by == "id" and kind.is_transaction and self._is_other_transaction(kind, value):
                raise user_error("Transaction type specified is incorrect.")
            raise no_such_record()
        return self.rows[kind.name][found]

    def payments_of(self, invoice_id: str) -> list[Row]:
        return [self.rows["customerPayment"][one] for one in sorted(self._payments_of.get(invoice_id, ()), key=int)]

    def transactions_of(self, customer_id: str) -> list[Row]:
        """The customer's invoices and payments, in order of id."""
        return [
            row
            for one in sorted(self._transactions_of.get(customer_id, ()), key=int)
            if (row := self.rows["invoice"].get(one) or self.rows["customerPayment"].get(one)) is not None
        ]

    def lookup(self, name: str, record_id: str) -> Row:
        return self.rows[name][record_id]

    def digits(self, currency_id: str) -> int:
        return int(self.rows["currency"][currency_id]["currencyPrecision"])

    def insert(self, edit: Edit, kind: RecordType, sent: Sent) -> Row:
        """Make a record. Raises NetSuiteError."""
        row: Row = {"id": str(self._next[kind.family])}
        self._lay(kind, row, sent, frozenset())
        self._derive(kind, row, None)
        self._check_unique(kind, row)
        self._next[kind.family] += 1
        stamp = minute(self.clock.stamp())
        row |= {kind.created: stamp, "lastModifiedDate": stamp, "_by": edit.user}
        return self._saved(kind, None, row, edit)

    def update(self, edit: Edit, kind: RecordType, before: Row, sent: Sent, replace: frozenset[str]) -> Row:
        """Change a record; `replace` names the sublists of which only the lines sent stay. Raises NetSuiteError."""
        row = {**before}
        self._lay(kind, row, sent, replace)
        self._derive(kind, row, before)
        self._check_unique(kind, row)
        row |= {"lastModifiedDate": minute(self.clock.stamp()), "_by": edit.user}
        return self._saved(kind, before, row, edit)

    def void(self, edit: Edit, kind: RecordType, before: Row) -> Row:
        """A direct void, as the pages and SuiteScript do it: all amounts become zero, the memo says so."""
        row = (invoices if kind is INVOICE else payments).voided(self, before)
        row |= {"lastModifiedDate": minute(self.clock.stamp()), "_by": edit.user}
        return self._saved(kind, before, row, edit)

    def delete(self, edit: Edit, kind: RecordType, row: Row) -> None:
        """Raises NetSuiteError where something depends on the record."""
        if kind is CUSTOMER and self.transactions_of(row["id"]):
            raise user_error("This record cannot be deleted because it has dependent records.")
        if kind is INVOICE:
            invoices.check_open(self, row)
            if self.payments_of(row["id"]):
                raise user_error("This transaction cannot be deleted because it is linked to by other transactions.")
        if kind is PAYMENT:
            invoices.check_open(self, row)
        self._forget(kind, row)
        del self.rows[kind.name][row["id"]]
        gone = {"recordid": row["id"], "type": kind.name.lower(), "name": str(row.get("entityId") or row.get("tranId"))}
        self.deleted.append({**gone, "deletedby": edit.user, "deleteddate": minute(self.clock.stamp())})
        self._after_payment(kind, row, None, edit)
        self._tell(Change(kind, row, None, edit))

    def resave(self, edit: Edit, kind: RecordType, before: Row, changes: dict[str, Any]) -> None:
        """A save that NetSuite makes by itself: what a record derives from others has changed."""
        stamp = {"lastModifiedDate": minute(self.clock.stamp()), "_by": edit.user}
        self._saved(kind, before, {**before, **changes, **stamp}, edit, derived=True)

    def _lay(self, kind: RecordType, row: Row, sent: Sent, replace: frozenset[str]) -> None:
        for name, value in sent.values.items():
            if value is None:
                row.pop(name, None)
            else:
                row[name] = value
        for name, lines in sent.lists.items():
            sublist = kind.lists_by_lower[name.lower()]
            row[name] = merged(sublist, row.get(name, []), lines, replace=name in replace)

    def _derive(self, kind: RecordType, row: Row, before: Row | None) -> None:
        rules = {"customer": customers, "invoice": invoices, "customerPayment": payments}[kind.name]
        rules.derive(self, row, before)

    def _check_unique(self, kind: RecordType, row: Row) -> None:
        holder = self.holder(kind.name, "externalId", row.get("externalId", ""))
        if holder is not None and holder != row["id"]:
            raise user_error("This entity already exists." if kind is CUSTOMER else "This record already exists.")

    def _is_other_transaction(self, kind: RecordType, record_id: str) -> bool:
        others = {"invoice", "customerPayment"} - {kind.name}
        return any(record_id in self.rows[name] for name in others)

    def _saved(self, kind: RecordType, before: Row | None, row: Row, edit: Edit, *, derived: bool = False) -> Row:
        if before is not None:
            self._forget(kind, before)
        self._put(kind, row)
        self._after_payment(kind, before, row, edit)
        self._tell(Change(kind, before, row, edit, derived))
        return row

    def _after_payment(self, kind: RecordType, before: Row | None, row: Row | None, edit: Edit) -> None:
        """What a payment settles, or settles no more, is open or paid by it: the invoices are saved as well."""
        if kind is not PAYMENT:
            return
        touched = {line["doc"] for one in (before, row) if one is not None for line in one.get("apply", [])}
        for invoice_id in sorted(touched, key=int):
            invoice = self.rows["invoice"].get(invoice_id)
            if invoice is not None:
                self.resave(edit, INVOICE, invoice, invoices.settled(self, invoice))

    def _put(self, kind: RecordType, row: Row) -> None:
        self.rows[kind.name][row["id"]] = row
        for name in _UNIQUE:
            if row.get(name):
                self._keys[kind.name, name, _folded(name, row[name])] = row["id"]
        if kind.is_transaction:
            self._transactions_of.setdefault(_party(kind, row), set()).add(row["id"])
        for line in row.get("apply", []):
            self._payments_of.setdefault(line["doc"], set()).add(row["id"])

    def _forget(self, kind: RecordType, row: Row) -> None:
        for name in _UNIQUE:
            self._keys.pop((kind.name, name, _folded(name, row.get(name, ""))), None)
        if kind.is_transaction:
            self._transactions_of.get(_party(kind, row), set()).discard(row["id"])
        for line in row.get("apply", []):
            self._payments_of.get(line["doc"], set()).discard(row["id"])

    def _tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)


def _folded(name: str, value: str) -> str:
    return value if name == "externalId" else value.casefold()


def _party(kind: RecordType, row: Row) -> str:
    return str(row["entity" if kind is INVOICE else "customer"])


def type_named(name: str) -> RecordType | None:
    return BY_LOWER.get(name.lower())
