"""One URL for all accounts of an app: each delivery reaches those that it speaks of and whose secret signed it (I9)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from core.config import IntegrationConfig
from core.records import Entity, Side
from store import staging
from store.scope import Scope
from tests.api.world import World

SECRET, OTHER = "the-secret-of-the-app", "the-secret-of-another-app"
OURS, THEIRS, GONE = "1001", "1002", "1003"


def signed(provider: str, account: str, secret: str = SECRET) -> dict[str, Any]:
    """A delivery about the record `77` of an account, as the vendor sends it."""
    if provider == "quickbooks":
        entity = {"name": "Customer", "id": "77", "operation": "Update", "lastUpdated": "2026-05-01T14:32:04.000Z"}
        told: Any = {
            "eventNotifications": [{"realmId": account, "dataChangeEvent": {"entities": [entity]}}],
        }
        body = json.dumps(told).encode()
        digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"content": body, "headers": {"intuit-signature": digest, "Authorization": ""}}
    if provider == "xero":
        event = {"resourceId": "77", "tenantId": account, "eventCategory": "CONTACT", "eventType": "UPDATE"}
        told = {"events": [{**event, "eventDateUtc": "2026-05-01T14:32:04.198"}], "firstEventSequence": 1}
        body = json.dumps({**told, "lastEventSequence": 1, "entropy": "E"}).encode()
        digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"content": body, "headers": {"x-xero-signature": digest, "Authorization": ""}}
    said = {"id": "d-1", "account": account, "recordType": "customer", "recordId": "77", "event": "edit"}
    body, stamp = json.dumps(said).encode(), str(int(time.time()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-alguna-timestamp": stamp, "x-alguna-signature": f"v1={digest}", "Authorization": ""}
    return {"content": body, "headers": headers}


async def integrate(world: World, provider: str, account: str, secret: str) -> str:
    """An integration with that account, which is synced in real time."""
    chosen = f"{world.id}_{account}"
    await world.backend.connections.create_integration(chosen, provider, {}, account, webhook_secret=secret)
    config = IntegrationConfig.model_validate({"entities": ["accounts"], "realtime": {"enabled": True}})
    await world.backend.configs.save(chosen, config.model_dump(mode="json", by_alias=True))
    return chosen


async def waiting(world: World, integration_id: str) -> list[tuple[Side, str]]:
    async with world.backend.db.transaction() as session:
        taken = await staging.take_inbox(session, Scope(integration_id, Entity.ACCOUNTS), "peek", 10)
    return [(item.side, item.record_id) for item in taken]


@pytest.mark.parametrize("provider", ["quickbooks", "netsuite", "xero"])
async def test_i9_a_delivery_reaches_the_account_it_speaks_of_and_nobody_else(provider: str, world: World) -> None:
    ours = await integrate(world, provider, OURS, SECRET)
    theirs = await integrate(world, provider, THEIRS, OTHER)
    path = f"/webhooks/{provider}"
    for one in (signed(provider, OURS, "forged"), {**signed(provider, OURS), "content": b"{}"}):
        assert (await world.api.post(path, **one)).status_code == 401
    gone = await world.api.post(path, **signed(provider, GONE))
    assert gone.status_code == 200, "an account that is not connected any more is no reason to give up the URL"
    crossed = await world.api.post(path, **signed(provider, THEIRS, SECRET))
    assert crossed.status_code == 200
    assert await waiting(world, ours) == await waiting(world, theirs) == [], "another app's secret says nothing"
    assert (await world.api.post(path, **signed(provider, OURS))).status_code == 200
    assert await waiting(world, ours) == [(Side.EXTERNAL, "77")]
    other = await world.api.post(f"/webhooks/{ours}", **signed(provider, THEIRS))
    assert other.status_code == 200
    assert await waiting(world, ours) == [(Side.EXTERNAL, "77")], "signed, and of nobody who is meant here"
