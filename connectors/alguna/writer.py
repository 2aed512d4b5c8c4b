"""Writing to Alguna: one request per customer or subscription, each under an idempotency key of its own.

The key is the operations' keys and a hash of the body; for a change also of the state that the change starts from.
So the same request sent again is answered from Alguna's memory (24 h, Alguna sheet 1.3), while a corrected create, or
the same change made again after a person has taken it back, is a request of its own. Memory holds refusals too: where
one is remembered, the operation is tried once more, and a later try is a request of its own as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from alguna.types.customer_response import CustomerResponse
from alguna.types.subscription_response import SubscriptionResponse

from connectors.alguna.bodies import Refused, check_contact, customer_body, edit_contacts, subscription_body
from connectors.alguna.client import AlgunaClient
from connectors.alguna.errors import Remembered, field_in
from connectors.alguna.money_writer import MoneyWriter
from connectors.alguna.reader import AlgunaReader
from connectors.alguna.records import account_record, contact_record, subscription_record
from connectors.alguna.spec import ALIASES, REPLAY_SECONDS
from connectors.protocols import Current, WriteRequest, WriteResult, WriteStatus
from connectors.values import json_text
from connectors.writing import LOCAL, in_order, local, local_results, refusal
from core.errors import Conflict, ErrorType, FieldValidation, NotFound, RecordFailure, SyncError
from core.records import MONEY, Entity, Operation, OperationKind
from core.values import fingerprint


class AlgunaWriter:
    """The writes of one connection on behalf of one integration."""

    def __init__(self, client: AlgunaClient, reader: AlgunaReader, money: MoneyWriter, integration_id: str) -> None:
        """Take the client, the reader for what must be looked up after a refusal, and the integration.

        `money` knows what invoices and payments are written with.
        """
        self._client = client
        self._reader = reader
        self._money = money
        self._integration_id = integration_id

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into requests: contacts of one customer together, all else one by one. Pure."""
        requests: list[WriteRequest] = []
        refused: list[WriteResult] = []
        contacts: dict[str, list[Operation]] = {}
        for operation in operations:
            try:
                if operation.entity is Entity.CONTACTS:
                    check_contact(operation)
                    contacts.setdefault(_customer_of(operation, current), []).append(operation)
                else:
                    requests.append(self._single(operation, current.get(operation.id)))
            except Refused as error:
                refused.append(_refusal(operation, error))
        for customer_id, chosen in contacts.items():
            request, gone = _contacts_request(customer_id, chosen, current)
            requests += [request] if request else []
            refused += gone
        return [*requests, *(local(one) for one in refused)]

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request, byte for byte, and return each operation's outcome."""
        if request.method == LOCAL:
            return local_results(request)
        chosen = in_order(request, operations)
        try:
            answer = await self._client.write(request)
        except Remembered as error:
            return [_asked_anew(one) for one in await self._refusals(chosen, error.refusal)]
        except (FieldValidation, NotFound, Conflict) as error:
            return await self._refusals(chosen, error)
        if chosen[0].entity in MONEY:
            return await self._money.results(chosen[0], answer, fields)
        return self._results(chosen, answer, fields)

    def _single(self, operation: Operation, current: Current | None) -> WriteRequest:
        context = current.context if current else None
        if operation.entity in MONEY:
            method, path, body = self._money.call(operation, current)
            return _request((operation,), method, path, body, _version(current))
        accounts = operation.entity is Entity.ACCOUNTS
        collection = "customers" if accounts else "subscriptions"
        make_body = customer_body if accounts else subscription_body
        if operation.kind is OperationKind.ARCHIVE:
            raise Refused(f"Alguna has no way to delete {operation.entity.value}", None)
        body = make_body(operation, context, self._integration_id)
        if operation.kind is OperationKind.CREATE:
            return _request((operation,), "POST", collection, body, "")
        if current is not None and current.record is None:
            raise Refused("the record does not exist in Alguna", None, ErrorType.NOT_FOUND)
        path = f"{collection}/{quote(operation.target_id or '', safe='')}"
        return _request((operation,), "PATCH", path, body, _version(current))

    async def _refusals(self, ordered: Sequence[Operation], error: SyncError) -> list[WriteResult]:
        """Outcomes of a request that Alguna refused as a whole."""
        first = ordered[0]
        if isinstance(error, Conflict) and first.entity is Entity.ACCOUNTS:
            return [await self._taken(first, error)]
        if isinstance(error, NotFound) and (first.target_id is not None or first.entity is Entity.CONTACTS):
            failure = RecordFailure(ErrorType.NOT_FOUND, error.message, vendor_code=error.vendor_code)
            return [WriteResult(one.id, WriteStatus.NOT_FOUND, one.target_id, failure=failure) for one in ordered]
        guilty = [one for one in ordered if _is_named(one, error.message)] if len(ordered) > 1 else []
        return [
            WriteResult(
                one.id,
                WriteStatus.RETRY if guilty and one not in guilty else WriteStatus.REJECTED,
                one.target_id,
                failure=RecordFailure(error.type, error.message, field_in(_detail(error)), error.vendor_code),
            )
            for one in ordered
        ]

    async def _taken(self, operation: Operation, error: SyncError) -> WriteResult:
        """An alias is in use: by the record that this very create made, or by another customer."""
        failure = RecordFailure(ErrorType.DUPLICATE, error.message, ALIASES, error.vendor_code)
        if operation.kind is OperationKind.CREATE:
            held = await self._reader.look_up(Entity.ACCOUNTS, ALIASES, [operation.source_id], ())
            if held:
                return WriteResult(operation.id, WriteStatus.EXISTS, held[0].id, failure=failure)
        return WriteResult(operation.id, WriteStatus.REJECTED, operation.target_id, failure=failure)

    def _results(self, ordered: Sequence[Operation], answer: Any, fields: Collection[str]) -> list[WriteResult]:
        if ordered[0].entity is Entity.CONTACTS:
            customer = CustomerResponse.model_construct(**answer)
            return [_contact_result(one, customer, fields) for one in ordered]
        if ordered[0].entity is Entity.ACCOUNTS:
            record = account_record(CustomerResponse.model_construct(**answer), fields, self._integration_id)
        else:
            record = subscription_record(SubscriptionResponse.model_construct(**answer), fields, self._integration_id)
        return [WriteResult(one.id, WriteStatus.DONE, record.id, record) for one in ordered]


