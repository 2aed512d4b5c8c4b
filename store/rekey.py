"""Encryption keys over time: secrets that an older key has written are written anew with the newest one.

So a key is changed by putting a new one in front and starting the API: once nothing is `old`, the old key may go.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Table, select, update

from store.crypto import Vault, VaultError
from store.database import Database
from store.scope import table_of
from store.tables.access import ConsentRow
from store.tables.connections import Connection, IdempotentCall, Integration
from store.tables.webhooks import WebhookEndpoint

_SECRETS: tuple[tuple[Table, str, str], ...] = (
    (table_of(Connection), "id", "secrets"),
    (table_of(Connection), "id", "seed"),
    (table_of(Integration), "id", "webhook_secret"),
    (table_of(ConsentRow), "state_hash", "secrets"),
    (table_of(WebhookEndpoint), "id", "secret"),
    (table_of(WebhookEndpoint), "id", "old_secret"),
    (table_of(IdempotentCall), "key", "body"),
)
"""Every place of a secret: table, key column, column."""


@dataclass(slots=True)
class Keys:
    """How many secrets the newest key has written, how many an older one, and how many none of them opens."""

    newest: int = 0
    old: int = 0
    lost: int = 0


async def survey(db: Database, vault: Vault) -> Keys:
    """Count the secrets by their key."""
    found = Keys()
    for table, key, name in _SECRETS:
        for _, text in await _texts(db, table.c[key], table.c[name]):
            if vault.is_newest(text):
                found.newest += 1
            elif _opens(vault, text):
                found.old += 1
            else:
                found.lost += 1
    return found


async def rewrite(db: Database, vault: Vault) -> int:
    """Write what an older key has written anew with the newest; return how many. What none opens stays as it is.

    A secret that changes meanwhile, say by a token's refresh, is not touched: whoever changed it used a key of theirs.
    """
    done = 0
    for table, key, name in _SECRETS:
        for row, text in await _texts(db, table.c[key], table.c[name]):
            if vault.is_newest(text) or not _opens(vault, text):
                continue
            fresh = {name: vault.encrypt(vault.decrypt(text))}
            same = (table.c[key] == row) & (table.c[name] == text)
            async with db.transaction() as session:
                await session.execute(update(table).where(same).values(fresh))
            done += 1
    return done


async def _texts(db: Database, key: Column[str], secret: Column[str]) -> list[tuple[str, str]]:
    async with db.session() as session:
        rows = (await session.execute(select(key, secret).where(secret.is_not(None), secret != ""))).all()
    return [(str(row[0]), str(row[1])) for row in rows]


def _opens(vault: Vault, text: str) -> bool:
    try:
        vault.decrypt(text)
    except VaultError:
        return False
    return True
