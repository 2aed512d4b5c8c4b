"""Writing to Xero: batches of up to 50 records, each with an outcome of its own (Xero sheet 4).

A create is a PUT, which a taken number refuses: a POST would overwrite whoever has the name. It carries an
Idempotency-Key for the six minutes that Xero keeps it, and what finds it later: Alguna's id as contact number or as
a payment's reference, a document's number. Rows of an answer are told apart by id or by these, never by place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from connectors import writing
from connectors.failures import object_in, unreadable
from connectors.protocols import Current, WriteRequest, WriteResult, WriteStatus
from connectors.values import as_number, json_text
from connectors.writing import in_order, local, parts
from connectors.xero.client import XeroClient
from connectors.xero.errors import failure_in, failure_of, messages_in
from connectors.xero.lines import Refused, document
from connectors.xero.records import as_id, record_of
from connectors.xero.schema import GROUPS, group_of
from connectors.xero.spec import (
    ACCOUNT,
    ARCHIVED,
    AUTHORISED,
    BATCH_ROWS,
    CONTACT_NUMBER,
    DELETED,
    ID_KEY,
    INVOICE_NUMBER,
    LINES,
    PLURAL,
    REFERENCE,
    REPLAY_SECONDS,
    TOTAL,
    UNIT_DECIMALS,
    VENDOR,
    VOIDED,
    is_guid,
)
from core.documents import split_allocation
from core.errors import ErrorType, RecordFailure
from core.records import Entity, Operation, OperationKind
from core.values import Value, is_blank

# By what a create is known again in the answer, and later.
KEYS = {Entity.ACCOUNTS: CONTACT_NUMBER, Entity.INVOICES: INVOICE_NUMBER, Entity.PAYMENTS: REFERENCE}
_QUERY = {
    Entity.ACCOUNTS: "?summarizeErrors=false",
    Entity.INVOICES: f"?summarizeErrors=false&unitdp={UNIT_DECIMALS}",
    Entity.PAYMENTS: "?summarizeErrors=false",
}
_IDEMPOTENCY = "Idempotency-Key"
_ONE_ROW_REFUSED = frozenset({400, 404})
_ERROR = "ERROR"
_AGAIN = frozenset({ErrorType.RATE_LIMIT})


def plan(operations: Sequence[Operation], current: Mapping[int, Current], integration_id: str) -> list[WriteRequest]:
    """Put operations into requests: one kind and entity each, at most 50 rows, no record twice."""
    requests = []
    for kind in OperationKind:
        chosen = sorted((one for one in operations if one.kind is kind), key=lambda one: (one.entity.value, one.id))
        for part in parts(chosen, BATCH_ROWS):
            if kind is OperationKind.ARCHIVE and part[0].entity is Entity.PAYMENTS:
                requests += [_payment_deletion(one) for one in part]
                continue
            rows: dict[int, dict[str, Value]] = {}
            for one in part:
                try:
                    rows[one.id] = _row(one, current.get(one.id))
                except Refused as refused:
                    failure = RecordFailure(ErrorType.FIELD_VALIDATION, refused.message, refused.field)
                    requests.append(local(WriteResult(one.id, WriteStatus.REJECTED, one.target_id, failure=failure)))
            if rows:
                requests.append(_request(part, rows, integration_id))
    return requests


async def send(client: XeroClient, request: WriteRequest, operations: Sequence[Operation]) -> list[WriteResult]:
    """Send one stored request and return the outcome of each of its rows."""
    if request.method == writing.LOCAL:
        return writing.local_results(request)
    chosen = in_order(request, operations)
    one_row = chosen[0].entity is Entity.PAYMENTS and chosen[0].kind is OperationKind.ARCHIVE
    accept = _ONE_ROW_REFUSED if one_row else frozenset[int]()
    response = await client.request(
        request.method, request.path, request.body, headers=dict(request.headers), accept=accept
    )
    if not response.is_success:
        return [writing.refusal(chosen[0], failure_in(response))]
    return _outcomes(response, chosen)


def key_of(operation: Operation) -> str:
    """Return what tells a create from all others: its own number where a mapping gives one, else Alguna's id."""
    given = operation.values.get(KEYS[operation.entity])
    return operation.source_id if is_blank(given) else str(given)


