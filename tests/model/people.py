"""What people do on both sides, and the book that is kept of it: the reference that the service is judged by.

The book knows nothing of how the service works. It holds which records people made, and for each field the last value
that a person left there: either it still stands at the end, or the audit names it as overruled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.kit.vendor import RecordError
from tests.model.systems import ACCOUNTS, CITY, CONTACTS, EMAIL, LAST_NAME, NAME, SUBSCRIPTIONS, Row, System

ALGUNA, EXTERNAL = "alguna", "external"
SIDES = (ALGUNA, EXTERNAL)

Place = tuple[str, str, str]
"""Side, entity and id of a record."""


@dataclass
class Book:
    """What people did. Fields are named in Alguna's words. `changes` are the records touched, in order.

    `restored` came back out of the recycle bin: they may stand beside the record that was made in their place. `merged`
    took others in: they may have the partners of these. `addresses` were `People.addresses` before somebody deleted in
    Alguna.
    """

    made: set[Place] = field(default_factory=set)
    restored: set[Place] = field(default_factory=set)
    merged: set[Place] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    edits: dict[tuple[str, str, str, str], Any] = field(default_factory=dict)
    changes: list[Place] = field(default_factory=list)


class Pages(Protocol):
    """What people can do in a system's own pages, as `sandbox.kit.vendor.Vendor` has it. Raises `RecordError`."""

    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Row], int]: ...

    def create_record(self, entity: str, values: Row) -> Row: ...

    def patch_record(self, entity: str, record_id: str, values: Row) -> Row: ...

    def delete_record(self, entity: str, record_id: str) -> None: ...


