"""The services that worker and API share: the store's parts and a maker of connectors, joined in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.protocols import Connector, ConnectorContext
from connectors.registry import provider_spec
from core.ports import TokenStore
from core.values import dump_json
from runtime.settings import Settings, require
from store.budgets import StoreBudget
from store.configs import Configs
from store.connections import Connections
from store.consents import Consents
from store.crypto import Vault
from store.database import Database
from store.leases import StoreLeases
from store.notebook import StoreNotebook
from store.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """One process's way to the store and to the connected systems."""

    settings: Settings
    db: Database
    connections: Connections
    configs: Configs
    leases: StoreLeases
    webhooks: Webhooks
    consents: Consents
    budgets: dict[tuple[str, str], StoreBudget] = field(default_factory=dict)
    """One per connection and its limits, because calls in flight are counted in the process."""

    async def connector(self, provider: str, connection_id: str, integration_id: str) -> Connector:
        """Make a connector for a stored connection, on the budget that all processes share."""
        info = await self.connections.describe(connection_id)
        return self.connector_on(self.connections, provider, connection_id, integration_id, info.limits)

    def connector_on(
        self,
        tokens: TokenStore,
        provider: str,
        connection_id: str,
        integration_id: str,
        limits: Mapping[str, Any],
    ) -> Connector:
        """Make a connector on a token store of the caller's (say, credentials that are only being checked)."""
        spec = provider_spec(provider)
        known = {**spec.limits, **{name: float(limit) for name, limit in limits.items()}}
        return spec.connect(
            ConnectorContext(
                connection_id=connection_id,
                integration_id=integration_id,
                tokens=tokens,
                budget=self._budget(connection_id, known),
                leases=self.leases,
                notebook=StoreNotebook(self.db, connection_id),
                limits=known,
            )
        )

    def _budget(self, connection_id: str, known: Mapping[str, Any]) -> StoreBudget:
        key = (connection_id, dump_json(dict(known)))
        if key not in self.budgets:
            rate = float(known.get("requestsPerSecond", 50))
            self.budgets[key] = StoreBudget(
                self.db,
                connection_id,
                rate_per_second=rate,
                burst=max(1, int(rate)),
                daily=int(known["requestsPerDay"]) if "requestsPerDay" in known else None,
                concurrency=int(known["concurrent"]) if "concurrent" in known else None,
            )
        return self.budgets[key]

    async def close(self) -> None:
        """Close the database."""
        await self.db.close()


def open_services(settings: Settings) -> Services:
    """Open the store. Raises a settings error that lists what is missing."""
    require(settings, "encryption_keys")
    db = Database(settings.database_url)
    vault = Vault(settings.keys())
    return Services(
        settings,
        db,
        Connections(db, vault, lease_seconds=settings.lease_seconds),
        Configs(db),
        StoreLeases(db, ttl=settings.lease_seconds),
        Webhooks(db, vault),
        Consents(db, vault),
    )


async def seed_alguna(services: Services) -> None:
    """Store Alguna's own connection from the settings, if they hold one and it is not stored yet."""
    settings = services.settings
    if settings.alguna_base_url and settings.alguna_api_key:
        await services.connections.seed_alguna(
            settings.alguna_base_url,
            settings.alguna_api_key.get_secret_value(),
            settings.alguna_webhook_secret.get_secret_value() if settings.alguna_webhook_secret else None,
        )
