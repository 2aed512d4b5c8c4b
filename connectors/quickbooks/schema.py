"""The fields of QuickBooks' objects, which are the same in every company (QuickBooks sheet 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.quickbooks.spec import (
    AMOUNT,
    CURRENCY,
    CUSTOMER,
    DEPOSIT,
    LINES,
    LINKED,
    NAME,
    NOTE,
    NUMBER,
    NUMBER_CHARACTERS,
    REFERENCE,
    TOTAL,
    facts_of,
)
from core.records import Entity, Side
from core.schema import EntitySchema, FieldSchema

_ADDRESS = {
    **{f"Line{number}": 500 for number in range(1, 6)},
    "City": 255,
    "CountrySubDivisionCode": 255,
    "Country": 255,
    "PostalCode": 30,
}
_ADDRESSES = ("BillAddr", "ShipAddr")
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Structures of which an update sends all parts or none.
GROUPS = frozenset(
    {
        *("PrimaryEmailAddr", "PrimaryPhone", "AlternatePhone", "Mobile", "Fax", "WebAddr", "BillAddr", "ShipAddr"),
        *("CustomerMemo", "BillEmail"),
    }
)
# Names may not have a colon, a tab or a line break (sheet 2).
NAME_FIELDS = frozenset({NAME, "Title", "GivenName", "MiddleName", "FamilyName", "Suffix", "PrintOnCheckName"})


def _label(name: str) -> str:
    return " ".join(_WORDS.sub(" ", part) for part in name.removesuffix(".value").split("."))


def _texts(names: Iterable[str], most: int, *, required: bool = False, once: bool = False) -> list[FieldSchema]:
    return [
        FieldSchema(name, _label(name), "text", required=required, create_only=once, max_length=most) for name in names
    ]


def _read_only(kind: str, *names: str) -> list[FieldSchema]:
    return [FieldSchema(name, _label(name), kind, read_only=True) for name in names]


def _named(*fields: FieldSchema) -> dict[str, FieldSchema]:
    return {field.name: field for field in fields}


def _system() -> list[FieldSchema]:
    return [
        *_read_only("id", "Id"),
        *_read_only("datetime", "MetaData.CreateTime", "MetaData.LastUpdatedTime"),
    ]


FIELDS: dict[Entity, dict[str, FieldSchema]] = {
    Entity.ACCOUNTS: _named(
        *_system(),
        *_texts([NAME], 500, required=True),
        *_texts(["Title", "Suffix", "ResaleNum"], 16),
        *_texts(["GivenName", "MiddleName", "FamilyName", "CompanyName"], 100),
        *_texts(["PrintOnCheckName"], 110),
        *_texts(["PrimaryEmailAddr.Address"], 100),
        *_texts((f"{one}.FreeFormNumber" for one in ("PrimaryPhone", "AlternatePhone", "Mobile", "Fax")), 30),
        *(field for part, most in _ADDRESS.items() for field in _texts((f"{at}.{part}" for at in _ADDRESSES), most)),
        *_texts(["WebAddr.URI"], 1_000),
        *_texts(["Notes"], 2_000),
        *_texts([CURRENCY], 3, once=True),
        FieldSchema("Taxable", "Taxable", "boolean"),
        FieldSchema(
            "PreferredDeliveryMethod",
            "Preferred delivery method",
            "picklist",
            options=("Print", "Email", "None"),
        ),
        *_read_only("boolean", "Active"),
        *_read_only("currency", "Balance"),
        *_read_only("text", "FullyQualifiedName"),
        *_read_only("id", "ParentRef.value"),
    ),
    # What makes up an issued invoice is set once; its memo and the like can change.
    Entity.INVOICES: _named(
        *_system(),
        FieldSchema(CUSTOMER, "Customer", "id", required=True, create_only=True),
        FieldSchema(LINES, "Lines", "list", required=True, create_only=True),
        FieldSchema(TOTAL, "Total", "currency", required=True, create_only=True),
        *_texts([NUMBER], NUMBER_CHARACTERS, once=True),
        *_texts([CURRENCY], 3, once=True),
        FieldSchema("TxnDate", "Date", "date", create_only=True),
        FieldSchema("DueDate", "Due date", "date"),
        *_texts([NOTE], 4_000),
        *_texts(["CustomerMemo.value"], 1_000),
        *_texts(["BillEmail.Address"], 100),
        *_texts(["SalesTermRef.value", "DepartmentRef.value", "ClassRef.value"], 20, once=True),
        *_read_only("currency", "Balance", "HomeTotalAmt", "TxnTaxDetail.TotalTax"),
        *_read_only("text", "EmailStatus", "CustomerRef.name"),
    ),
    # One record is what a payment settles of one invoice. Its reference is how ours are known again.
    Entity.PAYMENTS: _named(
        *_system(),
        FieldSchema(LINKED, "Invoice", "id", required=True, create_only=True),
        FieldSchema(AMOUNT, "Amount", "currency", required=True, create_only=True),
        FieldSchema("TxnDate", "Date", "date", create_only=True),
        *_texts([NOTE], 4_000, once=True),
        *_texts([DEPOSIT, "PaymentMethodRef.value"], 20, once=True),
        *_read_only("text", REFERENCE, CURRENCY, "CustomerRef.name"),
        *_read_only("id", CUSTOMER),
        *_read_only("currency", TOTAL, "UnappliedAmt"),
    ),
}


def schema_of(entity: Entity) -> EntitySchema:
    """Return the fields of an entity. Raises `FieldValidation` for one that QuickBooks has not."""
    return EntitySchema(Side.EXTERNAL, entity, facts_of(entity).object_name, FIELDS[entity])
