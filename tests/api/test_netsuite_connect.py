"""Connecting NetSuite: what its sandbox gives is taken, both logins are checked by a call, mistakes are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.kit.testing import SandboxThread
from sandbox.netsuite.events import signed
from starter.services.probing import check, take_apart
from starter.services.refusals import Invalid
from tests.api.world import World

SECRET = "test-secret-0001"

CERTIFICATE = ("clientId", "certificateId", "privateKey", "accessToken", "expiresAt")
SIGNED = ("consumerKey", "consumerSecret", "tokenId", "tokenSecret")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    sandbox = SandboxThread("netsuite")
    sandbox.start()
    yield sandbox.url
    sandbox.stop()


@pytest.fixture
def credentials(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/_sandbox/credentials", trust_env=False).json()
    return found


@pytest.mark.parametrize("without", [(), CERTIFICATE, SIGNED, ("accessToken", "expiresAt")])
async def test_either_login_will_do(credentials: dict[str, Any], without: tuple[str, ...]) -> None:
    given = {name: value for name, value in credentials.items() if name not in without}
    checked = await check("netsuite", "int_netsuite", take_apart("netsuite", given))
    assert (checked.account_id, checked.limits) == (credentials["account"], {"concurrent": 50})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"realmId": "7"}, "credentials.realmId"),
        ({"limits": {"concurrent": 0}}, "credentials.limits.concurrent"),
        ({"account": "evil.example/"}, "credentials.account"),
        ({"certificateId": "nobodys", "accessToken": None}, "credentials"),
    ],
)
async def test_i9_a_mistake_names_its_field(credentials: dict[str, Any], changes: dict[str, Any], field: str) -> None:
    given = {name: value for name, value in {**credentials, **changes}.items() if value is not None}
    with pytest.raises(Invalid) as refused:
        await check("netsuite", "int_netsuite", take_apart("netsuite", given))
    assert [problem.field for problem in refused.value.problems] == [field]


async def test_a_configuration_names_the_options_it_lacks_and_finds_the_rest(world: World, url: str) -> None:
    connected = await world.call(
        "POST",
        "/integrations",
        {"provider": "netsuite", "credentials": (await world.http.get(f"{url}/_sandbox/credentials")).json()},
        201,
    )
    path = f"/integrations/{connected['id']}/sync-config"
    five = {"enabled": True, "direction": "bidirectional", "conflictResolution": "alguna_wins", "schedule": None}
    lacking = await world.call("POST", path, {**five, "entities": ["accounts", "invoices", "payments"]}, 422)
    [problem] = lacking["errors"]
    assert problem["field"] == "entityOptions.invoices.itemMap"
    assert '`{"default":"11"}` (SEAT-STD)' in problem["message"], "as a body takes it"
    options = {"invoices": {"itemMap": {"by": "sku"}, "taxMap": {"20": "S-GB"}}}
    body = {**five, "entities": ["accounts", "invoices", "payments"], "entityOptions": options}
    stored = await world.call("POST", path, body)
    assert stored["entityOptions"]["accounts"]["subsidiary"] == "1", "the only one there is"
    wrong = {**options, "accounts": {"subsidiary": "9"}, "payments": {"paymentAccount": "4"}}
    assert sorted(await world.refused("POST", path, {**body, "entityOptions": wrong})) == [
        "entityOptions.accounts.subsidiary",
        "entityOptions.payments.paymentAccount",
    ]


async def test_the_scripts_events_reach_the_integration_of_their_account(world: World, url: str) -> None:
    given = (await world.http.get(f"{url}/_sandbox/credentials")).json()
    await world.call(
        "POST", "/integrations", {"provider": "netsuite", "credentials": given, "webhookSecret": SECRET}, 201
    )
    event = {"id": "d-1", "account": given["account"], "recordType": "customer", "recordId": "107", "event": "edit"}
    assert (await world.api.post("/webhooks/netsuite", **delivered(event))).status_code == 200
    assert (await world.api.post("/webhooks/netsuite", **delivered(event, "another-secret"))).status_code == 401
    elsewhere = await world.api.post("/webhooks/netsuite", **delivered({**event, "account": "7654321"}))
    assert elsewhere.status_code == 200, "well signed, and of an account that nobody syncs here"


def delivered(event: dict[str, Any], secret: str = SECRET) -> dict[str, Any]:
    """One call of the script."""
    body, headers = json.dumps(event).encode(), dict[str, str]()
    headers.update(signed(str(event["id"]), body, secret))
    return {"content": body, "headers": headers}
