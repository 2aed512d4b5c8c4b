"""The Alguna connector: one connection's reads and writes for one integration, behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from connectors.alguna.bodies import context_of, context_of_new
from connectors.alguna.client import AlgunaClient
from connectors.alguna.money_reader import MoneyReader
from connectors.alguna.money_writer import MoneyWriter
from connectors.alguna.products import Products
from connectors.alguna.reader import AlgunaReader
from connectors.alguna.records import account_record, contact_records, subscription_record
from connectors.alguna.spec import ALIASES, FIELDS, facts_of
from connectors.alguna.writer import AlgunaWriter
from connectors.http import gather_bounded
from connectors.protocols import ConnectorContext, Current, EntityFacts, FetchRequest, Page, WriteRequest, WriteResult
from core.records import MONEY, Entity, Operation, OperationKind, Record, Side
from core.schema import EntitySchema
from core.values import Value


class AlgunaConnector:
    """Serves Alguna to one integration in one process; see `connectors.protocols.Connector`."""

    side = Side.ALGUNA

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._integration_id = context.integration_id
        self._client = AlgunaClient(context)
        self._reader = AlgunaReader(self._client, context)
        products = Products(self._client)
        self._money_reader = MoneyReader(self._client, products, self._reader.customer)
        self._money = MoneyWriter(self._money_reader, products, self._reader.customer, context.integration_id)
        self._writer = AlgunaWriter(self._client, self._reader, self._money, context.integration_id)

    @property
    def calls(self) -> int:
        """How many calls this connector has made."""
        return self._client.calls

    def facts(self, entity: Entity) -> EntityFacts:
        """Return the constant facts of an entity."""
        return facts_of(entity, self._integration_id)

    async def check(self) -> str:
        """Make one call with the key. Alguna does not name the organisation, so its host stands for it."""
        await self._client.read(lambda sdk: sdk.customers.list(limit=1, offset=0))
        return await self._client.host()

    async def describe(self, entity: Entity) -> EntitySchema:
        """Return the fields of an entity; they are the same in every organisation (version 2026-04-01)."""
        facts = self.facts(entity)
        return EntitySchema(side=self.side, entity=entity, object_name=facts.object_name, fields=FIELDS[entity])

    async def default_currency(self) -> str | None:
        """Alguna has no currency of the organisation; each customer has its own."""
        return None

    async def fetch(self, request: FetchRequest) -> Page:
        """Return one page: 100 customers and their contacts, or up to 100 of another kind, for one call.

        Of invoices the list says too little: those that are out and have changed are read with a call each.
        With `mrr` among the accounts' fields, pages without records come first, while revenue is brought up to date.
        """
        if request.entity in MONEY:
            return await self._money_reader.fetch(request)
        return await self._reader.fetch(request)

    async def newest(self, entity: Entity, fields: Mapping[Entity, Collection[str]]) -> Sequence[Record]:
        """Return the 100 newest customers, or their contacts; no event tells of them (sheet 2.11)."""
        return await self._reader.newest(entity, fields) if entity not in MONEY else []

    async def read(self, entity: Entity, ids: Collection[str], fields: Collection[str]) -> dict[str, Record]:
        """Read records by id, one call each (contacts: one for each customer)."""
        reader = self._money_reader if entity in MONEY else self._reader
        return await reader.read(entity, ids, fields)

    async def look_up(
        self, entity: Entity, field: str, values: Collection[str], fields: Collection[str]
    ) -> list[Record]:
        """Find accounts by `aliases` (external ids) or `email`, contacts by `email`, subscriptions by `customerId`.

        Invoices by `externalReference` or `customerId`, payments by `invoiceId`.
        """
        reader = self._money_reader if entity in MONEY else self._reader
        return await reader.look_up(entity, field, values, fields)

    async def find_created(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Record]:
        """Find customers by alias, contacts by their customer and email, subscriptions by customer and metadata."""
        found: dict[int, Record] = {}
        accounts = [one for one in operations if one.entity is Entity.ACCOUNTS]
        if accounts:
            ids = {one.source_id for one in accounts}
            by_marker = {one.marker: one for one in await self._reader.look_up(Entity.ACCOUNTS, ALIASES, ids, fields)}
            found |= {one.id: by_marker[one.source_id] for one in accounts if one.source_id in by_marker}
        contacts = [one for one in operations if one.entity is Entity.CONTACTS]
        found |= {key: one.record for key, one in (await self._contacts(contacts, fields)).items() if one.record}
        subscriptions = [one for one in operations if one.entity is Entity.SUBSCRIPTIONS]
        parents = sorted({one.parent_id for one in subscriptions if one.parent_id})
        lists = await gather_bounded([_bound(self._reader.subscriptions_of, one) for one in parents])
        made = [subscription_record(one, fields, self._integration_id) for part in lists for one in part]
        by_marker = {one.marker: one for one in made if one.marker}
        return found | {one.id: by_marker[one.source_id] for one in subscriptions if one.source_id in by_marker}

    async def lookalikes(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, list[Record]]:
        """Find invoices by customer, amounts, day and description, payments by invoice, amount and day."""
        return await self._money.lookalikes(operations, fields)

    def needs_current(self, operation: Operation, age: float) -> bool:
        """Always for changes, for contacts, which are rows of a list that is replaced as a whole, and for money."""
        if operation.entity in MONEY:
            return True
        if operation.entity is Entity.CONTACTS or operation.kind is not OperationKind.CREATE:
            return True
        return operation.entity is Entity.SUBSCRIPTIONS and not operation.values.get("currency")

    def leases(self, operations: Sequence[Operation]) -> list[str]:
        """The customers and invoices that are about to be changed: several integrations and entities may do so."""
        names = set()
        for operation in operations:
            if operation.entity is Entity.CONTACTS and operation.parent_id:
                names.add(f"alguna/customer/{operation.parent_id}")
            elif operation.entity is Entity.ACCOUNTS and operation.target_id:
                names.add(f"alguna/customer/{operation.target_id}")
            elif operation.entity is Entity.INVOICES and operation.target_id:
                names.add(f"alguna/invoice/{operation.target_id}")
            elif operation.entity is Entity.PAYMENTS and operation.parent_id:
                names.add(f"alguna/invoice/{operation.parent_id}")
        return sorted(names)

    async def current(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """Read the targets. A contact's create finds the contact of that customer with the same email, if any."""
        accounts = [one for one in operations if one.entity is Entity.ACCOUNTS]
        contacts = [one for one in operations if one.entity is Entity.CONTACTS]
        subscriptions = [one for one in operations if one.entity is Entity.SUBSCRIPTIONS]
        customers = await self._customers([one.target_id for one in accounts])
        found = {}
        for one in accounts:
            customer = customers.get(one.target_id or "")
            record = account_record(customer, fields, self._integration_id) if customer else None
            found[one.id] = Current(record, context_of(customer) if customer else None)
        found |= await self._contacts(contacts, fields)
        found |= await self._money.current([one for one in operations if one.entity in MONEY], fields)
        return found | await self._subscriptions(subscriptions, fields)

    def current_of_new(self, operation: Operation, parent: Mapping[str, Value], known: Current | None) -> Current:
        """Return what a customer, or an invoice to be paid, would be like that was created with these values."""
        context = known.context if known is not None and known.context else {}
        return Current(None, {**context, **context_of_new(operation.parent_id or "", parent)})

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as Alguna keeps them, as far as known: blank text is none, currencies are upper case."""
        kept: dict[str, Value] = {}
        for path, value in values.items():
            kept[path] = None if value == "" else value
            if path == "currency" and isinstance(value, str):
                kept[path] = value.strip().upper() or None
        return kept

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """One request per customer or subscription; what Alguna cannot take becomes a request that is not sent."""
        return self._writer.plan(operations, current)

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request byte for byte under its idempotency key."""
        return await self._writer.send(request, operations, fields)

    async def close(self) -> None:
        """Release the network connections."""
        await self._client.close()

    async def _contacts(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """The contacts that operations aim at, with their customers' whole lists; one call per customer."""
        targets = [one.target_id for one in operations if one.target_id and not one.parent_id]
        owners = await self._reader.read(Entity.CONTACTS, targets, ()) if targets else {}
        parents = {one.id: one.parent_id or _parent(owners.get(one.target_id or "")) for one in operations}
        customers = await self._customers(list(parents.values()))
        found = {}
        for one in operations:
            customer = customers.get(parents[one.id] or "")
            if customer is None:
                found[one.id] = Current(None)
                continue
            wanted = str(one.values.get("email") or "").casefold()
            record = next(
                (
                    record
                    for record, contact in zip(contact_records(customer, fields), customer.contacts or [], strict=True)
                    if (contact.id == one.target_id if one.target_id else contact.email.casefold() == wanted)
                ),
                None,
            )
            found[one.id] = Current(record, context_of(customer))
        return found

    async def _subscriptions(self, operations: Sequence[Operation], fields: Collection[str]) -> dict[int, Current]:
        """The subscriptions that are about to be changed; for new ones, their customer's currency."""
        customers = await self._customers([one.parent_id for one in operations if one.target_id is None])
        targets = sorted({one.target_id for one in operations if one.target_id})
        read = await gather_bounded([_bound(self._reader.subscription, one) for one in targets])
        by_id = dict(zip(targets, read, strict=True))
        found = {}
        for one in operations:
            if one.target_id is None:
                customer = customers.get(one.parent_id or "")
                found[one.id] = Current(None, {"currency": customer.currency} if customer else None)
                continue
            subscription = by_id[one.target_id]
            found[one.id] = Current(None)
            if subscription is not None:
                record = subscription_record(subscription, fields, self._integration_id)
                found[one.id] = Current(record, {"version": str(subscription.updated_at)})
        return found

    async def _customers(self, ids: Sequence[str | None]) -> dict[str, Any]:
        ordered = sorted({one for one in ids if one})
        read = await gather_bounded([_bound(self._reader.customer, one) for one in ordered])
        return {one: customer for one, customer in zip(ordered, read, strict=True) if customer is not None}


def _bound(function: Callable[[str], Any], value: str) -> Callable[[], Any]:
    return lambda: function(value)


def _parent(record: Record | None) -> str | None:
    return record.parent_id if record and not record.deleted else None
