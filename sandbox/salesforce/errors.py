"""The error bodies of the REST API: an array of `{message, errorCode, fields?}` (sheet 6)."""

from typing import Any


class SalesforceError(Exception):
    """One refused call or row. `fields` is left out of the body when None, as the vendor does."""

    def __init__(self, code: str, message: str, fields: list[str] | None = None, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status
        self.extra: dict[str, Any] = {}

    def body(self) -> list[dict[str, Any]]:
        """The body of a single call: `errorCode` (sheet 6)."""
        row: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            row["fields"] = self.fields
        return [row]

    def row(self) -> dict[str, Any]:
        """A row of sObject Collections: `statusCode`, always `fields`, and no details of duplicates (sheet 4.3)."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    return SalesforceError("NOT_FOUND", message, status=404)


def session_expired() -> SalesforceError:
    return SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)


def entity_is_deleted() -> SalesforceError:
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)


def no_such_column(field: str, sobject: str) -> SalesforceError:
    """An unknown field in a write (SOQL has its own text)."""
    return SalesforceError("INVALID_FIELD", f"No such column '{field}' on sobject of type {sobject}")


def malformed(message: str) -> SalesforceError:
    return SalesforceError("MALFORMED_QUERY", message)


def unparsable(kind: str, token: str, value: str, column: int = 1) -> SalesforceError:
    """A JSON value of the wrong type for its field (sheet 6)."""
    return SalesforceError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from {token} value {value} or request may be missing a required "
        f"field at [line:1, column:{column}]",
    )
