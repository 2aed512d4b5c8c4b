"""What people do on both sides, and the book that is kept of it: the reference that the service is judged by.

The book knows nothing of how the service works. It holds which records people made, and for each field the last value
that a person left there: either it still stands at the end, or the audit names it as overruled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.kit.vendor import RecordError, Vendor

ALGUNA, SALESFORCE = "alguna", "salesforce"
SYSTEMS = (ALGUNA, SALESFORCE)
ACCOUNTS, CONTACTS, SUBSCRIPTIONS = "accounts", "contacts", "subscriptions"
ENTITIES = (ACCOUNTS, CONTACTS, SUBSCRIPTIONS)
NAME, EMAIL, CITY, LAST_NAME = "name", "email", "billingAddress.city", "lastName"
EXTERNAL_FIELDS: dict[str, dict[str, str]] = {
    ACCOUNTS: {NAME: "Name", EMAIL: "Email__c", CITY: "BillingCity"},
    CONTACTS: {LAST_NAME: "LastName", EMAIL: "Email"},
    SUBSCRIPTIONS: {NAME: "Name"},
}
_NEW_DEAL = {"StageName": "Prospecting", "CloseDate": "2026-12-31"}

Row = dict[str, Any]
Place = tuple[str, str, str]
"""System, entity and id of a record."""


@dataclass
class Book:
    """What people did. Fields are named in Alguna's words. `changes` are the records touched, in order.

    `restored` came back out of the recycle bin: they may stand beside the record that was made in their place. `merged`
    took others in: they may have the partners of these.
    """

    made: set[Place] = field(default_factory=set)
    restored: set[Place] = field(default_factory=set)
    merged: set[Place] = field(default_factory=set)
    edits: dict[tuple[str, str, str, str], Any] = field(default_factory=dict)
    changes: list[Place] = field(default_factory=list)


class People:
    """People at work in both systems. What a system refuses to a person is not done."""

    def __init__(self, vendors: dict[str, Vendor]) -> None:
        self._vendors = vendors
        self.book = Book()
        self.two_way: dict[str, list[str]] = {}

    def records(self, system: str, entity: str) -> dict[str, Row]:
        """All living records of a system as they are there, by id."""
        rows, _ = self._vendors[system].list_records(entity, None, 0, False)
        return {id_of(system, row): row for row in rows}

    def create(self, system: str, entity: str, values: dict[str, str | None], parent_id: str | None) -> None:
        """A person makes a record; a contact or a subscription needs a parent."""
        if system == SALESFORCE:
            names = EXTERNAL_FIELDS[entity]
            body: Row = {names[name]: value for name, value in values.items()}
            body |= {} if entity == ACCOUNTS else {"AccountId": parent_id}
            body |= _NEW_DEAL if entity == SUBSCRIPTIONS else {}
        else:
            body = _alguna_body(entity, values, parent_id)
        made: list[Row] = []
        if not self._do(lambda: made.append(self._vendors[system].create_record(entity, body))):
            return
        place = system, entity, id_of(system, made[0])
        self.book.made.add(place)
        if (system, entity) == (ALGUNA, ACCOUNTS):
            self.book.made |= {(ALGUNA, CONTACTS, contact["id"]) for contact in made[0]["contacts"]}
        for name in values:
            self._note(place, name)

    def edit(self, place: Place, name: str, value: str | None) -> None:
        """A person changes one field."""
        system, entity, record_id = place
        before = self._value(place, name)
        if system == SALESFORCE:
            changes = {EXTERNAL_FIELDS[entity][name]: value}
            done = self._do(lambda: self._vendors[system].patch_record(entity, record_id, changes))
        else:
            done = self._do(lambda: self._edit_alguna(entity, record_id, name, value))
        if done and self._value(place, name) != before:
            self._note(place, name)

    def move(self, place: Place, parent_id: str) -> None:
        """A person brings a child under another parent."""
        system, entity, record_id = place
        changes = {"AccountId" if system == SALESFORCE else "customer_id": parent_id}
        if self._do(lambda: self._vendors[system].patch_record(entity, record_id, changes)):
            self.book.changes.append(place)

    def merge(self, entity: str, loser: str, winner: str) -> None:
        """A person merges one Salesforce record into another."""
        if self._do(lambda: self._vendors[SALESFORCE].patch_record(entity, loser, {"MasterRecordId": winner})):
            self.book.changes += [(SALESFORCE, entity, loser), (SALESFORCE, entity, winner)]
            self.book.merged.add((SALESFORCE, entity, winner))

    def delete(self, place: Place) -> None:
        """A person deletes a record: for good in Alguna, into the recycle bin in Salesforce."""
        system, entity, record_id = place
        if self._do(lambda: self._vendors[system].delete_record(entity, record_id)):
            self.book.changes.append(place)

    def restore(self, entity: str, number: int) -> None:
        """A person takes a record out of Salesforce's recycle bin."""
        rows, _ = self._vendors[SALESFORCE].list_records(entity, None, 0, True)
        binned = [row["Id"] for row in rows if row["IsDeleted"]]
        if not binned:
            return
        record_id = binned[number % len(binned)]
        if self._do(lambda: self._vendors[SALESFORCE].patch_record(entity, record_id, {"IsDeleted": False})):
            self.book.changes.append((SALESFORCE, entity, record_id))
            self.book.restored.add((SALESFORCE, entity, record_id))

    def _do(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except RecordError:
            return False
        return True

    def _edit_alguna(self, entity: str, record_id: str, name: str, value: str | None) -> None:
        vendor = self._vendors[ALGUNA]
        if entity == CONTACTS:
            vendor.patch_record(CONTACTS, record_id, {_CONTACT_NAMES[name]: value})
            return
        row = self.records(ALGUNA, entity)[record_id]
        if name == NAME:
            vendor.patch_record(entity, record_id, {"name": value})
        elif name == CITY:
            address = row["billing_address"] or {"line1": "1 Way", "state": "X", "postal_code": "1", "country": "DE"}
            vendor.patch_record(entity, record_id, {"billing_address": {**address, "city": value}})
        else:
            self._edit_primary(row, value)

    def _edit_primary(self, customer: Row, value: str | None) -> None:
        vendor = self._vendors[ALGUNA]
        primary = primary_of(customer)
        if primary is not None:
            vendor.patch_record(CONTACTS, primary["id"], {"email": value})
        elif value is not None:
            made = vendor.create_record(CONTACTS, {"customer_id": customer["id"], "email": value})
            self.book.made.add((ALGUNA, CONTACTS, made["id"]))

    def _note(self, place: Place, name: str) -> None:
        system, entity, record_id = place
        self.book.changes.append(place)
        if (system, entity, name) == (ALGUNA, ACCOUNTS, EMAIL):
            # A customer's address is its primary contact's.
            primary = primary_of(self.records(ALGUNA, ACCOUNTS)[record_id])
            if primary is None:
                return
            place = ALGUNA, CONTACTS, primary["id"]
        self.book.edits[(*place, name)] = self._value(place, name)

    def _value(self, place: Place, name: str) -> Any:
        system, entity, record_id = place
        return value_of(system, entity, self.records(system, entity)[record_id], name)


_CONTACT_NAMES = {LAST_NAME: "last_name", EMAIL: "email"}


def _alguna_body(entity: str, values: dict[str, str | None], parent_id: str | None) -> Row:
    if entity == SUBSCRIPTIONS:
        return {"name": values[NAME], "currency": "EUR", "customer_id": parent_id}
    if entity == CONTACTS:
        return {"customer_id": parent_id, **{_CONTACT_NAMES[name]: value for name, value in values.items()}}
    contacts = [{"email": values[EMAIL], "is_primary": True}] if values[EMAIL] else []
    return {"name": values[NAME], "currency": "EUR", "contacts": contacts}


def primary_of(customer: Row) -> Row | None:
    """The primary contact of a raw customer."""
    return next((one for one in customer["contacts"] if one["is_primary"]), None)


def id_of(system: str, row: Row) -> str:
    """A raw record's id."""
    return str(row["id" if system == ALGUNA else "Id"])


def parent_of(system: str, row: Row) -> str | None:
    """The id of the account that a raw child belongs to."""
    parent = row["customer_id" if system == ALGUNA else "AccountId"]
    return None if parent is None else str(parent)


def value_of(system: str, entity: str, row: Row, name: str) -> Any:
    """A field's value in a raw record; blank text counts as none."""
    if system == SALESFORCE:
        value = row[EXTERNAL_FIELDS[entity][name]]
    elif entity == CONTACTS:
        value = row[_CONTACT_NAMES[name]]
    elif name == NAME:
        value = row["name"]
    elif name == CITY:
        value = (row["billing_address"] or {}).get("city")
    else:
        value = (primary_of(row) or {}).get("email")
    return value or None
