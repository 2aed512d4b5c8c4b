"""The Salesforce connector: one connection's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connectors.protocols import ConnectorContext, Current, EntityFacts, FetchRequest, Page, WriteRequest, WriteResult
from connectors.protocols import WriteStatus as Status
from connectors.salesforce import writer
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.reader import SalesforceReader
from connectors.salesforce.records import stored_form
from connectors.salesforce.schema import Schemas
from connectors.salesforce.spec import STALE_SECONDS, facts_of
from core.errors import FieldValidation, Permission
from core.records import Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema
from core.values import Value

_UNREAD_CODE = "DUPLICATE_VALUE"
_OWN_CURRENCY = "SELECT DefaultCurrencyIsoCode FROM Organization"


class SalesforceConnector:
    """Serves one Salesforce org for one process; see `connectors.protocols.Connector`."""

    side = Side.EXTERNAL

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = SalesforceClient(context)
        self._schemas = Schemas(self._client)
        self._reader = SalesforceReader(self._client, self._schemas)

    @property
    def calls(self) -> int:
        """How many calls this connector has made."""
        return self._client.calls

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity)

    async def check(self) -> str:
        """Return the id of the org behind the credentials."""
        try:
            organisation = (await self._client.userinfo()).get("organization_id")
        except Permission:  # the identity service needs a scope that syncing does not
            rows = (await self._client.query("SELECT Id FROM Organization")).rows
            organisation = rows[0].get("Id") if rows else None
        if not isinstance(organisation, str):
            raise Permission("Salesforce does not tell which organisation this is")
        return organisation

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity as this org has them now; reads go by them from here on."""
        return (await self._schemas.ask(entity)).as_entity_schema()

    async def default_currency(self) -> str | None:
        """Return the org's currency; None where it does not tell.

        With several currencies (then, and only then, rows have `CurrencyIsoCode`, sheet 2.1) it is the corporate one.
        With one, REST documents no place for it: some orgs show it on the organisation, else the configuration's
        `defaultCurrency` is needed.
        """
        several = "CurrencyIsoCode" in (await self._schemas.get(Entity.ACCOUNTS)).fields
        soql = "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true" if several else _OWN_CURRENCY
        try:
            rows = (await self._client.query(soql)).rows
        except (FieldValidation, Permission):
            return None
        code = rows[0].get("IsoCode" if several else "DefaultCurrencyIsoCode") if rows else None
        return code if isinstance(code, str) else None

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes, up to 2,000 rows for one call."""
        return await self._reader.fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read rows by id, 2,000 for one call; rows in the recycle bin have `deleted` set."""
        return await self._reader.read(entity, ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find rows by the values of a field, by Salesforce's own comparison."""
        return await self._reader.look_up(entity, field, values, fields)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made, by the marker that they carried."""
        found: dict[int, Record] = {}
        for entity in {operation.entity for operation in operations}:
            chosen = [one for one in operations if one.entity is entity]
            marker = facts_of(entity).marker
            if marker is None:
                continue
            records = await self._reader.look_up(entity, marker, {one.source_id for one in chosen}, fields)
            by_marker = {record.marker: record for record in records}
            found |= {one.id: by_marker[one.source_id] for one in chosen if one.source_id in by_marker}
        return found

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Creates are safe by their marker; other writes need a read that is at most 10 s old."""
        return operation.kind is not OperationKind.CREATE and age > STALE_SECONDS

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """None: this connection's entity has one writer, and a row is written in one call."""
        return []

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the rows that are about to be written."""
        result: dict[int, Current] = {}
        for entity in {operation.entity for operation in operations}:
            chosen = [one for one in operations if one.entity is entity]
            ids = {one.target_id for one in chosen if one.target_id is not None}
            found = await self._reader.read(entity, ids, fields) if ids else {}
            result |= {one.id: Current(found.get(one.target_id or "")) for one in chosen}
        return result

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as Salesforce will keep them; numbers by their scale once `describe` has been asked."""
        return stored_form(self._schemas.peek(entity), values)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into Collections of 200."""
        return writer.plan(operations, current)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create refused for its own marker is looked up where the answer names no id."""
        results = await writer.send(self._client, request, operations)
        unclear = [one for one in operations if _is_unclear(one, results)]
        if not unclear:
            return results
        found = await self.find_created(unclear, fields)
        return [
            replace(one, status=Status.EXISTS, target_id=found[one.operation_id].id)
            if one.operation_id in found
            else one
            for one in results
        ]

    async def close(self) -> None:
        """Release the network connections."""
        await self._client.close()


def _is_unclear(operation: Operation, results: Sequence[WriteResult]) -> bool:
    """A create that was refused for a value that some record holds, which may be our own marker on our own record."""
    return operation.kind is OperationKind.CREATE and any(
        one.operation_id == operation.id
        and one.status is Status.REJECTED
        and one.failure is not None
        and one.failure.vendor_code == _UNREAD_CODE
        for one in results
    )