def _request(part: Sequence[Operation], rows: Mapping[int, dict[str, Value]], integration_id: str) -> WriteRequest:
    """Keys are the app's and not the organisation's, so the integration and the time go into them (sheet 4).

    So do the tries: Xero keeps errors under a key as well.
    """
    entity, kind = part[0].entity, part[0].kind
    body = json_text({PLURAL[entity]: list(rows.values())})
    path = f"/{PLURAL[entity]}{_QUERY[entity]}"
    if kind is not OperationKind.CREATE:
        return WriteRequest(tuple(rows), "POST", path, body)
    planned = [f"{one.id} {one.key} {one.planned_at or ''} {one.tries}" for one in part if one.id in rows]
    key = hashlib.sha256("\n".join([integration_id, *planned, body]).encode()).hexdigest()
    return WriteRequest(tuple(rows), "PUT", path, body, key, REPLAY_SECONDS, {_IDEMPOTENCY: key})


def _payment_deletion(operation: Operation) -> WriteRequest:
    """A payment is deleted by its own address, and by nothing but its status (sheet 2)."""
    payment_id, _ = split_allocation(operation.target_id or "")
    path = f"/Payments/{quote(payment_id, safe='')}"
    return WriteRequest((operation.id,), "POST", path, json_text({"Status": DELETED}))


def _row(operation: Operation, current: Current | None) -> dict[str, Value]:
    """One record of a body. Raises `Refused`."""
    if operation.kind is OperationKind.ARCHIVE:
        status = {"ContactStatus": ARCHIVED} if operation.entity is Entity.ACCOUNTS else {"Status": VOIDED}
        return {ID_KEY[operation.entity]: operation.target_id, **status}
    if operation.entity is Entity.ACCOUNTS:
        return _contact(operation, current)
    context = current.context if current and current.context else {}
    if operation.entity is Entity.PAYMENTS:
        return _payment(operation)
    if operation.kind is OperationKind.UPDATE:
        return {"InvoiceID": operation.target_id, **_texts(operation.values)}
    return _invoice(operation, context)


def _contact(operation: Operation, current: Current | None) -> dict[str, Value]:
    values = dict(operation.values)
    row: dict[str, Value] = {"ContactID": operation.target_id}
    if operation.kind is OperationKind.CREATE:
        row = {CONTACT_NUMBER: values.pop(CONTACT_NUMBER, None) or operation.source_id}
        values = {name: value for name, value in values.items() if not is_blank(value)}
    grouped = {name: value for name, value in values.items() if group_of(name)}
    row |= _texts({name: value for name, value in values.items() if name not in grouped})
    held = current.context if current and current.context else {}
    for group in sorted({group_of(name) or "" for name in grouped}):
        row[group] = _parts(group, grouped, held.get(group))
    return row


def _parts(group: str, values: Mapping[str, Value], held: Any) -> list[Value]:
    """The typed rows of a list that change, whole: a part that is not sent would be emptied."""
    key, kinds, names = GROUPS[group]
    rows: list[Value] = []
    for kind in kinds:
        prefix = f"{group}.{kind}."
        changed = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
        if not changed:
            continue
        known = next((one for one in held or [] if isinstance(one, dict) and one.get(key) == kind), {})
        kept = {name: known[name] for name in names if known.get(name)}
        rows.append({key: kind, **kept, **{name: changed[name] or "" for name in sorted(changed)}})
    return rows


def _invoice(operation: Operation, context: Mapping[str, Any]) -> dict[str, Value]:
    values = operation.values
    if not operation.parent_id:
        raise Refused("an invoice needs its contact", "Contact.ContactID")
    day, due = values.get("Date"), values.get("DueDate")
    if is_blank(day):
        raise Refused("an invoice needs its date", "Date")
    locked = context.get("locked")
    if locked and str(day) <= locked:
        raise Refused(
            f"the books are locked in Xero until {locked}, and the invoice is of {day}: move the lock date in Xero "
            "(Financial settings), or leave the invoice",
            "Date",
        )
    lines = document(operation, context)
    more = {name: value for name, value in values.items() if name not in (LINES, TOTAL, "Date", "DueDate")}
    return {
        "Type": "ACCREC",
        "Contact": {"ContactID": operation.parent_id},
        INVOICE_NUMBER: key_of(operation),
        "Date": day,
        "DueDate": day if is_blank(due) else due,
        "LineAmountTypes": "Exclusive",
        "Status": AUTHORISED,
        **_texts({name: value for name, value in more.items() if name != INVOICE_NUMBER and not is_blank(value)}),
        LINES: list(lines),
    }


