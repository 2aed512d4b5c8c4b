"""The OpenAPI document: what FastAPI knows of the routes, what holds for all of them, and an example for each call.

The examples were answers once (`python -m tests.api.record_examples` makes them anew), and are held to the schemas.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from starter.api.answers import error
from starter.api.idempotency import HEADER, LONGEST, METHODS

JsonObject = dict[str, Any]
JSON = "application/json"

TAGS = {
    "integrations": "Provider accounts: connect, disconnect, reconnect, pause; the fields of both sides.",
    "connections": "Connecting by consent in the browser.",
    "configuration": "What is synced, how fields map, who wins, how records find each other.",
    "schedules": "The Temporal Schedule of an integration.",
    "syncs": "Start a sync, see where things stand, look back.",
    "errors and conflicts": "Records that could not be synced, and why; what waits for a person's decision.",
    "links": "Which record belongs to which.",
    "webhooks": "Where events about syncs, errors and conflicts are sent.",
    "keys": "Keys of this API.",
    "receivers": "Where vendors send their events; signed, without a key.",
    "system": "Health, metrics, and what is wrong with an installation.",
}

_IDEMPOTENCY: JsonObject = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The call is carried out once; for 24 hours the same key is answered alike. With another body: 422.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
}
_ERRORS = {
    "400": "the body is not JSON",
    "401": "a valid key is required: Authorization: Bearer <key>",
    "403": "this needs a key with the scope `admin`; the one given has `read`",
    "404": "there is no integration `salesforce`; there are none yet",
    "409": "a sync with this key is being started; try again in a moment",
    "413": "the body has more than 1048576 bytes",
    "422": "mappings[2].externalField: `Nmae` is not a field of Account; did you mean `Name`?",
    "503": "not ready: Temporal cannot be reached",
}
_PROBLEM = {"field": "mappings[2].externalField", "message": "`Nmae` is not a field of Account; did you mean `Name`?"}


def install(app: FastAPI) -> None:
    """Let the app serve this document, made when it is first asked for."""

    def document() -> JsonObject:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def operations(document: JsonObject) -> list[tuple[str, JsonObject]]:
    """Return every call of a document as (`POST /keys`, what is said of it)."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def examples() -> dict[str, JsonObject]:
    """Return the recorded examples: call -> {"request", "response"}, each where there is such a thing."""
    found: dict[str, JsonObject] = json.loads((resources.files("starter.api") / "examples.json").read_text())
    return found


def _document(app: FastAPI) -> JsonObject:
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=tags
    )
    recorded = examples()
    for name, operation in operations(document):
        _say_briefly(operation)
        method, path = name.split(" ", 1)
        if method in METHODS and not path.startswith("/webhooks/"):
            operation.setdefault("parameters", []).append(_IDEMPOTENCY)
        for status, answer in operation["responses"].items():
            if status in _ERRORS and JSON in answer.get("content", {}):
                answer["content"][JSON]["example"] = _refusal(status)
        _give_example(operation, recorded.get(name, {}))
    return document


def _say_briefly(operation: JsonObject) -> None:
    """The first sentence of a route's text is its title, not the name of a function."""
    text = operation.get("description", "")
    first, separator, rest = text.partition(".\n") if ".\n" in text else text.partition(". ")
    operation["summary"] = first.rstrip(".").replace("\n", " ").replace("`", "")
    operation["description"] = rest.strip() if separator else ""


def _refusal(status: str) -> JsonObject:
    made: JsonObject = json.loads(bytes(error(int(status), _ERRORS[status]).body))
    if status == "422":
        made["errors"] = [_PROBLEM]
    return made


def _give_example(operation: JsonObject, recorded: JsonObject) -> None:
    if "request" in recorded and "requestBody" in operation:
        operation["requestBody"]["content"][JSON]["example"] = recorded["request"]
    for status, answer in operation["responses"].items():
        if status.startswith("2") and "response" in recorded and JSON in answer.get("content", {}):
            answer["content"][JSON]["example"] = recorded["response"]
