"""What every vendor's errors have in common: classes by type, types by status, what an unreadable reply means.

A connector package brings its own table of codes and statuses and says what a body tells; the rest is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from connectors.http import is_read, retry_after
from connectors.values import parse_json
from core.errors import (
    Conflict,
    Duplicate,
    ErrorType,
    FieldValidation,
    Internal,
    NotFound,
    Permission,
    SyncError,
    Transient,
)

_ERRORS: dict[ErrorType, type[SyncError]] = {
    ErrorType.FIELD_VALIDATION: FieldValidation,
    ErrorType.NOT_FOUND: NotFound,
    ErrorType.CONFLICT: Conflict,
    ErrorType.DUPLICATE: Duplicate,
    ErrorType.PERMISSION: Permission,
}


def type_of_status(status: int, known: Mapping[int, ErrorType]) -> ErrorType:
    """Return the error type of a status whose body says nothing, by a vendor's own table first."""
    if status in known:
        return known[status]
    return ErrorType.TRANSIENT if status >= 500 else ErrorType.FIELD_VALIDATION


def error_of(
    kind: ErrorType,
    message: str,
    response: httpx.Response,
    *,
    code: str | None = None,
    carried_out: bool = False,
    wait: float | None = None,
) -> SyncError:
    """Return the error of a call that was refused or failed, rate limits and expired credentials excepted.

    `carried_out` says that the vendor may have done what it was asked; of a read that means nothing. `wait` is how long
    a passing failure is left alone when the vendor does not say.
    """
    if kind is ErrorType.TRANSIENT:
        told = retry_after(response.headers)
        unclear = carried_out and not is_read(response.request)
        return Transient(message, vendor_code=code, retry_after=wait if told is None else told, outcome_unknown=unclear)
    return _ERRORS.get(kind, Internal)(message, vendor_code=code)


def unreadable(vendor: str, response: httpx.Response) -> Transient:
    """Return the error of a success whose body makes no sense; a write may have been carried out."""
    return Transient(
        f"{vendor} answered {response.status_code} with a body that cannot be read",
        outcome_unknown=not is_read(response.request),
    )


def json_in(vendor: str, response: httpx.Response) -> Any:
    """Return a success's JSON with exact numbers. Raises `Transient` where it is none."""
    try:
        return parse_json(response.content)
    except ValueError as error:
        raise unreadable(vendor, response) from error


def object_in(vendor: str, response: httpx.Response) -> dict[str, Any]:
    """Return a success's JSON object. Raises `Transient` for anything else."""
    body = json_in(vendor, response)
    if not isinstance(body, dict):
        raise unreadable(vendor, response)
    return body
