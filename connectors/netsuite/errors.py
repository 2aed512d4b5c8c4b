"""What NetSuite's errors mean: by code first, then by text, because business rules share one code (sheet 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from connectors import failures
from connectors.http import excerpt
from connectors.netsuite.spec import VENDOR
from connectors.values import parse_json
from core.errors import ErrorType, RecordFailure, SyncError

_BY_STATUS = {
    401: ErrorType.AUTH_EXPIRED,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    408: ErrorType.TRANSIENT,
    429: ErrorType.RATE_LIMIT,
}
_BY_CODE = {
    "INVALID_LOGIN": ErrorType.AUTH_EXPIRED,
    "INVALID_LOGIN_ATTEMPT": ErrorType.AUTH_EXPIRED,
    "INSUFFICIENT_PERMISSION": ErrorType.PERMISSION,
    "NONEXISTENT_ID": ErrorType.NOT_FOUND,
    "RCRD_DSNT_EXIST": ErrorType.NOT_FOUND,
    "IDEMPOTENCY_ERROR": ErrorType.DUPLICATE,
    "RCRD_HAS_BEEN_CHANGED": ErrorType.CONFLICT,
    "CONCURRENCY_LIMIT_EXCEEDED": ErrorType.RATE_LIMIT,
    "SSS_REQUEST_LIMIT_EXCEEDED": ErrorType.RATE_LIMIT,
    "UNEXPECTED_ERROR": ErrorType.TRANSIENT,
}
# English texts; in an account of another language they say nothing, and the error counts as one of a field.
_BY_TEXT = (
    (re.compile(r"already exists|already in use", re.I), ErrorType.DUPLICATE),
    (re.compile(r"record has been changed", re.I), ErrorType.CONFLICT),
    (re.compile(r"transaction type specified is incorrect|does not exist", re.I), ErrorType.NOT_FOUND),
    (re.compile(r"permission|only an administrator|record '.*' was not found", re.I), ErrorType.PERMISSION),
)
_HINTS = (
    (re.compile(r"accounting period", re.I), "open the period in NetSuite, or change the date there by hand"),
    (re.compile(r"primary subsidiary", re.I), "set entityOptions.accounts.subsidiary"),
    (re.compile(r"override the automatically generated", re.I), "allow override in NetSuite's auto-generated numbers"),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The first error of a body."""

    status: int
    code: str | None
    detail: str
    path: str | None

    @property
    def type(self) -> ErrorType:
        """Its class: code, text, status."""
        if self.code in _BY_CODE:
            return _BY_CODE[self.code]
        if self.status == 400:
            return next((kind for known, kind in _BY_TEXT if known.search(self.detail)), ErrorType.FIELD_VALIDATION)
        return failures.type_of_status(self.status, _BY_STATUS)

    def record_failure(self) -> RecordFailure:
        """Return this failure as that of one record."""
        hint = next((text for known, text in _HINTS if known.search(self.detail)), None)
        message = f"{VENDOR}: {excerpt(self.detail)}" + (f" ({hint})" if hint else "")
        return RecordFailure(self.type, message, field=_field(self.path), vendor_code=self.code)


def failure_in(response: httpx.Response) -> Failure:
    """Return what a refused call says; its text where the body is no JSON."""
    try:
        body: Any = parse_json(response.content)
    except ValueError:
        body = None
    details = body.get("o:errorDetails") if isinstance(body, dict) else None
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    title = body.get("title") if isinstance(body, dict) else response.text
    code, path = first.get("o:errorCode"), first.get("o:errorPath")
    return Failure(
        response.status_code,
        str(code) if code else None,
        str(first.get("detail") or title or "no text"),
        str(path) if path else None,
    )


def to_error(response: httpx.Response) -> SyncError:
    """Return the error of a failed whole call, rate limits and dead tokens excepted.

    A write whose reply is a server error may have been carried out.
    """
    failure = failure_in(response)
    message = f"{VENDOR} answered {response.status_code}: {excerpt(failure.detail)}"
    unclear = response.status_code >= 500
    return failures.error_of(failure.type, message, response, code=failure.code, carried_out=unclear)


def _field(path: str | None) -> str | None:
    """The field that a path of the body names, in our own names: lines count as one field."""
    if path is None:
        return None
    head = path.partition(".")[0]
    return {"addressBook": "billingAddress", "taxDetails": "item", "apply": "amount"}.get(head, head)
