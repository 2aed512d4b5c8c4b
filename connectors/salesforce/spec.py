"""Salesforce's facts as data: version, objects, markers, limits of one call (Salesforce sheet 2 to 5)."""

from __future__ import annotations

from connectors.external import facts_in
from connectors.protocols import EntityFacts
from core.records import Entity, OperationKind

VENDOR = "Salesforce"
API = "/services/data/v66.0"
TOKEN_PATH = "/services/oauth2/token"
USERINFO_PATH = "/services/oauth2/userinfo"

# One sObject Collections call (sheet 4.3) and one read by ids (sheet 3.3).
WRITE_ROWS = 200
READ_ROWS = 2_000
# The vendor refuses 16,384 bytes of URI and headers together (sheet 3.2).
URI_BYTES = 15_000
# Rows commit later than their stamp says; this far back other people's rows are read again (sheet 3.4).
OVERLAP_SECONDS = 300

# The smallest edition's allowance (sheet 5), corrected by the vendor's headers.
LIMITS: dict[str, float] = {"requestsPerSecond": 50, "concurrent": 5}

_ALL = frozenset({OperationKind.CREATE, OperationKind.UPDATE, OperationKind.ARCHIVE})


def _facts(object_name: str, marker: str, parent: str | None) -> EntityFacts:
    return EntityFacts(
        object_name=object_name,
        marker=marker,
        parent=parent,
        kinds=_ALL,
        returns_values=False,
        modified_step=1.0,
        batch=WRITE_ROWS,
        page=READ_ROWS,
        # AccountId of contacts and opportunities can be updated (sheet 2).
        moves=parent is not None,
    )


FACTS: dict[Entity, EntityFacts] = {
    Entity.ACCOUNTS: _facts("Account", "Alguna_Customer_ID__c", None),
    Entity.CONTACTS: _facts("Contact", "Alguna_Contact_ID__c", "AccountId"),
    Entity.SUBSCRIPTIONS: _facts("Opportunity", "Alguna_Subscription_ID__c", "AccountId"),
}


def facts_of(entity: Entity) -> EntityFacts:
    """Return the facts of an entity. Raises `FieldValidation` for one that Salesforce has not."""
    return facts_in(FACTS, VENDOR, entity)
