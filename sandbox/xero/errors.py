"""Xero's refusals: of a whole call, and of one row of it (sheet 1, 6)."""

from typing import Any
from uuid import uuid4

VALIDATION = "A validation exception occurred"


class XeroError(Exception):
    """A call that is refused as a whole. A `body` of text goes out as `text/html`."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = headers or {}


class RowError(Exception):
    """One row that is refused, with everything that is wrong with it."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> XeroError:
    """The envelope of the gateway, before the Accounting API is reached."""
    body: dict[str, Any] = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": str(uuid4()),
        "Extensions": {},
    }
    return XeroError(status, body, headers)


def api_exception(number: int, kind: str, message: str, status: int = 400) -> XeroError:
    """An error of the Accounting API without elements."""
    return XeroError(status, {"ErrorNumber": number, "Type": kind, "Message": message})


def invalid_elements(elements: list[dict[str, Any]]) -> XeroError:
    """The 400 of a summarised call: the rows that were refused."""
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Message": VALIDATION, "Elements": elements}
    return XeroError(400, body)


def unreadable(text: Any) -> XeroError:
    """A value that the parser does not take (sheet 6: ErrorNumber 14)."""
    return api_exception(14, "PostDataInvalidException", f"The string '{text}' is not a valid AllXsd value.")


def no_data() -> XeroError:
    return api_exception(17, "NoDataProcessedException", "No data has been processed for this endpoint.")


def bad_query(message: str) -> XeroError:
    return api_exception(16, "QueryParseException", message)


def not_implemented() -> XeroError:
    return api_exception(20, "ApiMethodNotImplementedException", "The Api Method called is not implemented", 501)


def not_found() -> XeroError:
    return XeroError(404, "The resource you're looking for cannot be found")


def bad_parameter(name: str) -> XeroError:
    return XeroError(400, f"Supplied parameter '{name}' cannot be parsed.")
