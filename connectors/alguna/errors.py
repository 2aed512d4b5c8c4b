"""What Alguna's errors mean (Alguna sheet 1.3, 1.5, 1.6): two JSON shapes, or any body at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.http import excerpt, retry_after
from core.errors import Conflict, FieldValidation, NotFound, Permission, RateLimit, SyncError, Transient

_BY_STATUS: dict[int, type[SyncError]] = {
    400: FieldValidation,
    403: Permission,
    404: NotFound,
    409: Conflict,
    422: FieldValidation,
}
_TRANSIENT = frozenset({408, 425})
_PATH = re.compile(r"^[a-z][a-z0-9_]*(?:\[\d+\])?(?:\.[a-z][a-z0-9_]*)*")


class Remembered(SyncError):
    """A refusal that Alguna has kept under an idempotency key: it was given to an earlier request (sheet 1.3).

    What led to it may have been put right since. `refusal` is what it says.
    """

    def __init__(self, refusal: SyncError) -> None:
        """Take the refusal."""
        super().__init__(refusal.message, vendor_code=refusal.vendor_code)
        self.type, self.refusal = refusal.type, refusal


def is_remembered(headers: Mapping[str, str]) -> bool:
    """Whether an answer is the one that was given to an earlier request under the same key."""
    return headers.get("Idempotent-Replayed", "").lower() == "true"


def detail_of(body: object) -> str:
    """Return the text of an error body: the API's `detail`, the gateway's `message`, or the start of what came."""
    for name in ("detail", "message", "title"):
        value = body.get(name) if isinstance(body, Mapping) else getattr(body, name, None)
        if isinstance(value, str) and value:
            return excerpt(value)
    return excerpt(body) if isinstance(body, str) else ""


def to_error(
    status: int, headers: Mapping[str, str] | None, body: Any, *, read: bool, wait: float | None = None
) -> SyncError:
    """Return the error of a failed call. `wait` is how long to stay away when a limit does not say so itself.

    A success with a body that cannot be read arrives here as well: a write then counts as of unknown outcome.
    """
    known = httpx.Headers(dict(headers or {}))
    told = retry_after(known)
    message = f"Alguna answered {status}: {detail_of(body) or 'no text'}"
    if status == 429:
        return RateLimit(message, vendor_code="429", retry_after=wait if told is None else told)
    # Only a key in use by a call that still runs comes with a time to wait (sheet 1.3).
    if status == 409 and told is not None:
        return Transient(message, vendor_code="409", retry_after=told, outcome_unknown=True)
    if status < 400 or status >= 500 or status in _TRANSIENT:
        return Transient(message, vendor_code=str(status), retry_after=told, outcome_unknown=not read)
    return _BY_STATUS.get(status, FieldValidation)(message, vendor_code=str(status))


def field_in(detail: str) -> str | None:
    """Return the camelCase path that an error text begins with, if it begins with one (`billing_address.city …`)."""
    found = _PATH.match(detail)
    if not found or not ("." in found[0] or "_" in found[0] or found[0] in ("name", "currency", "aliases")):
        return None
    path = re.sub(r"\[\d+\]", "", found[0]).removeprefix("contacts.")
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), path)
