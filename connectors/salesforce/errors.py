"""What Salesforce's errors mean, by code and status (Salesforce sheet 6).

Bodies may be an array (`errorCode`), a row of Collections (`statusCode`), an object (`error`), HTML or empty; none of
them breaks this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from connectors import failures
from connectors.http import excerpt
from connectors.salesforce.ids import normalise_id
from connectors.salesforce.spec import VENDOR
from connectors.values import parse_json
from core.errors import ErrorType, RecordFailure, SyncError

_VALIDATION = """
REQUIRED_FIELD_MISSING STRING_TOO_LONG INVALID_EMAIL_ADDRESS FIELD_CUSTOM_VALIDATION_EXCEPTION
INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST FIELD_INTEGRITY_EXCEPTION NUMBER_OUTSIDE_VALID_RANGE
INVALID_TYPE_ON_FIELD_IN_RECORD INVALID_CURRENCY_ISO FIELD_FILTER_VALIDATION_EXCEPTION JSON_PARSER_ERROR MALFORMED_ID
INVALID_FIELD INVALID_FIELD_FOR_INSERT_UPDATE MALFORMED_QUERY INVALID_TYPE CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY
INACTIVE_OWNER_OR_USER METHOD_NOT_ALLOWED UNSUPPORTED_MEDIA_TYPE UNSUPPORTED_API_VERSION
"""
_PERMISSION = """
INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY API_DISABLED_FOR_ORG
API_CURRENTLY_DISABLED FUNCTIONALITY_NOT_ENABLED CANNOT_UPDATE_CONVERTED_LEAD STORAGE_LIMIT_EXCEEDED
"""
_TRANSIENT = """
UNABLE_TO_LOCK_ROW QUERY_TIMEOUT INVALID_QUERY_LOCATOR TXN_SECURITY_METERING_ERROR REQUEST_RUNNING_TOO_LONG
UNKNOWN_EXCEPTION SERVER_UNAVAILABLE ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED
"""
_BY_CODE: dict[str, ErrorType] = {
    **dict.fromkeys(_VALIDATION.split(), ErrorType.FIELD_VALIDATION),
    **dict.fromkeys(_PERMISSION.split(), ErrorType.PERMISSION),
    **dict.fromkeys(_TRANSIENT.split(), ErrorType.TRANSIENT),
    **dict.fromkeys(("INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "ENTITY_IS_DELETED"), ErrorType.NOT_FOUND),
    **dict.fromkeys(("DUPLICATE_VALUE", "DUPLICATES_DETECTED", "DUPLICATE_EXTERNAL_ID"), ErrorType.DUPLICATE),
    **dict.fromkeys(("ENTITY_IS_LOCKED", "DELETE_FAILED"), ErrorType.CONFLICT),
    "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE": ErrorType.CONFLICT,
    "INVALID_SESSION_ID": ErrorType.AUTH_EXPIRED,
    "INVALID_AUTH_HEADER": ErrorType.AUTH_EXPIRED,
    "REQUEST_LIMIT_EXCEEDED": ErrorType.RATE_LIMIT,
    "LIMIT_EXCEEDED": ErrorType.RATE_LIMIT,
}
_BY_STATUS: dict[int, ErrorType] = {
    401: ErrorType.AUTH_EXPIRED,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    406: ErrorType.TRANSIENT,
    408: ErrorType.TRANSIENT,
    409: ErrorType.CONFLICT,
    412: ErrorType.CONFLICT,
    420: ErrorType.TRANSIENT,
    429: ErrorType.RATE_LIMIT,
}
# Refusals of the caller, not of a row, though a row's call may get them.
_OF_CONNECTION = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED"})
_WRONG_SESSION = "not valid for use with the REST API"
_DUPLICATE = re.compile(r"duplicate value found: (\S+) duplicates value on record with id: (\w+)")
_RECORD_ID = re.compile(r"\b[a-zA-Z0-9]{15}(?:[A-Z0-5]{3})?\b")


@dataclass(frozen=True, slots=True)
class Failure:
    """One error of a body: Salesforce's code, its text, the fields it names, and matched duplicates' ids."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()

    @property
    def wrong_session(self) -> bool:
        """A session that no renewal makes valid: policy or IP range forbids it (sheet 1.5)."""
        return _WRONG_SESSION in self.message

    @property
    def of_connection(self) -> bool:
        """Whether the caller was refused, so that no other row would fare better."""
        kind = self.type()
        return kind in (ErrorType.RATE_LIMIT, ErrorType.AUTH_EXPIRED) or self.code in _OF_CONNECTION

    def type(self, status: int = 400) -> ErrorType:
        """Return the error type of this failure."""
        if self.code == "INVALID_SESSION_ID" and self.wrong_session:
            return ErrorType.PERMISSION
        if self.code == "INVALID_CROSS_REFERENCE_KEY" and self.fields:
            return ErrorType.FIELD_VALIDATION
        if "UNABLE_TO_LOCK_ROW" in self.message:
            return ErrorType.TRANSIENT
        known = _BY_CODE.get(self.code)
        return known if known is not None else type_of_status(status)

    def record_failure(self) -> RecordFailure:
        """Return this failure as that of one record."""
        matched = f" (existing record: {', '.join(self.matches)})" if self.matches else ""
        field = self.fields[0] if self.fields else None
        return RecordFailure(self.type(), excerpt(self.message) + matched, field=field, vendor_code=self.code)

    def duplicate_of(self) -> tuple[str, str] | None:
        """Return the unique field and the id of the record that holds its value, as DUPLICATE_VALUE names them."""
        found = _DUPLICATE.search(self.message)
        record_id = normalise_id(found[2]) if found else None
        return (found[1], record_id) if found and record_id else None


