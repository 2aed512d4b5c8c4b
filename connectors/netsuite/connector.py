"""The NetSuite connector: one account's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connectors import writing
from connectors.external import ExternalConnector
from connectors.netsuite.allocations import Allocations
from connectors.netsuite.client import NetSuiteClient
from connectors.netsuite.customers import CustomerWriter
from connectors.netsuite.invoices import InvoiceWriter
from connectors.netsuite.lookups import Lookups
from connectors.netsuite.options import needs_of
from connectors.netsuite.payments import PaymentWriter, current_of_new, payment_of
from connectors.netsuite.reader import NetSuiteReader
from connectors.netsuite.records import stored_form
from connectors.netsuite.schema import Schemas
from connectors.netsuite.spec import MARKER, facts_of
from connectors.netsuite.writing import RecordWriter
from connectors.protocols import ConnectorContext, Current, EntityFacts, Need, WriteRequest, WriteResult
from connectors.writing import in_order
from core.documents import allocation_id
from core.records import Entity, Operation, Record
from core.schema import EntitySchema
from core.values import Value


class NetSuiteConnector(ExternalConnector):
    """Serves one NetSuite account for one process; see `connectors.protocols.Connector`."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = NetSuiteClient(context)
        self._schemas = Schemas(self._client)
        self._lookups = Lookups(self._client)
        self._reader = NetSuiteReader(self._client, self._schemas, Allocations(context.notebook))
        self._writers: dict[Entity, RecordWriter] = {
            Entity.ACCOUNTS: CustomerWriter(self._client, self._lookups),
            Entity.INVOICES: InvoiceWriter(self._client, self._lookups),
            Entity.PAYMENTS: PaymentWriter(self._client),
        }
        super().__init__(self._client, self._reader)

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity)

    async def check(self) -> str:
        """Return the account id behind the credentials, after a query that its role must be able to make."""
        await self._lookups.currencies()
        return await self._client.account()

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity, with the custom ones that the account has now."""
        return (await self._schemas.ask(entity)).schema

    async def default_currency(self) -> str | None:
        """Return the account's base currency."""
        return next((one.symbol for one in (await self._lookups.currencies()).values() if one.base), None)

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as NetSuite will keep them."""
        known = self._schemas.peek(entity)
        return stored_form(entity, values, known.custom if known else {})

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Beside old reads, whatever has to be known of other records before the write."""
        return self._writers[operation.entity].needs(operation) or super().needs_current(operation, age)

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the records that are about to be written, and what their requests need to know."""
        found = await super().current(operations, fields)
        for entity in {one.entity for one in operations}:
            chosen = [one for one in operations if one.entity is entity]
            for one, context in (await self._writers[entity].context(chosen)).items():
                found[one] = replace(found[one], context=context)
        return found | await self._made_before(operations, found, fields)

    def current_of_new(self, operation: Operation, parent: Mapping[str, Value], known: Current | None) -> Current:
        """Return what a payment must know of an invoice that was created with these values."""
        return current_of_new(operation) if operation.entity is Entity.PAYMENTS else known or Current(None)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made: by marker, payments by that of the whole and their invoice."""
        payments = [one for one in operations if one.entity is Entity.PAYMENTS]
        others = [one for one in operations if one.entity is not Entity.PAYMENTS]
        found = await super().find_created(others, fields) if others else {}
        if not payments:
            return found
        marks = {payment_of(one) for one in payments}
        records = await self._reader.look_up(Entity.PAYMENTS, MARKER, marks, {*fields, MARKER})
        held = {(str(one.fields.get(MARKER)), one.parent_id): one for one in records if not one.deleted}
        made = {one.id: held.get((payment_of(one), one.parent_id)) for one in payments}
        return found | {number: record for number, record in made.items() if record is not None}

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """One record a request (sheet 4)."""
        known = {one.id: _context(current.get(one.id)) for one in operations}
        requests: list[WriteRequest] = []
        for entity, writer in self._writers.items():
            chosen = sorted((one for one in operations if one.entity is entity), key=lambda one: one.id)
            requests += writer.requests(chosen, known)
        return requests

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create refused as a duplicate is looked up by its marker: it may be our own."""
        if request.method == writing.LOCAL:
            return writing.local_results(request)
        chosen = in_order(request, operations)
        response = await self._client.write(request.method, request.path, request.body)
        results = await self._writers[chosen[0].entity].results(request, response, chosen)
        return await self.adopt(results, operations, fields)

    async def needs(self, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
        """What an entity lacks in its options; see `connectors.protocols.NeedsOptions`."""
        return await needs_of(self._lookups, entity, given, creates)

    async def _made_before(
        self, operations: Sequence[Operation], found: Mapping[int, Current], fields: Collection[str]
    ) -> dict[int, Current]:
        """Payments to be made that are there already, with this very invoice settled."""
        held = {one.id: _context(found[one.id]).get("payment") for one in operations if one.entity is Entity.PAYMENTS}
        ids = {str(payment) for payment in held.values() if payment}
        records = await self._reader.read(Entity.PAYMENTS, ids, fields) if ids else {}
        there: dict[int, Current] = {}
        for one in operations:
            record = records.get(allocation_id(str(held.get(one.id)), one.parent_id)) if held.get(one.id) else None
            if record is not None and not record.deleted:
                there[one.id] = replace(found[one.id], record=record)
        return there


def _context(current: Current | None) -> Mapping[str, Value]:
    return (current.context if current else None) or {}
