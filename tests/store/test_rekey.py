"""A change of the encryption key: everything is written anew with the newest, and the old key may go (I8)."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from store.connections import Connections
from store.consents import Consents, PendingConsent
from store.crypto import Vault, VaultError
from store.database import Database
from store.rekey import Keys, rewrite, survey
from store.webhooks import Webhooks

OLD, NEW = Vault.new_key(), Vault.new_key()
SECRETS = {"refreshToken": "s3cr3t"}


async def write(db: Database, vault: Vault) -> str:
    """A secret in every place there is; returns a webhook endpoint's id."""
    connections, webhooks = Connections(db, vault), Webhooks(db, vault)
    await connections.create_integration("int_salesforce", "salesforce", SECRETS, "00D1", webhook_secret="hook")
    await connections.seed_alguna("http://127.0.0.1:1", "key")
    endpoint, _ = await webhooks.create("https://example.com/hook", ["sync.error"], None)
    await webhooks.rotate(endpoint.id)
    pending = PendingConsent("salesforce", "int_other", False, "http://127.0.0.1/callback", "verifier", SECRETS)
    await Consents(db, vault).put("state", pending)
    return endpoint.id


async def test_i8_secrets_move_to_the_newest_key_and_the_old_one_may_go(db: Database) -> None:
    await write(db, Vault([OLD]))
    both, new = Vault([NEW, OLD]), Vault([NEW])
    places = Keys(old=7)
    assert await survey(db, both) == places, (
        "a connection and its seed, two connections, a receiver, a consent, two secrets"
    )
    assert await survey(db, new) == Keys(lost=7)
    assert await rewrite(db, both) == 7
    assert await rewrite(db, both) == 0, "there is nothing left to do"
    assert await survey(db, new) == Keys(newest=7)
    connections = Connections(db, new)
    assert await connections.secrets("int_salesforce") == SECRETS
    assert await connections.webhook_secret("int_salesforce") == "hook"
    with pytest.raises(VaultError):
        await Connections(db, Vault([OLD])).secrets("int_salesforce")


async def test_what_no_key_opens_is_told_and_left(db: Database) -> None:
    await write(db, Vault([OLD]))
    async with db.transaction() as session:
        await session.execute(text("UPDATE integrations SET webhook_secret = 'garbage'"))
    both = Vault([NEW, OLD])
    assert await rewrite(db, both) == 6
    assert await survey(db, both) == Keys(newest=6, lost=1)
