"""What people do on both sides, and the book that is kept of it: the reference that the service is judged by.

The book knows nothing of how the service works. It holds which records people made, and for each field the last value
that a person left there: either it still stands at the end, or the audit names it as overruled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.kit.vendor import RecordError, Vendor

ALGUNA, SALESFORCE = "alguna", "salesforce"
SYSTEMS = (ALGUNA, SALESFORCE)
NAME, EMAIL, CITY = "name", "email", "billingAddress.city"
EXTERNAL_FIELDS = {NAME: "Name", EMAIL: "Email__c", CITY: "BillingCity"}

Row = dict[str, Any]


@dataclass
class Book:
    """What people did. Keys name the system, the record and the field (in Alguna's words)."""

    made: dict[str, set[str]] = field(default_factory=lambda: {system: set() for system in SYSTEMS})
    edits: dict[tuple[str, str, str], Any] = field(default_factory=dict)


class People:
    """People at work on the accounts of both systems."""

    def __init__(self, vendors: dict[str, Vendor]) -> None:
        self._vendors = vendors
        self.book = Book()
        self.two_way: list[str] = []

    def records(self, system: str) -> dict[str, Row]:
        """All living records of a system as they are there, by id."""
        rows, _ = self._vendors[system].list_records("accounts", None, 0, False)
        return {str(row["id" if system == ALGUNA else "Id"]): row for row in rows}

    def create(self, system: str, name: str | None, email: str | None) -> None:
        """A person makes an account."""
        if system == ALGUNA:
            contacts = [{"email": email, "is_primary": True}] if email else []
            row = self._vendors[system].create_record(
                "accounts", {"name": name, "currency": "EUR", "contacts": contacts}
            )
        else:
            row = self._vendors[system].create_record("accounts", {"Name": name, "Email__c": email})
        record_id = str(row["id" if system == ALGUNA else "Id"])
        self.book.made[system].add(record_id)
        for name_of in (NAME, EMAIL):
            self._note(system, record_id, name_of)

    def edit(self, system: str, record_id: str, name: str, value: str | None) -> None:
        """A person changes one field; what the system refuses to a person is not done."""
        before = value_of(system, self.records(system)[record_id], name)
        try:
            if system == ALGUNA:
                self._edit_customer(record_id, name, value)
            else:
                self._vendors[system].patch_record("accounts", record_id, {EXTERNAL_FIELDS[name]: value})
        except RecordError:
            return
        if value_of(system, self.records(system)[record_id], name) != before:
            self._note(system, record_id, name)

    def delete(self, system: str, record_id: str) -> None:
        """A person deletes an account: for good in Alguna, into the recycle bin in Salesforce."""
        self._vendors[system].delete_record("accounts", record_id)

    def restore(self, place: int) -> None:
        """A person takes an account out of Salesforce's recycle bin."""
        rows, _ = self._vendors[SALESFORCE].list_records("accounts", None, 0, True)
        binned = [row["Id"] for row in rows if row["IsDeleted"]]
        if binned:
            self._vendors[SALESFORCE].patch_record("accounts", binned[place % len(binned)], {"IsDeleted": False})

    def _edit_customer(self, record_id: str, name: str, value: str | None) -> None:
        vendor = self._vendors[ALGUNA]
        row = self.records(ALGUNA)[record_id]
        if name == NAME:
            vendor.patch_record("accounts", record_id, {"name": value})
        elif name == CITY:
            address = row["billing_address"] or {"line1": "1 Way", "state": "X", "postal_code": "1", "country": "DE"}
            vendor.patch_record("accounts", record_id, {"billing_address": {**address, "city": value}})
        else:
            primary = next((one for one in row["contacts"] if one["is_primary"]), None)
            if primary is not None:
                vendor.patch_record("contacts", primary["id"], {"email": value})
            elif value is not None:
                vendor.create_record("contacts", {"customer_id": record_id, "email": value})

    def _note(self, system: str, record_id: str, name: str) -> None:
        self.book.edits[system, record_id, name] = value_of(system, self.records(system)[record_id], name)


def value_of(system: str, row: Row, name: str) -> Any:
    """A field's value in a raw record; blank text counts as none."""
    if system == SALESFORCE:
        value = row[EXTERNAL_FIELDS[name]]
    elif name == NAME:
        value = row["name"]
    elif name == CITY:
        value = (row["billing_address"] or {}).get("city")
    else:
        value = next((one["email"] for one in row["contacts"] if one["is_primary"]), None)
    return value or None
