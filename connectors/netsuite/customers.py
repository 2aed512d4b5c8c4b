"""What is written of customers: values by name, the billing address as a line of the address book (sheet 2, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.lookups import Lookups
from connectors.netsuite.spec import ADDRESS, MARKER
from connectors.netsuite.statements import Statement, among, parts
from connectors.netsuite.writing import (
    Context,
    RecordWriter,
    Refused,
    create,
    currency_id,
    external_id,
    refuse,
    update,
)
from connectors.protocols import WriteRequest
from core.errors import FieldValidation
from core.records import Operation, OperationKind
from core.values import Value

_SUBSIDIARY = "subsidiary"
_REFERENCES = frozenset({_SUBSIDIARY})
_LINE = "addressLine"


class CustomerWriter(RecordWriter):
    """The writes of customers."""

    def __init__(self, client: NetSuiteClient, lookups: Lookups) -> None:
        """Take the client and the lookups."""
        self._client = client
        self._lookups = lookups

    def needs(self, operation: Operation) -> bool:
        """A new customer needs a subsidiary and the id of its currency, an update of the address its line."""
        return (
            operation.kind is OperationKind.CREATE or _has_address(operation.values) or "currency" in operation.values
        )

    async def context(self, operations: Sequence[Operation]) -> dict[int, dict[str, Value]]:
        """Return the lines of default addresses, the currencies, and the subsidiary where there is only one."""
        wanted = [one.target_id for one in operations if one.target_id and _has_address(one.values)]
        lines: dict[str, str] = {}
        for part in parts(wanted):
            text = "SELECT entity, internalid FROM customeraddressbook WHERE defaultbilling = 'T' AND "
            page = await self._client.query(Statement(f"{text}{among('entity', part)} ORDER BY entity", part))
            lines |= {row["entity"]: row["internalid"] for row in page.rows}
        known: dict[str, Value] = {}
        if any("currency" in one.values for one in operations):
            known["currencies"] = {one.symbol: one.id for one in (await self._lookups.currencies()).values()}
        if any(one.kind is OperationKind.CREATE and _SUBSIDIARY not in one.values for one in operations):
            found = await self._lookups.subsidiaries()
            known |= {_SUBSIDIARY: found[0]["id"] if len(found) == 1 else None, "several": len(found) > 1}
        return {one.id: {**known, _LINE: lines.get(one.target_id or "")} for one in operations}

    def requests(self, operations: Sequence[Operation], known: Mapping[int, Context]) -> list[WriteRequest]:
        """One each; a refusal where the customer cannot be sent."""
        return [self._request(one, known.get(one.id, {})) for one in operations]

    def _request(self, operation: Operation, context: Context) -> WriteRequest:
        if operation.kind is OperationKind.ARCHIVE:
            return update(operation, {"isInactive": True})
        try:
            body = _body(operation, context)
            if operation.kind is OperationKind.UPDATE:
                return update(operation, body)
            marker = external_id(str(operation.values.get(MARKER) or operation.source_id))
            return create(operation, {MARKER: marker, "isPerson": False, **_home(operation, context), **body})
        except FieldValidation as error:
            return refuse(operation, error)


def _home(operation: Operation, context: Context) -> dict[str, Any]:
    """The subsidiary of a new customer, where the configuration names none and the account has only one."""
    if _SUBSIDIARY in operation.values:
        return {}
    if context.get("several"):
        raise Refused("NetSuite has several subsidiaries: set entityOptions.accounts.subsidiary", _SUBSIDIARY)
    found = context.get(_SUBSIDIARY)
    return {_SUBSIDIARY: {"id": found}} if found is not None else {}


def _body(operation: Operation, context: Context) -> dict[str, Any]:
    creating = operation.kind is OperationKind.CREATE
    body: dict[str, Any] = {}
    address: dict[str, Any] = {}
    for name, value in sorted(operation.values.items()):
        if value is None and creating:
            continue
        if name.startswith(ADDRESS):
            part = name.removeprefix(ADDRESS)
            address[part] = {"id": value} if part == "country" and value is not None else value
        elif name == "currency":
            body[name] = {"id": currency_id(context, value)}
        else:
            body[name] = {"id": value} if name in _REFERENCES else value
    if address:
        body["addressBook"] = {"items": [_line(address, context)]}
    return body


def _line(address: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The line that is changed, by its key; without one a new line, as the default for bills."""
    country = address.get("country")
    if isinstance(country, dict) and not (isinstance(country["id"], str) and len(country["id"]) == 2):
        raise Refused("NetSuite takes countries as two letters (ISO 3166-1)", f"{ADDRESS}country")
    line = context.get(_LINE)
    if line is not None:
        return {"id": int(str(line)), "addressBookAddress": dict(address)}
    return {"defaultBilling": True, "addressBookAddress": {k: v for k, v in address.items() if v is not None}}


def _has_address(names: Iterable[str]) -> bool:
    return any(name.startswith(ADDRESS) for name in names)
