"""What the HubSpot package offers to the registry: entities, credentials, limits, default mappings and match rules."""

from __future__ import annotations

from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.consent import HubSpotConsent
from connectors.hubspot.events import HubSpotEvents
from connectors.hubspot.spec import FACTS, LIMITS
from connectors.offering import OUT, Offering, mapped, same
from core.records import Entity

# Stages of the pipeline that every portal has.
_STAGES = {
    "map": {"draft": "appointmentscheduled", "active": "closedwon", "canceled": "closedlost"},
    "default": "appointmentscheduled",
}
_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        mapped("name", "name", required=True),
        mapped("billingAddress.line1", "address", OUT),
        mapped("billingAddress.line2", "address2", OUT),
        mapped("billingAddress.city", "city", OUT),
        mapped("billingAddress.state", "state", OUT),
        mapped("billingAddress.postalCode", "zip", OUT),
        mapped("billingAddress.country", "country", OUT),
    ],
    Entity.CONTACTS: [
        mapped("firstName", "firstname"),
        mapped("lastName", "lastname"),
        mapped("email", "email", required=True),
    ],
    Entity.SUBSCRIPTIONS: [
        mapped("name", "dealname", required=True),
        mapped("status", "dealstage", OUT, transform="value_map", transformOptions=_STAGES),
        mapped("startDate", "closedate", OUT, transform="date_to_iso"),
        mapped("acv", "amount", OUT),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [same("name", "name", "name")],
    Entity.CONTACTS: [same("email", "email", "email")],
}

HUBSPOT = Offering(
    provider="hubspot",
    facts=FACTS,
    limits=LIMITS,
    credential_keys=frozenset(
        {
            "baseUrl",
            "tokenUrl",
            "clientId",
            "clientSecret",
            "refreshToken",
            "accessToken",
            "expiresAt",
            "apiVersion",
        }
    ),
    make=HubSpotConnector,
    events=HubSpotEvents,
    flow=HubSpotConsent,
    mappings=_TEMPLATES,
    rules=_RULES,
)
