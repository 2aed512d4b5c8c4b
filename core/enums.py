"""The closed sets of words a configuration may use."""

from __future__ import annotations

from enum import StrEnum

from core.records import Side


class Direction(StrEnum):
    """Which way values may flow."""

    ALGUNA_TO_EXTERNAL = "alguna_to_external"
    EXTERNAL_TO_ALGUNA = "external_to_alguna"
    BIDIRECTIONAL = "bidirectional"

    def allows(self, target: Side) -> bool:
        """Say whether values may flow to `target`."""
        return self is Direction.BIDIRECTIONAL or self is _ONE_WAY_TO[target]

    def intersect(self, other: Direction) -> Direction | None:
        """Return what both directions allow; None when they allow nothing together."""
        if self is other or other is Direction.BIDIRECTIONAL:
            return self
        return other if self is Direction.BIDIRECTIONAL else None


_ONE_WAY_TO = {Side.EXTERNAL: Direction.ALGUNA_TO_EXTERNAL, Side.ALGUNA: Direction.EXTERNAL_TO_ALGUNA}


class Strategy(StrEnum):
    """What decides when a field changed on both sides."""

    ALGUNA_WINS = "alguna_wins"
    EXTERNAL_WINS = "external_wins"
    LATEST_WINS = "latest_wins"
    MANUAL = "manual"


class Transform(StrEnum):
    """How a value is carried from one side's representation to the other's."""

    NONE = "none"
    NUMBER_TO_CURRENCY = "number_to_currency"
    DATE_TO_ISO = "date_to_iso"
    BOOLEAN_TO_STRING = "boolean_to_string"
    VALUE_MAP = "value_map"
    INVOICE_LINES = "invoice_lines"
    CUSTOM = "custom"


class Normalize(StrEnum):
    """How values are made comparable for matching."""

    NONE = "none"
    EMAIL = "email"
    NAME = "name"
    PHONE = "phone"
    DOMAIN = "domain"
    TAX_ID = "tax_id"
    TEXT = "text"


class MatchType(StrEnum):
    """What a match rule compares: the other side's id kept in a field, or two ordinary fields."""

    EXTERNAL_ID = "external_id"
    FIELD = "field"


class OnNoMatch(StrEnum):
    """What to do with a record that no rule matched."""

    CREATE = "create"
    SKIP = "skip"


class OnMultiple(StrEnum):
    """What to do with a record that has several candidates: ask a person, or leave it alone."""

    MANUAL = "manual"
    SKIP = "skip"


class OnNotFound(StrEnum):
    """What to do when a linked target turns out to be gone at a write."""

    SKIP = "skip"
    CREATE = "create"


class OnDelete(StrEnum):
    """What a deletion seen on one side does to the other."""

    IGNORE = "ignore"
    UNLINK = "unlink"
    ARCHIVE = "archive"
