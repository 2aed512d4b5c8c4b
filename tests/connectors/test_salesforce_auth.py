"""Salesforce's grants: renewed once, stored before use, never spent twice, declared dead only when they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from connectors.auth import GrantDead
from connectors.protocols import Connector
from connectors.salesforce.oauth import tokens_of
from core.errors import AuthExpired, FieldValidation, Permission, Transient
from core.ports import Credentials
from core.records import Entity, OperationKind, Side
from tests.connectors.support import Control, MemoryTokens, Services, eventually, operation

TOKEN = "/services/oauth2/token"
REFRESHING = ("instanceUrl", "tokenUrl", "clientId", "clientSecret", "refreshToken", "accessToken")


async def only(control: Control, *keys: str) -> Services:
    """Services whose credentials hold nothing but these keys."""
    given = await control.credentials()
    return Services(MemoryTokens("int_salesforce", {key: given[key] for key in keys}))


async def test_two_workers_with_one_expired_token_renew_it_once(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    workers = [services.connect("salesforce") for _ in range(4)]
    await salesforce.post("auth", {"action": "expire_access_token"})
    before = services.tokens.credentials.values["refreshToken"]
    await salesforce.forget_calls()

    await asyncio.gather(*(worker.describe(Entity.ACCOUNTS) for worker in workers))

    assert len(await salesforce.calls(TOKEN)) == 1
    assert services.tokens.saves == 1
    assert services.tokens.credentials.values["refreshToken"] != before, "rotation gave a new one, which is stored"
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_the_grant_survives_many_renewals_by_turns(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    workers = [services.connect("salesforce") for _ in range(2)]
    for worker in [*workers, *workers]:
        await salesforce.post("auth", {"action": "expire_access_token"})
        await worker.describe(Entity.CONTACTS)
        await worker.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    assert services.tokens.expired is None
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_an_expired_token_does_not_break_a_write(salesforce: Control, salesforce_connector: Connector) -> None:
    create = operation(1, Entity.ACCOUNTS, OperationKind.CREATE, Side.EXTERNAL, {"Name": "Once"})
    [request] = salesforce_connector.plan([create], {})
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce_connector.send(request, [create], [])
    assert await salesforce.total(Entity.ACCOUNTS) == 1


async def test_new_tokens_are_stored_before_they_are_used(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    seen: list[int] = []

    class Watching(MemoryTokens):
        async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
            seen.append(len(await salesforce.calls("/describe")))
            return await super().save_tokens(credentials, tokens)

    services.tokens = Watching("int_salesforce", services.tokens.credentials.values)
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await connector.describe(Entity.ACCOUNTS)
    assert seen == [1], "at the time of saving, only the refused call had been made"
    await connector.close()


async def test_a_cancelled_call_does_not_lose_the_token_that_it_was_renewing(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce.fault("slow", TOKEN, times=1, retryAfter=1)
    call = asyncio.create_task(connector.describe(Entity.ACCOUNTS))

    async def asked() -> bool:
        return bool(await salesforce.calls(TOKEN))

    async def saved() -> bool:
        return services.tokens.saves == 1

    await eventually(asked)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(saved)

    assert (await connector.describe(Entity.ACCOUNTS)).object_name == "Account"
    await connector.close()


async def test_a_renewal_whose_answer_is_lost_after_rotation_is_said_to_be_lost(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce.fault("drop_after_commit", TOKEN, times=1)
    with pytest.raises(AuthExpired, match="refresh outcome lost"):
        await connector.describe(Entity.ACCOUNTS)
    assert services.tokens.expired is not None
    await connector.close()


async def test_a_renewal_that_never_arrived_is_made_again(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce.fault("drop_before_commit", TOKEN, times=1)
    await connector.describe(Entity.ACCOUNTS)
    assert services.tokens.saves == 1
    await connector.close()


async def test_a_token_endpoint_out_of_order_leaves_the_grant_alone(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce.fault("error_503", TOKEN)
    with pytest.raises(Transient):
        await connector.describe(Entity.ACCOUNTS)
    assert services.tokens.expired is None
    await salesforce.delete("faults")
    await connector.describe(Entity.ACCOUNTS)
    await connector.close()


async def test_a_private_key_is_preferred_because_nothing_of_it_can_be_lost(salesforce: Control) -> None:
    services = await salesforce.services()
    connector = services.connect("salesforce")
    await salesforce.post("auth", {"action": "expire_access_token"})
    await salesforce.fault("drop_after_commit", TOKEN, times=1)
    with pytest.raises(Transient):
        await connector.describe(Entity.ACCOUNTS)
    assert services.tokens.expired is None
    await connector.describe(Entity.ACCOUNTS)
    [call] = (await salesforce.calls(TOKEN))[-1:]
    assert "jwt-bearer" in str(call["body"])
    await connector.close()


async def test_client_credentials_serve_where_there_is_nothing_else(salesforce: Control) -> None:
    services = await only(salesforce, "instanceUrl", "clientId", "clientSecret")
    connector = services.connect("salesforce")
    await connector.describe(Entity.ACCOUNTS)
    await salesforce.post("auth", {"action": "expire_access_token"})
    await connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    assert services.tokens.saves == 2
    await connector.close()


async def test_an_access_token_alone_ends_with_its_session(salesforce: Control) -> None:
    services = await only(salesforce, "instanceUrl", "accessToken")
    connector = services.connect("salesforce")
    await connector.describe(Entity.ACCOUNTS)
    await salesforce.post("auth", {"action": "expire_access_token"})
    with pytest.raises(AuthExpired):
        await connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    await connector.close()


async def test_a_wrong_secret_is_a_dead_grant(salesforce: Control) -> None:
    services = await only(salesforce, "instanceUrl", "clientId", "clientSecret")
    services.tokens.reconnect({**services.tokens.credentials.values, "clientSecret": "wrong"})
    connector = services.connect("salesforce")
    with pytest.raises(AuthExpired) as dead:
        await connector.check()
    assert (dead.value.vendor_code, dead.value.generation) == ("invalid_client", 2)
    assert "wrong" not in dead.value.message
    await connector.close()


async def test_a_key_that_is_none_is_told_without_showing_it(salesforce: Control) -> None:
    services = await only(salesforce, "instanceUrl", "clientId", "username")
    services.tokens.reconnect({**services.tokens.credentials.values, "privateKey": "not-a-key"})
    connector = services.connect("salesforce")
    with pytest.raises(AuthExpired, match="privateKey is not") as dead:
        await connector.check()
    assert "not-a-key" not in dead.value.message
    await connector.close()


async def test_a_session_that_policy_forbids_is_a_permission_and_not_renewed_for_ever(
    salesforce: Control, salesforce_services: Services, salesforce_connector: Connector
) -> None:
    await salesforce_connector.check()
    await salesforce.post("records/setup", {"apiEnabled": False})
    await salesforce.forget_calls()
    with pytest.raises(Permission):
        await salesforce_connector.describe(Entity.ACCOUNTS)
    assert len(await salesforce.calls()) == 1
    assert salesforce_services.tokens.expired is None


async def test_another_worker_sees_a_reconnect_without_a_restart(salesforce: Control) -> None:
    services = await only(salesforce, *REFRESHING)
    connector = services.connect("salesforce")
    await connector.describe(Entity.ACCOUNTS)
    await salesforce.post("auth", {"action": "revoke_grant"})
    services.tokens.reconnect(await salesforce.credentials())
    await salesforce.post("auth", {"action": "restore"})
    services.tokens.reconnect(await salesforce.credentials())
    await connector.look_up(Entity.ACCOUNTS, "Name", ["x"], [])
    await connector.close()


@pytest.mark.parametrize("url", ["acme.my.salesforce.com", "https://acme.lightning.force.com", ""])
async def test_an_instance_url_that_cannot_be_one_is_refused_by_name(url: str) -> None:
    connector = Services(MemoryTokens("int_salesforce", {"instanceUrl": url, "accessToken": "x"})).connect("salesforce")
    with pytest.raises(FieldValidation, match="instanceUrl"):
        await connector.check()


def test_a_token_never_goes_to_a_host_that_a_token_answer_made_up() -> None:
    values = {"instanceUrl": "https://acme.my.salesforce.com"}
    moved = {"access_token": "t", "instance_url": "https://acme2.my.salesforce.com"}
    assert tokens_of(moved, values)["instanceUrl"] == "https://acme2.my.salesforce.com"
    led_away = {"access_token": "t", "instance_url": "https://salesforce.com.example"}
    with pytest.raises(GrantDead):
        tokens_of(led_away, values)
