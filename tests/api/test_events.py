"""Events of vendors: believed only with their signature, taken once, and soon to be seen on the other side."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from sqlalchemy import text
from standardwebhooks import Webhook

from connectors.alguna.events import AlgunaEvents
from connectors.events import Delivery
from connectors.registry import ALGUNA
from core.records import Entity, Side
from starter.services import receiving
from store import events, listing, staging
from store.scope import Scope
from store.types import utc_now
from tests.api.test_with_worker import edit, name_of, synced
from tests.api.world import World
from tests.ports import free_port
from worker import make_engine, make_worker

ORGANISATION = "00D000000000001AAA"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def signed(event: object, *, at: datetime | None = None, delivery: str = "msg_1", secret: str = SECRET) -> Any:
    body = json.dumps(event)
    when = at or datetime.now(UTC)
    headers = {
        "svix-id": delivery,
        "svix-timestamp": str(int(when.timestamp())),
        "svix-signature": Webhook(secret).sign(delivery, when, body),
    }
    return {"content": body, "headers": {**headers, "Authorization": ""}}


def message(*records: tuple[str, str], organisation: str, kind: str = "Account") -> bytes:
    notifications = "".join(
        f"<Notification><Id>{number}</Id>"
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>{record}</sf:Id></sObject></Notification>"
        for number, record in records
    )
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>04k000000000001AAA</ActionId>{notifications}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


async def eager(world: World, *entities: str, coalesce: float = 0) -> None:
    await world.configure(*entities, realtime={"enabled": True, "coalesceSeconds": coalesce})
    values = await world.credentials("alguna")
    limits = values.pop("limits")
    await world.backend.connections.put_credentials(
        ALGUNA, ALGUNA, {**values, "webhookSecret": SECRET}, None, limits=limits
    )


async def waiting(world: World, entity: Entity) -> list[tuple[Side, str]]:
    async with world.backend.db.transaction() as session:
        taken = await staging.take_inbox(session, Scope(world.id, entity), "peek", 1000)
        await session.execute(text("UPDATE inbox SET pass_id = NULL"))
    return [(item.side, item.record_id) for item in taken]


async def realtime_runs(world: World) -> int:
    found = 0
    query = f'WorkflowType = "IntegrationSync" AND ExternalSyncIntegration = "{world.id}"'
    async for one in world.temporal.list_workflows(query):
        found += one.id.startswith(f"run/realtime-{world.id}")
    return found


def test_the_published_vector_is_accepted() -> None:
    # The example of the Standard Webhooks libraries' own documentation.
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '{"test": 2432232314}'
    assert (
        Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    delivery = Delivery("POST", "", signed(json.loads(body))["headers"], body.encode())
    AlgunaEvents().check(delivery, secret, None, utc_now())


async def test_an_event_of_alguna_goes_into_the_inbox_once(world: World) -> None:
    await eager(world, "accounts", "subscriptions")
    event = {"type": "subscription.updated", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": "sub_1"}}
    for _ in range(3):
        reply = await world.api.post("/webhooks/alguna", **signed(event))
        assert reply.status_code == 204, reply.text
    assert await waiting(world, Entity.SUBSCRIPTIONS) == [(Side.ALGUNA, "sub_1")]
    later = {**event, "type": "subscription.version.updated", "data": {"id": "subv_1", "subscriptionId": "sub_2"}}
    assert (await world.api.post("/webhooks/alguna", **signed(later, delivery="msg_2"))).status_code == 204
    assert {record for _, record in await waiting(world, Entity.SUBSCRIPTIONS)} == {"sub_1", "sub_2"}
    for kind in ("lineitem.deleted", "invoice.paid", "payment.failed", "something.new"):
        reply = await world.api.post("/webhooks/alguna", **signed({**event, "type": kind}, delivery=kind))
        assert reply.status_code == 204, "what is not synced is answered and left"


async def test_i9_what_alguna_did_not_sign_starts_nothing(world: World) -> None:
    await eager(world, "subscriptions")
    event = {"type": "subscription.updated", "data": {"id": "sub_1"}}
    old = datetime.now(UTC) - timedelta(minutes=6)
    forged = [
        signed(event, secret="whsec_" + "A" * 32),
        signed(event, at=old),
        signed(event, at=datetime.now(UTC) + timedelta(minutes=6)),
        {**signed(event), "content": json.dumps({**event, "data": {"id": "sub_2"}})},
        {"content": json.dumps(event), "headers": {"Authorization": ""}},
        {**signed(event), "content": b"\xff\xfe"},
    ]
    for one in forged:
        reply = await world.api.post("/webhooks/alguna", **one)
        assert (reply.status_code, reply.json()["errors"]) == (401, [])
        assert SECRET not in reply.text
    assert await waiting(world, Entity.SUBSCRIPTIONS) == []
    assert await realtime_runs(world) == 0


async def test_salesforce_events_need_the_token_and_the_organisation(world: World) -> None:
    await eager(world, "accounts")
    organisation = (await world.call("GET", "/{id}"))["accountId"]
    receiver = await world.call("POST", "/{id}/webhook-secret", {})
    path = receiver["url"].removeprefix(world.backend.settings.public_url)
    assert path == f"/webhooks/{world.id}/{receiver['secret']}"
    async with world.backend.db.session() as session:
        assert receiver["secret"] not in str((await session.execute(text("SELECT * FROM integrations"))).all())
    body = message(("04l000000000001AAA", "001000000000001AAA"), organisation=organisation)
    headers = {"Content-Type": "text/xml", "Authorization": ""}
    refused = {
        f"/webhooks/{world.id}/wrong": body,
        f"/webhooks/{world.id}": body,
        path: body.replace(organisation.encode(), ORGANISATION.encode()),
        path + "?": b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + body,
        path + "?again": b"not xml",
    }
    for where, what in refused.items():
        assert (await world.api.post(where, content=what, headers=headers)).status_code == 401, where
    assert await waiting(world, Entity.ACCOUNTS) == []
    for _ in range(2):
        reply = await world.api.post(path, content=body, headers=headers)
        assert (reply.status_code, bool(re.search(r"<Ack>true</Ack>", reply.text))) == (200, True)
    assert await waiting(world, Entity.ACCOUNTS) == [(Side.EXTERNAL, "001000000000001AAA")]
    assert (await world.api.post("/webhooks/nobody", content=body, headers=headers)).status_code == 404


async def test_a_burst_of_events_nudges_once_until_it_is_taken(world: World) -> None:
    await eager(world, "accounts", coalesce=60)
    organisation = (await world.call("GET", "/{id}"))["accountId"]
    path = (await world.call("POST", "/{id}/webhook-secret", {"secret": "a-token-of-sixteen"}))["url"]
    path = path.removeprefix(world.backend.settings.public_url)

    async def tell(number: int) -> None:
        body = message((f"04l00000000{number:04d}AAA", f"00100000000{number:04d}AAA"), organisation=organisation)
        assert (await world.api.post(path, content=body)).status_code == 200

    for number in range(20):
        await tell(number)
    assert len(await waiting(world, Entity.ACCOUNTS)) == 20
    scope = Scope(world.id, Entity.ACCOUNTS)
    async with world.backend.db.transaction() as session:
        assert await events.nudge(session, scope, utc_now()) is None, "one is outstanding"
        await events.taken(session, scope)
        second = await events.nudge(session, scope, utc_now())
    assert second == 2
    await world.call("DELETE", "/{id}/sync-config", status=204)
    await tell(21)
    assert len(await waiting(world, Entity.ACCOUNTS)) == 20, "a disabled sync takes no events"


async def test_i6_without_temporal_the_vendor_is_told_to_come_again(world: World) -> None:
    await eager(world, "subscriptions")
    event = signed({"type": "subscription.updated", "data": {"id": "sub_1"}})
    temporal = world.backend._temporal
    world.backend._temporal = None
    assert (await world.api.post("/webhooks/alguna", **event)).status_code == 503
    world.backend._temporal = temporal
    assert (await world.api.post("/webhooks/alguna", **event)).status_code == 204
    async with world.backend.db.transaction() as session:
        assert await events.nudge(session, Scope(world.id, Entity.SUBSCRIPTIONS), utc_now()) is None
        # As after a crash of the API: the nudge is noted, and no run came of it.
        await session.execute(text("UPDATE nudges SET outstanding_since = '2026-01-01 00:00:00.000000'"))
        await session.execute(text("UPDATE runs SET status = 'completed'"))
    await receiving.remind(world.backend)
    async with world.backend.db.session() as session:
        numbers = (await session.execute(text("SELECT number, outstanding_since FROM nudges"))).all()
    assert numbers[0][0] == 3, "refused, given, given again"
    assert not str(numbers[0][1]).startswith("2026-01-01")


@pytest.fixture
async def listening(world: World) -> AsyncIterator[tuple[World, str]]:
    """The API on a real port, with a worker."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(world.app, port=port, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    engine = make_engine(world.backend.services, world.temporal)
    async with make_worker(world.temporal, engine):
        yield world, f"http://127.0.0.1:{port}"
    await engine.close()
    for system in world.sandboxes:
        await world.control(system, "webhooks", {"url": None, "secret": "unused"})
    server.should_exit = True
    await serving


