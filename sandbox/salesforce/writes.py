"""Checks the body of a write field by field, before any rule over the whole row (sheet 2.2, 4.1, 6)."""

from collections.abc import Mapping
from typing import Any

from sandbox.salesforce.errors import SalesforceError, entity_is_deleted, no_such_column, unparsable
from sandbox.salesforce.objects import SOBJECTS
from sandbox.salesforce.schema import Field, Row, SObject
from sandbox.salesforce.setup import Setup
from sandbox.salesforce.table import Table
from sandbox.salesforce.values import stored


class Writes:
    """Knows the tables, to check lookups, and the setup, to hide fields."""

    def __init__(self, tables: Mapping[str, Table], setup: Setup) -> None:
        self._tables = tables
        self._setup = setup

    def checked(self, sobject: SObject, data: dict[str, Any], before: Row | None) -> dict[str, Any]:
        """The values to store by canonical field name; `before` is None for a create. Raises SalesforceError."""
        if not sobject.writable:
            message = f"entity type {sobject.name} does not support create"
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])
        raws, forbidden = self._raws(sobject, data, before is None)
        values = {field.name: stored(field, raw) for field, raw in raws}
        if forbidden:
            message = (
                f"Unable to create/update fields: {', '.join(forbidden)}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set."
            )
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, forbidden)
        self._check_required(sobject, values, before)
        for field in sobject.references:
            self._check_lookup(field, values.get(field.name))
        return values

    def _raws(
        self, sobject: SObject, data: dict[str, Any], creating: bool
    ) -> tuple[list[tuple[Field, Any]], list[str]]:
        """The sent values with their fields, and the names of fields that may not be written."""
        raws: list[tuple[Field, Any]] = []
        forbidden: list[str] = []
        for name, raw in data.items():
            if name == "attributes":
                continue
            if name.lower() == "id":
                message = "The Id field should not be specified in the sobject data."
                raise SalesforceError("INVALID_FIELD", message, ["Id"])
            field = sobject.field(name)
            lookup = sobject.by_relationship.get(name.lower()) if field is None else None
            if lookup is not None and isinstance(raw, dict):
                field, raw = lookup, self._parent(lookup, raw)
            if field is None or f"{sobject.name}.{field.name}" in self._setup.hidden:
                raise no_such_column(name, sobject.name)
            if field.createable if creating else field.updateable:
                raws.append((field, raw))
            else:
                forbidden.append(field.name)
        return raws, forbidden

    def _parent(self, lookup: Field, raw: dict[str, Any]) -> str:
        """The id of the parent that a nested external id names, `{"Account":{"Alguna_Customer_ID__c":"c1"}}`."""
        parent = SOBJECTS[lookup.reference_to or ""]
        keys = {name: value for name, value in raw.items() if name != "attributes"}
        field = parent.field(next(iter(keys), ""))
        if len(keys) != 1 or field is None or not (field.external_id or field.id_lookup):
            raise unparsable("reference", "START_OBJECT", "{")
        value = str(next(iter(keys.values())))
        found = [row for row in self._tables[parent.name].find(field.name, value) if not row.get("IsDeleted")]
        if len(found) != 1:
            message = f"Foreign key external ID: {value} not found for field {field.name} in entity {parent.name}"
            raise SalesforceError("INVALID_FIELD", message, [])
        return str(found[0]["Id"])

    def _check_required(self, sobject: SObject, values: dict[str, Any], before: Row | None) -> None:
        missing = [
            field.name
            for field in sobject.required
            if values.get(field.name) is None and (before is None or field.name in values)
        ]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise SalesforceError("REQUIRED_FIELD_MISSING", message, missing)
        if before is not None and "OwnerId" in values and values["OwnerId"] is None:
            raise SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [OwnerId]", ["OwnerId"])

    def _check_lookup(self, field: Field, record_id: str | None) -> None:
        if record_id is None:
            return
        table = self._tables.get(field.reference_to or "")
        row = table.rows.get(record_id) if table else None
        if row is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
        if row.get("IsDeleted"):
            raise entity_is_deleted()