def _asked_anew(result: WriteResult) -> WriteResult:
    return replace(result, status=WriteStatus.RETRY) if result.status is WriteStatus.REJECTED else result


def _customer_of(operation: Operation, current: Mapping[int, Current]) -> str:
    known = current.get(operation.id)
    context = known.context if known else None
    if context is not None:
        return str(context["id"])
    if known is not None or operation.parent_id is None:
        raise Refused("the contact's customer does not exist in Alguna", "accountId", ErrorType.NOT_FOUND)
    raise Refused("the contact's customer was not read before the write", None, ErrorType.INTERNAL)


def _contacts_request(
    customer_id: str, operations: Sequence[Operation], current: Mapping[int, Current]
) -> tuple[WriteRequest | None, list[WriteResult]]:
    """One PATCH with the customer's whole list; operations whose contact is gone get their outcome here."""
    context = current[operations[0].id].context or {}
    listed = context.get("contacts")
    present = listed if isinstance(listed, list) else []
    operations, doubles = _without_doubles(operations, present)
    edited = edit_contacts(operations, present)
    missing = [one for one in operations if one.id in edited.missing]
    left = [one for one in operations if one.id not in edited.missing]
    gone = [*doubles, *(_gone(one) for one in missing)]
    if not left:
        return None, gone
    path = f"customers/{quote(customer_id, safe='')}"
    return _request(left, "PATCH", path, {"contacts": list(edited.contacts)}, str(context.get("version"))), gone


def _without_doubles(
    operations: Sequence[Operation], present: Sequence[Mapping[str, Any]]
) -> tuple[list[Operation], list[WriteResult]]:
    """Set aside creates of contacts whose email the customer has already, or would get twice."""
    emails = {str(one.get("email")).casefold(): str(one.get("id")) for one in present}
    kept: list[Operation] = []
    doubles: list[WriteResult] = []
    for operation in operations:
        email = str(operation.values.get("email")).casefold()
        if operation.kind is not OperationKind.CREATE or email not in emails:
            kept.append(operation)
        elif emails[email]:
            doubles.append(WriteResult(operation.id, WriteStatus.EXISTS, emails[email]))
        else:
            failure = RecordFailure(ErrorType.DUPLICATE, "two new contacts of one customer have this email", "email")
            doubles.append(WriteResult(operation.id, WriteStatus.REJECTED, failure=failure))
        if operation.kind is OperationKind.CREATE:
            emails.setdefault(email, "")
    return kept, doubles


def _gone(operation: Operation) -> WriteResult:
    if operation.kind is OperationKind.ARCHIVE:
        return WriteResult(operation.id, WriteStatus.DONE, operation.target_id)
    failure = RecordFailure(ErrorType.NOT_FOUND, "the customer has no such contact in Alguna")
    return WriteResult(operation.id, WriteStatus.NOT_FOUND, operation.target_id, failure=failure)


def _request(
    operations: Sequence[Operation], method: str, path: str, body: Mapping[str, Any], version: str
) -> WriteRequest:
    text = json_text(dict(sorted(body.items())))
    keys = [one.key for one in operations]
    name = keys[0] if len(keys) == 1 else fingerprint(keys)
    tries = [[one.tries, str(one.planned_at)] for one in operations if one.tries]
    return WriteRequest(
        operation_ids=tuple(one.id for one in operations),
        method=method,
        path=path,
        body=text,
        idempotency_key=f"{name}-{fingerprint([method, path, text, version, *tries])[:16]}",
        replay_seconds=REPLAY_SECONDS,
    )


def _version(current: Current | None) -> str:
    context = current.context if current else None
    return str(context.get("version", "")) if context else ""


def _contact_result(operation: Operation, customer: CustomerResponse, fields: Collection[str]) -> WriteResult:
    """Updated contacts are found by id, new ones by email; a removed one only has to be gone."""
    if operation.kind is OperationKind.ARCHIVE:
        return WriteResult(operation.id, WriteStatus.DONE, operation.target_id)
    email = str(operation.values.get("email") or "").casefold()
    for contact in customer.contacts or []:
        same = contact.email.casefold() == email if operation.target_id is None else contact.id == operation.target_id
        if same:
            record = contact_record(customer, contact, fields)
            return WriteResult(operation.id, WriteStatus.DONE, contact.id, record)
    failure = RecordFailure(ErrorType.INTERNAL, "Alguna accepted the contact, but its answer does not show it")
    return WriteResult(operation.id, WriteStatus.REJECTED, operation.target_id, failure=failure)


def _refusal(operation: Operation, error: Refused) -> WriteResult:
    failure = RecordFailure(error.type, error.message, error.field)
    if error.type is ErrorType.TRANSIENT:
        return WriteResult(operation.id, WriteStatus.WAIT, operation.target_id, failure=failure)
    return refusal(operation, failure)


def _detail(error: SyncError) -> str:
    return error.message.partition(": ")[2]


def _is_named(operation: Operation, message: str) -> bool:
    email = operation.values.get("email")
    return isinstance(email, str) and bool(email) and email in message
