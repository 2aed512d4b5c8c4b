"""Vendors' official OpenAPI files as judges of requests and responses; skipped, and said, where they are not here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

_ROOT = Path(__file__).resolve().parents[1]
_PLACES = (os.environ.get("EXTERNAL_SYNC_VENDOR_SPECS", ""), str(_ROOT.parent / "shared" / "vendors" / "specs"))


class Spec:
    """One official file, with the relaxations that recorded traffic asks for."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "/?"), operations)
            for path, operations in sorted(document["paths"].items(), key=lambda item: "{" in item[0])
        ]

    def check_response(self, method: str, path: str, status: int, body: Any) -> None:
        """Fail where a response is not what the file says; an undeclared status falls under `default`."""
        responses = self._operation(method, path)["responses"]
        assert str(status) in responses or status >= 400, f"{method} {path} declares no {status}"
        declared = responses.get(str(status), responses.get("default", {}))
        self._check(declared, body, f"{method} {path} -> {status}")

    def check_request(self, method: str, path: str, body: Any) -> None:
        """Fail where a request body is not what the file says."""
        self._check(self._operation(method, path).get("requestBody", {}), body, f"{method} {path}")

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        raise AssertionError(f"the official file knows no {method} {path}")

    def _check(self, declared: dict[str, Any], body: Any, place: str) -> None:
        if "$ref" in declared:
            _, _, part, name = declared["$ref"].split("/")
            declared = self._document["components"][part][name]
        content = declared.get("content")
        if not content:
            assert body is None, f"{place}: a body that is not declared"
            return
        schema = next(iter(content.values()))["schema"]
        validator = jsonschema_rs.validator_for({**schema, "components": self._document["components"]})
        problems = [f"{place}: {error.message} at {list(error.instance_path)}" for error in validator.iter_errors(body)]
        assert not problems, problems[:5]


@cache
def hubspot(name: str) -> Spec:
    """The file of an object and version, such as `companies.v3`. Skips the test where it is not to be found.

    Relaxed where the wire is known to differ (HubSpot sheet 2, 3, 6): empty properties are null, an error may lack
    any field, a sort may be an object, and `subCategory` of a batch's error is text.
    """
    for place in _PLACES:
        path = Path(place) / "hubspot" / f"{name}.json"
        if place and path.is_file():
            document = json.loads(path.read_text(encoding="utf-8"))
            schemas = document["components"]["schemas"]
            for schema in _with_properties(schemas):
                schema["properties"]["properties"]["additionalProperties"] = {"type": ["string", "null"]}
            for error in ("Error", "StandardError"):
                schemas[error].pop("required", None)
                schemas[error]["properties"]["subCategory"] = {"type": "string"}
            schemas["PublicObjectSearchRequest"]["properties"]["sorts"] = {"type": "array"}
            return Spec(document)
    pytest.skip(f"the official file hubspot/{name}.json is not here (EXTERNAL_SYNC_VENDOR_SPECS names its folder)")


@cache
def xero() -> Spec:
    """The file of the Accounting API. Skips the test where it is not to be found.

    Stricter than the file: a record has no other keys than the file knows, and those that the wire is known to have
    (Xero sheet 3, 4): ISO twins of days and what a refused row carries.
    """
    for place in _PLACES:
        path = Path(place) / "xero" / "xero_accounting.yaml"
        if place and path.is_file():
            # YAML has dates, which JSON and its schemas have not.
            read = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
            document = json.loads(json.dumps(read, default=str))
            schemas = document["components"]["schemas"]
            for name in ("Contact", "Invoice", "LineItem", "Payment", "Account", "Item", "TaxRate", "Organisation"):
                schemas[name]["additionalProperties"] = False
            for twin in ("DateString", "DueDateString"):
                schemas["Invoice"]["properties"][twin] = {"type": "string"}
            schemas["Contact"]["properties"]["Warnings"] = {"type": "array"}
            return Spec(document)
    pytest.skip("the official file xero/xero_accounting.yaml is not here (EXTERNAL_SYNC_VENDOR_SPECS names its folder)")


def _with_properties(schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for schema in schemas.values():
        if "additionalProperties" in schema.get("properties", {}).get("properties", {}):
            yield schema
