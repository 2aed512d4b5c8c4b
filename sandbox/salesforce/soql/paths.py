"""Resolves field paths of a query (`Name`, `Owner.Name`, `a.Name` with an alias) against the schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.objects import BY_LOWER, SOBJECTS
from sandbox.salesforce.schema import Field, Row, SObject, read_field
from sandbox.salesforce.soql.lexer import error_at
from sandbox.salesforce.soql.tree import Name, Query
from sandbox.salesforce.table import Table

Getter = Callable[[Row], Any]
_HINT_COLUMN = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
_HINT_ENTITY = _HINT_COLUMN.replace("custom field,", "custom object,").replace(
    "the custom field name", "the entity name"
)


@dataclass(frozen=True, slots=True)
class Path:
    """The lookups to follow, with the object that each leads to, and the field at the end."""

    steps: tuple[tuple[Field, SObject], ...]
    field: Field

    @property
    def direct(self) -> bool:
        return not self.steps


class Resolver:
    """Names of one query. `hidden` holds `Object.Field` names that the user may not see."""

    def __init__(self, query: Query, tables: Mapping[str, Table], hidden: frozenset[str]) -> None:
        self._text = query.text
        self._alias = (query.alias or query.sobject.text).lower()
        self._tables = tables
        self._hidden = hidden
        found = BY_LOWER.get(query.sobject.text.lower())
        if found is None:
            message = f"sObject type '{query.sobject.text}' is not supported. {_HINT_ENTITY}"
            raise error_at(self._text, query.sobject.at, "INVALID_TYPE", message)
        self.sobject = found

    def path(self, name: Name) -> Path:
        """Raises INVALID_FIELD with the vendor's text for an unknown column or relationship."""
        *relationships, last = name.text.split(".")
        if relationships and relationships[0].lower() in (self._alias, self.sobject.name.lower()):
            known = self.sobject.by_relationship.get(relationships[0].lower())
            if known is None:
                relationships = relationships[1:]
        sobject, steps = self.sobject, []
        for relationship in relationships:
            lookup = sobject.by_relationship.get(relationship.lower())
            if lookup is None or lookup.reference_to not in SOBJECTS:
                message = (
                    f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a "
                    "custom relationship, be sure to append the '__r' after the custom relationship name. Please "
                    "reference your WSDL or the describe call for the appropriate names."
                )
                raise error_at(self._text, name.at, "INVALID_FIELD", message)
            sobject = SOBJECTS[lookup.reference_to]
            steps.append((lookup, sobject))
        field = sobject.field(last)
        if field is None or f"{sobject.name}.{field.name}" in self._hidden:
            message = f"No such column '{last}' on entity '{sobject.name}'. {_HINT_COLUMN}"
            raise error_at(self._text, name.at, "INVALID_FIELD", message)
        return Path(tuple(steps), field)

    def visible_fields(self) -> list[Field]:
        return [one for one in self.sobject.fields if f"{self.sobject.name}.{one.name}" not in self._hidden]

    def getter(self, path: Path) -> Getter:
        """Reads the value at the end of the path from a row; null when a lookup on the way is empty."""
        field = path.field
        if path.direct and not field.compound:
            name = field.name
            return lambda row: row.get(name)
        steps = [(lookup.name, self._tables[target.name].rows) for lookup, target in path.steps]

        def follow(row: Row) -> Any:
            at: Row | None = row
            for lookup, rows in steps:
                at = rows.get(at.get(lookup) or "") if at else None
            return read_field(at, field) if at else None

        return follow
