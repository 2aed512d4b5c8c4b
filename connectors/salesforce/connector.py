"""The Salesforce connector: one connection's reads and writes behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from connectors.external import ExternalConnector
from connectors.protocols import ConnectorContext, Current, EntityFacts, WriteRequest, WriteResult
from connectors.salesforce import writer
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.reader import SalesforceReader
from connectors.salesforce.records import stored_form, unfit_money
from connectors.salesforce.schema import Schemas
from connectors.salesforce.spec import facts_of
from connectors.writing import LOCAL, refusal, retry
from core.errors import FieldValidation, Permission, RecordFailure
from core.records import Entity, Operation
from core.schema import EntitySchema
from core.values import Value

_UNREAD_CODE = "DUPLICATE_VALUE"
_OWN_CURRENCY = "SELECT DefaultCurrencyIsoCode FROM Organization"


class SalesforceConnector(ExternalConnector):
    """Serves one Salesforce org for one process; see `connectors.protocols.Connector`."""

    def __init__(self, context: ConnectorContext) -> None:
        """Take the connection and its services; nothing is called yet."""
        self._client = SalesforceClient(context)
        self._schemas = Schemas(self._client)
        super().__init__(self._client, SalesforceReader(self._client, self._schemas))

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

    def normalise(self, entity: Entity, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as Salesforce will keep them; numbers by their scale once `describe` has been asked."""
        return stored_form(self._schemas.peek(entity), values)

    def plan(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> list[WriteRequest]:
        """Put operations into Collections of 200; amounts that the org would round are refused."""
        return writer.plan(operations, current, self._unfit(operations))

    async def send(
        self, request: WriteRequest, operations: Sequence[Operation], fields: Collection[str]
    ) -> list[WriteResult]:
        """Send one stored request; a create refused for its own marker is looked up where the answer names no id.

        Nothing is sent where an amount would be rounded, as a process finds that did not know the fields before; the
        other rows of the request are put into a new one.
        """
        if request.method != LOCAL and any(
            isinstance(one, Decimal) for row in operations for one in row.values.values()
        ):
            await self._schemas.get(operations[0].entity)
            unfit = self._unfit(operations)
            if unfit:
                again = next(iter(unfit.values()))
                return [refusal(one, unfit[one.id]) if one.id in unfit else retry(one, again) for one in operations]
        return await self.adopt(await writer.send(self._client, request, operations), operations, fields)

    def _unfit(self, operations: Sequence[Operation]) -> dict[int, RecordFailure]:
        """Why operations cannot be sent as they are, as far as the object's fields are known."""
        failures = {one.id: unfit_money(self._schemas.peek(one.entity), one.values) for one in operations}
        return {number: failure for number, failure in failures.items() if failure is not None}

    def is_unclear(self, failure: RecordFailure) -> bool:
        """A value of a unique field, which may be the marker, is taken; duplicate rules never look at the marker."""
        return failure.vendor_code == _UNREAD_CODE
