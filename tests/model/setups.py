"""Configurations of the model: which entities are synced, and the rules that may change while they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.model.people import (
    ACCOUNTS,
    CITY,
    CONTACTS,
    EMAIL,
    ENTITIES,
    EXTERNAL_FIELDS,
    LAST_NAME,
    NAME,
    SUBSCRIPTIONS,
)

Entities = tuple[str, ...]

ENTITY_SETS: list[Entities] = [(ACCOUNTS,), (ACCOUNTS, CONTACTS), (ACCOUNTS, SUBSCRIPTIONS), ENTITIES]
_BOTH, _OUT = "bidirectional", "alguna_to_external"
_STAGES = {"map": {"draft": "Prospecting"}, "default": "Prospecting"}
_MATCHING: dict[str, list[dict[str, Any]]] = {
    ACCOUNTS: [
        {"type": "external_id", "algunaField": "id", "externalField": "Alguna_Customer_ID__c"},
        {"type": "field", "algunaField": "email", "externalField": "Email__c", "normalize": "email"},
    ],
    CONTACTS: [{"type": "field", "algunaField": "email", "externalField": "Email", "normalize": "email"}],
    SUBSCRIPTIONS: [],
}


@dataclass(frozen=True)
class Rules:
    """What a configuration says beside its entities. `email` is the direction of the account's address.

    `leaving` is what becomes of pairs whose customer leaves the filter (None: there is no filter); `guarded` says that
    a single deletion waits for a person.
    """

    strategy: str
    email: str
    deleted: str
    missing: str
    leaving: str | None = None
    guarded: bool = False

    def document(self, entities: Sequence[str]) -> dict[str, Any]:
        """The configuration as the API takes it."""
        options: dict[str, dict[str, Any]] = {entity: {} for entity in entities}
        options[ACCOUNTS] |= {"defaultCurrency": "EUR"}
        if self.leaving is not None:
            inside = {"field": "name", "op": "ne", "value": "Birch"}
            options[ACCOUNTS] |= {"filter": {"alguna": inside, "onLeave": self.leaving}}
        if self.guarded:
            options[ACCOUNTS] |= {"deleteGuard": {"share": 0.01, "atLeast": 1}}
        return {
            "entities": list(entities),
            "mappings": {entity: self._mappings(entity) for entity in entities},
            "matching": {entity: {"entity": entity, "rules": _MATCHING[entity]} for entity in entities},
            "conflictResolution": self.strategy,
            "onDelete": {"toExternal": self.deleted},
            "onNotFound": self.missing,
            "entityOptions": options,
        }

    def two_way(self, entity: str) -> list[str]:
        """The fields of an entity that go both ways."""
        return [name for name, way in self._directions(entity).items() if way == _BOTH]

    def _directions(self, entity: str) -> dict[str, str]:
        if entity == ACCOUNTS:
            return {NAME: _BOTH, EMAIL: self.email, CITY: _OUT}
        return {LAST_NAME: _BOTH, EMAIL: _BOTH} if entity == CONTACTS else {NAME: _BOTH}

    def _mappings(self, entity: str) -> list[dict[str, Any]]:
        names = EXTERNAL_FIELDS[entity]
        mappings: list[dict[str, Any]] = [
            {"algunaField": name, "externalField": names[name], "direction": way}
            for name, way in self._directions(entity).items()
        ]
        if entity == SUBSCRIPTIONS:
            stage = {"algunaField": "status", "externalField": "StageName", "direction": _OUT}
            close = {"algunaField": "startDate", "externalField": "CloseDate", "direction": _OUT}
            mappings += [
                {**stage, "transform": "value_map", "transformOptions": _STAGES},
                {**close, "transform": "date_to_iso", "default": "2026-12-31"},
            ]
        return mappings


STRATEGIES = ["alguna_wins", "external_wins", "latest_wins", "manual"]
DIRECTIONS = [_BOTH, _BOTH, _OUT, "external_to_alguna"]

RULES = st.builds(
    Rules,
    st.sampled_from(STRATEGIES),
    st.sampled_from(DIRECTIONS),
    st.sampled_from(["ignore", "archive", "unlink"]),
    st.sampled_from(["skip", "create"]),
    st.sampled_from([None, None, None, "keep", "unlink", "archive"]),
    st.sampled_from([False, False, False, True]),
)
