"""Configurations of the model: which entities are synced, and the rules that may change while they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.model.systems import ACCOUNTS, CITY, CONTACTS, EMAIL, LAST_NAME, NAME, System

Entities = tuple[str, ...]

_BOTH, _OUT = "bidirectional", "alguna_to_external"


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

    def document(self, system: System, entities: Sequence[str]) -> dict[str, Any]:
        """The configuration as the API takes it."""
        options: dict[str, dict[str, Any]] = {entity: {} for entity in entities}
        options[ACCOUNTS] |= system.raw.options
        if self.leaving is not None:
            inside = {"field": "name", "op": "ne", "value": "Birch"}
            options[ACCOUNTS] |= {"filter": {"alguna": inside, "onLeave": self.leaving}}
        if self.guarded:
            options[ACCOUNTS] |= {"deleteGuard": {"share": 0.01, "atLeast": 1}}
        return {
            "entities": list(entities),
            "mappings": {entity: self._mappings(system, entity) for entity in entities},
            "matching": {entity: {"entity": entity, "rules": system.kinds[entity].rules} for entity in entities},
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

    def _mappings(self, system: System, entity: str) -> list[dict[str, Any]]:
        kind = system.kinds[entity]
        plain: list[dict[str, Any]] = [
            {"algunaField": name, "externalField": kind.fields[name].name, "direction": way}
            for name, way in self._directions(entity).items()
        ]
        return [*plain, *kind.mappings]


STRATEGIES = ["alguna_wins", "external_wins", "latest_wins", "manual"]
DIRECTIONS = [_BOTH, _BOTH, _OUT, "external_to_alguna"]

CHOICES: tuple[Sequence[Any], ...] = (
    STRATEGIES,
    DIRECTIONS,
    ["ignore", "archive", "unlink"],
    ["skip", "create"],
    [None, None, None, "keep", "unlink", "archive"],
    [False, False, False, True],
)
RULES = st.builds(Rules, *map(st.sampled_from, CHOICES))
