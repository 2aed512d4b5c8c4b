"""What the Salesforce package offers to the registry: entities, credentials, default mappings and match rules."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.consent import Consent
from connectors.events import EventReceiver
from connectors.protocols import Connector, ConnectorContext
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.consent import SalesforceConsent
from connectors.salesforce.events import SalesforceEvents
from connectors.salesforce.spec import FACTS, LIMITS
from core.records import Entity

_BOTH, _OUT = "bidirectional", "alguna_to_external"
_STAGES = {
    "map": {"draft": "Prospecting", "active": "Closed Won", "canceled": "Closed Lost"},
    "default": "Prospecting",
}


def _field(alguna: str, external: str, direction: str = _BOTH, **more: object) -> dict[str, object]:
    return {"algunaField": alguna, "externalField": external, "direction": direction, **more}


_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        _field("name", "Name", required=True),
        _field("billingAddress.line1", "BillingStreet", _OUT),
        _field("billingAddress.city", "BillingCity", _OUT),
        _field("billingAddress.state", "BillingState", _OUT),
        _field("billingAddress.postalCode", "BillingPostalCode", _OUT),
        _field("billingAddress.country", "BillingCountry", _OUT),
    ],
    Entity.CONTACTS: [
        _field("firstName", "FirstName"),
        _field("lastName", "LastName", required=True),
        _field("email", "Email", required=True),
    ],
    Entity.SUBSCRIPTIONS: [
        _field("name", "Name", required=True),
        _field("status", "StageName", _OUT, transform="value_map", transformOptions=_STAGES),
        _field("startDate", "CloseDate", _OUT, transform="date_to_iso"),
        _field("acv", "Amount", _OUT),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [{"type": "field", "algunaField": "name", "externalField": "Name", "normalize": "name"}],
    Entity.CONTACTS: [{"type": "field", "algunaField": "email", "externalField": "Email", "normalize": "email"}],
    Entity.SUBSCRIPTIONS: [],
}


class SalesforceProvider:
    """See `connectors.protocols.ProviderSpec`."""

    provider = "salesforce"
    entities: tuple[Entity, ...] = tuple(FACTS)
    limits: Mapping[str, float] = LIMITS
    credential_keys = frozenset(
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
        }
    )

    def connect(self, context: ConnectorContext) -> Connector:
        """Make a connector for one connection."""
        return SalesforceConnector(context)

    def consent(self) -> Consent | None:
        """The code flow of a connected app."""
        return SalesforceConsent()

    def receiver(self) -> EventReceiver:
        """Outbound messages."""
        return SalesforceEvents()

    def templates(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Return the default field mappings per entity."""
        return _TEMPLATES

    def match_rules(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Return the default match rules per entity: by marker, then by name or email."""
        return {
            entity: [
                {"type": "external_id", "algunaField": "id", "externalField": FACTS[entity].marker},
                *rules,
            ]
            for entity, rules in _RULES.items()
        }
