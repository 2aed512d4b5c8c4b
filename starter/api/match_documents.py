"""What the preview of matching answers, as the OpenAPI document tells it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class SideRead(_Model):
    """What was read of one side; `leftOut` are records outside a filter, or that a person has unlinked."""

    records: int
    linked: int
    left_out: int
    complete: bool


class BothRead(_Model):
    """What was read."""

    alguna: SideRead
    external: SideRead


class Unmatched(_Model):
    """How many records of each side found no partner."""

    alguna: int
    external: int


class MatchCounts(_Model):
    """How many pairs, in all and by the rule that found them, and how many records without one."""

    matched: int
    by_rule: dict[str, int]
    ambiguous: int
    unmatched: Unmatched


class Matched(_Model):
    """Two records that would be linked, with the values that rules compare."""

    alguna_id: str
    external_id: str
    rule: str
    alguna: dict[str, Any]
    external: dict[str, Any]


class Candidate(_Model):
    """A record that this one could be: how much alike (0 to 1) and why. Never linked by likeness alone."""

    alguna_id: str | None = None
    external_id: str | None = None
    score: float
    reasons: list[str]
    values: dict[str, Any]


class OpenRecord(_Model):
    """A record that finds no partner by itself."""

    side: str
    alguna_id: str | None = None
    external_id: str | None = None
    values: dict[str, Any]
    candidates: list[Candidate]


class OpenRecords(_Model):
    """Records of each side that find no partner."""

    alguna: list[OpenRecord]
    external: list[OpenRecord]


class MatchPreviewAnswer(_Model):
    """What matching would do now. `note` says what was not looked at."""

    entity: str
    read: BothRead
    note: str | None
    counts: MatchCounts
    matched: list[Matched]
    ambiguous: list[OpenRecord]
    unmatched: OpenRecords
