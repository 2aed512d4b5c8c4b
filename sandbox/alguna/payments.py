"""Payments: read-only over the API; they come from paying invoices (Alguna sheet 2.4)."""

from decimal import Decimal

from sandbox.alguna import values as read
from sandbox.alguna.errors import not_found
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.paging import Lists
from sandbox.alguna.routing import Call, Reply, Routes
from sandbox.kit.vendor import Record


class Payments:
    """`/payments…`."""

    def __init__(self, org: Organisation, lists: Lists, routes: Routes) -> None:
        self._org = org
        self._lists = lists
        routes.add("GET", "payments", self._list)
        routes.add("GET", "payments/{}", lambda call: Reply(self.get(call.ids[0])))

    def get(self, payment_id: str) -> Record:
        """The payment. Raises ApiError 404."""
        row = self._org.store.payments.get(payment_id)
        if row is None:
            raise not_found("payment")
        return row

    def record(self, invoice: Record, amount: Decimal, paid_at: str, *, quietly: bool = False) -> Record:
        """A completed payment that goes to one invoice as a whole."""
        row: Record = {
            "id": self._org.new_id("pay"),
            "customer_id": invoice["customer_id"],
            "amount": read.money(amount, invoice["currency"]),
            "currency": invoice["currency"],
            "status": "completed",
            "allocations": [
                {
                    "invoice_id": invoice["id"],
                    "amount": read.money(amount, invoice["currency"]),
                    "status": "completed",
                    "reversed": False,
                }
            ],
            "amount_received": read.money(amount, invoice["currency"]),
            "amount_refunded": None,
            "external_id": None,
            "external_url": None,
            "paid_at": paid_at,
            "failed_at": None,
            "invoice_id": invoice["id"],
        }
        row["created_at"] = row["updated_at"] = self._org.stamp()
        self._org.store.payments.put(row)
        if not quietly:
            self._org.events.payment("created", row)
        return row

    def save(self, row: Record) -> Record:
        """Store a changed payment with a new `updated_at` and tell of it."""
        row = self._org.store.payments.put({**row, "updated_at": self._org.stamp()})
        self._org.events.payment("updated", row)
        return row

    def _list(self, call: Call) -> Reply:
        """No sort; the newest come first here, as Alguna's own order is not documented."""
        query, table = {**call.query}, self._org.store.payments
        query.pop("sort", None)
        key = (query.get("customer_id"), query.get("invoice_id"))
        rows = None
        if any(key):
            rows = table.find("invoice", query["invoice_id"]) if query.get("invoice_id") else list(table)
            rows = [row for row in rows if query.get("customer_id") in (None, "", row["customer_id"])]
        sortable = {"created_at": "created_at"}
        return Reply(self._lists.page(table, query, self._org.changes, sortable=sortable, rows=rows, key=key))
