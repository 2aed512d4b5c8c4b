"""A connector package's entry in the registry, as data: see `connectors.protocols.ProviderSpec`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.consent import Consent
from connectors.events import EventReceiver
from connectors.protocols import Connector, ConnectorContext, EntityFacts
from core.records import Entity

Template = Mapping[Entity, list[dict[str, object]]]

BOTH, OUT, IN = "bidirectional", "alguna_to_external", "external_to_alguna"


def mapped(alguna: str, external: str, direction: str = BOTH, **more: object) -> dict[str, object]:
    """Return one field mapping of a template, in the shape of api.md's `mappings`."""
    return {"algunaField": alguna, "externalField": external, "direction": direction, **more}


def same(alguna: str, external: str, normalize: str) -> dict[str, object]:
    """Return a match rule by one field of either side, in the shape of api.md's `matching.rules`."""
    return {"type": "field", "algunaField": alguna, "externalField": external, "normalize": normalize}


@dataclass(frozen=True)
class Offering:
    """What a connector package offers to the registry.

    `rules` are the default match rules besides the one by marker, which comes first wherever an entity has a marker,
    and that of payments by their amount.
    """

    provider: str
    facts: Mapping[Entity, EntityFacts]
    limits: Mapping[str, float]
    credential_keys: frozenset[str]
    make: Callable[[ConnectorContext], Connector]
    events: Callable[[], EventReceiver]
    flow: Callable[[], Consent] | None = None
    mappings: Template = field(default_factory=dict)
    rules: Template = field(default_factory=dict)

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities that the vendor has."""
        return tuple(self.facts)

    def connect(self, context: ConnectorContext) -> Connector:
        """Make a connector for one connection."""
        return self.make(context)

    def consent(self) -> Consent | None:
        """Return how a person allows the connection in the browser; None where there is no such thing."""
        return self.flow() if self.flow else None

    def receiver(self) -> EventReceiver:
        """Return what takes the vendor's webhooks."""
        return self.events()

    def templates(self) -> Template:
        """Return the default field mappings per entity."""
        return self.mappings

    def match_rules(self) -> Template:
        """Return the default match rules per entity, in order."""
        return {
            entity: [*self._by_marker(entity), *self.rules.get(entity, []), *self._by_amount(entity)]
            for entity in self.facts
        }

    def _by_marker(self, entity: Entity) -> list[dict[str, object]]:
        marker = self.facts[entity].marker
        return [{"type": "external_id", "algunaField": "id", "externalField": marker}] if marker else []

    def _by_amount(self, entity: Entity) -> list[dict[str, object]]:
        """Payments that are on both sides already: of one amount, on one invoice (the engine sees to that)."""
        mappings = self.mappings.get(entity, []) if entity is Entity.PAYMENTS else []
        amounts = [str(one["externalField"]) for one in mappings if one["algunaField"] == "amount"]
        return [same("amount", name, "none") for name in amounts]
