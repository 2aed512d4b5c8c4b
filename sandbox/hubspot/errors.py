"""HubSpot's error bodies (sheet 6): one envelope, of which every field is optional."""

import json
from dataclasses import dataclass
from typing import Any

Context = dict[str, list[str]]
_NOT_VALID = "Property values were not valid: "


class HubSpotError(Exception):
    """A refusal. `code` is the property problem's or none; `embedded` are the problems inside the message."""

    def __init__(
        self,
        status: int,
        message: str,
        category: str | None = None,
        *,
        context: Context | None = None,
        errors: list[dict[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.context = context
        self.errors = errors
        self.more = more

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The body of a whole call."""
        shown: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.context is not None:
            shown["context"] = self.context
        if self.errors is not None:
            shown["errors"] = self.errors
        shown |= self.more
        if self.category is not None:
            shown["category"] = self.category
        return shown

    def item(self, context: Context) -> dict[str, Any]:
        """The same as one of the `errors` of a batch."""
        return {
            "status": "error",
            "category": self.category or "VALIDATION_ERROR",
            "message": self.message,
            "context": {**(self.context or {}), **context},
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad property value: its code and text."""

    name: str
    code: str
    message: str
    value: str | None = None


def not_valid(problems: list[Problem], portal_id: int) -> HubSpotError:
    """All bad properties of a call, told twice (sheet 6): inside the message, and in `errors`."""
    embedded = [
        {
            "isValid": False,
            "message": one.message,
            "error": one.code,
            "name": one.name,
            **({} if one.value is None else {"propertyValue": one.value}),
            "localizedErrorMessage": one.message,
            "portalId": portal_id,
        }
        for one in problems
    ]
    errors = [{"message": one.message, "code": one.code, "context": {"propertyName": [one.name]}} for one in problems]
    text = _NOT_VALID + json.dumps(embedded, separators=(",", ":"))
    return HubSpotError(400, text, "VALIDATION_ERROR", errors=errors)


def invalid(message: str, context: Context | None = None) -> HubSpotError:
    return HubSpotError(400, message, "VALIDATION_ERROR", context=context)


def unreadable(message: str) -> HubSpotError:
    """A body, cursor or parameter of the wrong shape: no category (sheet 4)."""
    return HubSpotError(400, f"Invalid input JSON on line 1, column 1: {message}")


def not_found() -> HubSpotError:
    return HubSpotError(404, "resource not found")


def not_numeric(record_id: str) -> HubSpotError:
    """For an id that is none; the two spaces are the vendor's."""
    message = "Object not found.  objectId are usually numeric."
    return HubSpotError(404, message, "OBJECT_NOT_FOUND", context={"id": [record_id]})
