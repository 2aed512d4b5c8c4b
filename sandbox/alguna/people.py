"""What a person does in Alguna's dashboard: the control API's record calls.

They go through the same rules as the API, and reach a little further: tax fields, contacts one by one, prices,
deleting a customer. Records are raw v2 records; a contact's row is the contact with its `customer_id`.
"""

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Any

from sandbox.alguna import values as read
from sandbox.alguna.api import Api
from sandbox.alguna.errors import ApiError, invalid, not_found
from sandbox.alguna.people_billing import InvoicesByHand, PaymentsByHand, SubscriptionsByHand
from sandbox.kit.vendor import Record, RecordError

_CUSTOMER_FIELDS: Record = {
    **dict.fromkeys(("name", "currency", "billing_address")),
    "aliases": [],
    "contacts": [],
    **dict.fromkeys(("tax_country", "tax_id", "tax_rate", "tax_reason", "tax_status", "tax_type")),
}
_CONTACT_FIELDS = ("email", "is_primary", "first_name", "last_name", "email_preferences")


class People:
    """Reads and edits records by their Alguna-side entity name. Refusals are RecordError."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._store = api.org.store
        self._edits: dict[str, Any] = {
            "accounts": _Accounts(api),
            "contacts": _Contacts(api),
            "subscriptions": SubscriptionsByHand(api),
            "invoices": InvoicesByHand(api),
            "payments": PaymentsByHand(api),
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


def _contact_rows(customer: Record) -> list[Record]:
    return [{**contact, "customer_id": customer["id"]} for contact in customer["contacts"]]


def _contact_row(customer: Record, contact_id: str) -> Record:
    return next(row for row in _contact_rows(customer) if row["id"] == contact_id)


def _demoted(contact: Record) -> Record:
    return {**contact, "is_primary": False}
