"""The company's records by object, the names that are taken, and which payment settles what of which invoice."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.kit.clock import Clock
from sandbox.quickbooks.errors import QuickBooksError, bad_reference, duplicate_name, inactive
from sandbox.quickbooks.schema import CUSTOMER, EMPLOYEE, KINDS, VENDOR, Kind
from sandbox.quickbooks.setup import Setup

DELETED_SUFFIX = " (deleted)"
_PEOPLE = (CUSTOMER.name, VENDOR.name, EMPLOYEE.name)
_FIRST_TXN, _FIRST_NAME = 130, 58


@dataclass(slots=True)
class Row:
    """One record: `values` in wire form without blanks. A deleted transaction stays as a tombstone."""

    id: str
    values: dict[str, Any]
    created: datetime
    updated: datetime
    sync_token: int = 0
    deleted: bool = False
    deposited: bool = False

    @property
    def active(self) -> bool:
        return not self.deleted and self.values.get("Active", True) is not False


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a webhook tells: `operation` is Create, Update, Delete, Void or Merge."""

    kind: Kind
    id: str
    operation: str
    at: datetime
    deleted_id: str = ""


@dataclass(slots=True)
class _Sequences:
    txn: int = _FIRST_TXN
    name: int = _FIRST_NAME
    document: int = 1001


