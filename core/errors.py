"""The one error taxonomy.

SyncError
├── FieldValidation   a value or a mapping was refused                      -> check the field mapping
├── RateLimit         the vendor limits us                                  -> retried by itself after `retry_after`
├── AuthExpired       the grant is dead                                     -> reconnect the integration
├── NotFound          the record does not exist                             -> skip or create, as configured
├── Conflict          the record moved under us, or a person must decide    -> merged again, or resolve it
├── Duplicate         the vendor says such a record exists                  -> link or change one of them
├── Permission        the credentials may not do this                       -> grant the right in the vendor's settings
├── Transient         a passing failure                                     -> retried by itself
└── Internal          our own fault                                         -> report it

A failure of one record is a value (`RecordFailure`); a failure of the connection is raised as a SyncError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorType(StrEnum):
    """The closed set of error types, the same on every surface."""

    FIELD_VALIDATION = "field_validation"
    RATE_LIMIT = "rate_limit"
    AUTH_EXPIRED = "auth_expired"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"
    PERMISSION = "permission"
    TRANSIENT = "transient"
    INTERNAL = "internal"


HINTS: dict[ErrorType, str] = {
    ErrorType.FIELD_VALIDATION: "Check the field mapping and the value, then retry.",
    ErrorType.RATE_LIMIT: "Nothing to do: the call is repeated when the vendor allows it.",
    ErrorType.AUTH_EXPIRED: "Reconnect the integration; the paused sync goes on by itself.",
    ErrorType.NOT_FOUND: "The record is gone. It is skipped or created again, as `onNotFound` says.",
    ErrorType.CONFLICT: "The record changed meanwhile. It is merged again at the next pass.",
    ErrorType.DUPLICATE: "The vendor already holds such a record. Link the two, or change one of them.",
    ErrorType.PERMISSION: "Give the connected user the right to do this in the vendor's settings.",
    ErrorType.TRANSIENT: "Nothing to do: it is tried again.",
    ErrorType.INTERNAL: "This is a fault of External Sync. Please report it with the error id.",
}


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """Why one record could not be synced. `message` may quote the vendor; `field` is in the target's own names."""

    type: ErrorType
    message: str
    field: str | None = None
    vendor_code: str | None = None


class SyncError(Exception):
    """Base of all failures of a connection or a request. `message` is for people and holds no secret."""

    type: ErrorType = ErrorType.INTERNAL

    def __init__(self, message: str, *, vendor_code: str | None = None, retry_after: float | None = None) -> None:
        """Take the message, the vendor's own error code and, where the vendor says so, the seconds to wait."""
        super().__init__(message)
        self.message = message
        self.vendor_code = vendor_code
        self.retry_after = retry_after


class FieldValidation(SyncError):
    """A value, a field or a query was refused."""

    type = ErrorType.FIELD_VALIDATION


class RateLimit(SyncError):
    """The vendor, or our own budget, says wait. `retry_after` is in seconds; `quota` marks a spent daily allowance."""

    type = ErrorType.RATE_LIMIT

    def __init__(
        self,
        message: str,
        *,
        vendor_code: str | None = None,
        retry_after: float | None = None,
        quota: bool = False,
    ) -> None:
        """Take as `SyncError`, and whether a daily quota (not a short window) is spent."""
        super().__init__(message, vendor_code=vendor_code, retry_after=retry_after)
        self.quota = quota


class AuthExpired(SyncError):
    """The grant is dead; a person must reconnect. `generation` is that of the credentials that failed."""

    type = ErrorType.AUTH_EXPIRED

    def __init__(self, message: str, *, connection_id: str, generation: int, vendor_code: str | None = None) -> None:
        """Take the message, the connection and the generation of its credentials that failed."""
        super().__init__(message, vendor_code=vendor_code)
        self.connection_id = connection_id
        self.generation = generation


class NotFound(SyncError):
    """The resource does not exist."""

    type = ErrorType.NOT_FOUND


class Conflict(SyncError):
    """The record moved under us."""

    type = ErrorType.CONFLICT


class Duplicate(SyncError):
    """The vendor already holds such a record."""

    type = ErrorType.DUPLICATE


class Permission(SyncError):
    """The credentials may not do this."""

    type = ErrorType.PERMISSION


class Transient(SyncError):
    """A passing failure. `outcome_unknown` is True when a write may have happened although no reply came."""

    type = ErrorType.TRANSIENT

    def __init__(
        self,
        message: str,
        *,
        vendor_code: str | None = None,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        """Take as `SyncError`, and whether the request may have been carried out."""
        super().__init__(message, vendor_code=vendor_code, retry_after=retry_after)
        self.outcome_unknown = outcome_unknown


class Internal(SyncError):
    """Our own fault."""

    type = ErrorType.INTERNAL
