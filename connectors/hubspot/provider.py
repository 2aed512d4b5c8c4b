"""What the HubSpot package offers to the registry: entities, credentials, limits, default mappings and match rules."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.consent import Consent
from connectors.events import EventReceiver
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.consent import HubSpotConsent
from connectors.hubspot.events import HubSpotEvents
from connectors.hubspot.spec import FACTS, LIMITS
from connectors.protocols import Connector, ConnectorContext
from core.records import Entity

_BOTH, _OUT = "bidirectional", "alguna_to_external"
# Stages of the pipeline that every portal has.
_STAGES = {
    "map": {"draft": "appointmentscheduled", "active": "closedwon", "canceled": "closedlost"},
    "default": "appointmentscheduled",
}


def _field(alguna: str, external: str, direction: str = _BOTH, **more: object) -> dict[str, object]:
    return {"algunaField": alguna, "externalField": external, "direction": direction, **more}


_TEMPLATES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [
        _field("name", "name", required=True),
        _field("billingAddress.line1", "address", _OUT),
        _field("billingAddress.line2", "address2", _OUT),
        _field("billingAddress.city", "city", _OUT),
        _field("billingAddress.state", "state", _OUT),
        _field("billingAddress.postalCode", "zip", _OUT),
        _field("billingAddress.country", "country", _OUT),
    ],
    Entity.CONTACTS: [
        _field("firstName", "firstname"),
        _field("lastName", "lastname"),
        _field("email", "email", required=True),
    ],
    Entity.SUBSCRIPTIONS: [
        _field("name", "dealname", required=True),
        _field("status", "dealstage", _OUT, transform="value_map", transformOptions=_STAGES),
        _field("startDate", "closedate", _OUT, transform="date_to_iso"),
        _field("acv", "amount", _OUT),
    ],
}
_RULES: dict[Entity, list[dict[str, object]]] = {
    Entity.ACCOUNTS: [{"type": "field", "algunaField": "name", "externalField": "name", "normalize": "name"}],
    Entity.CONTACTS: [{"type": "field", "algunaField": "email", "externalField": "email", "normalize": "email"}],
    Entity.SUBSCRIPTIONS: [],
}


class HubSpotProvider:
    """See `connectors.protocols.ProviderSpec`."""

    provider = "hubspot"
    entities: tuple[Entity, ...] = tuple(FACTS)
    limits: Mapping[str, float] = LIMITS
    credential_keys = frozenset(
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
    )

    def connect(self, context: ConnectorContext) -> Connector:
        """Make a connector for one connection."""
        return HubSpotConnector(context)

    def consent(self) -> Consent | None:
        """The code flow of an installed app."""
        return HubSpotConsent()

    def receiver(self) -> EventReceiver:
        """Signed events."""
        return HubSpotEvents()

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
