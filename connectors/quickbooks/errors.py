"""What QuickBooks' faults mean: by code first, then by status (QuickBooks sheet 6).

Entity errors say `Fault`, the gateway's `fault` in lower case, some bodies are XML or a proxy's HTML, and a 200 may
hold a fault as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from connectors import failures
from connectors.http import excerpt
from connectors.quickbooks.spec import VENDOR
from connectors.values import parse_json
from core.errors import ErrorType, RecordFailure, SyncError

_FIELD, _CONFLICT = ErrorType.FIELD_VALIDATION, ErrorType.CONFLICT
_BY_CODE: dict[int, ErrorType] = {
    **dict.fromkeys((100, 110, 3200), ErrorType.AUTH_EXPIRED),
    **dict.fromkeys((120, 140, 3100, 5020, 5030, 6190), ErrorType.PERMISSION),
    3001: ErrorType.RATE_LIMIT,
    610: ErrorType.NOT_FOUND,
    **dict.fromkeys((600, 630, 6140, 6240), ErrorType.DUPLICATE),
    **dict.fromkeys((800, 5010, 6210, 6540), _CONFLICT),
    **dict.fromkeys((130, 150, 10000), ErrorType.TRANSIENT),
}
_BY_STATUS: dict[int, ErrorType] = {
    401: ErrorType.AUTH_EXPIRED,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    408: ErrorType.TRANSIENT,
    429: ErrorType.RATE_LIMIT,
}
STALE, POISONED, USER_GONE = 5010, 4002, 120
_XML_CODE, _XML_TEXT = re.compile(r'code="(\d+)"'), re.compile(r"<(?:Message|Detail)>(.*?)</", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Failure:
    """The first error of a fault. `field` is the property that it names, as QuickBooks spells it."""

    message: str
    code: int | None = None
    field: str | None = None

    def type(self, status: int | None = None) -> ErrorType:
        """Return the error type: of a call by code, then status; of a batch's item (no status) by its code."""
        if self.code in _BY_CODE:
            return _BY_CODE[self.code]
        if status is not None and not (self.code is not None and 400 <= status < 500):
            return failures.type_of_status(status, _BY_STATUS)
        return _FIELD

    def record_failure(self, *, creating: bool) -> RecordFailure:
        """Return what went wrong with one record. What is "not found" of a create is something that it refers to."""
        kind = self.type()
        if kind is ErrorType.NOT_FOUND and (creating or self.field is not None):
            kind = _FIELD
        return RecordFailure(kind, excerpt(self.message), self.field, str(self.code) if self.code is not None else None)


def fault_in(body: Any) -> Failure | None:
    """Return the first error of a parsed body, in either of the two spellings; None where there is none."""
    if not isinstance(body, Mapping):
        return None
    fault = body.get("Fault") or body.get("fault")
    errors = (fault.get("Error") or fault.get("error")) if isinstance(fault, Mapping) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
        return Failure("a fault without an error") if fault else None
    first = {str(key).lower(): value for key, value in errors[0].items()}
    message, detail = str(first.get("message") or ""), str(first.get("detail") or "")
    text = detail if detail.startswith(message) or not message else f"{message}: {detail}" if detail else message
    return Failure(text, _number(first.get("code")), str(first["element"]) if first.get("element") else None)


def failure_in(response: httpx.Response) -> Failure:
    """Return what a refusal says, whatever its form."""
    try:
        found = fault_in(parse_json(response.content))
    except ValueError:
        text = response.text
        code = _XML_CODE.search(text)
        said = ": ".join(_XML_TEXT.findall(text))
        return Failure(said or excerpt(text), int(code[1]) if code else None)
    return found or Failure(excerpt(response.text))


def to_error(response: httpx.Response, failure: Failure) -> SyncError:
    """Return the error of a refused or failed call, rate limits and expired credentials excepted."""
    status = response.status_code
    trace = response.headers.get("intuit_tid")
    message = f"{VENDOR} answered {status}: {excerpt(failure.message)}" + (f" (intuit_tid {trace})" if trace else "")
    code = str(failure.code) if failure.code is not None else None
    return failures.error_of(failure.type(status), message, response, code=code, carried_out=status >= 500)


def _number(code: Any) -> int | None:
    text = str(code or "")
    return int(text) if text.isdecimal() else None
