"""The HubSpot connector: one connection's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connectors.external import ExternalConnector
from connectors.hubspot import writer
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.links import Orphans
from connectors.hubspot.reader import HubSpotReader
from connectors.hubspot.records import stored_form
from connectors.hubspot.schema import Schemas
from connectors.hubspot.spec import FACTS, facts_of
from connectors.protocols import ConnectorContext, Current, EntityFacts, WriteRequest, WriteResult
from core.errors import Permission
from core.records import Entity, Operation
from core.schema import EntitySchema
from core.values import Value

_ACCOUNT = "/account-info/details"


class HubSpotConnector(ExternalConnector):
    """Serves one HubSpot portal for one process; see `connectors.protocols.Connector`."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = HubSpotClient(context)
        self._schemas = Schemas(self._client)
        super().__init__(self._client, HubSpotReader(self._client, self._schemas, Orphans(context.notebook)))

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
        return await self.adopt(results, operations, fields)
