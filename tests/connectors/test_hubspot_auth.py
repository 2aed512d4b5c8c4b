"""HubSpot's grants and limits: renewed early and once, private apps, dead grants, two shapes of a 429."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from connectors.pace import Pace
from connectors.protocols import Connector, FetchRequest
from connectors.values import iso
from core.errors import AuthExpired, Permission, RateLimit
from core.records import Entity
from tests.connectors.support import Control, MemoryTokens, Services, fetch_all

TOKEN = "/oauth/2026-03/token"
ACCOUNTS = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["name"]}, None, full=False)


async def with_values(hubspot: Control, **values: str) -> Services:
    return Services(MemoryTokens("int_hubspot", {**await hubspot.credentials(), **values}))


async def test_p22_four_workers_renew_one_expired_token_once(hubspot: Control) -> None:
    await hubspot.post("records/setup", {"refreshTokenRotation": True})
    services = await with_values(hubspot)
    before = services.tokens.credentials.values["refreshToken"]
    workers = [services.connect("hubspot") for _ in range(4)]
    await hubspot.post("auth", {"action": "expire_access_token"})
    await hubspot.forget_calls()
    await asyncio.gather(*(worker.describe(Entity.ACCOUNTS) for worker in workers))
    assert len(await hubspot.calls(TOKEN)) == services.tokens.saves == 1
    assert services.tokens.credentials.values["refreshToken"] != before, "whichever came is kept"
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_a_token_is_renewed_before_it_ends_and_not_by_a_401(hubspot: Control) -> None:
    services = await with_values(hubspot, expiresAt=iso(datetime.now(UTC) + timedelta(seconds=60)))
    connector = services.connect("hubspot")
    await hubspot.forget_calls()
    await connector.describe(Entity.ACCOUNTS)
    assert [call["status"] for call in await hubspot.calls()] == [200, 200]
    assert len(await hubspot.calls(TOKEN)) == 1
    await connector.describe(Entity.CONTACTS)
    assert len(await hubspot.calls(TOKEN)) == 1
    await connector.close()


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
async def test_a_lost_answer_to_a_renewal_is_asked_for_again(hubspot: Control, fault: str) -> None:
    await hubspot.post("records/setup", {"refreshTokenRotation": True})
    services = await with_values(hubspot)
    connector = services.connect("hubspot")
    await hubspot.post("auth", {"action": "expire_access_token"})
    await hubspot.fault(fault, TOKEN, times=1)
    await connector.describe(Entity.ACCOUNTS)
    assert (services.tokens.saves, services.tokens.expired) == (1, None)
    await connector.close()


async def test_a_private_app_works_until_its_token_is_withdrawn(hubspot: Control) -> None:
    portal = await hubspot.get("records/setup/portal")
    values = {"baseUrl": hubspot.url, "accessToken": portal["privateAppToken"]}
    services = Services(MemoryTokens("int_hubspot", values))
    connector = services.connect("hubspot")
    await connector.check()
    used, allowed = services.budget.reports[-1]
    assert used is not None
    assert allowed is not None
    assert 0 < used < allowed, "a private app is told what is left of its day"
    await hubspot.post("auth", {"action": "revoke_grant"})
    with pytest.raises(AuthExpired, match="nothing to get another one with"):
        await connector.check()
    await connector.close()


async def test_a_wrong_app_secret_is_a_fault_of_configuration_and_leaves_the_grant_alive(hubspot: Control) -> None:
    services = await with_values(hubspot, clientSecret="wrong", accessToken="CK-gone")
    connector = services.connect("hubspot")
    with pytest.raises(Permission, match="app itself"):
        await connector.check()
    assert services.tokens.expired is None
    await connector.close()


async def test_a_spent_day_is_a_quota_and_a_burst_is_not(hubspot: Control, hubspot_services: Services) -> None:
    await hubspot.post("limits", {"enabled": True, "scale": 10})
    connector = hubspot_services.connect("hubspot")
    await connector.describe(Entity.ACCOUNTS)
    for seconds, quota in ((0.2, False), (60, True)):
        await hubspot.fault("rate_limit", "/companies", times=1, retryAfter=seconds)
        with pytest.raises(RateLimit) as limited:
            await connector.fetch(ACCOUNTS)
        assert limited.value.quota is quota
        await hubspot.post("limits", {"enabled": False})
    await connector.close()


async def test_a_limited_search_waits_a_second(hubspot: Control, hubspot_connector: Connector) -> None:
    _, cursor, _ = await fetch_all(hubspot_connector, ACCOUNTS)
    await hubspot.fault("rate_limit", "/search", times=1)
    with pytest.raises(RateLimit) as limited:
        await fetch_all(hubspot_connector, FetchRequest(Entity.ACCOUNTS, ACCOUNTS.fields, cursor, full=False))
    assert (limited.value.retry_after, limited.value.vendor_code) == (1.0, "RATE_LIMITS")


async def test_searches_keep_to_their_own_pace() -> None:
    pace = Pace(0.25, "searches")
    await pace.turn()
    with pytest.raises(RateLimit) as far_away:
        await pace.turn()
    assert 2 < (far_away.value.retry_after or 0) <= 4
    quick = Pace(1000.0, "searches")
    await asyncio.gather(*(quick.turn() for _ in range(20)))
