"""The OpenAPI document: every call explained, with a true example, and what holds for all calls said of each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import jsonschema_rs
import pytest

from starter.api.app import create_app
from starter.api.idempotency import HEADER, METHODS
from starter.api.openapi import JSON, TAGS, examples, operations
from starter.services.backend import Backend

KEYLESS = ("/healthz", "/readyz", "/webhooks/", "/oauth/{provider}/callback")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What `/openapi.json` says; nothing of it depends on a backend."""
    backend = SimpleNamespace(
        settings=SimpleNamespace(api_key=None, traces_endpoint=None),
        api_keys=SimpleNamespace(scope_of=None),
        idempotency=None,
    )
    return create_app(cast(Backend, backend)).openapi()


def check(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """What a schema of the document has against a value."""
    whole = {**schema, "components": document["components"]}
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in _errors(whole, value)]


def _errors(schema: dict[str, Any], value: object) -> list[Any]:
    return list(jsonschema_rs.Draft202012Validator(schema).iter_errors(value))


def test_every_call_has_examples_that_its_schemas_allow(document: dict[str, Any]) -> None:
    wrong: list[str] = []
    for name, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if body is not None:
            wrong += [f"{name} takes {one}" for one in check(document, body["schema"], body["example"])]
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get(JSON)
            if content is None or "/webhooks/" in name:
                continue
            wrong += [f"{name} {status} {one}" for one in check(document, content["schema"], content["example"])]
    assert wrong == []


def test_no_example_is_of_a_call_that_is_gone(document: dict[str, Any]) -> None:
    assert set(examples()) <= {name for name, _ in operations(document)}


def test_i8_examples_hold_no_secret_and_nothing_of_a_machine() -> None:
    text = str(examples())
    for said in ("127.0.0.1", "localhost", "BEGIN PRIVATE", "whsec_M"):
        assert said not in text


def test_what_holds_for_all_calls_is_said_of_each(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        method, path = name.split(" ", 1)
        parameters = {one["name"] for one in operation.get("parameters", [])}
        assert operation["summary"], name
        assert operation["tags"][0] in TAGS, name
        assert (HEADER in parameters) == (method in METHODS and not path.startswith("/webhooks/")), name
        if path.startswith(KEYLESS):
            continue
        assert operation["security"], name
        assert {"401", "403", "422", "503"} <= set(operation["responses"]), name
        listed = "Listed" in str(operation["responses"].get("200", {}).get("content", ""))
        assert listed == ({"limit", "offset"} <= parameters) or "preview" in path, name
