"""QuickBooks' facts as data: hosts, objects, limits of one call, what queries may name (QuickBooks sheet 1 to 5)."""

from __future__ import annotations

from connectors.external import facts_in
from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind

VENDOR = "QuickBooks"
BASE_URL = "https://quickbooks.api.intuit.com"
TOKEN_URL = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
AUTHORIZE_URL = "https://appcenter.intuit.com/connect/oauth2"
REVOKE_URL = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"
SCOPE = "com.intuit.quickbooks.accounting"
# Lower ones are served as this one since August 2025 (sheet 3).
MINOR_VERSION = 75

QUERY_ROWS = 1_000
BATCH_ROWS = 30
# A CDC answer holds at most this many objects, and there is no next page (sheet 3).
CDC_ROWS = 1_000
CDC_DAYS = 30
LOOK_UP_VALUES = 100
LOOK_UP_CHARACTERS = 8_000

# From so far back changes are read again: times are of whole seconds, and nothing says when a write becomes visible.
OVERLAP_SECONDS = 60
# How long Intuit keeps a requestid is not said (sheet 4); this long the same request is sent again under its own.
REPLAY_SECONDS = 600
# Clocks may differ by so much when a record is asked whether it is young enough to be our own.
CLOCKS_SECONDS = 300
# What Intuit says to wait after a 429 (sheet 5).
THROTTLE_SECONDS = 60.0

# 500 calls a minute per company, of which 40 may be batches, and 10 at once (sheet 5).
BATCHES_PER_MINUTE = 40
LIMITS: dict[str, float] = {
    "requestsPerSecond": 8,
    "concurrent": 8,
    "batchesPerMinute": BATCHES_PER_MINUTE,
    "throttleSeconds": THROTTLE_SECONDS,
}

LINES, TOTAL, NUMBER, NOTE = "Line", "TotalAmt", "DocNumber", "PrivateNote"
CUSTOMER, CURRENCY, DEPOSIT = "CustomerRef.value", "CurrencyRef.value", "DepositToAccountRef.value"
AMOUNT = "Line.Amount"
LINKED = "Line.LinkedTxn"
REFERENCE = "PaymentRefNum"
NAME = "DisplayName"
DELETED_SUFFIX = " (deleted)"
NUMBER_CHARACTERS = 21

_CREATE, _UPDATE, _ARCHIVE = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE


def _facts(object_name: str, parent: str | None, *kinds: OperationKind, **more: str) -> EntityFacts:
    """No object has a place for the other side's id (sheet 2): creates are found by name, number and reference."""
    return EntityFacts(
        object_name=object_name,
        marker=None,
        parent=parent,
        kinds=frozenset(kinds),
        returns_values=True,
        modified_step=1.0,
        batch=BATCH_ROWS,
        page=QUERY_ROWS,
        option_fields=more,
    )


FACTS: dict[Entity, EntityFacts] = {
    Entity.ACCOUNTS: _facts("Customer", None, _CREATE, _UPDATE, _ARCHIVE),
    Entity.INVOICES: _facts("Invoice", CUSTOMER, _CREATE, _UPDATE, _ARCHIVE),
    Entity.PAYMENTS: _facts("Payment", LINKED, _CREATE, _ARCHIVE, paymentAccount=DEPOSIT),
}
# What queries may filter by (sheet 2), by field; an address is asked for by its structure.
SEARCHED: dict[Entity, dict[str, str]] = {
    Entity.ACCOUNTS: {
        **{name: name for name in ("Id", NAME, "GivenName", "MiddleName", "FamilyName", "CompanyName")},
        "PrintOnCheckName": "PrintOnCheckName",
        "PrimaryEmailAddr.Address": "PrimaryEmailAddr",
    },
    Entity.INVOICES: {"Id": "Id", NUMBER: NUMBER},
    Entity.PAYMENTS: {"Id": "Id", REFERENCE: REFERENCE},
}


def facts_of(entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that QuickBooks has not."""
    return facts_in(FACTS, VENDOR, entity)