async def test_an_edit_is_seen_on_the_other_side_without_a_schedule(listening: tuple[World, str]) -> None:
    world, url = listening
    await world.control("alguna", "seed", {"entity": "subscriptions", "count": 3})
    await eager(world, "accounts", "subscriptions")
    await synced(world)
    receiver = await world.call("POST", "/{id}/webhook-secret", {})
    path = receiver["url"].removeprefix(world.backend.settings.public_url)
    await world.control("salesforce", "webhooks", {"url": url + path, "secret": "unused"})
    await world.control("alguna", "webhooks", {"url": f"{url}/webhooks/alguna", "secret": SECRET})
    link = (await world.call("GET", "/{id}/links/accounts"))["data"][0]
    await edit(world, "salesforce", link["externalId"], Name="Renamed by an event")
    async with asyncio.timeout(30):
        while await name_of(world, "alguna", link["algunaId"]) != "Renamed by an event":
            await asyncio.sleep(0.05)
    subscription = (await world.call("GET", "/{id}/links/subscriptions"))["data"][0]
    reply = await world.http.patch(
        f"{world.sandboxes['alguna']}/_sandbox/records/subscriptions/{subscription['algunaId']}",
        json={"name": "Renamed in Alguna"},
    )
    reply.raise_for_status()
    other = f"{world.sandboxes['salesforce']}/_sandbox/records/subscriptions/{subscription['externalId']}"
    async with asyncio.timeout(30):
        while (await world.http.get(other)).json()["Name"] != "Renamed in Alguna":
            await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        while True:
            history = (await world.call("GET", "/{id}/sync-history?trigger=realtime"))["data"]
            if history and all(run["completedAt"] for run in history):
                break
            await asyncio.sleep(0.1)
    async with world.backend.db.session() as session:
        total = (await listing.list_runs(session, world.id, limit=1, offset=0)).total
    assert total - len(history) == 1, "one run by hand, all others by events"
    assert {run["status"] for run in history} == {"completed"}
