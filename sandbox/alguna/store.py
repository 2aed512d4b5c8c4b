"""The records of one Alguna organisation, in memory, with the indexes that its API needs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.kit.vendor import Record

Keys = Callable[[Record], Iterable[str]]


class Table:
    """Rows by id in order of creation. A row is replaced, never changed in place, so that the indexes hold."""

    def __init__(self, **indexes: Keys) -> None:
        self._rows: dict[str, Record] = {}
        self._keys = indexes
        self._indexes: dict[str, dict[str, dict[str, None]]] = {name: {} for name in indexes}
        self._last_created = ""
        self.in_time_order = True

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._rows.values())

    def __reversed__(self) -> Iterator[Record]:
        return reversed(self._rows.values())

    def get(self, row_id: str) -> Record | None:
        return self._rows.get(row_id)

    def put(self, row: Record) -> Record:
        """Add the row, or replace the one with its id (which keeps its place)."""
        row_id = row["id"]
        before = self._rows.get(row_id)
        if before is None:
            created = row.get("created_at", "")
            self.in_time_order = self.in_time_order and created >= self._last_created
            self._last_created = created
        else:
            self._unindex(before)
        self._rows[row_id] = row
        for name, keys in self._keys.items():
            index = self._indexes[name]
            for key in keys(row):
                index.setdefault(key, {})[row_id] = None
        return row

    def remove(self, row_id: str) -> None:
        self._unindex(self._rows.pop(row_id))

    def find(self, index: str, key: str) -> list[Record]:
        """The rows with that key, in the order in which they got it."""
        return [self._rows[row_id] for row_id in self._indexes[index].get(key, ())]

    def count(self, index: str) -> int:
        """How many different keys the index holds."""
        return len(self._indexes[index])

    def _unindex(self, row: Record) -> None:
        for name, keys in self._keys.items():
            index = self._indexes[name]
            for key in keys(row):
                holders = index.get(key)
                if holders is not None:
                    holders.pop(row["id"], None)
                    if not holders:
                        del index[key]


class Store:
    """All tables of an organisation, and which sample records they hold already."""

    def __init__(self) -> None:
        self.customers = Table(
            alias=lambda row: row["aliases"],
            email=lambda row: [contact["email"].lower() for contact in row["contacts"]],
            contact=lambda row: [contact["id"] for contact in row["contacts"]],
        )
        self.connected_accounts = Table(
            customer=lambda row: [row["customer_id"]],
            external=lambda row: [row["external_id"]],
            integration=lambda row: [row["integration_id"]],
        )
        self.subscriptions = Table(customer=lambda row: [row["customer_id"]])
        self.versions = Table(subscription=lambda row: [row["subscription_id"]])
        self.invoices = Table(
            customer=lambda row: [row["customer_id"]],
            subscription=lambda row: [row["subscription_id"]] if row["subscription_id"] else [],
        )
        self.payments = Table(
            customer=lambda row: [row["customer_id"]],
            invoice=lambda row: [part["invoice_id"] for part in row["allocations"]],
        )
        self.products = Table(sku=lambda row: [row["sku"]] if row["sku"] else [])
        self.integrations = Table()
        self.seeded: dict[str, str] = {}
        self.invoice_number = 0

    def tables(self) -> dict[str, Table]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Table)}

    def dump(self) -> dict[str, Any]:
        return {
            "tables": {name: list(table) for name, table in self.tables().items()},
            "seeded": self.seeded,
            "invoice_number": self.invoice_number,
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Store":
        store = cls()
        for name, table in store.tables().items():
            for row in data["tables"][name]:
                table.put(row)
        store.seeded = data["seeded"]
        store.invoice_number = data["invoice_number"]
        return store
