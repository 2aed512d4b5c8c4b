"""What the Salesforce package offers to the registry: entities, credentials, default mappings and match rules."""

from __future__ import annotations

from connectors.offering import OUT, Offering, mapped, same
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.consent import SalesforceConsent
from connectors.salesforce.events import SalesforceEvents
from connectors.salesforce.spec import FACTS, LIMITS
from core.records import Entity

_STAGES = {
    "map": {"draft": "Prospecting", "active": "Closed Won", "canceled": "Closed Lost"},
    "default": "Prospecting",
}
_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        mapped("name", "Name", required=True),
        mapped("billingAddress.line1", "BillingStreet", OUT),
        mapped("billingAddress.city", "BillingCity", OUT),
        mapped("billingAddress.state", "BillingState", OUT),
        mapped("billingAddress.postalCode", "BillingPostalCode", OUT),
        mapped("billingAddress.country", "BillingCountry", OUT),
    ],
    Entity.CONTACTS: [
        mapped("firstName", "FirstName"),
        mapped("lastName", "LastName", required=True),
        mapped("email", "Email", required=True),
    ],
    Entity.SUBSCRIPTIONS: [
        mapped("name", "Name", required=True),
        mapped("status", "StageName", OUT, transform="value_map", transformOptions=_STAGES),
        mapped("startDate", "CloseDate", OUT, transform="date_to_iso"),
        mapped("acv", "Amount", OUT),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [same("name", "Name", "name")],
    Entity.CONTACTS: [same("email", "Email", "email")],
}

SALESFORCE = Offering(
    provider="salesforce",
    facts=FACTS,
    limits=LIMITS,
    credential_keys=frozenset(
        {
            "instanceUrl",
            "baseUrl",
            "tokenUrl",
            "clientId",
            "clientSecret",
            "refreshToken",
            "accessToken",
            "expiresAt",
            "username",
            "privateKey",
            "audience",
            "duplicateRules",
        }
    ),
    make=SalesforceConnector,
    events=SalesforceEvents,
    flow=SalesforceConsent,
    mappings=_TEMPLATES,
    rules=_RULES,
)
