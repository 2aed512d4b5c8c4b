"""The Xero connector: one connection's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connectors.external import ExternalConnector
from connectors.protocols import ConnectorContext, Current, EntityFacts, Need, WriteRequest, WriteResult
from connectors.values import as_number
from connectors.xero import writer
from connectors.xero.catalogue import Catalogue
from connectors.xero.client import XeroClient
from connectors.xero.errors import may_be_ours
from connectors.xero.lines import codes_in, context_of
from connectors.xero.options import needs_of
from connectors.xero.reader import XeroReader, records_of
from connectors.xero.records import stored_form
from connectors.xero.schema import GROUPS, group_of, schema_of
from connectors.xero.spec import CONTACT_NUMBER, INVOICE_NUMBER, REFERENCE, TOTAL, facts_of
from core.errors import RecordFailure
from core.records import Entity, Operation, OperationKind, Record
from core.schema import EntitySchema
from core.values import Value


class XeroConnector(ExternalConnector):
    """Serves one Xero organisation for one process; see `connectors.protocols.Connector`."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = XeroClient(context)
        self._catalogue = Catalogue(self._client)
        self._reader = XeroReader(self._client)
        super().__init__(self._client, self._reader)

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity)

    async def check(self) -> str:
        """Return the id of the organisation; names the choice where the consent covers several."""
        return await self._client.tenant()

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity, which no organisation can change."""
        return schema_of(entity)

    async def default_currency(self) -> str | None:
        """Return the organisation's base currency."""
        return (await self._catalogue.get()).currency

    async def needs(self, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
        """Return what an entity lacks, or has wrong, in its options."""
        if entity is Entity.ACCOUNTS:
            return []
        return list(needs_of(await self._catalogue.ask(), entity, given, creates=creates))

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as Xero will keep them."""
        return stored_form(entity, values)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made: contacts by number, payments by reference, invoices by number.

        A document's number alone may be a stranger's; ours has the same contact and the same total too.
        """
        found: dict[int, Record] = {}
        for one in _of(operations, Entity.ACCOUNTS, Entity.PAYMENTS, Entity.INVOICES):
            name = {Entity.ACCOUNTS: CONTACT_NUMBER, Entity.PAYMENTS: REFERENCE}.get(one[0].entity, INVOICE_NUMBER)
            keys = {writer.key_of(operation) for operation in one}
            wanted = {*fields, name, TOTAL} if one[0].entity is Entity.INVOICES else {*fields, name}
            for record in await self._reader.look_up(one[0].entity, name, keys, wanted):
                found |= {operation.id: record for operation in one if _is_of(operation, record, name)}
        return found

    def needs_current(self, operation: Operation, age: float) -> bool:
        """A new invoice needs the organisation's settings, a change of an address the rest of that address."""
        if operation.kind is OperationKind.CREATE:
            return operation.entity is Entity.INVOICES
        return any(map(group_of, operation.values)) or super().needs_current(operation, age)

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the records that are about to be written, and what their writes must know."""
        creates = [one for one in operations if one.kind is OperationKind.CREATE and one.entity is Entity.INVOICES]
        contacts = [one for one in operations if one.target_id is not None and one.entity is Entity.ACCOUNTS]
        others = [one for one in operations if one not in creates and one not in contacts]
        found = await super().current(others, fields) if others else {}
        if creates:
            items, taxes = codes_in(creates)
            settings = await self._catalogue.get(items=items, rates=taxes)
            found |= {one.id: Current(None, context_of(settings, one)) for one in creates}
        rows = await self._reader.rows(Entity.ACCOUNTS, {one.target_id for one in contacts if one.target_id})
        held = {str(row["ContactID"]): row for row in rows}
        records = {one.id: one for one in records_of(Entity.ACCOUNTS, rows, fields)}
        for one in contacts:
            row = held.get(one.target_id or "", {})
            context: dict[str, Value] = {group: row.get(group) for group in GROUPS}
            found[one.id] = Current(records.get(one.target_id or ""), context)
        return found

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into batches of 50."""
        return writer.plan(operations, current, self._client.context.integration_id)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create that is there already is looked up: it may be our own."""
        results = await writer.send(self._client, request, operations)
        return await self.adopt(results, operations, fields)

    def is_unclear(self, failure: RecordFailure) -> bool:
        """A taken number, or a payment too many, may be our own; a taken name is somebody else's for certain."""
        return may_be_ours(failure)


def _of(operations: Sequence[Operation], *entities: Entity) -> list[list[Operation]]:
    """The operations of each entity, where there are any."""
    groups = [[one for one in operations if one.entity is entity] for entity in entities]
    return [group for group in groups if group]


def _is_of(operation: Operation, record: Record, name: str) -> bool:
    if str(record.fields.get(name) or "").casefold() != writer.key_of(operation).casefold():
        return False
    if operation.entity is Entity.ACCOUNTS:
        return True
    if record.parent_id != operation.parent_id:
        return False
    return operation.entity is Entity.PAYMENTS or as_number(record.fields.get(TOTAL)) == as_number(
        operation.values.get(TOTAL)
    )
