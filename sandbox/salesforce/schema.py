"""What an object and a field are: the facts that validation, describe and SOQL work from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Row = dict[str, Any]
TEXT_TYPES = frozenset({"string", "textarea", "picklist", "email", "phone", "url"})
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field as describe tells it (sheet 2.2). `compound` names the part prefix of an address."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted: bool = False
    reference_to: str | None = None
    relationship: str | None = None
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    filterable: bool = True
    sortable: bool = True
    compound: str | None = None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def required(self) -> bool:
        """Required on create (sheet 2.2)."""
        return self.createable and not self.nillable and not self.defaulted

    @property
    def folds_case(self) -> bool:
        """Whether SOQL compares this field without regard to case."""
        return self.type in TEXT_TYPES and not self.case_sensitive


@dataclass(frozen=True, slots=True)
class Child:
    """A child relationship: rows of `sobject` whose `field` points to this object."""

    sobject: str
    field: str
    relationship: str
    cascade_delete: bool


@dataclass(frozen=True)
class SObject:
    """One object type. `writable` is False for those that the sandbox only lets be read."""

    name: str
    label: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    children: tuple[Child, ...] = ()
    writable: bool = True
    etag: bool = False
    by_lower: dict[str, Field] = field(init=False, repr=False)
    by_relationship: dict[str, Field] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_lower", {one.name.lower(): one for one in self.fields})
        object.__setattr__(
            self, "by_relationship", {one.relationship.lower(): one for one in self.fields if one.relationship}
        )

    def field(self, name: str) -> Field | None:
        """The field of that name in any case, else None."""
        return self.by_lower.get(name.lower())

    @cached_property
    def required(self) -> tuple[Field, ...]:
        return tuple(one for one in self.fields if one.required)

    @cached_property
    def unique(self) -> tuple[Field, ...]:
        return tuple(one for one in self.fields if one.unique)

    @cached_property
    def references(self) -> tuple[Field, ...]:
        return tuple(one for one in self.fields if one.type == "reference")


def compound_address(row: Row, prefix: str) -> dict[str, Any] | None:
    """The read-only compound of an address's parts; null when all of them are (sheet 2.3)."""
    names = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
    value = {name: row.get(prefix + name[0].upper() + name[1:]) for name in names}
    return value if any(part is not None for part in value.values()) else None


def read_field(row: Row, one: Field) -> Any:
    """The value of a field in its wire form; absent values are null."""
    return compound_address(row, one.compound) if one.compound else row.get(one.name)


def audit_fields() -> Sequence[Field]:
    """The fields that the vendor keeps by itself on every row (sheet 2.2)."""
    fixed: dict[str, Any] = {"createable": False, "updateable": False}
    kept: dict[str, Any] = {**fixed, "nillable": False, "defaulted": True}
    return (
        Field("IsDeleted", "boolean", "Deleted", **kept),
        Field("CreatedDate", "datetime", "Created Date", **kept),
        Field("CreatedById", "reference", "Created By ID", 18, reference_to="User", relationship="CreatedBy", **kept),
        Field("LastModifiedDate", "datetime", "Last Modified Date", **kept),
        Field(
            "LastModifiedById",
            "reference",
            "Last Modified By ID",
            18,
            reference_to="User",
            relationship="LastModifiedBy",
            **kept,
        ),
        Field("SystemModstamp", "datetime", "System Modstamp", **kept),
        Field("LastActivityDate", "date", "Last Activity", **fixed),
        Field("LastViewedDate", "datetime", "Last Viewed Date", **fixed),
        Field("LastReferencedDate", "datetime", "Last Referenced Date", **fixed),
    )
