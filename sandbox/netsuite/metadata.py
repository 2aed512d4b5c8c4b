"""`/record/v1/metadata-catalog`: the schema of the record types, as JSON schema or OpenAPI (sheet 3)."""

from typing import Any

from sandbox.netsuite.calls import Call, Reply
from sandbox.netsuite.errors import no_such_type
from sandbox.netsuite.record_types import BY_LOWER, TYPES
from sandbox.netsuite.schema import Field, RecordType

_SCHEMA, _SWAGGER = "application/schema+json", "application/swagger+json"
_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "number": {"type": "number", "format": "double"},
    "integer": {"type": "integer", "format": "int64"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}


class Catalog:
    def handle(self, call: Call, rest: tuple[str, ...]) -> Reply:
        """The list of types; one type's schema; with Accept for OpenAPI, the chosen types as one file."""
        accept = call.headers.get("accept", "")
        chosen = list(rest) or call.names("select")
        kinds = [self._kind(name, call) for name in chosen] or list(TYPES.values())
        if _SWAGGER in accept:
            return Reply(200, _openapi(kinds), media=_SWAGGER)
        if rest and _SCHEMA in accept:
            return Reply(200, _schema(kinds[0]), media=_SCHEMA)
        base = f"{call.host}/services/rest/record/v1/metadata-catalog"
        items = [{"name": kind.name, "links": [{"rel": "canonical", "href": f"{base}/{kind.name}"}]} for kind in kinds]
        return Reply(200, {"links": [], "items": items}, kind="collection")

    def _kind(self, name: str, call: Call) -> RecordType:
        kind = BY_LOWER.get(name.lower())
        if kind is None:
            raise no_such_type(name, f"{call.host}/services/rest/record/v1/metadata-catalog/{name}")
        return kind


def _schema(kind: RecordType) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": {"type": "string", "title": "Internal ID"}}
    for field in kind.fields:
        properties[field.name] = _property(field)
    for sublist in kind.sublists:
        lines = {field.name: _property(field) for field in sublist.fields}
        items = {"type": "array", "items": {"type": "object", "properties": lines}}
        properties[sublist.name] = {"type": "object", "properties": {"items": items}}
    return {"$schema": "http://json-schema.org/draft-06/hyper-schema#", "type": "object", "properties": properties}


def _property(field: Field) -> dict[str, Any]:
    shown = {"title": field.name, "nullable": True, "x-ns-filterable": field.type != "subrecord"}
    if field.type in ("ref", "enum"):
        inner: dict[str, Any] = {"id": {"type": "string"}, "refName": {"type": "string"}}
        if field.options:
            inner["id"]["enum"] = [value for value, _ in field.options]
        return {**shown, "type": "object", "properties": inner}
    if field.type == "subrecord":
        return {**shown, "type": "object", "properties": {one.name: _property(one) for one in field.fields}}
    found = {**shown, **_TYPES.get(field.type, {"type": "string"})}
    if field.read_only:
        found["readOnly"] = True
    return {**found, "maxLength": field.most} if field.most else found


def _openapi(kinds: list[RecordType]) -> dict[str, Any]:
    schemas = {kind.name: _schema(kind) for kind in kinds}
    paths: dict[str, Any] = {}
    for kind in kinds:
        answer = {"204": {"description": "No Content"}}
        paths[f"/{kind.name}"] = {"get": {"responses": {"200": {"description": "OK"}}}, "post": {"responses": answer}}
        paths[f"/{kind.name}/{{id}}"] = {name: {"responses": answer} for name in ("get", "patch", "put", "delete")}
    info = {"title": "REST API", "version": "1"}
    return {"openapi": "3.0.1", "info": info, "paths": paths, "components": {"schemas": schemas}}
