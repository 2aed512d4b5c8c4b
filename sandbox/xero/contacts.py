"""Contacts: what a write must meet and what it does; archiving, merging, matching by number and name (sheet 2, 4)."""

import re
from uuid import uuid4

from sandbox.xero import values as read
from sandbox.xero.books import Books, folded
from sandbox.xero.errors import RowError
from sandbox.xero.values import Row

_TEXTS = {
    "Name": 255,
    "FirstName": 255,
    "LastName": 255,
    "EmailAddress": 255,
    "ContactNumber": 50,
    "AccountNumber": 50,
    "CompanyNumber": 50,
    "TaxNumber": 50,
    "BankAccountDetails": 255,
    "AccountsReceivableTaxType": 50,
    "AccountsPayableTaxType": 50,
}
_ADDRESS = {
    **{f"AddressLine{number}": 500 for number in range(1, 5)},
    **{"City": 255, "Region": 255, "PostalCode": 50, "Country": 50, "AttentionTo": 255},
}
_PHONE = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
ADDRESS_TYPES, PHONE_TYPES = ("POBOX", "STREET"), ("DDI", "DEFAULT", "FAX", "MOBILE")
_STATUSES = ("ACTIVE", "ARCHIVED", "GDPRREQUEST")
_EMAIL = re.compile(r"[^\s@,;<>()]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_MOST_PERSONS = 5
NUMBER_TAKEN = "Another contact has this contact number. Please enter a different contact number."
_ACCOUNT_TAKEN = "The Account Number already exists. Please enter a different Account Number."


class Contacts:
    """Names are unique among the active; a contact number belongs to one contact for good, archived or not."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def write(self, element: Row, contact_id: str | None, *, create: bool) -> Row:
        """One row of a PUT (`create`) or POST. Raises RowError."""
        before = None if create else self._meant(element, contact_id)
        return self.save(element, before)

    def save(self, element: Row, before: Row | None) -> Row:
        """A new contact, or the given one with the elements that are there. Raises RowError."""
        sent = self._checked(element)
        row = {**(before or _blank()), **sent}
        if not row.get("Name"):
            raise RowError(
                "The Contact must contain at least 1 of the following elements to identify the contact: "
                "Name, ContactID, ContactNumber"
            )
        self._check_unique(row)
        return self._put(row, new=before is None)

    def merge(self, winner: Row, loser: Row) -> Row:
        """A person merges two: documents move over, the loser is archived and says where it went (sheet 8)."""
        for invoice in self._books.invoices.find("contact", loser["ContactID"]):
            self._books.invoices.put({**invoice, "ContactID": winner["ContactID"]})
        row = self._put({**loser, "ContactStatus": "ARCHIVED", "MergedToContactID": winner["ContactID"]}, new=False)
        self._put(winner, new=False)
        return row

    def by_id_or_number(self, text: str) -> Row | None:
        return self._books.contacts.rows.get(read.guid(text) or "") or next(
            iter(self._books.contacts.find("number", text)), None
        )

    def for_invoice(self, sent: Row) -> Row:
        """The contact of a document: by id, number or name; a new name makes a contact (sheet 4). Raises RowError."""
        if not (sent.get("ContactID") or sent.get("Name") or sent.get("ContactNumber")):
            raise RowError("A Contact must be specified for this type of transaction")
        before = self._meant(sent, None)
        if before is not None and before["ContactStatus"] != "ACTIVE":
            raise RowError(
                "The contact with the specified contact details has been archived. "
                "The contact must be un-archived before creating new invoices or credit notes."
            )
        if before is not None and not set(sent) - {"ContactID", "Name", "HasValidationErrors", "HasAttachments"}:
            return before
        return self.save(sent, before)

    def _meant(self, element: Row, contact_id: str | None) -> Row | None:
        """The contact that a POST means: by its id, else by number, else by name (sheet 4). Raises RowError."""
        named = contact_id or read.guid(element.get("ContactID"))
        if named is not None:
            found = self._books.contacts.rows.get(named)
            if found is None:
                raise RowError("The Contact with the specified ContactID could not be found")
            return found
        held = self._books.contacts.find("number", str(element.get("ContactNumber") or ""))
        held = held or self._books.contacts.find("name", folded(str(element.get("Name") or "")))
        return held[0] if held else None

    def _checked(self, element: Row) -> Row:
        """The values to keep, by element; a malformed one raises RowError, an unreadable one XeroError."""
        sent: Row = {}
        for name, most in _TEXTS.items():
            value = read.text(element, name, most)
            if value is not None:
                sent[name] = value or None
        if sent.get("Name"):
            sent["Name"] = " ".join(str(sent["Name"]).split())
            if re.search(r"[<>]", sent["Name"]):
                raise RowError("The contact name cannot contain < or >")
        if sent.get("EmailAddress") and not _EMAIL.fullmatch(str(sent["EmailAddress"])):
            raise RowError("Email address must be valid")
        status = element.get("ContactStatus")
        if status is not None and status not in _STATUSES:
            raise RowError(f"Contact status {status} is not valid")
        if status is not None:
            sent["ContactStatus"] = status
        currency = read.text(element, "DefaultCurrency", 3)
        if currency and currency not in self._books.setup.currencies:
            raise RowError(f"Organisation is not subscribed to currency {currency}")
        if currency is not None:
            sent["DefaultCurrency"] = currency or None
        return {**sent, **_parts(element)}

    def _check_unique(self, row: Row) -> None:
        messages = []
        for key, value, message in (
            ("number", row.get("ContactNumber"), NUMBER_TAKEN),
            ("account", row.get("AccountNumber"), _ACCOUNT_TAKEN),
            ("name", folded(row["Name"]) if row["ContactStatus"] == "ACTIVE" else None, _name_taken(row["Name"])),
        ):
            others = self._books.contacts.find(key, value) if value else []
            if any(other["ContactID"] != row["ContactID"] for other in others):
                messages.append(message)
        if messages:
            raise RowError(*messages)

    def _put(self, row: Row, *, new: bool) -> Row:
        row = self._books.contacts.put({**row, "UpdatedDateUTC": self._books.stamp()})
        self._books.changed("CONTACT", row["ContactID"], new)
        return row


def _blank() -> Row:
    return {
        "ContactID": str(uuid4()),
        "ContactStatus": "ACTIVE",
        "Addresses": {},
        "Phones": {},
        "ContactPersons": [],
    }


def _name_taken(name: str) -> str:
    return (
        f"The contact name {name} is already assigned to another contact. "
        "The contact name must be unique across all active contacts."
    )


def _parts(element: Row) -> Row:
    """Addresses and phones by type; people and terms as a whole (sheet 2, 8). Raises RowError, XeroError."""
    sent: Row = {}
    for name, kind, types, limits in (
        ("Addresses", "AddressType", ADDRESS_TYPES, _ADDRESS),
        ("Phones", "PhoneType", (*PHONE_TYPES, "OFFICE"), _PHONE),
    ):
        rows = read.rows_of(element, name)
        if rows is None:
            continue
        sent[name] = {}
        for row in rows:
            if row.get(kind) not in types:
                raise RowError(f"{kind} {row.get(kind)} is not valid")
            sent[name][row[kind]] = {key: read.text(row, key, most) or "" for key, most in limits.items()}
            if re.search(r"\d", sent[name][row[kind]].get("Country", "")):
                raise RowError("Country may only contain letters")
    people = read.rows_of(element, "ContactPersons")
    if people is not None:
        if len(people) > _MOST_PERSONS:
            raise RowError(f"A contact can have at most {_MOST_PERSONS} contact persons")
        sent["ContactPersons"] = [_person(one) for one in people]
    terms = read.inner(element, "PaymentTerms")
    if terms is not None:
        sent["PaymentTerms"] = terms
    return sent


def _person(one: Row) -> Row:
    email = read.text(one, "EmailAddress", 255)
    if email and not _EMAIL.fullmatch(email):
        raise RowError("Email address must be valid")
    texts = {name: read.text(one, name, 255) or "" for name in ("FirstName", "LastName")}
    return {**texts, "EmailAddress": email or "", "IncludeInEmails": read.boolean(one.get("IncludeInEmails")) or False}
