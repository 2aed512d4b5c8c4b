"""What a person does in Alguna's dashboard: the control API's record calls.

They go through the same rules as the API, and reach a little further: tax fields, contacts one by one, prices,
deleting a customer. Records are raw v2 records; a contact's row is the contact with its `customer_id`.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from sandbox.alguna import invoices, subscriptions
from sandbox.alguna import values as read
from sandbox.alguna.api import Api
from sandbox.alguna.errors import ApiError, invalid, not_found, not_now
from sandbox.alguna.lines import totals
from sandbox.alguna.terms import billing_terms, contract_terms, fixed_item, items_of, renewal_terms
from sandbox.kit.vendor import Record, RecordError

_CUSTOMER_FIELDS: Record = {
    **dict.fromkeys(("name", "currency", "billing_address")),
    "aliases": [],
    "contacts": [],
    **dict.fromkeys(("tax_country", "tax_id", "tax_rate", "tax_reason", "tax_status", "tax_type")),
}
_CONTACT_FIELDS = ("email", "is_primary", "first_name", "last_name", "email_preferences")
_INVOICE_FIELDS = ("external_id", "external_provider", "external_url", "due_date")
_PAYMENT_FIELDS = ("external_id", "external_url", "paid_at")
_DEAD = ("failed", "voided")


class People:
    """Reads and edits records by their Alguna-side entity name. Refusals are RecordError."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store
        self._edits: dict[str, Any] = {
            "accounts": _Accounts(api),
            "contacts": _Contacts(api),
            "subscriptions": _Subscriptions(api),
            "invoices": _Invoices(api),
            "payments": _Payments(api),
        }

    def page(self, entity: str, limit: int | None, offset: int) -> tuple[list[Record], int]:
        self._api.org.settle()
        rows, total = self._edits[entity].all()
        return list(islice(rows, offset, None if limit is None else offset + limit)), total

    def get(self, entity: str, record_id: str) -> Record:
        return self._do(lambda: self._edits[entity].get(record_id))

    def create(self, entity: str, values: Record) -> Record:
        return self._do(lambda: self._edits[entity].create(values))

    def replace(self, entity: str, record_id: str, values: Record) -> Record:
        return self._do(lambda: self._edits[entity].patch(record_id, {**self._edits[entity].blank, **values}))

    def patch(self, entity: str, record_id: str, values: Record) -> Record:
        return self._do(lambda: self._edits[entity].patch(record_id, values))

    def delete(self, entity: str, record_id: str) -> None:
        self._do(lambda: self._edits[entity].delete(record_id) or {})

    def _do(self, edit: Callable[[], Record]) -> Record:
        self._api.org.settle()
        try:
            return edit()
        except ApiError as error:
            raise RecordError(error.status, error.detail) from error


class _Accounts:
    blank = _CUSTOMER_FIELDS

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        return self._store.customers, len(self._store.customers)

    def get(self, record_id: str) -> Record:
        return self._api.customers.resolve(record_id)

    def create(self, values: Record) -> Record:
        return self._api.customers.create(values, with_tax=True)

    def patch(self, record_id: str, values: Record) -> Record:
        return self._api.customers.change(self.get(record_id), values, with_tax=True)

    def delete(self, record_id: str) -> None:
        """The customer goes with everything that belongs to it."""
        row = self.get(record_id)
        for subscription in self._store.subscriptions.find("customer", row["id"]):
            self._api.subscriptions.remove(subscription)
        for table in (self._store.invoices, self._store.payments, self._store.connected_accounts):
            for owned in table.find("customer", row["id"]):
                table.remove(owned["id"])
        self._store.customers.remove(row["id"])
        self._api.org.stamp()


class _Contacts:
    """A contact lives in its customer, so each edit writes the customer's list and moves its `updated_at`."""

    blank: Record = {"first_name": None, "last_name": None, "email_preferences": []}

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        rows = chain.from_iterable(map(_contact_rows, self._store.customers))
        return rows, self._store.customers.count("contact")

    def get(self, record_id: str) -> Record:
        return _contact_row(self._owner(record_id), record_id)

    def create(self, values: Record) -> Record:
        customer = self._api.customers.resolve(read.text(values.get("customer_id"), "customer_id"))
        first = not customer["contacts"]
        added = {"is_primary": first, **{key: values[key] for key in _CONTACT_FIELDS if key in values}}
        others = [_demoted(one) if added["is_primary"] is True else one for one in customer["contacts"]]
        customer = self._api.customers.set_contacts(customer, [*others, added])
        return _contact_row(customer, customer["contacts"][-1]["id"])

    def patch(self, record_id: str, values: Record) -> Record:
        """Making a contact the primary one takes that from the others."""
        customer = self._owner(record_id)
        if values.get("customer_id", customer["id"]) != customer["id"]:
            raise invalid("a contact cannot move to another customer")
        sent = {key: values[key] for key in _CONTACT_FIELDS if key in values}
        others: Callable[[Record], Record] = _demoted if sent.get("is_primary") is True else dict
        contacts = [{**one, **sent} if one["id"] == record_id else others(one) for one in customer["contacts"]]
        return _contact_row(self._api.customers.set_contacts(customer, contacts), record_id)

    def delete(self, record_id: str) -> None:
        """When the primary contact goes, the next one takes its place."""
        customer = self._owner(record_id)
        left = [dict(one) for one in customer["contacts"] if one["id"] != record_id]
        if left and not any(one["is_primary"] for one in left):
            left[0]["is_primary"] = True
        self._api.customers.set_contacts(customer, left)

    def _owner(self, contact_id: str) -> Record:
        owners = self._store.customers.find("contact", contact_id)
        if not owners:
            raise not_found("contact")
        return owners[0]


class _Subscriptions:
    """Takes `items`, or `mrr` as short for one fixed monthly item, and `status` active or canceled."""

    blank: Record = {"metadata": {}}

    def __init__(self, api: Api) -> None:
        self._api = api.subscriptions
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


class _Invoices:
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


class _Payments:
    """Created against an invoice (`invoice_id`, `amount`, `paid_at`); `status` failed or voided opens it again."""

    blank: Record = {}

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store

    def all(self) -> tuple[Iterable[Record], int]:
        return self._store.payments, len(self._store.payments)

    def get(self, record_id: str) -> Record:
        return self._api.payments.get(record_id)

    def create(self, values: Record) -> Record:
        invoice = self._api.invoices.get(read.text(values.get("invoice_id"), "invoice_id"))
        amount = read.decimal(values.get("amount", invoice["amount_remaining"]), "amount")
        paid_at = read.optional_moment(values.get("paid_at"), "paid_at") or self._api.org.now()
        self._api.invoices.pay(invoice, amount, paid_at)
        return self._store.payments.find("invoice", invoice["id"])[-1]

    def patch(self, record_id: str, values: Record) -> Record:
        row = {**self.get(record_id), **{key: values[key] for key in _PAYMENT_FIELDS if key in values}}
        status = values.get("status", row["status"])
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
            self._api.invoices.reopen(invoice, totals(invoice["line_items"], paid))


def _items(values: Record) -> list[Record] | None:
    if "mrr" in values:
        return [fixed_item("prod_by_hand", str(values["mrr"]), 1, str(values.get("currency")))]
    return values.get("items")


def _contact_rows(customer: Record) -> list[Record]:
    return [{**contact, "customer_id": customer["id"]} for contact in customer["contacts"]]


def _contact_row(customer: Record, contact_id: str) -> Record:
    return next(row for row in _contact_rows(customer) if row["id"] == contact_id)


def _demoted(contact: Record) -> Record:
    return {**contact, "is_primary": False}
