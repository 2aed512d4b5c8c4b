"""Alguna's facts as data: entities, fields, markers, limits of one call (Alguna sheet 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind
from core.schema import FieldSchema, OpenFields

# The largest page of any v2 list (sheet 1.4).
PAGE_ROWS = 100
# How many pages of a scan are read at once: with answers in 100 ms that is 40 of the 100 calls a second (sheet 1.5).
PAGES_AT_ONCE = 4
# An Idempotency-Key is kept 24 hours (sheet 1.3); an hour less, so that no re-send meets its end.
REPLAY_SECONDS = 23 * 3600
# Rows with a time this close before the cursor are read again: times are of whole seconds in places (sheet 1.7).
OVERLAP_SECONDS = 10

ALIASES = "aliases"
EMAIL = "email"
METADATA = "metadata."
REVENUE_FIELDS = frozenset({"mrr", "arr", "acv"})
PAYMENT_SOURCES = ("bank_transfer", "cheque", "payment_card", "cash", "other")
ADDRESS_PARTS = {
    "billingAddress.line1": "line1",
    "billingAddress.line2": "line2",
    "billingAddress.city": "city",
    "billingAddress.state": "state",
    "billingAddress.postalCode": "postal_code",
    "billingAddress.country": "country",
}
OPTIONAL_ADDRESS_PARTS = frozenset({"line2"})

_STATUSES = (
    *("draft", "upcoming", "pending_approval", "scheduled", "processing", "issued", "overdue", "paid"),
    *("void", "canceled"),
)
_CREATE, _UPDATE, _ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE


def marker_key(integration_id: str) -> str:
    """Return the metadata key under which a subscription carries this integration's external id."""
    return f"external_sync_{integration_id}"


def facts_of(entity: Entity, integration_id: str) -> EntityFacts:
    """Return the facts of an entity.

    A customer's marker is the alias `{integration id}:{external id}`, so its field is `aliases`; written or looked up
    there, a plain external id stands for that alias. A contact has no place for a marker (sheet 2.10).
    """
    # Times come with whole seconds in places (sheet 1.7), so closer ones count as equal.
    if entity is Entity.ACCOUNTS:
        kinds = frozenset({_CREATE, _UPDATE})
        return EntityFacts("customer", ALIASES, None, kinds, True, 1.0, batch=1, pull_with=(Entity.CONTACTS,))
    if entity is Entity.CONTACTS:
        kinds = frozenset({_CREATE, _UPDATE, _ARCHIVE})
        return EntityFacts("contact", None, "accountId", kinds, True, 1.0, batch=PAGE_ROWS)
    if entity is Entity.SUBSCRIPTIONS:
        kinds = frozenset({_CREATE, _UPDATE})
        marker = METADATA + marker_key(integration_id)
        return EntityFacts("subscription", marker, "customerId", kinds, True, 1.0, batch=1)
    if entity is Entity.INVOICES:
        # Nothing on an invoice or a payment can carry a marker of ours (sheet 2.10).
        kinds = frozenset({_CREATE, _UPDATE, _ARCHIVE})
        return EntityFacts("invoice", None, "customerId", kinds, True, 1.0, batch=1, anonymous=True)
    return EntityFacts("payment", None, "invoiceId", frozenset({_CREATE}), True, 1.0, batch=1, anonymous=True)


def _fields(*fields: FieldSchema) -> dict[str, FieldSchema]:
    return {field.name: field for field in fields}


def _read_only(kind: str, names: Iterable[str]) -> list[FieldSchema]:
    return [FieldSchema(name, _label(name), kind, read_only=True) for name in names]


def _text(name: str, **more: Any) -> FieldSchema:
    return FieldSchema(name, _label(name), "text", **more)


def _label(name: str) -> str:
    """Alguna has no labels: `billingAddress.postalCode` reads `Billing address postal code`."""
    spaced = "".join(f" {char.lower()}" if char.isupper() else char for char in name.replace(".", " "))
    return spaced[:1].upper() + spaced[1:]


