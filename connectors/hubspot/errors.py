"""What HubSpot's errors mean: by status first, then category, messages last (HubSpot sheet 6).

Any field of a body may be missing, and a gateway's errors are HTML. Bad properties are told inside the message, and in
newer bodies in `errors` as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import httpx

from connectors import failures
from connectors.http import excerpt
from connectors.hubspot.spec import VENDOR
from connectors.values import parse_json
from core.errors import ErrorType, RecordFailure, SyncError

_BY_STATUS: dict[int, ErrorType] = {
    401: ErrorType.AUTH_EXPIRED,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    408: ErrorType.TRANSIENT,
    409: ErrorType.DUPLICATE,
    423: ErrorType.TRANSIENT,
    429: ErrorType.RATE_LIMIT,
    477: ErrorType.TRANSIENT,
    530: ErrorType.AUTH_EXPIRED,
}
# Of an item of a batch, which has no status of its own; what is not listed is tried again.
_BY_CATEGORY: dict[str, ErrorType] = {
    "VALIDATION_ERROR": ErrorType.FIELD_VALIDATION,
    "CONFLICT": ErrorType.DUPLICATE,
    "OBJECT_ALREADY_EXISTS": ErrorType.DUPLICATE,
    "OBJECT_NOT_FOUND": ErrorType.NOT_FOUND,
    "MISSING_SCOPES": ErrorType.PERMISSION,
    "RATE_LIMITS": ErrorType.RATE_LIMIT,
}
_TAKEN = re.compile(r"already has that value|CONFLICTING_UNIQUE_VALUE|UNIQUE_VALUE_CONFLICT")
_HOLDER = re.compile(r"propertyName=([^,}]+), value=(.*?)\} on \S+ (\d+) already has that value")
_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
_TWICE = "Duplicate IDs found in batch input"
_EMBEDDED = "Property values were not valid: "
_LOCKED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One error of a body. `field` and `code` are of the first bad property; `value` is what was wrong with it."""

    message: str
    category: str = ""
    code: str | None = None
    field: str | None = None
    value: str | None = None
    context: Mapping[str, list[str]] = default(default_factory=dict)

    def type(self, status: int | None = None) -> ErrorType:
        """Return the error type, of a whole call by its status, of a batch's item (None) by its category."""
        if _TAKEN.search(self.message):
            return ErrorType.DUPLICATE
        if _TWICE in self.message:
            return ErrorType.CONFLICT
        if status is None:
            return _BY_CATEGORY.get(self.category, ErrorType.TRANSIENT)
        return type_of_status(status)

    def record_failure(self, status: int | None = None) -> RecordFailure:
        """Return this failure as that of one record."""
        held = self.existing_id()
        known = f" (existing record: {held})" if held and held not in self.message else ""
        code = self.code or self.category or None
        return RecordFailure(self.type(status), excerpt(self.message) + known, field=self.field, vendor_code=code)

    def holder(self) -> tuple[str, str, str] | None:
        """Return (property, value, id of the record that holds it) of a taken unique value, where it is told."""
        found = _HOLDER.search(self.message)
        return (found[1], found[2], found[3]) if found else None

    def existing_id(self) -> str | None:
        """Return the id of the record that is in the way, where it is told."""
        told = self.context.get("existingId")
        if told:
            return str(told[0])
        holder, found = self.holder(), _EXISTING.search(self.message)
        return holder[2] if holder else found[1] if found else None


def type_of_status(status: int) -> ErrorType:
    """Return the error type of a status whose body says nothing."""
    return failures.type_of_status(status, _BY_STATUS)


def failure_in(response: httpx.Response) -> Failure:
    """Return the error of a refused call; its text where the body is no JSON."""
    try:
        body = parse_json(response.content)
    except ValueError:
        body = None
    return failure_of(body) if isinstance(body, dict) else Failure(excerpt(response.text) or "no text")


def failure_of(body: Mapping[str, Any]) -> Failure:
    """Return the error that a body, or an item of a batch's `errors`, tells of."""
    message = str(body.get("message") or body.get("error_description") or body.get("status") or "no text")
    field_name, code, text, value = _first_property(message, body.get("errors"))
    context = body.get("context")
    return Failure(
        message=text or message,
        category=str(body.get("category") or body.get("errorType") or body.get("error") or ""),
        code=code,
        field=field_name,
        value=value,
        context=context if isinstance(context, dict) else {},
    )


def _first_property(message: str, errors: Any) -> tuple[str | None, str | None, str | None, str | None]:
    """(name, code, text, value) of the first bad property: from the message, else from `errors`."""
    start = message.find(_EMBEDDED)
    if start >= 0:
        try:
            rows = json.JSONDecoder().raw_decode(message, start + len(_EMBEDDED))[0]
            return (
                _text(rows[0], "name"),
                _text(rows[0], "error"),
                _text(rows[0], "message"),
                _text(rows[0], "propertyValue"),
            )
        except (ValueError, IndexError, AttributeError):
            pass
    for row in errors if isinstance(errors, list) else []:
        context = row.get("context") if isinstance(row, dict) else None
        names = context.get("propertyName") if isinstance(context, dict) else None
        if names:
            return str(names[0]), _text(row, "code"), _text(row, "message"), None
    return None, None, None, None


def _text(row: Mapping[str, Any], key: str) -> str | None:
    return str(row[key]) if row.get(key) is not None else None


def to_error(response: httpx.Response) -> SyncError:
    """Return the error of a failed whole call, rate limits and expired tokens excepted.

    A write whose reply is a server error may have been carried out.
    """
    failure, status = failure_in(response), response.status_code
    message = f"{VENDOR} answered {status}: {excerpt(failure.message)}"
    return failures.error_of(
        failure.type(status),
        message,
        response,
        code=failure.code or failure.category or None,
        carried_out=status >= 500,
        wait=_LOCKED_SECONDS if status == 423 else None,
    )
