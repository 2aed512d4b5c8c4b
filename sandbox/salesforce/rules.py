"""Rules over whole rows: unique fields, the administrator's validation rules and duplicate rules (sheet 4.6, 6)."""

import re
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.schema import Row
from sandbox.salesforce.setup import DuplicateRule, Setup
from sandbox.salesforce.table import Table

_ALERT = "Use one of these records?"
_BLOCK = "You're creating a duplicate record. We recommend you use an existing record instead."


def check(setup: Setup, table: Table, row: Row, before: Row | None, allow_duplicates: bool) -> None:
    """Raises DUPLICATE_VALUE, FIELD_CUSTOM_VALIDATION_EXCEPTION or DUPLICATES_DETECTED."""
    _unique(table, row)
    for rule in setup.validation_rules:
        value = row.get(rule.field)
        if rule.sobject == table.sobject.name and value is not None and not re.fullmatch(rule.pattern, str(value)):
            raise SalesforceError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, [rule.field])
    for duplicate_rule in setup.duplicate_rules:
        if duplicate_rule.sobject == table.sobject.name and not (duplicate_rule.allow_save and allow_duplicates):
            _duplicates(duplicate_rule, table, row, before)


def _unique(table: Table, row: Row) -> None:
    """A deleted row holds no key. The message names the other row by its 15-character id, as the vendor does."""
    for field in table.sobject.unique:
        value = row.get(field.name)
        for other in table.find(field.name, value) if value is not None else ():
            if other["Id"] != row["Id"] and not other.get("IsDeleted"):
                message = f"duplicate value found: {field.name} duplicates value on record with id: {other['Id'][:15]}"
                raise SalesforceError("DUPLICATE_VALUE", message, [])


def _duplicates(rule: DuplicateRule, table: Table, row: Row, before: Row | None) -> None:
    if before is not None and all(row.get(name) == before.get(name) for name in rule.fields):
        return
    values = [row.get(name) for name in rule.fields]
    if any(not isinstance(value, str) for value in values):
        return
    found = [
        other
        for other in table.find(rule.fields[0], str(values[0]))
        if other["Id"] != row["Id"]
        and not other.get("IsDeleted")
        and all(str(other.get(name, "")).lower() == str(row[name]).lower() for name in rule.fields)
    ]
    if found:
        error = SalesforceError("DUPLICATES_DETECTED", _ALERT if rule.allow_save else _BLOCK)
        error.extra = {"duplicateResut": _result(rule, found, error.message)}
        raise error


def _result(rule: DuplicateRule, found: list[Row], message: str) -> dict[str, Any]:
    """The value of `duplicateResut`, a key that the vendor really spells so."""
    url = f"/services/data/v66.0/sobjects/{rule.sobject}/"
    matches = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": rule.sobject, "url": url + row["Id"]}, "Id": row["Id"]},
        }
        for row in found
    ]
    match_result = {
        "entityType": rule.sobject,
        "errors": [],
        "matchEngine": "FuzzyMatchEngine",
        "matchRecords": matches,
        "rule": f"Standard_{rule.sobject}_Match_Rule",
        "size": len(matches),
        "success": True,
    }
    return {
        "allowSave": rule.allow_save,
        "duplicateRule": rule.developer_name,
        "duplicateRuleEntityType": rule.sobject,
        "errorMessage": message,
        "matchResults": [match_result],
    }
