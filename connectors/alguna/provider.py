"""What the Alguna package offers to the registry. Alguna is a side, not a provider: it has no templates of its own."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.alguna.connector import AlgunaConnector
from connectors.alguna.events import AlgunaEvents
from connectors.consent import Consent
from connectors.events import EventReceiver
from connectors.protocols import Connector, ConnectorContext
from core.records import Entity


class AlgunaProvider:
    """See `connectors.protocols.ProviderSpec`."""

    provider = "alguna"
    entities: tuple[Entity, ...] = tuple(Entity)
    # Sheet 1.5.
    limits: Mapping[str, float] = {"requestsPerSecond": 100}
    credential_keys = frozenset({"baseUrl", "apiKey", "webhookSecret"})

    def connect(self, context: ConnectorContext) -> Connector:
        """Make a connector for Alguna on behalf of one integration."""
        return AlgunaConnector(context)

    def consent(self) -> Consent | None:
        """None: Alguna is connected by an API key."""
        return None

    def receiver(self) -> EventReceiver:
        """Webhooks through Svix."""
        return AlgunaEvents()

    def templates(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Mappings belong to the provider on the other side."""
        return {}

    def match_rules(self) -> Mapping[Entity, list[dict[str, object]]]:
        """Match rules belong to the provider on the other side."""
        return {}