FIELDS: dict[Entity, dict[str, FieldSchema]] = {
    Entity.ACCOUNTS: _fields(
        *_read_only("id", ["id"]),
        _text("name", required=True),
        _text("currency", required=True, max_length=3),
        FieldSchema(ALIASES, "Aliases", "list"),
        *(_text(path) for path in ADDRESS_PARTS),
        *(_text(name) for name in ("email", "firstName", "lastName")),
        *_read_only("text", ["taxCountry", "taxId", "taxReason", "taxStatus", "taxType"]),
        *_read_only("number", ["taxRate"]),
        *_read_only("currency", ["mrr"]),
        *_read_only("datetime", ["createdAt", "updatedAt"]),
        *_read_only("id", ["contacts[].id"]),
        *_read_only("text", [f"contacts[].{name}" for name in ("email", "firstName", "lastName")]),
        *_read_only("boolean", ["contacts[].isPrimary"]),
    ),
    Entity.CONTACTS: _fields(
        *_read_only("id", ["id"]),
        _text("email", required=True),
        _text("firstName"),
        _text("lastName"),
        FieldSchema("isPrimary", "Is primary", "boolean"),
        FieldSchema("emailPreferences", "Email preferences", "list"),
        FieldSchema("accountId", "Account id", "id", required=True, create_only=True),
    ),
    # That object is free (sheet 2.5).
    Entity.SUBSCRIPTIONS: OpenFields(
        METADATA,
        (
            *_read_only("id", ["id", "planId"]),
            _text("name"),
            _text("currency", max_length=3, create_only=True),
            FieldSchema("customerId", "Customer id", "id", required=True, create_only=True),
            FieldSchema("status", "Status", "picklist", read_only=True, options=("draft", "active", "canceled")),
            *_read_only("currency", sorted(REVENUE_FIELDS)),
            *_read_only("date", ["startDate", "endDate"]),
            *_read_only("datetime", ["activatedAt", "createdAt", "updatedAt"]),
        ),
    ),  # What is fixed once an invoice is issued can be set when it is created, and never changed (sheet 2.3).
    Entity.INVOICES: _fields(
        *_read_only("id", ["id"]),
        FieldSchema("customerId", "Customer id", "id", required=True, create_only=True),
        FieldSchema("lineItems", "Line items", "list", required=True, create_only=True),
        FieldSchema("total", "Total", "currency", required=True, create_only=True),
        _text("currency", max_length=3, create_only=True),
        FieldSchema("issueDate", "Issue date", "date", create_only=True),
        *(_text(name) for name in ("description", "purchaseOrderNumber")),
        FieldSchema("status", "Status", "picklist", read_only=True, options=_STATUSES),
        *_read_only("text", ["externalReference", "billingPeriod", "externalProvider", "externalUrl"]),
        *_read_only("date", ["dueDate", "invoicingDate", "paidDate", "billingPeriodStart", "billingPeriodEnd"]),
        *_read_only("currency", ["subtotal", "tax", "amountPaid", "amountRemaining"]),
        *_read_only("id", ["externalId", "merchantId", "lineItems[].productId"]),
        *_read_only("datetime", ["createdAt", "updatedAt"]),
        *_read_only("text", [f"lineItems[].{name}" for name in ("description", "sku", "taxType")]),
        *_read_only("number", [f"lineItems[].{name}" for name in ("quantity", "unitPrice", "taxRate")]),
        *_read_only("currency", [f"lineItems[].{name}" for name in ("amount", "tax")]),
    ),
    # Created by marking an invoice as paid; its source and note cannot be read again (sheet 2.3, 2.4).
    Entity.PAYMENTS: _fields(
        *_read_only("id", ["id", "customerId", "externalId"]),
        FieldSchema("invoiceId", "Invoice id", "id", required=True, create_only=True),
        FieldSchema("amount", "Amount", "currency", required=True, create_only=True),
        FieldSchema("paidAt", "Paid at", "date", create_only=True),
        FieldSchema("source", "Source", "picklist", create_only=True, options=PAYMENT_SOURCES),
        _text("note", create_only=True),
        *_read_only("text", ["currency", "status", "externalUrl"]),
        *_read_only("datetime", ["createdAt", "updatedAt"]),
    ),
}
