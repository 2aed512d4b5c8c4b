"""Each pair of the two CRMs, each way, through a sync and read with the systems' own clients (docs/providers)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import requests
from alguna import AsyncAlguna
from hubspot import HubSpot
from hubspot.crm.companies.exceptions import ApiException as NoCompany
from hubspot.crm.contacts.exceptions import ApiException as NoContact
from hubspot.crm.deals.exceptions import ApiException as NoDeal
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceResourceNotFound

from activities.contracts import Mode
from core.records import Entity
from tests.engine.local import Local
from tests.sandbox.salesforce_org import ToLoopback

ACCOUNTS, CONTACTS, SUBSCRIPTIONS = Entity.ACCOUNTS, Entity.CONTACTS, Entity.SUBSCRIPTIONS
ALL = (ACCOUNTS, CONTACTS, SUBSCRIPTIONS)
# The field of Alguna that a test writes and reads in each pair.
OURS = {ACCOUNTS: "name", CONTACTS: "last_name", SUBSCRIPTIONS: "name"}
_GONE = (NoCompany, NoContact, NoDeal, SalesforceResourceNotFound)


@dataclass(frozen=True)
class Crm:
    """`fields` holds each pair's field at the vendor, `read` a value by its own client, `edit` a person's change."""

    fields: dict[Entity, str]
    read: Callable[[Entity, str], str]
    edit: Callable[[str, str], dict[str, Any]]

    async def value(self, entity: Entity, record_id: str) -> str | None:
        """The value of a record's field; None for a record that the vendor's client does not find."""
        try:
            return await asyncio.to_thread(self.read, entity, record_id)
        except _GONE:
            return None


def hubspot(granted: dict[str, Any]) -> Crm:
    client = HubSpot(access_token=granted["accessToken"], host=granted["baseUrl"])
    apis: dict[Entity, Any] = {
        ACCOUNTS: client.crm.companies.basic_api,
        CONTACTS: client.crm.contacts.basic_api,
        SUBSCRIPTIONS: client.crm.deals.basic_api,
    }
    fields = {ACCOUNTS: "name", CONTACTS: "lastname", SUBSCRIPTIONS: "dealname"}

    def read(entity: Entity, record_id: str) -> str:
        return str(apis[entity].get_by_id(record_id, properties=[fields[entity]]).properties[fields[entity]])

    return Crm(fields, read, lambda field, value: {"properties": {field: value}})


def salesforce(granted: dict[str, Any]) -> Crm:
    url = granted["instanceUrl"]
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToLoopback(url.removeprefix("http://")))
    secure = url.replace("http", "https", 1)
    client: Any = Salesforce(session_id=granted["accessToken"], instance_url=secure, session=session, version="66.0")
    objects = {ACCOUNTS: client.Account, CONTACTS: client.Contact, SUBSCRIPTIONS: client.Opportunity}
    fields = {ACCOUNTS: "Name", CONTACTS: "LastName", SUBSCRIPTIONS: "Name"}

    def read(entity: Entity, record_id: str) -> str:
        return str(objects[entity].get(record_id)[fields[entity]])

    return Crm(fields, read, lambda field, value: {field: value})


@pytest.fixture(params=["salesforce", "hubspot"])
def provider(request: pytest.FixtureRequest) -> str:
    """Each CRM in turn."""
    return str(request.param)


@pytest.fixture
async def crm(local: Local, provider: str) -> tuple[Local, Crm]:
    """A service between Alguna and a CRM, and the CRM by its own client."""
    open_client = {"salesforce": salesforce, "hubspot": hubspot}[provider]
    return local, open_client(await local.boxes.control(provider, "GET", "credentials"))


async def alguna(world: Local, entity: Entity, record_id: str) -> Any:
    """A record by Alguna's own SDK; None for a contact that its customer has no more."""
    granted = await world.boxes.control("alguna", "GET", "credentials")
    async with httpx.AsyncClient(trust_env=False) as http:
        sdk = AsyncAlguna(base_url=granted["baseUrl"], api_key=granted["apiKey"], httpx_client=http)
        if entity is ACCOUNTS:
            return await sdk.customers.get(record_id)
        if entity is SUBSCRIPTIONS:
            return await sdk.subscriptions.get(record_id)
        customers = (await sdk.customers.list(limit=100, offset=0)).data
    return next((one for each in customers for one in each.contacts or [] if one.id == record_id), None)


async def agree(world: Local, crm: Crm, entity: Entity, link: tuple[str, str], value: str) -> None:
    ours = getattr(await alguna(world, entity, link[0]), OURS[entity])
    assert (ours, await crm.value(entity, link[1])) == (value, value), entity


async def synced(world: Local, mode: Mode = Mode.INCREMENTAL) -> None:
    run = await world.sync(mode)
    assert run.status == "completed", (run.problem, await world.errors())


async def test_i4_each_pair_is_created_updated_and_archived_in_the_crm(crm: tuple[Local, Crm]) -> None:
    world, vendor = crm
    await world.boxes.seed("alguna", "contacts", 4)
    customers = await world.boxes.records("alguna", "accounts")
    draft = {"customer_id": customers[0]["id"], "name": "A plan", "currency": "EUR"}
    await world.boxes.control("alguna", "POST", "records/subscriptions", draft)
    await world.configure(*ALL, onDelete={"toExternal": "archive"})
    await synced(world)
    links = {entity: next(iter((await world.links_of(entity)).items())) for entity in ALL}
    for entity, link in links.items():
        await agree(world, vendor, entity, link, str(getattr(await alguna(world, entity, link[0]), OURS[entity])))
    for entity, link in links.items():
        await world.boxes.edit("alguna", entity.value, link[0], **{OURS[entity]: f"Renamed {entity.value}"})
    await synced(world)
    for entity, link in links.items():
        await agree(world, vendor, entity, link, f"Renamed {entity.value}")
    for entity in reversed(ALL):
        await world.boxes.control("alguna", "DELETE", f"records/{entity.value}/{links[entity][0]}")
    await synced(world, Mode.FULL)
    assert [await vendor.value(entity, link[1]) for entity, link in links.items()] == [None, None, None]


async def test_i4_each_pair_is_created_and_updated_in_alguna_and_a_contact_removed(crm: tuple[Local, Crm]) -> None:
    world, vendor = crm
    provider = world.boxes.provider
    await world.boxes.seed(provider, "contacts", 4)
    await world.boxes.seed(provider, "subscriptions", 2)
    contacts = {"contacts": {"onDelete": {"toAlguna": "archive"}}, "accounts": {"defaultCurrency": "EUR"}}
    await world.configure(*ALL, entityOptions=contacts)
    await synced(world)
    links = {entity: list((await world.links_of(entity)).items())[-1] for entity in ALL}
    made = await alguna(world, SUBSCRIPTIONS, links[SUBSCRIPTIONS][0])
    assert made.status == "draft", "Alguna takes no status, amounts or dates"
    for entity, link in links.items():
        await agree(world, vendor, entity, link, str(await vendor.value(entity, link[1])))
        change = vendor.edit(vendor.fields[entity], f"Renamed {entity.value}")
        await world.boxes.edit(provider, entity.value, link[1], **change)
    await synced(world)
    for entity, link in links.items():
        await agree(world, vendor, entity, link, f"Renamed {entity.value}")
    await world.boxes.control(provider, "DELETE", f"records/contacts/{links[CONTACTS][1]}")
    await synced(world)
    assert await alguna(world, CONTACTS, links[CONTACTS][0]) is None
    assert (await alguna(world, ACCOUNTS, links[ACCOUNTS][0])).name == "Renamed accounts"