class People:
    """People at work in both systems. What a system refuses to a person is not done."""

    def __init__(self, system: System, vendors: Mapping[str, Pages]) -> None:
        """Take the provider, and the pages of each side."""
        self.system = system
        self._vendors = vendors
        self.book = Book()
        self.two_way: dict[str, list[str]] = {}

    def records(self, side: str, entity: str) -> dict[str, Row]:
        """All living records of a side as they are there, by id."""
        rows, _ = self._vendors[side].list_records(entity, None, 0, False)
        gone = self.system.is_gone if side == EXTERNAL else lambda _: False
        return {self.id_of(side, row): row for row in rows if not gone(row)}

    def addresses(self) -> set[str]:
        """Alguna's primary contacts that nobody made: the service brought them as the address of a customer."""
        primaries = map(primary_of, self.records(ALGUNA, ACCOUNTS).values())
        ids = {primary["id"] for primary in primaries if primary is not None}
        return {one for one in ids if (ALGUNA, CONTACTS, one) not in self.book.made}

    def create(self, side: str, entity: str, values: dict[str, str | None], parent_id: str | None) -> None:
        """A person makes a record; a contact or a subscription needs a parent."""
        making = self.system.making if side == EXTERNAL else _alguna_body
        body = making(entity, values, parent_id)
        made: list[Row] = []
        if not self._do(lambda: made.append(self._vendors[side].create_record(entity, body))):
            return
        place = side, entity, self.id_of(side, made[0])
        self.book.made.add(place)
        if (side, entity) == (ALGUNA, ACCOUNTS):
            self.book.made |= {(ALGUNA, CONTACTS, contact["id"]) for contact in made[0]["contacts"]}
        for name in values:
            self._note(place, name)

    def edit(self, place: Place, name: str, value: str | None) -> None:
        """A person changes one field."""
        side, entity, record_id = place
        before = self._value(place, name)
        if side == EXTERNAL:
            changes = self.system.editing(entity, name, value)
            done = self._do(lambda: self._vendors[side].patch_record(entity, record_id, changes))
        else:
            done = self._do(lambda: self._edit_alguna(entity, record_id, name, value))
        if done and self._value(place, name) != before:
            self._note(place, name)

    def move(self, place: Place, parent_id: str) -> None:
        """A person brings a child under another parent."""
        side, entity, record_id = place
        parent = self.system.kinds[entity].parent
        changes = parent.body(parent_id) if side == EXTERNAL and parent else {"customer_id": parent_id}
        if self._do(lambda: self._vendors[side].patch_record(entity, record_id, changes)):
            self.book.changes.append(place)

    def merge(self, entity: str, loser: str, winner: str) -> None:
        """A person merges one of the provider's records into another; what is left may have an id of its own."""
        left: list[Row] = []
        vendor, changes = self._vendors[EXTERNAL], {self.system.merging: winner}
        if self._do(lambda: left.append(vendor.patch_record(entity, loser, changes))):
            stay = {winner, self.id_of(EXTERNAL, left[0])} - {loser}
            self.book.changes += [(EXTERNAL, entity, one) for one in (loser, *sorted(stay))]
            self.book.merged |= {(EXTERNAL, entity, one) for one in stay}
            self._take_over(entity, stay & self.records(EXTERNAL, entity).keys())

    def delete(self, place: Place) -> None:
        """A person deletes a record: for good in Alguna, in the vendor's own way at the provider."""
        side, entity, record_id = place
        if side == ALGUNA:
            self.book.addresses |= self.addresses()
        if self._do(lambda: self._vendors[side].delete_record(entity, record_id)):
            self.book.changes.append(place)

    def archive(self, entity: str, record_id: str) -> None:
        """A person takes one of the provider's records out of use, where that is no deletion."""
        changes = dict(self.system.archiving or {})
        if changes and self._do(lambda: self._vendors[EXTERNAL].patch_record(entity, record_id, changes)):
            self.book.changes.append((EXTERNAL, entity, record_id))

    def restore(self, entity: str, number: int) -> None:
        """A person takes one of the provider's records out of its recycle bin or archive."""
        rows, _ = self._vendors[EXTERNAL].list_records(entity, None, 0, True)
        binned = [self.id_of(EXTERNAL, row) for row in rows if self.system.can_return(row)]
        if not binned:
            return
        record_id = binned[number % len(binned)]
        if self._do(lambda: self._vendors[EXTERNAL].patch_record(entity, record_id, self.system.restoring)):
            self.book.changes.append((EXTERNAL, entity, record_id))
            self.book.restored.add((EXTERNAL, entity, record_id))

    def id_of(self, side: str, row: Row) -> str:
        """A raw record's id."""
        return str(row["id"]) if side == ALGUNA else str(row[self.system.raw.id])

    def parent_of(self, side: str, entity: str, row: Row) -> str | None:
        """The id of the account that a raw child belongs to."""
        kind = self.system.kinds[entity]
        found = kind.parent.read(row) if side == EXTERNAL and kind.parent else row["customer_id"]
        return None if found is None else str(found)

    def value_of(self, side: str, entity: str, row: Row, name: str) -> Any:
        """A field's value in a raw record; blank text counts as none."""
        if side == EXTERNAL:
            return self.system.kinds[entity].fields[name].read(row) or None
        if entity == CONTACTS:
            return row[_CONTACT_NAMES[name]] or None
        if name == NAME:
            return row["name"] or None
        if name == CITY:
            return (row["billing_address"] or {}).get("city") or None
        return (primary_of(row) or {}).get("email") or None

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
            address = row["billing_address"] or {"line1": "1 Way", "state": "X", "postal_code": "1", "country": "DEU"}
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

    def _take_over(self, entity: str, survivors: Collection[str]) -> None:
        """HubSpot fills what is blank in the survivor of a merge from the record that goes."""
        for place, name in [(key[:3], key[3]) for key, value in self.book.edits.items() if value is None]:
            if place[:2] == (EXTERNAL, entity) and place[2] in survivors:
                self.book.edits[(*place, name)] = self._value(place, name)

    def _note(self, place: Place, name: str) -> None:
        side, entity, record_id = place
        self.book.changes.append(place)
        if (side, entity, name) == (ALGUNA, ACCOUNTS, EMAIL):
            # A customer's address is its primary contact's.
            primary = primary_of(self.records(ALGUNA, ACCOUNTS)[record_id])
            if primary is None:
                return
            place = ALGUNA, CONTACTS, primary["id"]
        self.book.edits[(*place, name)] = self._value(place, name)

    def _value(self, place: Place, name: str) -> Any:
        side, entity, record_id = place
        return self.value_of(side, entity, self.records(side, entity)[record_id], name)


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
