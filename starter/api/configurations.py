"""Configurations as calls take them and answer them: an answer also tells whom a change touches."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, model_validator

from core.config import FieldMappings, FieldResolution, IntegrationConfig, Matching
from core.records import Entity
from starter.api.documents import Answer

AFFECTS = "affects"


class _Reposted(BaseModel):
    """A body that may be an answer sent back: what the answer told besides is left out."""

    @model_validator(mode="before")
    @classmethod
    def _without_told(cls, value: Any) -> Any:
        return {key: item for key, item in value.items() if key != AFFECTS} if isinstance(value, dict) else value


class GivenConfig(_Reposted, IntegrationConfig):
    """A whole configuration."""

    def plain(self) -> IntegrationConfig:
        """The configuration itself."""
        return IntegrationConfig(**dict(self))


class GivenFieldMappings(_Reposted, FieldMappings):
    """The mappings of one entity."""

    def plain(self) -> FieldMappings:
        """The mappings themselves."""
        return FieldMappings(**dict(self))


class GivenFieldResolution(_Reposted, FieldResolution):
    """The field rules of one entity."""

    def plain(self) -> FieldResolution:
        """The rules themselves."""
        return FieldResolution(**dict(self))


class GivenMatching(_Reposted, Matching):
    """The matching of one entity."""

    def plain(self) -> Matching:
        """The matching itself."""
        return Matching(**dict(self))


class Touch(Answer):
    """One change, and how many records may end differently because of it."""

    change: Literal["mapping", "rule", "matching", "filter"]
    field: str | None
    records: int


class Affected(Answer):
    """Whom a change of the configuration touches in one entity.

    `entering` and `leaving` count linked pairs by a new filter, `unknown` those of which only reading them tells.
    """

    records: int
    changes: list[Touch]
    entering: int
    leaving: int
    unknown: int


Affects = dict[Entity, Affected]


class StoredConfig(IntegrationConfig):
    """The stored configuration, and whom the change touches."""

    affects: Affects | None = None


class StoredFieldMappings(FieldMappings):
    """The stored mappings, and whom the change touches."""

    affects: Affects | None = None


class StoredFieldResolution(FieldResolution):
    """The stored rules, and whom the change touches."""

    affects: Affects | None = None


class StoredMatching(Matching):
    """The stored matching, and whom the change touches."""

    affects: Affects | None = None
