"""What writes of every record type share: refusals before sending, references, the id in an answer (sheet 4)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from connectors import writing
from connectors.failures import unreadable
from connectors.netsuite.errors import failure_in
from connectors.netsuite.spec import VENDOR, record_path
from connectors.protocols import WriteRequest, WriteResult, WriteStatus
from connectors.values import DOUBLE_DIGITS, fits_double, json_text
from core.errors import ErrorType, FieldValidation, RecordFailure
from core.records import Operation
from core.values import Value

AGAIN = frozenset({ErrorType.CONFLICT})
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_\-]+")


class Refused(FieldValidation):
    """A document that is not sent: `field` says which field is the matter."""

    def __init__(self, message: str, field: str | None) -> None:
        """Take what a person reads, and the field in NetSuite's name."""
        super().__init__(message)
        self.field = field


Context = Mapping[str, Value]


class RecordWriter(ABC):
    """The writes of one record type: what must be known first, the requests, and what their answers mean."""

    @abstractmethod
    def needs(self, operation: Operation) -> bool:
        """Whether `context` must be asked before this operation can be put into a request."""

    @abstractmethod
    async def context(self, operations: Sequence[Operation]) -> dict[int, dict[str, Value]]:
        """Return what the requests need to know, by operation id."""

    @abstractmethod
    def requests(self, operations: Sequence[Operation], known: Mapping[int, Context]) -> list[WriteRequest]:
        """Put operations into requests. Pure."""

    async def results(
        self, request: WriteRequest, response: httpx.Response, operations: Sequence[Operation]
    ) -> list[WriteResult]:
        """Return the outcomes that an answer tells."""
        told = carried_out if response.is_success else refused
        return [told(response, one) for one in operations]


def refuse(operation: Operation, error: FieldValidation) -> WriteRequest:
    """Return the request that stands for an operation which is not sent."""
    field = error.field if isinstance(error, Refused) else None
    return writing.local(writing.refusal(operation, RecordFailure(ErrorType.FIELD_VALIDATION, error.message, field)))


def external_id(text: str) -> str:
    """Return an id as NetSuite can address it (sheet 2). Raises `Refused` for one that it cannot."""
    if not _EXTERNAL_ID.fullmatch(text):
        raise Refused(f"the id {text:.60} has characters that {VENDOR}'s external ids cannot hold", "externalId")
    return text


def exact(amount: Decimal, field: str) -> Decimal:
    """Return an amount that NetSuite can hold: its numbers are doubles (sheet 8). Raises `Refused` for any other."""
    if not fits_double(amount):
        raise Refused(f"{VENDOR} keeps {DOUBLE_DIGITS} digits of an amount, and would round {amount:f}", field)
    return amount


def currency_id(context: Mapping[str, Value], symbol: Value) -> str:
    """Return the id of a currency, of those that a context holds. Raises `Refused` for one that there is not."""
    known = context.get("currencies")
    found = known.get(str(symbol)) if isinstance(known, dict) else None
    if found is None:
        raise Refused(f"{VENDOR} has no currency {symbol}: add it to the account's currency list", "currency")
    return str(found)


def create(operation: Operation, body: Mapping[str, Any]) -> WriteRequest:
    """Return the request that makes a record."""
    return WriteRequest((operation.id,), "POST", record_path(operation.entity), json_text(body))


def update(operation: Operation, body: Mapping[str, Any], record_id: str | None = None) -> WriteRequest:
    """Return the request that changes a record; what is not named stays."""
    path = record_path(operation.entity, record_id or operation.target_id or "")
    return WriteRequest((operation.id,), "PATCH", path, json_text(body))


def made_id(response: httpx.Response) -> str:
    """Return the id of a record that was made, from its address. Raises `Transient` where there is none."""
    found = response.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not found.isdecimal():
        raise unreadable(VENDOR, response)
    return str(found)


def refused(response: httpx.Response, operation: Operation) -> WriteResult:
    """Return the outcome of an operation that NetSuite refused."""
    return writing.refusal(operation, failure_in(response).record_failure(), again=AGAIN)


def carried_out(response: httpx.Response, operation: Operation) -> WriteResult:
    """Return the outcome of an operation that NetSuite carried out."""
    target = operation.target_id or made_id(response)
    return WriteResult(operation.id, WriteStatus.DONE, target)
