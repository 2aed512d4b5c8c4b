"""What a person does in the dashboard with subscriptions, invoices and payments: the kinds of record that bill."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.alguna import invoices, subscriptions
from sandbox.alguna import values as read
from sandbox.alguna.api import Api
from sandbox.alguna.errors import invalid, not_now
from sandbox.alguna.lines import totals
from sandbox.alguna.terms import billing_terms, contract_terms, fixed_item, items_of, renewal_terms
from sandbox.kit.vendor import Record

_INVOICE_FIELDS = ("external_id", "external_provider", "external_url", "due_date")
_PAYMENT_FIELDS = ("external_id", "external_url", "paid_at")
_DEAD = ("failed", "voided")


class SubscriptionsByHand:
    """Takes `items`, or `mrr` as short for one fixed monthly item, and `status` active or canceled.

    Another `customer_id` stands for a transfer by Alguna's own staff: the API knows none.
    """

    blank: Record = {"metadata": {}}

    def __init__(self, api: Api) -> None:
        self._api = api.subscriptions
        self._customers = api.customers
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        return map(subscriptions.shown, self._store.subscriptions), len(self._store.subscriptions)

    def get(self, record_id: str) -> Record:
        return subscriptions.shown(self._api.get(record_id))

    def create(self, values: Record) -> Record:
        row = self._api.create({**values, "items": values.get("items") or _items(values) or []})
        return subscriptions.shown(self._with_status(row, values.get("status", "draft")))

    def patch(self, record_id: str, values: Record) -> Record:
        row = dict(self._api.get(record_id))
        if "name" in values:
            row["name"] = read.text(values["name"], "name")
        if "currency" in values:
            row["currency"] = read.currency(values["currency"])
        if "customer_id" in values:
            row["customer_id"] = self._customers.resolve(read.text(values["customer_id"], "customer_id"))["id"]
        if "metadata" in values:
            row["metadata"] = read.mapping(values["metadata"], "metadata")
        if "contract" in values:
            row["contract"] = contract_terms(values["contract"])
        if "billing" in values:
            row["billing"] = billing_terms(values["billing"])
        if "renewal" in values:
            row["renewal"] = renewal_terms(values["renewal"])
        items = _items({"currency": row["currency"], **values})
        if items is not None:
            row = self._api.price_anew(row, items_of(items, row["currency"]))
        row = self._api.save(row, "updated")
        return subscriptions.shown(self._with_status(row, values.get("status", row["status"])))

    def delete(self, record_id: str) -> None:
        row = self._api.get(record_id)
        if row["status"] != "draft":
            raise not_now("only draft subscriptions can be deleted")
        self._api.remove(row)

    def _with_status(self, row: Record, status: Any) -> Record:
        if status == row["status"]:
            return row
        if status == "active":
            return self._api.activate(row)
        if status == "canceled":
            return self._api.cancel_now(row)
        raise invalid(f"a subscription that is {row['status']} cannot become {status}")


class InvoicesByHand:
    """Takes `status` issued (a draft goes out at once) and void, and the fields that an accounting system sets."""

    blank: Record = {"description": "", "purchase_order_number": None}

    def __init__(self, api: Api) -> None:
        self._api = api.invoices
        self._org = api.org
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        return map(invoices.shown, self._store.invoices), len(self._store.invoices)

    def get(self, record_id: str) -> Record:
        return invoices.shown(self._api.get(record_id))

    def create(self, values: Record) -> Record:
        row = self._api.create({**values, "status": "draft"})
        return self.patch(row["id"], {"status": values.get("status", "draft")})

    def patch(self, record_id: str, values: Record) -> Record:
        row = self._api.get(record_id)
        set_by_hand = {key: read.optional_text(values[key], key) for key in _INVOICE_FIELDS if key in values}
        row = self._api.change({**row, **set_by_hand}, values)
        status = values.get("status", row["status"])
        if status == "issued" and row["status"] == "draft":
            row = self._api.issue(row)
        elif status == "void" and row["status"] != "void":
            row = self._api.void(row)
        elif status != row["status"]:
            raise invalid(f"an invoice that is {row['status']} cannot become {status}")
        return invoices.shown(row)

    def delete(self, record_id: str) -> None:
        row = self._api.get(record_id)
        if row["status"] != "draft":
            raise not_now("only draft invoices can be deleted")
        self._api.remove(row)


class PaymentsByHand:
    """Created against an invoice (`invoice_id`, `amount`, `paid_at`), or several (`allocations`, each with both).

    `status` processing says that the money is on its way, completed that it has come; failed and voided open the
    invoices again.
    """

    blank: Record = {}

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        return self._store.payments, len(self._store.payments)

    def get(self, record_id: str) -> Record:
        return self._api.payments.get(record_id)

    def create(self, values: Record) -> Record:
        paid_at = read.optional_moment(values.get("paid_at"), "paid_at") or self._api.org.now()
        if values.get("allocations"):
            return self._split(read.listing(values["allocations"], "allocations"), paid_at)
        invoice = self._api.invoices.get(read.text(values.get("invoice_id"), "invoice_id"))
        amount = read.decimal(values.get("amount", invoice["amount_remaining"]), "amount")
        self._api.invoices.pay(invoice, amount, paid_at)
        row = self._store.payments.find("invoice", invoice["id"])[-1]
        return self._api.payments.save({**row, "status": "processing"}) if values.get("status") == "processing" else row

    def _split(self, parts: list[Record], paid_at: str) -> Record:
        """One payment that settles several invoices."""
        made = [self.create({**part, "paid_at": paid_at}) for part in parts]
        for other in made[1:]:
            self._store.payments.remove(other["id"])
        total = sum((Decimal(one["amount"]) for one in made), Decimal(0))
        allocations = [part for one in made for part in one["allocations"]]
        amount = read.money(total, made[0]["currency"])
        whole = {"amount": amount, "amount_received": amount, "allocations": allocations, "invoice_id": None}
        return self._api.payments.save({**made[0], **whole})

    def patch(self, record_id: str, values: Record) -> Record:
        row = {**self.get(record_id), **{key: values[key] for key in _PAYMENT_FIELDS if key in values}}
        status = values.get("status", row["status"])
        if (row["status"], status) == ("processing", "completed"):
            return self._api.payments.save({**row, "status": status})
        if status != row["status"]:
            if status not in _DEAD or row["status"] in _DEAD:
                raise invalid(f"a payment that is {row['status']} cannot become {status}")
            self._undo(row)
            undone = [{**part, "status": status, "reversed": True} for part in row["allocations"]]
            row |= {"status": status, "allocations": undone}
        return self._api.payments.save(row)

    def delete(self, record_id: str) -> None:
        self.get(record_id)
        raise not_now("a payment cannot be deleted; set its status to voided")

    def _undo(self, payment: Record) -> None:
        for part in payment["allocations"]:
            invoice = self._api.invoices.get(part["invoice_id"])
            paid = Decimal(invoice["amount_paid"]) - Decimal(part["amount"])
            self._api.invoices.reopen(invoice, totals(invoice["line_items"], paid, invoice["currency"]))


def _items(values: Record) -> list[Record] | None:
    if "mrr" in values:
        return [fixed_item("prod_by_hand", str(values["mrr"]), 1, str(values.get("currency")))]
    return values.get("items")
