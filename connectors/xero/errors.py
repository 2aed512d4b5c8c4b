"""What Xero's errors mean: by status, then by what every message of a refused row says (Xero sheet 1, 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from connectors import failures
from connectors.http import excerpt
from connectors.values import parse_json
from connectors.xero.spec import INVOICE_NUMBER, LINES, VENDOR
from core.errors import ErrorType, FieldValidation, Permission, RecordFailure, SyncError

_BY_STATUS: dict[int, ErrorType] = {
    401: ErrorType.AUTH_EXPIRED,
    403: ErrorType.PERMISSION,
    404: ErrorType.NOT_FOUND,
    412: ErrorType.FIELD_VALIDATION,
    501: ErrorType.FIELD_VALIDATION,
}
# Beginnings of messages; what none fits is a value that was refused. The strictest type of all messages counts.
_BY_MESSAGE: tuple[tuple[ErrorType, re.Pattern[str]], ...] = tuple(
    (kind, re.compile("|".join(beginnings)))
    for kind, beginnings in (
        (ErrorType.TRANSIENT, (r"An error occurred in Xero",)),
        (
            ErrorType.CONFLICT,
            (
                r"The contact with the specified contact details has been archived",
                r"Invoice not of valid status for modification",
                r"This document cannot be edited as it has a payment",
                r"The status \w+ cannot be applied",
                r"Only Status accepted for updates",
                r"Payment amount exceeds the amount outstanding",
                r"Payments can only be made against Authorised documents",
                r"This payment (has already been|cannot be) deleted",
                r"Idempotency Key:",
            ),
        ),
        (
            ErrorType.DUPLICATE,
            (
                r"The contact name .* is already assigned to another contact",
                r"Another contact has this contact number",
                r"The Account Number already exists",
                r"Invoice # must be unique",
            ),
        ),
        (ErrorType.NOT_FOUND, (r"(The )?(Contact|Invoice|Payment)\b.* could not be found",)),
    )
)
# Which field a message is about.
_FIELDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Name", re.compile(r"(?i)the contact name")),
    ("ContactNumber", re.compile(r"(?i)contact number")),
    ("AccountNumber", re.compile(r"(?i)the account number")),
    ("EmailAddress", re.compile(r"(?i)email address")),
    (INVOICE_NUMBER, re.compile(r"(?i)invoice (#|number)")),
    ("CurrencyCode", re.compile(r"(?i)currency")),
    ("Date", re.compile(r"(?i)document date")),
    ("DueDate", re.compile(r"(?i)due ?date")),
    ("Amount", re.compile(r"(?i)payment amount")),
    (LINES, re.compile(r"(?i)line item|line total|line amount|taxtype|account code|item code")),
)
# Refusals for which our own record may be the reason: its number is taken, or its payment is there already.
_MAYBE_OURS = re.compile(
    r"Another contact has this contact number|Invoice # must be unique|Payment amount exceeds the amount outstanding"
)
# People have to act on these at Xero; the message alone does not say where.
_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"lock date"), "move the lock date in Xero (Financial settings), or leave the document"),
    (re.compile(r"has been archived"), "restore the contact in Xero, then retry"),
    (re.compile(r"not subscribed to currency"), "add the currency in Xero (Currency settings), then retry"),
    (
        re.compile(r"is already assigned to another contact"),
        "link the account to that contact, or rename one of them",
    ),
)


class TenantGone(SyncError):
    """The organisation is not connected to the app any more: only a new consent helps."""

    type = ErrorType.AUTH_EXPIRED


def messages_in(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield all that is wrong with a row, its lines included; the key is `Message`, in places `Description`."""
    for problem in row.get("ValidationErrors") or []:
        if isinstance(problem, dict) and (problem.get("Message") or problem.get("Description")):
            yield str(problem.get("Message") or problem.get("Description"))
    for part in row.values():
        for inner in part if isinstance(part, list) else [part]:
            if isinstance(inner, dict):
                yield from messages_in(inner)


def failure_of(messages: list[str]) -> RecordFailure:
    """Return the failure of a refused row."""
    told = list(dict.fromkeys(messages)) or ["no text"]
    text = "; ".join(excerpt(one) for one in told)
    advice = next((advice for pattern, advice in _ADVICE for one in told if pattern.search(one)), None)
    field = next((name for one in told for name, pattern in _FIELDS if pattern.search(one)), None)
    return RecordFailure(_type_of(told), f"{text}: {advice}" if advice else text, field=field)


def may_be_ours(failure: RecordFailure) -> bool:
    """Whether a create was refused for what our own record may hold already."""
    return bool(_MAYBE_OURS.search(failure.message))


def failure_in(response: httpx.Response) -> RecordFailure:
    """Return the failure of a refused call of one row."""
    body = _body(response)
    elements = body.get("Elements")
    rows = [one for one in elements if isinstance(one, dict)] if isinstance(elements, list) else []
    messages = [message for row in rows for message in messages_in(row)]
    if response.status_code == 400 and messages:
        return failure_of(messages)
    text = _text(response, body)
    kind = _type_of([text]) if response.status_code == 400 else type_of_status(response.status_code)
    return RecordFailure(kind, excerpt(text), vendor_code=_code(body))


def type_of_status(status: int) -> ErrorType:
    """Return the error type of a status whose body says nothing."""
    return failures.type_of_status(status, _BY_STATUS)


def lacks_scope(response: httpx.Response) -> bool:
    """Whether a token was refused for what it may not do: another token may do no more (sheet 1)."""
    told = response.headers.get("www-authenticate", "")
    return "AuthorizationUnsuccessful" in _text(response, _body(response)) or bool(
        re.search("insuff?icent|insufficient", told)
    )


def to_error(response: httpx.Response) -> SyncError:
    """Return the error of a failed whole call, rate limits and expired tokens excepted.

    A write whose reply is a server error may have been carried out.
    """
    status, body = response.status_code, _body(response)
    text = _text(response, body)
    if status == 403 and "AuthenticationUnsuccessful" in text:
        return TenantGone("the organisation is not connected to the app in Xero any more: connect it again")
    if status in (401, 403) and lacks_scope(response):
        return Permission(f"the app lacks a scope for this call: connect again with all of them ({excerpt(text)})")
    failure = failure_in(response)
    message = f"{VENDOR} answered {status}: {failure.message}"
    if status == 400 and failure.type is ErrorType.FIELD_VALIDATION:
        return FieldValidation(message, vendor_code=_code(body))
    return failures.error_of(failure.type, message, response, code=_code(body), carried_out=status >= 500)


def _type_of(messages: list[str]) -> ErrorType:
    for kind, pattern in _BY_MESSAGE:
        if any(pattern.match(one) for one in messages):
            return kind
    return ErrorType.FIELD_VALIDATION


def _body(response: httpx.Response) -> dict[str, Any]:
    """The body where it is an object, keys in the capitals of today (sheet 1: older ones are in lower case)."""
    try:
        body = parse_json(response.content)
    except ValueError:
        return {}
    return {f"{key[:1].upper()}{key[1:]}": value for key, value in body.items()} if isinstance(body, dict) else {}


def _text(response: httpx.Response, body: Mapping[str, Any]) -> str:
    return str(body.get("Detail") or body.get("Message") or excerpt(response.text) or "no text")


def _code(body: Mapping[str, Any]) -> str | None:
    code = body.get("Type") or body.get("ErrorNumber")
    return str(code) if code else None
