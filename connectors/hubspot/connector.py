"""The HubSpot connector: one connection's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connectors.hubspot import writer
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.links import Orphans
from connectors.hubspot.reader import HubSpotReader
from connectors.hubspot.records import stored_form
from connectors.hubspot.schema import Schemas
from connectors.hubspot.spec import FACTS, MARKER, STALE_SECONDS, facts_of
from connectors.protocols import ConnectorContext, Current, EntityFacts, FetchRequest, Page, WriteRequest, WriteResult
from connectors.protocols import WriteStatus as Status
from core.errors import ErrorType, Permission
from core.records import Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema
from core.values import Value

_ACCOUNT = "/account-info/details"


class HubSpotConnector:
    """Serves one HubSpot portal for one process; see `connectors.protocols.Connector`."""

    side = Side.EXTERNAL

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = HubSpotClient(context)
        self._schemas = Schemas(self._client)
        self._reader = HubSpotReader(self._client, self._schemas, Orphans(context.notebook))

    @property
    def calls(self) -> int:
        """How many calls this connector has made."""
        return self._client.calls

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity)

    async def check(self) -> str:
        """Return the id of the portal behind the credentials; makes its marker properties where they are missing."""
        portal = (await self._client.read(_ACCOUNT)).body.get("portalId")
        if not isinstance(portal, int):
            raise Permission("HubSpot does not tell which account this is")
        for entity in FACTS:
            await self._schemas.prepare(entity)
        return str(portal)

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the properties of an entity as this portal has them now; reads go by them from here on."""
        return (await self._schemas.ask(entity)).as_entity_schema()

    async def default_currency(self) -> str | None:
        """Return the portal's own currency."""
        currency = (await self._client.read(_ACCOUNT)).body.get("companyCurrency")
        return currency if isinstance(currency, str) and currency else None

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page of changes, up to 200 records."""
        return await self._reader.fetch(request)

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, 100 for one call; archived ones and those merged away have `deleted` set."""
        return await self._reader.read(entity, ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find records by the values of a property, without regard to case."""
        return await self._reader.look_up(entity, field, values, fields)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made: by reading the unique marker, never by search, which lags."""
        found: dict[int, Record] = {}
        for entity in {operation.entity for operation in operations}:
            chosen = [one for one in operations if one.entity is entity]
            records = await self._reader.look_up(entity, MARKER, {one.source_id for one in chosen}, fields)
            by_marker = {record.marker: record for record in records}
            found |= {one.id: by_marker[one.source_id] for one in chosen if one.source_id in by_marker}
        return found

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Creates are safe by their marker; other writes need a read that is at most 10 s old."""
        return operation.kind is not OperationKind.CREATE and age > STALE_SECONDS

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """None: this connection's entity has one writer, and a record is written in one call."""
        return []

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the records that are about to be written."""
        result: dict[int, Current] = {}
        for entity in {operation.entity for operation in operations}:
            chosen = [one for one in operations if one.entity is entity]
            ids = {one.target_id for one in chosen if one.target_id is not None}
            found = await self._reader.read(entity, ids, fields) if ids else {}
            result |= {one.id: Current(found.get(one.target_id or "")) for one in chosen}
        return result

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as HubSpot will keep them; by their types once `describe` has been asked."""
        return stored_form(entity, self._schemas.peek(entity), values)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into batches of 100."""
        return writer.plan(operations)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create refused as a duplicate is looked up by its marker: it may be our own."""
        schema = self._schemas.peek(operations[0].entity) if operations else None
        results = await writer.send(self._client, schema, request, operations)
        unclear = {one.operation_id for one in results if _is_unclear(one)}
        creates = [one for one in operations if one.id in unclear and one.kind is OperationKind.CREATE]
        if not creates:
            return results
        found = await self.find_created(creates, fields)
        return [
            replace(one, status=Status.EXISTS, target_id=found[one.operation_id].id)
            if one.operation_id in found
            else one
            for one in results
        ]

    async def close(self) -> None:
        """Release the network connections."""
        await self._client.close()


def _is_unclear(result: WriteResult) -> bool:
    """Refused for a value that some record holds, which may be our own marker on our own record."""
    return (
        result.status is Status.REJECTED and result.failure is not None and result.failure.type is ErrorType.DUPLICATE
    )
