"""What the connector contract has to know of each system: names of fields, shapes of edits, sizes of pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.protocols import Connector, FetchRequest
from core.records import Entity, Operation, OperationKind, Side
from core.values import Value
from tests.connectors.support import Control, Services, fetch_all, operation


@dataclass(frozen=True)
class Vendor:
    """`name` and `identity` are fields of an account, `create_path` a pattern of a create's path, `page` rows of one.

    `person` is an account as a person makes one, `values` what our creates need besides a name, `edit` how a person's
    change is put. `missing` is the id of no record, `create_method` the method of a create.
    """

    name: str
    create_path: str
    page: int
    person: Callable[[str], dict[str, Any]]
    values: dict[str, Any] = field(default_factory=dict)
    identity: str = "id"
    missing: str = "404"
    create_method: str = "POST"
    edit: Callable[[dict[str, Any]], dict[str, Any]] = dict
    side: Side = Side.EXTERNAL


VENDORS: dict[str, Vendor] = {
    "alguna": Vendor(
        name="name",
        create_path="/customers",
        page=100,
        person=lambda name: {"name": name, "currency": "EUR"},
        values={"currency": "EUR"},
        missing="001000000000000AAA",
        side=Side.ALGUNA,
    ),
    "salesforce": Vendor(
        name="Name",
        create_path="/composite/sobjects",
        page=2_000,
        person=lambda name: {"Name": name},
        identity="Id",
        missing="001000000000000AAA",
    ),
    "hubspot": Vendor(
        name="name",
        create_path="/batch/create",
        page=100,
        person=lambda name: {"properties": {"name": name}},
        identity="hs_object_id",
        edit=lambda values: {"properties": values},
    ),
    "quickbooks": Vendor(
        name="DisplayName",
        create_path="/batch$",
        page=1_000,
        person=lambda name: {"DisplayName": name},
        identity="Id",
        missing="404404",
    ),
    "netsuite": Vendor(
        name="companyName",
        create_path="/record/v1/customer",
        page=1_000,
        person=lambda name: {"companyName": name, "subsidiary": {"id": "1"}},
        values={"subsidiary": "1"},
    ),
    "xero": Vendor(
        name="Name",
        create_path="/Contacts",
        create_method="PUT",
        page=1_000,
        person=lambda name: {"Name": name},
        identity="ContactID",
        missing="00000000-0000-4000-8000-000000000404",
    ),
}


@dataclass
class System:
    """One vendor's sandbox account with a connector on it."""

    provider: str
    vendor: Vendor
    control: Control
    services: Services
    connector: Connector

    @property
    def name(self) -> str:
        return self.vendor.name

    async def rename(self, record_id: str, name: str) -> None:
        """A person gives a record another name."""
        await self.control.patch(Entity.ACCOUNTS, record_id, self.vendor.edit({self.name: name}))

    def create(self, number: int, name: str) -> Operation:
        values = {**self.vendor.values, self.name: name}
        return operation(number, Entity.ACCOUNTS, OperationKind.CREATE, self.vendor.side, values)

    def update(self, number: int, target_id: str, name: str) -> Operation:
        kind, values = OperationKind.UPDATE, dict[str, Value]({self.name: name})
        return operation(number, Entity.ACCOUNTS, kind, self.vendor.side, values, target_id=target_id)

    def scan(self, cursor: str | None = None) -> FetchRequest:
        return FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: [self.name]}, cursor, full=False)

    async def creates(self) -> list[dict[str, Any]]:
        """The calls that created accounts."""
        calls = await self.control.calls()
        method, path = self.vendor.create_method, self.vendor.create_path
        return [one for one in calls if one["method"] == method and re.search(path, one["path"])]

    async def names(self) -> list[str]:
        records, _, _ = await fetch_all(self.connector, self.scan())
        return [str(record.fields[self.name]) for record in records]
