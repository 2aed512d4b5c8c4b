"""What a field, a sublist and a record type are: the facts that writes, reads and the catalog work from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Row = dict[str, Any]
"""A stored record or line: references and enums as ids, numbers as decimal text, times as UTC text, blanks absent."""

Kind = Literal["string", "boolean", "number", "integer", "date", "datetime", "ref", "enum", "subrecord"]


@dataclass(frozen=True)
class Field:
    """`to` names the record type of a reference; `options` are the ids and names of an enum; `most` is a length."""

    name: str
    type: Kind = "string"
    to: str = ""
    read_only: bool = False
    most: int = 0
    options: tuple[tuple[str, str], ...] = ()
    fields: tuple["Field", ...] = ()
    any_text: bool = False

    def label(self, value: str) -> str:
        """The name of an enum's option."""
        return dict(self.options).get(value, value)


@dataclass(frozen=True)
class Sublist:
    """Lines of a record. `key` is the field by which an update names a line; without it lines always append."""

    name: str
    fields: tuple[Field, ...]
    key: str = ""
    required: bool = False

    @cached_property
    def by_lower(self) -> dict[str, Field]:
        return {field.name.lower(): field for field in self.fields}


@dataclass(frozen=True)
class RecordType:
    """A kind of record. `family` shares one series of ids: entities, transactions, or the type alone."""

    name: str
    label: str
    family: str
    fields: tuple[Field, ...]
    sublists: tuple[Sublist, ...] = ()
    writable: bool = True
    created: str = "createdDate"
    permission: str = ""

    @cached_property
    def by_lower(self) -> dict[str, Field]:
        return {field.name.lower(): field for field in self.fields}

    @cached_property
    def lists_by_lower(self) -> dict[str, Sublist]:
        return {one.name.lower(): one for one in self.sublists}

    @property
    def is_transaction(self) -> bool:
        return self.family == "transaction"