def _payment(operation: Operation) -> dict[str, Value]:
    values = operation.values
    account, amount = str(values.get(ACCOUNT) or ""), as_number(values.get("Amount"))
    if not operation.parent_id:
        raise Refused("a payment needs its invoice", "Invoice.InvoiceID")
    if not account:
        raise Refused("a payment needs an account: set entityOptions.payments.paymentAccount", ACCOUNT)
    if amount is None or amount <= 0:
        raise Refused(f"a payment of {values.get('Amount')} cannot be recorded in Xero", "Amount")
    return {
        "Invoice": {"InvoiceID": operation.parent_id},
        ACCOUNT: {"AccountID": account} if is_guid(account) else {"Code": account},
        "Date": values.get("Date"),
        "Amount": amount,
        REFERENCE: key_of(operation),
    }


def _texts(values: Mapping[str, Value]) -> dict[str, Value]:
    """Values as they are written; nothing clears, and is an empty text."""
    return {name: "" if value is None else value for name, value in sorted(values.items())}


def _outcomes(response: httpx.Response, chosen: Sequence[Operation]) -> list[WriteResult]:
    """Match the rows of an answer to the operations. Raises `Transient` where one is missing from it."""
    entity = chosen[0].entity
    rows = object_in(VENDOR, response).get(PLURAL[entity])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable(VENDOR, response)
    by_key = {key_of(one).casefold(): one for one in chosen if one.target_id is None}
    by_target = {split_allocation(one.target_id)[0]: one for one in chosen if one.target_id is not None}
    results: dict[int, WriteResult] = {}
    for row in rows:
        operation = by_target.get(str(row.get(ID_KEY[entity]))) or by_key.get(str(row.get(KEYS[entity])).casefold())
        if operation is not None:
            results[operation.id] = _outcome(operation, row)
    if len(results) != len(chosen):
        raise unreadable(VENDOR, response)
    return list(results.values())


def _outcome(operation: Operation, row: Mapping[str, Any]) -> WriteResult:
    """A row without an id was not written, whatever else it says (sheet 10, case 9)."""
    messages, record_id = list(messages_in(row)), as_id(operation.entity, row)
    if messages or record_id is None or row.get("StatusAttributeString") == _ERROR:
        return writing.refusal(operation, failure_of(messages), again=_AGAIN)
    record = record_of(operation.entity, row, operation.values.keys())
    if operation.kind is OperationKind.UPDATE and record is not None and record.deleted:
        # Xero changes an archived contact without a word; nobody works with it any more.
        failure = RecordFailure(ErrorType.NOT_FOUND, "it was archived in Xero meanwhile")
        return WriteResult(operation.id, WriteStatus.NOT_FOUND, operation.target_id, failure=failure)
    creates = operation.entity is Entity.INVOICES and operation.kind is OperationKind.CREATE
    doubt = _other_total(operation, row) if creates else None
    return WriteResult(operation.id, WriteStatus.DONE, record_id, record, doubt)


def _other_total(operation: Operation, row: Mapping[str, Any]) -> RecordFailure | None:
    """What a person must know when Xero has made another total of an invoice than it was to have."""
    expected, made = as_number(operation.values.get(TOTAL)), as_number(row.get(TOTAL))
    if expected is None or made is None or expected == made:
        return None
    message = (
        f"Xero has approved this invoice with the total {made:f} {row.get('CurrencyCode')} "
        f"(tax {row.get('TotalTax')}), but it comes to {expected:f} in Alguna: void it in Xero, correct taxMap or the "
        "tax rate, and sync it again"
    )
    return RecordFailure(ErrorType.FIELD_VALIDATION, message, TOTAL)
