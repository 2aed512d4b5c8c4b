"""The parsed form of a SOQL query. Every name keeps its place in the text, for the error messages."""

from dataclasses import dataclass
from typing import Literal as Choice


@dataclass(frozen=True, slots=True)
class Name:
    """A field path, object or other word, with the offset of its first character."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. `value` is in wire form: datetimes as UTC text with milliseconds, dates as `YYYY-MM-DD`."""

    kind: Choice["string", "number", "datetime", "date", "boolean", "null"]
    value: str | float | int | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path op value`; for `in` and `not in` the value is a tuple, for `like` the text with its escapes."""

    path: Name
    op: str
    value: Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Logical:
    op: Choice["and", "or"]
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


Condition = Comparison | Logical | Not


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT(Id) alias`; `path` is None for `count()`."""

    function: str
    path: Name | None
    alias: str | None
    at: int


@dataclass(frozen=True, slots=True)
class AllFields:
    """`FIELDS(ALL | STANDARD | CUSTOM)`."""

    group: str
    at: int


SelectItem = Name | Aggregate | AllFields


@dataclass(frozen=True, slots=True)
class Order:
    path: Name
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    select: tuple[SelectItem, ...]
    sobject: Name
    alias: str | None
    where: Condition | None
    group_by: tuple[Name, ...]
    order_by: tuple[Order, ...]
    limit: int | None
    offset: int
