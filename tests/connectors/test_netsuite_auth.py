"""NetSuite's two logins and its limits: tokens for an hour, signatures, dead grants, slots that are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.netsuite.oauth import base_url, signed_header
from connectors.protocols import FetchRequest
from core.errors import AuthExpired, FieldValidation, Permission, RateLimit, SyncError
from core.records import Entity
from tests.connectors.support import Control, MemoryTokens, Services, fetch_all

TOKEN = "/auth/oauth2/v1/token"
ACCOUNTS = FetchRequest(Entity.ACCOUNTS, {Entity.ACCOUNTS: ["companyName"]}, None, full=False)
M2M = ("clientId", "certificateId", "privateKey", "accessToken", "expiresAt")
TBA = ("consumerKey", "consumerSecret", "tokenId", "tokenSecret")


@pytest.fixture
async def netsuite(account_of: Callable[[str], Awaitable[Control]]) -> Control:
    return await account_of("netsuite")


async def services(netsuite: Control, without: tuple[str, ...] = (), **values: str) -> Services:
    given = {name: value for name, value in (await netsuite.credentials()).items() if name not in without}
    return Services(MemoryTokens("int_netsuite", {**given, **values}))


async def test_four_workers_get_one_token_for_an_expired_one(netsuite: Control) -> None:
    made = await services(netsuite, TBA)
    workers = [made.connect("netsuite") for _ in range(4)]
    await netsuite.post("auth", {"action": "expire_access_token"})
    await netsuite.forget_calls()
    await asyncio.gather(*(worker.check() for worker in workers))
    assert len(await netsuite.calls(TOKEN)) == made.tokens.saves == 1
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_an_rsa_key_signs_with_pss(netsuite: Control) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    await netsuite.post("records/setup", {"certificates": [{"id": "mine", "publicKey": public.decode()}]})
    given = {"certificateId": "mine", "privateKey": pem.decode()}
    connector = (await services(netsuite, ("accessToken", *TBA), **given)).connect("netsuite")
    assert await connector.check() == (await netsuite.credentials())["account"]
    await connector.close()


async def test_tba_signs_each_call_and_a_revoked_token_is_dead(netsuite: Control) -> None:
    await netsuite.seed(Entity.ACCOUNTS, 2)
    made = await services(netsuite, M2M)
    connector = made.connect("netsuite")
    records, _, _ = await fetch_all(connector, ACCOUNTS)
    assert len(records) == 2
    assert await netsuite.calls(TOKEN) == []
    await netsuite.post("auth", {"action": "revoke_grant"})
    with pytest.raises(AuthExpired):
        await connector.check()
    assert made.tokens.expired is not None
    await connector.close()


@pytest.mark.parametrize("values", [{"certificateId": "nobodys"}, {"privateKey": "no key"}, {"clientId": "ci-1.other"}])
async def test_a_certificate_that_is_refused_is_a_dead_grant(netsuite: Control, values: dict[str, str]) -> None:
    made = await services(netsuite, ("accessToken", *TBA), **values)
    connector = made.connect("netsuite")
    with pytest.raises(AuthExpired):
        await connector.check()
    await connector.close()


def test_the_signature_is_that_of_the_known_vector() -> None:
    values = {
        "account": "1234567-sb1",
        "consumerKey": "ck",
        "consumerSecret": "cs",
        "tokenId": "tk",
        "tokenSecret": "ts",
    }
    url = base_url(values) + "/services/rest/record/v1/customer?limit=5&q=email%20START_WITH%20%22a%20b%22"
    header = signed_header(values, "GET", url, "abcdef123456", 1_700_000_000)
    assert 'realm="1234567_SB1"' in header
    assert 'oauth_signature="wAMe3sdZa4Mz29V02pGg4ZBNSwVPR%2F2I8CX3D%2Bnyuag%3D"' in header
    assert url.startswith("https://1234567-sb1.suitetalk.api.netsuite.com/")


@pytest.mark.parametrize("account", ["", "evil.example/", "1234567@evil.example", "1-2-3"])
def test_an_account_id_leads_to_no_other_host(account: str) -> None:
    with pytest.raises(FieldValidation):
        base_url({"account": account})


async def test_taken_slots_are_a_limit_that_the_budget_is_told(netsuite: Control) -> None:
    made = await services(netsuite)
    connector = made.connect("netsuite")
    await netsuite.post("limits", {"enabled": True, "scale": 1.0})
    await netsuite.fault("rate_limit", "/suiteql", times=1, retryAfter=0)
    with pytest.raises(RateLimit) as limited:
        await connector.check()
    assert limited.value.vendor_code == "CONCURRENCY_LIMIT_EXCEEDED"
    assert [quota for _, quota in made.budget.blocks] == [False]
    await connector.close()


@pytest.mark.parametrize(
    ("setup", "error"),
    [
        ({"missingPermissions": ["REPO_ANALYTICS"]}, Permission),
        ({"hiddenTables": ["currency"]}, Permission),
        ({"companyLanguage": "it_IT", "userLanguage": "en_US"}, FieldValidation),
    ],
)
async def test_what_a_role_lacks_is_told_when_it_is_connected(
    netsuite: Control, setup: dict[str, object], error: type[SyncError]
) -> None:
    await netsuite.post("records/setup", setup)
    connector = (await services(netsuite)).connect("netsuite")
    with pytest.raises(error):
        await connector.check()
    await connector.close()


async def test_the_companys_language_is_asked_for(netsuite: Control) -> None:
    await netsuite.post("records/setup", {"companyLanguage": "it_IT", "userLanguage": "en_US"})
    connector = (await services(netsuite, language="it-IT")).connect("netsuite")
    await connector.check()
    await connector.close()


@pytest.mark.parametrize("fault", ["error_500", "error_503", "malformed_body"])
async def test_servers_that_stumble_are_asked_again(netsuite: Control, fault: str) -> None:
    connector = (await services(netsuite)).connect("netsuite")
    await netsuite.fault(fault, "/suiteql", times=1)
    await connector.check()
    assert len(await netsuite.calls("/suiteql")) == 2
    await connector.close()
