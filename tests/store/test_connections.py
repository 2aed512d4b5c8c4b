"""Connections: secrets are stored encrypted, a reconnect raises the generation, names are found or explained (I8)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import AuthExpired, Conflict, Duplicate, FieldValidation, NotFound
from core.ports import TokenStore
from store.connections import ALGUNA, Connections, ConnectionState
from store.crypto import Vault, VaultError
from store.database import Database

SECRETS = {"clientSecret": "s3cr3t-client", "refreshToken": "s3cr3t-refresh", "accessToken": "s3cr3t-access"}


@pytest.fixture
def connections(db: Database, vault: Vault) -> Connections:
    return Connections(db, vault)


async def connect(connections: Connections, name: str = "int_salesforce", account: str | None = "00D1") -> None:
    await connections.create_integration(
        name, "salesforce", SECRETS, account, webhook_secret="s3cr3t-hook", limits={"daily": 100}
    )


async def test_credentials_come_back_and_are_not_readable_in_the_database(
    connections: Connections, db: Database, tmp_path: Path
) -> None:
    await connect(connections)
    loaded = await connections.load("int_salesforce")
    assert dict(loaded.values) == SECRETS
    assert loaded.generation == 1
    assert await connections.webhook_secret("int_salesforce") == "s3cr3t-hook"
    assert (await connections.describe("int_salesforce")).limits == {"daily": 100}
    async with db.session() as session:
        for table in ("connections", "integrations"):
            rows = (await session.execute(text(f"SELECT * FROM {table}"))).all()
            assert len(rows) == 1
            assert "s3cr3t" not in str(rows)
    assert not [path for path in tmp_path.iterdir() if b"s3cr3t" in path.read_bytes()]
    assert "s3cr3t" not in repr(loaded)


async def test_refreshed_tokens_are_merged_within_the_generation(connections: Connections) -> None:
    await connect(connections)
    before = await connections.load("int_salesforce")
    after = await connections.save_tokens(before, {"accessToken": "new"})
    assert after.generation == before.generation
    assert dict(after.values) == {**SECRETS, "accessToken": "new"}
    assert await connections.load("int_salesforce") == after


async def test_a_refresh_never_overwrites_a_reconnect(connections: Connections) -> None:
    await connect(connections)
    old = await connections.load("int_salesforce")
    assert await connections.put_credentials("int_salesforce", "salesforce", {"accessToken": "mine"}, "00D1") == 2
    returned = await connections.save_tokens(old, {"accessToken": "late"})
    assert (returned.generation, dict(returned.values)) == (2, {"accessToken": "mine"})
    assert await connections.load("int_salesforce") == returned


async def test_expired_until_a_person_reconnects(connections: Connections) -> None:
    await connect(connections)
    await connections.mark_expired("int_salesforce", 1, "invalid_grant")
    with pytest.raises(AuthExpired, match="invalid_grant") as expired:
        await connections.load("int_salesforce")
    assert (expired.value.connection_id, expired.value.generation) == ("int_salesforce", 1)
    assert await connections.state("int_salesforce") == "auth_expired"
    await connections.put_credentials("int_salesforce", "salesforce", SECRETS, "00D1")
    assert await connections.state("int_salesforce") == ConnectionState.CONNECTED
    assert await connections.generation("int_salesforce") == 2


async def test_an_old_failure_does_not_expire_newer_credentials(connections: Connections) -> None:
    await connect(connections)
    await connections.put_credentials("int_salesforce", "salesforce", SECRETS, "00D1")
    await connections.mark_expired("int_salesforce", 1, "late news")
    assert await connections.state("int_salesforce") == "connected"


async def test_one_refresh_at_a_time(connections: Connections, db: Database, vault: Vault) -> None:
    await connect(connections)
    other: TokenStore = Connections(db, vault)
    inside = 0

    async def refresh(store: TokenStore) -> str:
        nonlocal inside
        async with store.refresh_lock("int_salesforce"):
            inside += 1
            assert inside == 1
            credentials = await store.load("int_salesforce")
            await asyncio.sleep(0.01)
            number = int(credentials.values.get("number", "0")) + 1
            await store.save_tokens(credentials, {"number": str(number)})
            inside -= 1
        return str(number)

    numbers = await asyncio.gather(*(refresh(store) for store in (connections, other) * 3))
    assert sorted(numbers) == ["1", "2", "3", "4", "5", "6"]


async def test_the_same_provider_account_connects_once(connections: Connections) -> None:
    await connect(connections)
    with pytest.raises(Duplicate, match="00D1"):
        await connect(connections, "int_second")
    with pytest.raises(Duplicate, match="exists already"):
        await connect(connections, account="00D2")
    assert [row.id for row in await connections.list_integrations()] == ["int_salesforce"]
    with pytest.raises(NotFound):
        await connections.load("int_second")


async def test_reconnecting_another_account_is_refused(connections: Connections) -> None:
    await connect(connections)
    with pytest.raises(Conflict, match="00D2"):
        await connections.put_credentials("int_salesforce", "salesforce", {}, "00D2")
    assert await connections.generation("int_salesforce") == 1


@pytest.mark.parametrize("name", ["alguna", "salesforce"])
async def test_an_id_that_means_something_else_is_refused(connections: Connections, name: str) -> None:
    with pytest.raises(FieldValidation, match=name):
        await connect(connections, name)


async def test_integrations_are_found_by_id_or_by_their_provider(connections: Connections) -> None:
    with pytest.raises(NotFound, match="none yet"):
        await connections.get_integration("salesforce")
    await connect(connections)
    assert (await connections.get_integration("int_salesforce")).id == "int_salesforce"
    assert (await connections.get_integration("salesforce")).id == "int_salesforce"
    with pytest.raises(NotFound, match="did you mean 'int_salesforce'"):
        await connections.get_integration("int_salesforc")
    await connect(connections, "int_second", "00D2")
    with pytest.raises(NotFound, match="several salesforce integrations: use one of int_salesforce, int_second"):
        await connections.get_integration("salesforce")


async def test_deleting_forgets_the_secrets_and_keeps_the_history(connections: Connections) -> None:
    await connect(connections)
    await connections.delete_integration("int_salesforce")
    assert await connections.list_integrations() == []
    assert (await connections.get_integration("int_salesforce", deleted=True)).deleted_at is not None
    with pytest.raises(AuthExpired, match="deleted"):
        await connections.load("int_salesforce")
    with pytest.raises(NotFound):
        await connections.put_credentials("int_salesforce", "salesforce", SECRETS, "00D1")
    with pytest.raises(Duplicate, match="choose another id"):
        await connect(connections, account="00D2")
    await connect(connections)
    assert await connections.generation("int_salesforce") == 2
    assert dict((await connections.load("int_salesforce")).values) == SECRETS


async def test_enabling_is_kept(connections: Connections) -> None:
    await connect(connections)
    await connections.set_enabled("int_salesforce", False)
    assert (await connections.get_integration("salesforce")).enabled is False


async def test_settings_seed_alguna_once_and_again_when_they_change(connections: Connections) -> None:
    assert await connections.seed_alguna("https://alguna.example", "key-1", "whsec")
    assert not await connections.seed_alguna("https://alguna.example", "key-1", "whsec")
    assert dict((await connections.load(ALGUNA)).values) == {
        "baseUrl": "https://alguna.example",
        "apiKey": "key-1",
        "webhookSecret": "whsec",
    }
    await connections.put_credentials(ALGUNA, ALGUNA, {"apiKey": "by a person"}, None)
    assert not await connections.seed_alguna("https://alguna.example", "key-1", "whsec")
    assert (await connections.load(ALGUNA)).values["apiKey"] == "by a person"
    assert await connections.seed_alguna("https://alguna.example", "key-2")
    assert (await connections.load(ALGUNA)).values["apiKey"] == "key-2"
    assert await connections.generation(ALGUNA) == 3


async def test_keys_rotate_and_a_wrong_key_is_named(db: Database) -> None:
    old, new = Vault.new_key(), Vault.new_key()
    await connect(Connections(db, Vault([old])))
    assert dict((await Connections(db, Vault([new, old])).load("int_salesforce")).values) == SECRETS
    with pytest.raises(VaultError, match="EXTERNAL_SYNC_ENCRYPTION_KEYS"):
        await Connections(db, Vault([new])).load("int_salesforce")


@pytest.mark.parametrize(("keys", "says"), [([], "is empty"), (["short"], "key 1"), ([Vault.new_key(), ""], "key 2")])
def test_missing_and_malformed_keys_are_explained(keys: list[str], says: str) -> None:
    with pytest.raises(VaultError, match=says):
        Vault(keys)
