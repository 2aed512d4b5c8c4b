"""Xero's grants, organisations and limits: renewed once, retried when lost, chosen by name, three kinds of a 429."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.consent import begin
from connectors.protocols import FetchRequest
from connectors.values import iso
from connectors.xero.client import XeroClient
from connectors.xero.consent import XeroConsent
from core.errors import AuthExpired, FieldValidation, Permission, RateLimit
from core.records import Entity
from tests.connectors.support import Control, MemoryTokens, Services, fetch_all

TOKEN = "/connect/token"
ACCOUNTS = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["Name"]}, None, full=False)


async def with_values(xero: Control, **values: str) -> Services:
    return Services(MemoryTokens("int_xero", {**await xero.credentials(), **values}))


async def test_p22_four_workers_renew_one_expired_token_once(xero: Control) -> None:
    services = await with_values(xero)
    before = services.tokens.credentials.values["refreshToken"]
    workers = [services.connect("xero") for _ in range(4)]
    await xero.post("auth", {"action": "expire_access_token"})
    await xero.forget_calls()
    await asyncio.gather(*(worker.check() for worker in workers))
    assert len(await xero.calls(TOKEN)) == services.tokens.saves == 1
    assert services.tokens.credentials.values["refreshToken"] != before
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_a_token_is_renewed_before_it_ends_and_not_by_a_401(xero: Control) -> None:
    services = await with_values(xero, expiresAt=iso(datetime.now(UTC) + timedelta(seconds=60)))
    connector = services.connect("xero")
    await xero.forget_calls()
    await connector.check()
    assert [call["path"] for call in await xero.calls()] == [TOKEN, "/connections"]
    await connector.close()


async def test_a_token_that_ends_between_two_pages_is_renewed(xero: Control) -> None:
    await xero.seed(Entity.ACCOUNTS, 1_200)
    services = await with_values(xero)
    connector = services.connect("xero")
    first = await connector.fetch(ACCOUNTS)
    await xero.post("auth", {"action": "expire_access_token"})
    rest = await connector.fetch(
        FetchRequest(Entity.ACCOUNTS, ACCOUNTS.fields, None, full=False, position=first.position)
    )
    assert len({one.id for one in [*first.records, *rest.records]}) == 1_200
    await connector.close()


@pytest.mark.parametrize("fault", ["drop_after_commit", "drop_before_commit"])
async def test_a_lost_answer_to_a_renewal_is_asked_for_with_the_token_before(xero: Control, fault: str) -> None:
    services = await with_values(xero)
    connector = services.connect("xero")
    await xero.post("auth", {"action": "expire_access_token"})
    await xero.fault(fault, TOKEN, times=1)
    await connector.check()
    assert (services.tokens.saves, services.tokens.expired) == (1, None)
    await connector.close()


async def test_a_wrong_secret_leaves_the_grant_alone(xero: Control) -> None:
    services = await with_values(xero, clientSecret="wrong")
    connector = services.connect("xero")
    await xero.post("auth", {"action": "expire_access_token"})
    with pytest.raises(Permission):
        await connector.check()
    assert services.tokens.expired is None
    await connector.close()


async def test_of_several_organisations_one_must_be_named(xero: Control) -> None:
    given = await xero.credentials()
    tenant = given.pop("tenantId")
    alone = Services(MemoryTokens("int_xero", given))
    connector = alone.connect("xero")
    assert await connector.check() == tenant
    assert alone.tokens.credentials.values["tenantId"] == tenant, "where there is no choice it is kept"
    await connector.close()

    await xero.post("records/setup", {"otherTenants": ["Second Books"]})
    for values, told in (({}, "must say which"), ({"tenantId": "elsewhere"}, "is not among")):
        connector = Services(MemoryTokens("int_xero", {**given, **values})).connect("xero")
        with pytest.raises(FieldValidation, match=rf"^credentials\.tenantId {told}.*Second Books"):
            await connector.check()
        await connector.close()


async def test_an_organisation_that_is_disconnected_waits_for_a_new_consent(xero: Control) -> None:
    services = await with_values(xero)
    connector = services.connect("xero")
    await xero.post("records/setup", {"disconnected": True})
    with pytest.raises(Permission, match="covers no organisation"):
        await connector.check()
    with pytest.raises(AuthExpired, match="connect it again"):
        await connector.fetch(ACCOUNTS)
    assert services.tokens.expired is not None
    await connector.close()


async def test_a_missing_scope_is_said_and_not_renewed(xero: Control) -> None:
    services = await with_values(xero)
    connector = services.connect("xero")
    scopes = ["accounting.payments", "accounting.payments.read"]
    await xero.post("records/setup", {"missingScopes": scopes})
    with pytest.raises(Permission, match="lacks a scope"):
        await fetch_all(connector, FetchRequest(Entity.PAYMENTS, {}, None, full=False))
    assert (services.tokens.saves, services.tokens.expired) == (0, None)
    await connector.close()


@pytest.mark.parametrize(
    ("problem", "wait", "quota", "least"),
    [
        ("minute", "21", False, 21),
        ("day", "66975", True, 66_975),
        ("Daily", None, True, 60),
        ("concurrent", None, False, 0.5),
    ],
)
async def test_each_kind_of_limit_has_its_wait(
    xero: Control, problem: str, wait: str | None, quota: bool, least: float
) -> None:
    services = await with_values(xero)
    connector = services.connect("xero")
    client: XeroClient = connector._client  # type: ignore[attr-defined]
    headers = {"X-Rate-Limit-Problem": problem, **({"Retry-After": wait} if wait else {})}
    error = client.error(httpx.Response(429, headers=headers), "/Contacts")
    assert isinstance(error, RateLimit)
    assert (error.quota, error.vendor_code) == (quota, problem.lower())
    assert (error.retry_after or 0) >= least
    await connector.close()


async def test_what_is_left_of_the_day_is_told_to_the_budget(xero: Control) -> None:
    services = await with_values(xero)
    connector = services.connect("xero")
    await connector.fetch(ACCOUNTS)
    assert services.budget.reports
    await connector.close()


def test_a_consent_asks_for_the_granular_scopes() -> None:
    values = {"clientId": "app", "clientSecret": "s"}
    url, verifier = begin(XeroConsent(), values, "https://sync.example.test/back", "state")
    assert url.startswith("https://login.xero.com/identity/connect/authorize?")
    assert verifier == ""
    assert set(httpx.URL(url).params["scope"].split()) == {
        "offline_access",
        "accounting.contacts",
        "accounting.invoices",
        "accounting.payments",
        "accounting.settings.read",
    }
    with pytest.raises(FieldValidation, match=r"credentials\.clientSecret"):
        begin(XeroConsent(), {"clientId": "app"}, "https://sync.example.test/back", "state")
