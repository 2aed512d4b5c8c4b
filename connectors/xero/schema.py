"""The fields of Xero's records, which are the same in every organisation (Xero sheet 2)."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.xero.spec import CONTACT_NUMBER, INVOICE_NUMBER, LINES, REFERENCE, TOTAL, facts_of
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema

ADDRESS_PARTS = {
    **{f"AddressLine{number}": 500 for number in range(1, 5)},
    **{"City": 255, "Region": 255, "PostalCode": 50, "Country": 50, "AttentionTo": 255},
}
PHONE_PARTS = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
ADDRESS_TYPES, PHONE_TYPES = ("POBOX", "STREET"), ("DEFAULT", "DDI", "MOBILE", "FAX")
# Lists of typed parts are flattened: `Addresses.POBOX.City` is the city of the postal address.
GROUPS: dict[str, tuple[str, tuple[str, ...], dict[str, int]]] = {
    "Addresses": ("AddressType", ADDRESS_TYPES, ADDRESS_PARTS),
    "Phones": ("PhoneType", PHONE_TYPES, PHONE_PARTS),
}
CONTACT_TEXTS = {
    "FirstName": 255,
    "LastName": 255,
    "EmailAddress": 255,
    CONTACT_NUMBER: 50,
    "AccountNumber": 50,
    "CompanyNumber": 50,
    "TaxNumber": 50,
    "BankAccountDetails": 255,
    "DefaultCurrency": 3,
    "AccountsReceivableTaxType": 50,
}
INVOICE_TEXTS = {INVOICE_NUMBER: 255, REFERENCE: 255, "Url": 1000}
INVOICE_DATES = ("Date", "DueDate", "ExpectedPaymentDate")
AMOUNTS = ("SubTotal", "TotalTax", "AmountDue", "AmountPaid", "AmountCredited")
_STATUSES = ("DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED")


def _text(name: str, length: int, *, required: bool = False, create_only: bool = False) -> FieldSchema:
    return FieldSchema(name, name, "text", required=required, create_only=create_only, max_length=length)


def _fixed(kind: str, *names: str) -> list[FieldSchema]:
    return [FieldSchema(name, name, kind, read_only=True) for name in names]


def _group(group: str) -> list[FieldSchema]:
    _, kinds, parts = GROUPS[group]
    return [_text(f"{group}.{kind}.{part}", length) for kind in kinds for part, length in parts.items()]


_FIELDS: dict[Entity, Iterable[FieldSchema]] = {
    Entity.ACCOUNTS: (
        *_fixed("id", "ContactID", "MergedToContactID"),
        _text("Name", 255, required=True),
        *(_text(name, length) for name, length in CONTACT_TEXTS.items()),
        *_group("Addresses"),
        *_group("Phones"),
        FieldSchema("ContactStatus", "ContactStatus", "picklist", read_only=True, options=("ACTIVE", "ARCHIVED")),
        *_fixed("boolean", "IsCustomer", "IsSupplier"),
        *_fixed("datetime", "UpdatedDateUTC"),
    ),
    # What the customer is charged cannot change once it was sent; the rest by Xero's own rules (sheet 2).
    Entity.INVOICES: (
        *_fixed("id", "InvoiceID"),
        FieldSchema("Contact.ContactID", "Contact", "id", required=True, create_only=True),
        FieldSchema(LINES, "Line items", "list", required=True, create_only=True),
        FieldSchema(TOTAL, TOTAL, "currency", required=True, create_only=True),
        FieldSchema("CurrencyCode", "CurrencyCode", "text", max_length=3, create_only=True),
        FieldSchema("CurrencyRate", "CurrencyRate", "number", create_only=True),
        *(_text(name, length) for name, length in INVOICE_TEXTS.items()),
        *(FieldSchema(name, name, "date") for name in INVOICE_DATES),
        *_fixed("text", "Contact.Name", "LineAmountTypes"),
        FieldSchema("Status", "Status", "picklist", read_only=True, options=_STATUSES),
        *_fixed("currency", *AMOUNTS),
        *_fixed("date", "FullyPaidOnDate"),
        *_fixed("boolean", "SentToContact"),
        *_fixed("datetime", "UpdatedDateUTC"),
    ),
    # A payment never changes; only its status can be set, to deleted (sheet 2).
    Entity.PAYMENTS: (
        *_fixed("id", "PaymentID"),
        FieldSchema("Invoice.InvoiceID", "Invoice", "id", required=True, create_only=True),
        FieldSchema("Amount", "Amount", "currency", required=True, create_only=True),
        FieldSchema("Date", "Date", "date", required=True, create_only=True),
        FieldSchema("Account", "Account code or id", "text", required=True, create_only=True),
        _text(REFERENCE, 255, create_only=True),
        *_fixed("text", "Invoice.InvoiceNumber", "Invoice.CurrencyCode"),
        *_fixed("picklist", "Status"),
        *_fixed("boolean", "IsReconciled"),
        *_fixed("datetime", "UpdatedDateUTC"),
    ),
}


def schema_of(entity: Entity) -> EntitySchema:
    """Return the fields of an entity."""
    object_name = facts_of(entity).object_name
    return EntitySchema(Side.EXTERNAL, entity, object_name, {field.name: field for field in _FIELDS[entity]})


def group_of(path: str) -> str | None:
    """Return the list whose typed part a path names: `Addresses` of `Addresses.POBOX.City`."""
    group = path.partition(".")[0]
    return group if group in GROUPS else None
