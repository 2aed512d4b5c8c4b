"""Xero's facts as data: addresses, objects, markers, sizes of calls, limits (Xero sheet 1 to 5)."""

from __future__ import annotations

import re
from decimal import Decimal

from connectors.external import facts_in
from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind

VENDOR = "Xero"
BASE_URL = "https://api.xero.com"
API = "/api.xro/2.0"
TOKEN_URL = "https://identity.xero.com/connect/token"
AUTHORIZE_URL = "https://login.xero.com/identity/connect/authorize"
CONNECTIONS = "/connections"
# Granular scopes: apps made since March 2026 cannot ask for the broad ones (sheet 1).
SCOPES = (
    *("offline_access", "accounting.contacts", "accounting.invoices", "accounting.payments"),
    "accounting.settings.read",
)

PAGE_ROWS = 1_000
# Xero advises some 50 rows for a write, and some 40 ids for a read (sheet 3, 4).
BATCH_ROWS = 50
ID_ROWS = 40
# Values of one look-up: each is a comparison in the query string.
LOOK_UP_ROWS = 20
# Changes are asked for by whole seconds, and times are the server's; so far back is read again.
OVERLAP_SECONDS = 30
# An Idempotency-Key is kept six minutes (sheet 4); a minute less, so that no re-send meets its end.
REPLAY_SECONDS = 300

# 60 calls a minute in a fixed window, so that two bursts may meet: calls are spaced. 5,000 a day from the tier Core on
# (1,000 on Starter: the headers tell what is left), five at once (sheet 5).
LIMITS: dict[str, float] = {"requestsPerSecond": 0.95, "requestsPerDay": 5_000, "concurrent": 5}

CONTACT_NUMBER, INVOICE_NUMBER, REFERENCE = "ContactNumber", "InvoiceNumber", "Reference"
LINES, TOTAL, ACCOUNT = "LineItems", "Total", "Account"
ARCHIVED, VOIDED, DELETED, AUTHORISED = "ARCHIVED", "VOIDED", "DELETED", "AUTHORISED"
# The tax type of a line without tax, in every organisation (sheet 8).
NO_TAX = "NONE"
# A unit price has four decimals with `unitdp=4`; totals have two in every currency (sheet 8).
UNIT_DECIMALS, PLACES = 4, 2
# The most that Xero's own rounding of a document may come to (sheet 8).
ROUNDING_ALLOWANCE = Decimal("0.10")

_CREATE, _UPDATE, _ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _facts(
    object_name: str,
    marker: str | None,
    parent: str | None,
    *kinds: OperationKind,
    options: dict[str, str] | None = None,
) -> EntityFacts:
    """Markers are written on creates only: another app may have its own number on a contact; payments never change."""
    return EntityFacts(
        object_name=object_name,
        marker=marker,
        parent=parent,
        kinds=frozenset(kinds),
        returns_values=True,
        modified_step=0.001,
        batch=BATCH_ROWS,
        page=PAGE_ROWS,
        marks_existing=False,
        option_fields=options or {},
    )


FACTS: dict[Entity, EntityFacts] = {
    Entity.ACCOUNTS: _facts("Contact", CONTACT_NUMBER, None, _CREATE, _UPDATE, _ARCHIVE),
    Entity.INVOICES: _facts("Invoice", None, "Contact.ContactID", _CREATE, _UPDATE, _ARCHIVE),
    Entity.PAYMENTS: _facts(
        "Payment", REFERENCE, "Invoice.InvoiceID", _CREATE, _ARCHIVE, options={"paymentAccount": ACCOUNT}
    ),
}
PLURAL = {Entity.ACCOUNTS: "Contacts", Entity.INVOICES: "Invoices", Entity.PAYMENTS: "Payments"}
ID_KEY = {Entity.ACCOUNTS: "ContactID", Entity.INVOICES: "InvoiceID", Entity.PAYMENTS: "PaymentID"}


def facts_of(entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that Xero has not."""
    return facts_in(FACTS, VENDOR, entity)


def is_guid(text: str) -> bool:
    """Whether a text can be one of Xero's ids."""
    return bool(_GUID.fullmatch(text))
