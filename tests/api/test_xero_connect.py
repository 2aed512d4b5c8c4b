"""Xero through the API: credentials checked, options found, the intent to receive answered, events taken once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from core.records import Entity, Side
from sandbox.kit.testing import SandboxThread
from sandbox.xero.events import body_of, signed
from starter.services.probing import check, take_apart
from starter.services.refusals import Invalid
from store import staging
from store.scope import Scope
from tests.api.world import World, config

KEY = "test-webhook-key"
INTENT = b'{"events":[],"firstEventSequence": 0,"lastEventSequence": 0, "entropy": "ALGUNASANDBOXENTROPY"}'
SIGNATURE = "rDBNG1dwQBezQ/B55HQVmXMpZzpEk4skqCgiZGcIXDE="


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    sandbox = SandboxThread("xero")
    sandbox.start()
    yield sandbox.url
    sandbox.stop()


@pytest.fixture
def credentials(url: str) -> dict[str, Any]:
    httpx.post(f"{url}/_sandbox/reset", trust_env=False).raise_for_status()
    found: dict[str, Any] = httpx.get(f"{url}/_sandbox/credentials", trust_env=False).json()
    return found


async def connect(world: World, credentials: dict[str, Any]) -> None:
    body = {"id": world.id, "provider": "xero", "credentials": credentials, "webhookSecret": KEY}
    await world.call("POST", "/integrations", body, 201)


async def post(world: World, body: bytes, signature: str | None = None, key: str = KEY) -> int:
    """A delivery as Xero sends it; its answer's status."""
    headers = {**signed(body, key), "Authorization": ""}
    if signature is not None:
        headers["x-xero-signature"] = signature
    return (await world.api.post("/webhooks/xero", content=body, headers=headers)).status_code


def event(tenant: str, **changes: str) -> dict[str, str]:
    made = {
        "resourceId": "c1",
        "tenantId": tenant,
        "eventCategory": "CONTACT",
        "eventDateUtc": "2026-05-01T14:32:04.198",
    }
    return {**made, **changes}


async def test_what_the_sandbox_gives_is_what_connecting_takes(credentials: dict[str, Any]) -> None:
    checked = await check("xero", "int_xero", take_apart("xero", credentials))
    assert checked.account_id == credentials["tenantId"]
    assert checked.limits == {"requestsPerSecond": 9.5, "requestsPerDay": 50_000, "concurrent": 50}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tenantId": "00000000-0000-4000-8000-000000000404"}, "credentials.tenantId"),
        ({"tenant": "7"}, "credentials.tenant"),
        ({"limits": {"callsPerMinute": 60}}, "credentials.limits.callsPerMinute"),
        ({"accessToken": "xat-1.none", "refreshToken": "xrt-1.none"}, "credentials"),
    ],
)
async def test_i9_a_mistake_names_its_field(credentials: dict[str, Any], changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await check("xero", "int_xero", take_apart("xero", {**credentials, **changes}))
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_options_without_a_choice_are_found_and_wrong_ones_named(
    world: World, credentials: dict[str, Any]
) -> None:
    await connect(world, credentials)
    body = {"entities": ["accounts", "invoices", "payments"], **config()}
    options = (await world.call("POST", "/{id}/sync-config", body))["entityOptions"]
    assert options["invoices"]["salesAccount"] == "200"
    assert options["invoices"]["taxMap"]["20"] == "OUTPUT2"
    assert options["payments"]["paymentAccount"] == "090"
    wrong = {"invoices": {"salesAccount": "999", "taxMap": {"20": "X9"}}, "payments": {"paymentAccount": "200"}}
    assert await world.refused("POST", "/{id}/sync-config", {**body, "entityOptions": wrong}) == [
        "entityOptions.invoices.salesAccount",
        "entityOptions.invoices.taxMap",
        "entityOptions.payments.paymentAccount",
    ]


async def test_the_intent_to_receive_is_answered_and_events_are_taken_once(
    world: World, credentials: dict[str, Any]
) -> None:
    await connect(world, credentials)
    body = {"entities": ["accounts"], **config(), "realtime": {"enabled": True, "coalesceSeconds": 600}}
    await world.call("POST", "/{id}/sync-config", body)
    assert await post(world, INTENT, SIGNATURE) == 200
    assert await post(world, INTENT, "s" + SIGNATURE[1:]) == 401
    ours, others = event(credentials["tenantId"]), event("another-organisation", resourceId="c2")
    assert await post(world, body_of([ours], 1), key="another-key") == 401
    for _ in range(2):
        assert await post(world, body_of([ours, others], 1)) == 200
    assert await post(world, body_of([others], 2)) == 200, "an app's events are of all its organisations"
    assert await post(world, body_of([others], 2), key="another-key") == 401
    async with world.backend.db.transaction() as session:
        taken = await staging.take_inbox(session, Scope(world.id, Entity.ACCOUNTS), "peek", 1000)
        await session.execute(text("UPDATE inbox SET pass_id = NULL"))
    assert [(one.side, one.record_id) for one in taken] == [(Side.EXTERNAL, "c1")]


async def test_a_consent_in_the_browser_makes_a_connection(world: World, credentials: dict[str, Any]) -> None:
    app = {key: credentials[key] for key in ("baseUrl", "tokenUrl", "clientId", "clientSecret")}
    begun = await world.call("POST", "/oauth/xero/authorize", {"id": world.id, "credentials": app})
    page = httpx.URL(begun["authorizationUrl"])
    sent = await asyncio.to_thread(
        httpx.post, page, data={"decision": "allow"}, follow_redirects=False, trust_env=False
    )
    answer = httpx.URL(sent.headers["location"])
    back = await world.api.get("/oauth/xero/callback", params=answer.params, headers={"Authorization": ""})
    assert back.status_code == 200, back.text
    assert (await world.call("GET", "/{id}"))["accountId"] == credentials["tenantId"]