@dataclass
class Books:
    """Everything the company holds. Checks come before changes, so a refused write leaves nothing behind."""

    clock: Clock
    setup: Setup
    changed: Callable[[Change], None] = lambda change: None
    tables: dict[str, dict[str, Row]] = field(default_factory=dict)
    applied: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    version: int = 0
    _names: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    _next: _Sequences = field(default_factory=_Sequences)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """No records at all."""
        self.tables = {name: {} for name in KINDS}
        self.applied = {}
        self.version += 1
        self._names = {}
        self._next = _Sequences()

    def rows(self, kind: Kind) -> Iterator[Row]:
        """Records that are not deleted, in order of creation."""
        return (row for row in self.tables[kind.name].values() if not row.deleted)

    def find(self, kind: Kind, row_id: str) -> Row | None:
        row = self.tables[kind.name].get(row_id)
        return None if row is None or row.deleted else row

    def refer(self, kind: Kind, value: str, element: str) -> Row:
        """The record that a reference names. Raises QuickBooksError 2500 for none, 610 for an inactive one."""
        row = self.find(kind, value)
        if row is None:
            raise bad_reference("Names" if kind.name in _PEOPLE else kind.name, value, element)
        if not row.active:
            raise inactive(f"{kind.name} {value}", element)
        return row

    def insert(self, kind: Kind, values: dict[str, Any], *, row_id: str | None = None) -> Row:
        """Store a checked record and tell of it."""
        at = self.clock.stamp()
        row = Row(row_id or self._new_id(kind), _present(values), at, at)
        self.tables[kind.name][row.id] = row
        self.version += 1
        self._hold(kind, row)
        self.changed(Change(kind, row.id, "Create", at))
        return row

    def put(self, kind: Kind, row: Row, values: dict[str, Any], operation: str = "Update") -> Row:
        """Store checked values over a record: the token rises, the time moves."""
        self._let_go(kind, row)
        row.values = _present(values)
        self._touch(row)
        self._hold(kind, row)
        self.changed(Change(kind, row.id, operation, row.updated))
        return row

    def remove(self, kind: Kind, row: Row) -> None:
        """Leave only a tombstone."""
        self._let_go(kind, row)
        row.deleted = True
        self._touch(row)
        self.changed(Change(kind, row.id, "Delete", row.updated))

    def merge(self, kind: Kind, loser: Row, winner: Row) -> None:
        """The loser is gone; what it had now belongs to the winner (sheet 8.7)."""
        for place in ("Invoice", "Payment"):
            for row in list(self.rows(KINDS[place])):
                if row.values["CustomerRef"]["value"] == loser.id:
                    self.put(KINDS[place], row, {**row.values, "CustomerRef": {"value": winner.id}})
        self._let_go(kind, loser)
        loser.deleted = True
        self._touch(loser)
        self._touch(winner)
        self.changed(Change(kind, winner.id, "Merge", winner.updated, loser.id))

    def check_name(self, kind: Kind, name: str, own_id: str | None) -> None:
        """Raises QuickBooksError 6240 where the name is taken, by a customer, vendor or employee alike."""
        held = self.holder(kind, name)
        if held is not None and held != (kind.name, own_id):
            raise duplicate_name(kind.name, name, held[0])

    def holder(self, kind: Kind, name: str) -> tuple[str, str] | None:
        """Which record has this name or number: its object and id."""
        return self._names.get(_space(kind), {}).get(name.casefold())

    def new_document_number(self) -> str:
        number, self._next.document = self._next.document, self._next.document + 1
        return str(number)

    def settle(self, payment_id: str, before: Iterable[str], amounts: dict[str, Decimal]) -> None:
        """A payment now settles these amounts, and no more of the invoices that it did before."""
        for invoice_id in before:
            self.applied.get(invoice_id, {}).pop(payment_id, None)
        for invoice_id, amount in amounts.items():
            self.applied.setdefault(invoice_id, {})[payment_id] = amount

    def check_open(self, *dates: str | None) -> None:
        """Raises QuickBooksError 6210 where the books are closed on one of these days (sheet 6)."""
        closing = self.setup.closing_date
        if closing is not None and any(one is not None and one <= closing.isoformat() for one in dates):
            detail = f"The account period has closed on {closing:%m/%d/%Y}; the transaction cannot be changed."
            raise QuickBooksError("6210", "Account Period Closed, Cannot Update Through Services", detail)

    def today(self) -> str:
        return self.clock.now().date().isoformat()

    def dump(self) -> dict[str, Any]:
        tables = {
            name: [{**asdict(row), "created": row.created.isoformat(), "updated": row.updated.isoformat()}
                   for row in table.values()]
            for name, table in self.tables.items()
        }  # fmt: skip
        applied = {key: {one: str(amount) for one, amount in held.items()} for key, held in self.applied.items()}
        return {"tables": tables, "applied": applied, "next": asdict(self._next)}

    def load(self, data: dict[str, Any]) -> None:
        self.clear()
        for name, rows in data["tables"].items():
            for one in rows:
                times = {key: datetime.fromisoformat(one[key]) for key in ("created", "updated")}
                row = Row(**{**one, **times})
                self.tables[name][row.id] = row
                if not row.deleted:
                    self._hold(KINDS[name], row)
        self.applied = {
            key: {one: Decimal(amount) for one, amount in held.items()} for key, held in data["applied"].items()
        }
        self._next = _Sequences(**data["next"])

    def _touch(self, row: Row) -> None:
        self.version += 1
        row.sync_token += 1
        row.updated = self.clock.stamp()

    def _new_id(self, kind: Kind) -> str:
        if kind.name_list and kind.name not in _PEOPLE:
            return str(max((int(one) for one in self.tables[kind.name] if one.isdecimal()), default=0) + 1)
        which = "name" if kind.name in _PEOPLE else "txn"
        number: int = getattr(self._next, which)
        setattr(self._next, which, number + 1)
        return str(number)

    def _hold(self, kind: Kind, row: Row) -> None:
        name = row.values.get(kind.name_field)
        if name:
            self._names.setdefault(_space(kind), {})[name.casefold()] = (kind.name, row.id)

    def _let_go(self, kind: Kind, row: Row) -> None:
        names, name = self._names.get(_space(kind), {}), row.values.get(kind.name_field)
        if name and names.get(name.casefold()) == (kind.name, row.id):
            del names[name.casefold()]


def _space(kind: Kind) -> str:
    return "people" if kind.name in _PEOPLE else kind.name


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
