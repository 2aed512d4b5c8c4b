"""The QuickBooks connector: one company's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connectors.external import ExternalConnector
from connectors.protocols import ConnectorContext, Current, EntityFacts, Need, WriteRequest, WriteResult
from connectors.quickbooks import writer
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.company import Books
from connectors.quickbooks.customers import CustomerWriter
from connectors.quickbooks.invoices import InvoiceWriter
from connectors.quickbooks.options import needs_of
from connectors.quickbooks.payments import PaymentWriter, current_of_new
from connectors.quickbooks.readers import QuickBooksReader
from connectors.quickbooks.records import stored_form
from connectors.quickbooks.rows import Rows
from connectors.quickbooks.schema import schema_of
from connectors.quickbooks.spec import facts_of
from core.records import Entity, Operation, OperationKind, Record
from core.schema import EntitySchema
from core.values import Value


class QuickBooksConnector(ExternalConnector):
    """Serves one QuickBooks company for one process; see `connectors.protocols.Connector`."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = QuickBooksClient(context)
        rows = Rows(self._client)
        self._books = Books(self._client, rows)
        self._reader = QuickBooksReader(rows, self._books, context.notebook)
        self._writers: dict[Entity, writer.ObjectWriter] = {
            one.entity: one for one in (CustomerWriter(), InvoiceWriter(), PaymentWriter())
        }
        super().__init__(self._client, self._reader)

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity)

    async def check(self) -> str:
        """Return the id of the company behind the credentials, after a call that needs its consent."""
        await self._books.preferences()
        return await self._client.realm()

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity, which are the same in every company."""
        return schema_of(entity)

    async def default_currency(self) -> str | None:
        """Return the company's home currency."""
        return (await self._books.preferences()).home_currency

    async def needs(self, entity: Entity, given: Mapping[str, Value], creates: bool) -> Sequence[Need]:
        """Return what an entity lacks, or has wrong, in its options."""
        return await needs_of(self._books, entity, given, creates=creates)

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as QuickBooks will keep them."""
        return stored_form(entity, values)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find what creates of unknown outcome made, by what is unique of it."""
        return await self._reader.created(operations, fields) if operations else {}

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Every write to a record names the version that it is meant for, which is read with the values.

        A new invoice depends on the company's settings, a new payment on its invoice.
        """
        return operation.kind is not OperationKind.CREATE or operation.entity is not Entity.ACCOUNTS

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the records that are about to be written, with their versions."""
        return await self._reader.current(operations, fields)

    def current_of_new(self, operation: Operation, parent: Mapping[str, Value], known: Current | None) -> Current:
        """Return what a payment must know of an invoice that was created with these values."""
        return current_of_new(operation, parent) if operation.entity is Entity.PAYMENTS else known or Current(None)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into batches of 30."""
        return writer.plan(self._writers, operations, current)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create refused for a name that is taken is looked up: it may be our own."""
        results = await writer.send(self._client, self._writers, request, operations)
        return await self.adopt(results, operations, fields)
