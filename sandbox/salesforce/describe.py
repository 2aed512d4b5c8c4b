"""What the org tells about itself: resources, objects, fields (sheet 3.1, 2)."""

from typing import Any

from sandbox.salesforce.objects import SOBJECTS
from sandbox.salesforce.schema import Field, SObject

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


def versions(oldest: int, newest: int) -> list[dict[str, str]]:
    """`GET /services/data`: three releases a year, Spring '26 being 66.0."""
    rows = []
    for number in range(oldest, newest + 1):
        year, season = divmod(number - 66, 3)
        label = f"{('Spring', 'Summer', 'Winter')[season]} '{26 + year + (season == 2):02d}"
        rows.append({"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return rows


def resources(data_url: str) -> dict[str, str]:
    names = ("sobjects", "query", "queryAll", "limits", "composite")
    return {name: f"{data_url}/{name}" for name in names}


def global_describe(data_url: str) -> dict[str, Any]:
    """`GET sobjects`."""
    rows = [summary(one, data_url) for one in SOBJECTS.values()]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": rows}


def summary(sobject: SObject, data_url: str) -> dict[str, Any]:
    """An object without its fields."""
    writable = sobject.writable
    url = f"{data_url}/sobjects/{sobject.name}"
    return {
        "name": sobject.name,
        "label": sobject.label,
        "labelPlural": sobject.plural,
        "keyPrefix": sobject.prefix,
        "custom": False,
        "createable": writable,
        "updateable": writable,
        "deletable": writable,
        "undeletable": writable,
        "mergeable": writable and sobject.name != "Opportunity",
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "searchable": True,
        "triggerable": writable,
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
    }


def describe(sobject: SObject, data_url: str, hidden: frozenset[str]) -> dict[str, Any]:
    """`GET sobjects/<object>/describe`, without the fields that the user may not see."""
    visible = [one for one in sobject.fields if f"{sobject.name}.{one.name}" not in hidden]
    return {
        **summary(sobject, data_url),
        "fields": [_field(sobject, one) for one in visible],
        "childRelationships": [
            {
                "childSObject": child.sobject,
                "field": child.field,
                "relationshipName": child.relationship,
                "cascadeDelete": child.cascade_delete,
                "restrictedDelete": False,
            }
            for child in sobject.children
        ],
        "recordTypeInfos": [],
    }


def _field(sobject: SObject, one: Field) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label,
        "type": one.type,
        "soapType": _SOAP_TYPES.get(one.type, "xsd:string"),
        "length": one.length,
        "byteLength": one.length * 3,
        "precision": one.precision,
        "scale": one.scale,
        "digits": one.precision if one.type == "int" else 0,
        "createable": one.createable and sobject.writable,
        "updateable": one.updateable and sobject.writable,
        "nillable": one.nillable,
        "defaultedOnCreate": one.defaulted,
        "custom": one.custom,
        "externalId": one.external_id,
        "unique": one.unique,
        "idLookup": one.id_lookup,
        "caseSensitive": one.case_sensitive,
        "filterable": one.filterable,
        "sortable": one.sortable,
        "groupable": one.sortable and one.type not in ("currency", "double", "percent", "datetime"),
        "aggregatable": one.sortable and one.type != "boolean",
        "calculated": False,
        "autoNumber": False,
        "nameField": one.name == "Name",
        "permissionable": one.nillable and one.createable,
        "referenceTo": [one.reference_to] if one.reference_to else [],
        "relationshipName": one.relationship,
        "compoundFieldName": _compound(sobject, one),
        "restrictedPicklist": one.restricted,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
            for value in one.picklist
        ],
        "defaultValue": False if one.type == "boolean" else None,
        "inlineHelpText": None,
        "deprecatedAndHidden": False,
    }


def _compound(sobject: SObject, one: Field) -> str | None:
    """The compound that a field is a part of."""
    if sobject.name == "Contact" and one.name in ("FirstName", "LastName", "Salutation"):
        return "Name"
    for other in sobject.fields:
        if other.compound and one is not other and one.name.startswith(other.compound) and one.name != "OtherPhone":
            return other.name
    return None