def type_of_status(status: int) -> ErrorType:
    """Return the error type of a status whose body says nothing."""
    return failures.type_of_status(status, _BY_STATUS)


def failures_of(response: httpx.Response) -> list[Failure]:
    """Return the errors of a body; empty where it holds none that can be read."""
    try:
        body = parse_json(response.content)
    except ValueError:
        return []
    rows = body if isinstance(body, list) else [body]
    return [failure_of(row) for row in rows if isinstance(row, dict) and ("errorCode" in row or "error" in row)]


def failure_of(row: Mapping[str, Any]) -> Failure:
    """Return one error object of a body or of a Collections row."""
    code = str(row.get("errorCode") or row.get("statusCode") or row.get("error") or "")
    message = str(row.get("message") or row.get("error_description") or code)
    fields = row.get("fields")
    names = tuple(str(name) for name in fields) if isinstance(fields, list) else ()
    return Failure(code, message, names, tuple(_matched_ids(row)))


def _matched_ids(row: Mapping[str, Any]) -> Sequence[str]:
    """The ids inside a duplicate result, whose key the vendor misspells (sheet 4.6)."""
    result = row.get("duplicateResut") or row.get("duplicateResult")
    if not isinstance(result, dict):
        return []
    records = [
        match.get("record")
        for matched in result.get("matchResults") or []
        if isinstance(matched, dict)
        for match in matched.get("matchRecords") or []
        if isinstance(match, dict)
    ]
    return [str(record["Id"]) for record in records if isinstance(record, dict) and record.get("Id")]


def to_error(response: httpx.Response) -> SyncError:
    """Return the error of a failed whole call, rate limits and expired sessions excepted.

    A write whose reply is a server error, or has nothing to say, may have been carried out.
    """
    told = failures_of(response)
    first = told[0] if told else None
    status = response.status_code
    kind = first.type(status) if first else type_of_status(status)
    message = f"{VENDOR} answered {status}: {excerpt(first.message if first else response.text) or 'no text'}"
    code = first.code if first else None
    return failures.error_of(kind, message, response, code=code, carried_out=first is None or status >= 500)
